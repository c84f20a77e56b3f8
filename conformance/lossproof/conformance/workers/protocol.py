"""The data that travels between the tool and a worker: arrays, questions and answers.

Every type here is frozen data. The wire format (one JSON header, then the raw bytes of the arrays) is
described in `workers.remote.worker`, which must not import this module: it runs in the target's own
environment, where lossproof is not installed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import ml_dtypes
import numpy as np
from numpy.typing import NDArray

from lossproof.conformance.targets.model import with_log

Verb = Literal["call", "grad", "probe"]
"""`call`: the API's value. `grad`: the gradient of the summed value. `probe`: anything that is not an array."""

Ending = Literal["value", "error", "crash", "hang"]
"""`error`: an exception of the target. `crash`: the worker died. `hang`: no answer within the time limit."""

UNANSWERED = ("crash", "hang")
"""The endings in which nothing came back."""

UNSUPPORTED = "lossproof_worker.Unsupported"
"""The class of exception by which an adapter declines a question."""
HARNESS_ERROR = "lossproof_worker.HarnessError"
"""The class of exception by which a worker says that lossproof itself failed."""

FLOATING = ("float16", "bfloat16", "float32", "float64")
READABLE = frozenset(("bool", *FLOATING, *(f"{s}int{b}" for s in ("", "u") for b in (8, 16, 32, 64))))
"""Dtypes of answers that are real numbers on every machine."""


class Unrepeated(Exception):  # noqa: N818 - no fault of the target is known
    """A worker died at a question that a fresh one answered: whatever was asked with it is to be asked anew."""


@dataclass(frozen=True)
class Array:
    """An array as raw little-endian bytes in C order; `dtype` is a NumPy name or "bfloat16"."""

    data: bytes
    dtype: str
    shape: tuple[int, ...]
    form: Literal["tensor", "list"] = "tensor"
    layout: Literal["C", "transposed", "strided"] = "C"

    @classmethod
    def of(cls, values: NDArray[Any], **how: Any) -> Array:
        """Wrap a NumPy array (any layout, ml_dtypes.bfloat16 included) without changing a bit."""
        contiguous = np.ascontiguousarray(values).reshape(values.shape)
        return cls(contiguous.tobytes(), str(values.dtype), tuple(values.shape), **how)

    def numpy(self) -> NDArray[Any]:
        """The values as a read-only NumPy array of `shape` and `dtype`."""
        dtype = np.dtype(ml_dtypes.bfloat16) if self.dtype == "bfloat16" else np.dtype(self.dtype)
        return np.frombuffer(self.data, dtype=dtype).reshape(self.shape)


@dataclass(frozen=True)
class Question:
    """One API call with its arrays and options.

    `arrays` maps parameter names to arrays in call order; `init` holds the constructor's options, or None
    for a plain function; `options` holds the remaining options of the call. A `probe` names in `probe` what
    is asked and takes its arguments from `options`.
    """

    api: str
    arrays: Mapping[str, Array] = field(default_factory=dict)
    init: Mapping[str, Any] | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    verb: Verb = "call"
    mode: str = "eager"
    device: str = "cpu"
    wrt: str = ""
    probe: str = ""
    positional: bool = False


@dataclass(frozen=True)
class ErrorInfo:
    """An exception of the target: its class, the names of all its base classes, its message and where it was raised."""

    type: str
    bases: tuple[str, ...]
    message: str
    where: str = ""

    @property
    def declined(self) -> bool:
        """Whether the adapter declined the question: its framework has no such thing."""
        return self.type == UNSUPPORTED

    @property
    def of_harness(self) -> bool:
        """Whether lossproof failed and not the target."""
        return self.type == HARNESS_ERROR


@dataclass(frozen=True)
class Answer:
    """The answer to a question. `value` is set for an array, `data` for a probe, `error` where an exception was raised.

    `type` is the qualified name of the returned object's class, `bases` its base classes; `changed` names the
    input arrays whose bytes differ after the call, `printed` is what a user's own code wrote to standard output (of a
    framework that is not kept); `note` says what happened in a crash or hang (signal, time limit, memory limit) or why
    the returned object is no array; `log` is the end of a dead worker's log; `unreadable` is the dtype of an array that
    holds no real numbers; `seconds` is the time inside the worker.
    """

    outcome: Ending
    value: Array | None = None
    data: Any = None
    type: str = ""
    bases: tuple[str, ...] = ()
    error: ErrorInfo | None = None
    changed: tuple[str, ...] = ()
    printed: str = ""
    unreadable: str = ""
    note: str = ""
    log: str = ""
    seconds: float = 0.0

    @property
    def note_and_log(self) -> str:
        """The note, and the end of the log where there is one, for a person to read."""
        return with_log(self.note, self.log)
