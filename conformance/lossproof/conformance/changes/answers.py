"""Whether two answers to one question are the same, and if not, in which way they differ.

Two values are the same where they are no further apart than the bounds of both: rounding noise is never a difference.
Neither is the class of the returned object, nor the wording of a message.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lossproof.conformance.judging.serialize import parsed
from lossproof.conformance.model.dtypes import FORMATS
from lossproof.conformance.workers.protocol import UNANSWERED

Told = Mapping[str, Any]
"""An answer as a sample has it: outcome, error, dtype, shape, value(s), reach or tolerance, or what a probe gave."""

UNKNOWN = 2.0**-6
"""Relative: values without a documented bound, or wrong on both sides, differ by behaviour and not by rounding."""
NOISE = 64
"""Rounding errors of the dtype, at the scale of the largest value, that values without a bound may differ by."""
RATIO = 2.0**-10
"""Relative: how well one factor must lead from the old values to the new ones."""
SHORT = 40
"""Characters of a value in a sentence."""
NOT_COMPARED = frozenset({"type", "message", "note", "where", "says"})
"""The entries of an answer that are no behaviour."""


@dataclass(frozen=True)
class Difference:
    """How new answers differ from old ones: the kind, and a sentence about the new ones.

    `before` and `after` are the refusals (see `refusal`) that came, "" where an answer did.
    """

    kind: str
    words: str
    before: str = ""
    after: str = ""

    @property
    def appeared(self) -> bool:
        """Whether a refusal came where there was an answer."""
        return bool(self.after) and not self.before

    @property
    def exchanged(self) -> bool:
        """Whether another refusal came where there was an exception."""
        return bool(self.after) and self.before not in ("", *UNANSWERED)


def difference(old: Sequence[Told], new: Sequence[Told], loose: bool = False) -> Difference | None:
    """How the answers of two sides to the same questions differ, None where they are the same.

    `loose` compares values that are wrong on both sides: the bounds of the exact values say nothing of them.
    """
    pairs = list(zip(old, new, strict=False))
    return _refusals(pairs) or _values(pairs, loose) or _dtypes(pairs) or _data(pairs)


def refusal(answer: Told) -> str:
    """The last part of the class of the exception that came back, or crash or hang; "" for an answer."""
    if answer.get("outcome") in UNANSWERED:
        return str(answer["outcome"])
    error = answer.get("error")
    return error.rsplit(".", 1)[-1] if isinstance(error, str) else ""


def moves(answer: Told) -> str:
    """Where training moved a pair: closer, apart or nowhere; "" for an answer that is no training."""
    if "moves" in answer:
        return str(answer["moves"])
    try:
        before, after = float(answer["cosine_before"]), float(answer["cosine_after"])
    except (KeyError, TypeError, ValueError):
        return ""
    return "closer" if after > before else "apart" if after < before else "nowhere"


def numbers(answer: Told) -> NDArray[np.float64]:
    """The values of an answer, flat; empty where it has none."""
    return _flat(answer.get("values", answer.get("value", [])))


def allowed(answer: Told, loose: bool = False) -> NDArray[np.float64]:
    """How far from each value of an answer another may lie and mean the same."""
    values, given = numbers(answer), _flat(answer.get("reach", answer.get("tolerance", [])))
    finite = np.where(np.isfinite(values), np.abs(values), 0.0)
    format_ = FORMATS.get(str(answer.get("dtype")))
    noise = NOISE * format_.unit * float(finite.max(initial=0.0)) if format_ else 0.0
    if given.size != values.size or np.isnan(given).any():
        return np.asarray(UNKNOWN * finite + noise)
    if loose:
        return np.maximum(UNKNOWN * finite + noise, given)
    # Below one rounding of the answer's dtype: the bound is of a wider one, which did not come.
    other = given < finite * format_.unit if format_ else np.zeros(given.shape, dtype=np.bool_)
    return np.where(other, np.maximum(given, noise), given)


def differing(old: Told, new: Told, loose: bool = False) -> NDArray[np.bool_]:
    """Which of the values of two answers to one question differ; none where there are not as many."""
    a, b = numbers(old), numbers(new)
    if a.size != b.size or old.get("shape") != new.get("shape"):
        return np.zeros(0, dtype=np.bool_)
    return ~_same_values(a, b, allowed(old, loose) + allowed(new, loose))


def bounded(answer: Told) -> dict[str, Any]:
    """An answer with a `tolerance` for each of its values; of training only where it moved a pair."""
    if direction := moves(answer):
        return {"moves": direction}
    told = {name: part for name, part in answer.items() if part not in (None, "")}
    if numbers(answer).size and "value" in answer:
        told["tolerance"] = _shaped(answer["value"], iter([float(v).hex() for v in allowed(answer)]))
    return told


def _shaped(like: Any, values: Iterator[str]) -> Any:
    return [_shaped(item, values) for item in like] if isinstance(like, list | tuple) else next(values)


def _refusals(pairs: Sequence[tuple[Told, Told]]) -> Difference | None:
    for x, y in pairs:
        before, after = refusal(x), refusal(y)
        if before == after:
            continue
        if not before:
            return Difference(_kind(after), f"{_refused(after)} where an answer came back", before, after)
        if not after:
            return Difference("error", f"an answer comes where {_was_refused(before)}", before, after)
        return Difference(_kind(after), f"{_refused(after)} where {_was_refused(before)}", before, after)
    return None


def _kind(refused: str) -> str:
    return refused if refused in UNANSWERED else "error"


def _refused(name: str) -> str:
    return {"crash": "crashes", "hang": "hangs"}.get(name) or f"raises {name}"


def _was_refused(name: str) -> str:
    return {"crash": "it crashed", "hang": "it hung"}.get(name) or f"{name} was raised"


def _values(pairs: Sequence[tuple[Told, Told]], loose: bool) -> Difference | None:
    a, b, reach = [np.zeros(0)], [np.zeros(0)], [np.zeros(0)]
    scalar = True
    for x, y in pairs:
        before, after = numbers(x), numbers(y)
        if "shape" in x and "shape" in y and list(x["shape"]) != list(y["shape"]):
            return Difference("shape", "answers have another shape")
        if before.size != after.size:
            continue
        a.append(before)
        b.append(after)
        reach.append(allowed(x, loose) + allowed(y, loose))
        scalar = scalar and list(x.get("shape", [None])) == []
    old, new, bound = np.concatenate(a), np.concatenate(b), np.concatenate(reach)
    same = _same_values(old, new, bound)
    if same.all():
        return None
    with np.errstate(all="ignore"):
        return _relation(old[~same], new[~same], bound[~same], scalar)


def _same_values(old: Any, new: Any, bound: Any) -> NDArray[np.bool_]:
    with np.errstate(all="ignore"):
        return np.asarray((np.abs(old - new) <= bound) | (old == new) | (np.isnan(old) & np.isnan(new)))


def _relation(a: Any, b: Any, reach: Any, scalar: bool) -> Difference:
    """In which way new values b follow from old values a."""
    if np.all(np.abs(a + b) <= reach) or np.array_equal(a, -b):
        return Difference("sign", "answers are the negative of what they were")
    if np.all(np.abs(b - (1 - a)) <= reach) or np.all(np.abs(b - (1 + a)) <= reach):
        return Difference("formula", "answers are one minus or plus what they were")
    finite = np.isfinite(a), np.isfinite(b)
    if finite[0].all() and not finite[1].any():
        return Difference("range", "NaN or infinity comes where a number came")
    if finite[1].all() and not finite[0].any():
        return Difference("range", "a number comes where NaN or infinity came")
    if finite[0].all() and finite[1].all() and np.all(a != 0) and np.all(b != 0):
        ratio = b / a
        for factor in (0.5, 2.0, 0.25, 4.0, -0.5, -2.0):
            if np.all(np.abs(ratio - factor) <= RATIO):
                return Difference("formula", f"answers are {factor:g} times what they were")
        if scalar and np.all(ratio > 0) and ratio.size > 1 and np.ptp(ratio) <= RATIO * np.abs(ratio).max():
            return Difference("reduction", "answers are reduced in another way")
    return Difference("formula", "answers have other values")


def _dtypes(pairs: Sequence[tuple[Told, Told]]) -> Difference | None:
    for x, y in pairs:
        before, after = x.get("dtype"), y.get("dtype")
        if before and after and before != after:
            return Difference("dtype", f"answers are {after} where they were {before}")
    return None


def _data(pairs: Sequence[tuple[Told, Told]]) -> Difference | None:
    """Return how the data of probes differ: configurations, signatures, steps of training."""
    for x, y in pairs:
        if {"value", "values"} & {*x, *y} or refusal(x):
            continue
        if (before := moves(x)) and (
            after := moves(y)
        ):  # how far a step led is no behaviour, but where to is
            if before != after:
                return Difference("training", f"training moves a pair {after} where it moved it {before}")
        elif words := _probed(x, y):
            return Difference("configuration", words)
    return None


def _probed(x: Told, y: Told) -> str:
    """In words how what a probe gave differs from what it was, "" where it does not.

    A probe that rebuilds an object from its configuration tells the answers of both to the last bit, and their
    classes by the modules they live in: neither is behaviour, but whether the two answer alike is.
    """
    if not all("rebuilt_config" in side for side in (x, y)):
        return _given("configuration", _inner(x), _inner(y))
    found = _given("configuration", x["config"], y["config"])
    found = found or _given("rebuilt configuration", x["rebuilt_config"], y["rebuilt_config"])
    before, after = (side.get("same") is not False for side in (x, y))
    if found or before == after:
        return found
    return f"the rebuilt object answers {'alike' if after else 'otherwise'}"


def _inner(answer: Told) -> Any:
    return answer["config"] if "rebuilt_config" in answer else answer.get("data", answer)


def _given(of: str, x: Any, y: Any) -> str:
    """How two configurations, lists of base classes or of parameters differ; other data just does."""
    if isinstance(x, Mapping) and isinstance(y, Mapping):
        return _entries("names" if "missing" in x else of, x, y)
    if isinstance(x, list | tuple) and isinstance(y, list | tuple) and x and y:
        if all(isinstance(item, str) for item in (*x, *y)):
            names = ({str(name).rsplit(".", 1)[-1]: None for name in side} for side in (x, y))
            return _entries("base classes", *names)  # by name: they move from module to module
        if all(isinstance(item, Mapping) and "name" in item for item in (*x, *y)):
            now = [item["name"] for item in y]
            if sorted(now) == sorted(item["name"] for item in x) and now != [item["name"] for item in x]:
                return f"parameters: now {_listed(now)}"
            return _entries("parameters", *({i["name"]: i.get("default", ...) for i in s} for s in (x, y)))
    return "" if _same(x, y) else "another answer to the same question"


def _entries(of: str, x: Told, y: Told) -> str:
    """Which entries are gone and new, else which have another value.

    In this order since an entry comes or goes whatever a case sets: its cases are told in the same words, so they are
    one change.
    """
    gone, come = (sorted(set(a) - set(b) - NOT_COMPARED) for a, b in ((x, y), (y, x)))
    parts = [f"without {_listed(gone)}"] * bool(gone) + [f"with {_listed(come)}"] * bool(come)
    if not parts:
        other = [n for n in sorted(set(x) - NOT_COMPARED) if not _same(x[n], y[n])]
        parts = [f"{n!r} is {_short(y[n])} where it was {_short(x[n])}" for n in other]
    return f"{of}: {', '.join(parts)}" if parts else ""


def _listed(names: Sequence[str]) -> str:
    return ", ".join(map(repr, names))


def _short(value: Any) -> str:
    text = "required" if value is ... else repr(value)
    return text if len(text) <= SHORT else f"{text[: SHORT - 3]}..."


def _same(x: Any, y: Any) -> bool:
    if isinstance(x, Mapping) and isinstance(y, Mapping):
        names = (set(x) | set(y)) - NOT_COMPARED
        return all(_same(x.get(n), y.get(n)) for n in names)
    if isinstance(x, list | tuple) and isinstance(y, list | tuple):
        return len(x) == len(y) and all(map(_same, x, y))
    if isinstance(x, float) and isinstance(y, float):
        return x == y or abs(x - y) <= UNKNOWN * max(abs(x), abs(y)) or (x != x and y != y)
    return bool(x == y)


def _flat(values: Any) -> NDArray[np.float64]:
    return np.asarray(list(_leaves(values)), dtype=np.float64)


def _leaves(values: Any) -> Iterator[float]:
    if isinstance(values, list | tuple):
        for value in values:
            yield from _leaves(value)
    elif isinstance(values, str):
        try:
            yield parsed(values)
        except ValueError:  # an answer in words is no number
            return
    elif values is None:
        yield float("nan")
    elif isinstance(values, bool | int | float):
        yield float(values)
