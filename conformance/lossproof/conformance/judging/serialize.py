"""Spelling: arrays, answers and questions as exact JSON, and the literals of specs as arrays."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lossproof.conformance.judging.comparison import Judged, reach
from lossproof.conformance.judging.expectation import Expected
from lossproof.conformance.model.dtypes import numpy_dtype
from lossproof.conformance.model.execution import CPU
from lossproof.conformance.workers.protocol import Answer, Question
from lossproof.specs.models import ArrayValues

SHOWN = 64
"""Values of an array that are spelled out; of a longer one only dtype and shape are."""


def literal(given: ArrayValues) -> NDArray[Any]:
    """The array of a case; strings are hex floats, 'nan' or 'inf'."""

    def number(value: Any) -> Any:
        if isinstance(value, list | tuple):
            return [number(v) for v in value]
        return parsed(value) if isinstance(value, str) else value

    values = np.asarray(number(given.values)).astype(numpy_dtype(given.dtype))
    return values.reshape(given.shape) if given.shape is not None else values


def as_mapping(value: Any) -> dict[str, Any]:
    """An expected or observed value as a mapping; `data` holds one that is none, nothing stands for None."""
    if value is None:
        return {}
    return dict(value) if isinstance(value, Mapping) else {"data": value}


def parsed(text: str) -> float:
    """A number, or its hex form, or 'nan' or 'inf'."""
    return float.fromhex(text) if "x" in text.lower() else float(text)


def hexed(values: NDArray[Any], undefined: NDArray[np.bool_] | None = None) -> Any:
    """Nested lists of exact values: hex floats, or integers; None where there is no value."""
    if values.dtype.kind in "iub":
        return values.tolist()
    flat: list[str | None] = [float(v).hex() for v in values.ravel().astype(np.float64)]
    if undefined is not None:
        flat = [None if none else v for v, none in zip(flat, undefined.ravel(), strict=True)]
    return np.asarray(flat, dtype=object).reshape(values.shape).tolist()


def seen(answer: Answer) -> dict[str, Any]:
    """An answer as JSON, exact."""
    if answer.error is not None:
        return {"outcome": "error", "error": answer.error.type, "message": answer.error.message[:300]}
    if answer.value is not None:
        values = answer.value.numpy()
        shown: dict[str, Any] = {
            "outcome": "value",
            "dtype": answer.value.dtype,
            "shape": list(answer.value.shape),
        }
        if values.size <= SHOWN:
            shown["value"] = hexed(values)
        return shown
    return {"outcome": answer.outcome, "type": answer.type, "data": answer.data, "note": answer.note_and_log}


def documented(judged: Judged) -> dict[str, Any]:
    """The documented answer to a judged question: values with the bound on each, shape and dtype."""
    expected = judged.expected
    if expected is None:
        return {}
    shown: dict[str, Any] = {"shape": list(expected.shape)}
    if expected.dtype:
        shown["dtype"] = expected.dtype
    if int(np.prod(expected.shape, dtype=np.int64)) <= SHOWN:
        bound = reach(expected, judged.flush)
        shown["value"], shown["tolerance"] = enclosed(expected), hexed(np.asarray(bound))
    return shown


def enclosed(expected: Expected) -> Any:
    """The documented values as nested hex floats: the float64 in the middle of each enclosure (at most 2 ulp wide).

    None where the documentation gives no value.
    """
    lower, upper = np.asarray(expected.value.lower), np.asarray(expected.value.upper)
    return hexed(np.asarray(lower + (upper - lower) / 2), np.asarray(expected.value.undefined))


def serialized(
    put: Question, ask: str = "call", arguments: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """A question as JSON, exact, as witnesses and reproducers have it."""
    arrays = {
        name: {"values": hexed(a.numpy()), "dtype": a.dtype, "shape": list(a.shape), "form": a.form}
        for name, a in put.arrays.items()
    }
    document: dict[str, Any] = {
        "api": put.api, "init": None if put.init is None else dict(put.init), "arrays": arrays,
        "options": dict(put.options), "mode": put.mode,
    }  # fmt: skip
    if put.device != CPU:
        document["device"] = put.device
    if ask != "call":
        document["probe"] = ask
        document["arguments"] = dict(arguments or {})
    if put.wrt:
        document["wrt"] = put.wrt
    return document
