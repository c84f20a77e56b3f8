"""The suggestions of an error about an unknown name: the nearest names, or the existing ones."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence

ALIKE = 0.9
"""How much the last parts of two API names have in common, of 1, where one may be a slip for the other."""


def nearest(given: str, known: Iterable[str]) -> str:
    """'did you mean ...?', or what there is."""
    names = list(dict.fromkeys(known))
    close = difflib.get_close_matches(given, names, n=3, cutoff=0.4)
    if not close:  # a short name for a long one
        close = [name for name in names if given.lower() in name.lower()][:3]
    return f"did you mean {either(close)}?" if close else f"there are {', '.join(names)}"


def unknown_api(given: str, known: Sequence[str]) -> str:
    """Why an API name cannot be taken: it is ambiguous, a slip, or of a loss that no spec covers."""
    ending = [name for name in known if name.endswith("." + given)]
    if ending:
        return f"{given!r} is ambiguous: write {either(ending)}"
    if close := _slips(given, known):
        return f"no spec of an API called {given!r}; did you mean {either(close)}?"
    return f"{given!r} is not covered; 'lossproof specs' lists the APIs that are"


def either(names: Sequence[str]) -> str:
    """'a', 'a or b', 'a, b or c'."""
    return " or ".join((", ".join(names[:-1]), names[-1])) if len(names) > 1 else "".join(names)


def _slips(given: str, known: Sequence[str]) -> list[str]:
    """The names whose last part is nearly that of the one given: frameworks call other losses alike before it."""
    return difflib.get_close_matches(given, [name for name in known if _alike(given, name)], n=3, cutoff=0.0)


def _alike(one: str, other: str) -> bool:
    """Whether the last parts of two names differ by a slip, or one is the other with a word more."""
    a, b = sorted((name.rpartition(".")[2].lower() for name in (one, other)), key=len)
    longer_by_a_word = a in b and 2 * len(a) > len(b)
    return longer_by_a_word or difflib.SequenceMatcher(None, a, b).ratio() >= ALIKE
