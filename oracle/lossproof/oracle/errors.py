"""The exception that the oracle raises."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import get_close_matches

import numpy as np


class UnsupportedInput(ValueError):  # noqa: N818 (named for what it says, like a verdict)
    """The arrays or options are of a kind that the oracle does not judge: the message says what it takes."""


LONGEST = 60
"""Characters of a value that an error repeats."""
LONGEST_INTEGER = 200
"""Bits of an integer that an error writes out; Python itself refuses to write out very long ones."""


def shown(value: object) -> str:
    """A value as an error repeats it: on one line, and cut where it is long."""
    if isinstance(value, int) and value.bit_length() > LONGEST_INTEGER:
        return f"an integer of {value.bit_length()} bits"
    text = " ".join(repr(value).split())
    return text if len(text) <= LONGEST else text[:LONGEST] + "..."


def flag(name: str, given: object) -> bool:
    """A truth value as the bool it is; ValueError otherwise."""
    if not isinstance(given, (bool, np.bool_)):
        raise ValueError(f"{name}={shown(given)}; allowed: True and False")
    return bool(given)


def choice(name: str, given: object, allowed: Iterable[str]) -> str:
    """`given` if it is one of `allowed`; else ValueError naming both."""
    allowed = tuple(allowed)
    if not isinstance(given, str) or given not in allowed:
        raise unknown(name, given, allowed)
    return given


def unknown(name: str, given: object, allowed: Sequence[str]) -> ValueError:
    """The error for a word that is none of `allowed`; it repeats the word, and names the nearest."""
    close = get_close_matches(given, allowed) if isinstance(given, str) and len(given) <= LONGEST else []
    meant = f"; did you mean {' or '.join(close)}?" if close else ""
    return ValueError(f"{name}={shown(given)} is not known; allowed: {', '.join(allowed)}{meant}")
