"""The customary methods, each asked whether it accuses an implementation on the samples."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.allowed.cosines import Cosine
from benchmarks.allowed.losses import Loss
from benchmarks.allowed.sums import ORDERS
from benchmarks.practised.samples import Sample
from benchmarks.zoo.model import Base
from lossproof.conformance.model.dtypes import FORMATS
from lossproof.conformance.model.subject import Subject

METHODS = ("allclose, rtol 1e-7", "allclose, rtol 1e-5", "assert_close", "gradcheck")
REFERENCE = Loss(Cosine(ORDERS["library"]), carrier="float64")
"""The documented formula in NumPy and float64."""
DIFFERENTIABLE = ("x", "y")
TIMEOUT = 1800.0
NO_TORCH = "the process with PyTorch failed; is torch installed beside the tool?"

Values = NDArray[Any]
Verdicts = dict[str, bool | None]
"""Maps each method to whether it accuses; None where it does not apply."""


def judged(
    subject: Subject, samples: Sequence[Sample], everyone: Sequence[Sequence[Values | None]]
) -> list[Verdicts]:
    """The methods that accuse each implementation by its answers; None stands for an answer that is no array."""
    wanted = [REFERENCE.unrounded(subject, s.arrays, s.options) for s in samples]
    dtypes = [_result(subject, s) for s in samples]
    pairs = [
        [(a, w.astype(t)) for a, w, t in zip(answers, wanted, dtypes, strict=True) if a is not None]
        for answers in everyone
    ]
    said = in_torch({"close": pairs})
    if said is None:
        raise RuntimeError(NO_TORCH)
    return [
        {
            METHODS[0]: _differ(answers, wanted, 1e-7),
            METHODS[1]: _differ(answers, wanted, 1e-5),
            METHODS[2]: bool(words) or any(a is None for a in answers),
            METHODS[3]: None,
        }
        for answers, words in zip(everyone, said, strict=True)
    ]


def gradchecked(
    subject: Subject, base: Base, files: Sequence[Path], samples: Sequence[Sample]
) -> list[bool | None]:
    """Whether gradcheck accuses the code in each file; None where it is not written in PyTorch."""
    if base.arrays != "framework" or not base.api.startswith("torch."):
        return [None for _ in files]
    roles = {a.name: a.role for a in subject.edition.call.arrays}
    calls = [
        {
            "arrays": dict(s.arrays),
            "options": dict(s.options),
            "wrt": [n for n in s.arrays if roles[n] in DIFFERENTIABLE],
        }
        for s in samples
        if all(a.dtype == np.float64 for a in s.arrays.values())
    ]
    is_class = subject.edition.call.style == "class"
    request = {"files": list(map(str, files)), "name": base.name, "is_class": is_class, "calls": calls}
    said = in_torch({"gradients": request})
    if said is None:
        raise RuntimeError(NO_TORCH)
    return [bool(words) for words in said]


def in_torch(request: dict[str, Any]) -> list[str] | None:
    """The answer of the child with PyTorch to a request, None where it died or did not come back."""
    with tempfile.TemporaryDirectory(prefix="lossproof-practice-") as folder:
        source, target = Path(folder) / "request", Path(folder) / "answer"
        source.write_bytes(pickle.dumps(request))
        command = [sys.executable, "-m", "benchmarks.practised.in_torch", str(source), str(target)]
        try:
            subprocess.run(
                command, timeout=TIMEOUT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True
            )
        except (subprocess.TimeoutExpired, subprocess.CalledProcessError):
            return None
        return [str(line) for line in json.loads(target.read_text(encoding="utf-8"))]


def _differ(answers: Sequence[Values | None], wanted: Sequence[Values], rtol: float) -> bool:
    return any(
        a is None or _raises(np.testing.assert_allclose, a, w, rtol)
        for a, w in zip(answers, wanted, strict=True)
    )


def _raises(check: Callable[..., None], actual: Values, wanted: Values, rtol: float) -> bool:
    try:
        check(actual, wanted, rtol=rtol)
    except (AssertionError, TypeError, ValueError):
        return True
    return False


def _result(subject: Subject, sample: Sample) -> str:
    """The dtype that a tester expects: the documented one, else that of the documented computation."""
    fixed = subject.semantics.result_dtype
    if fixed in FORMATS:
        return str(fixed)
    return subject.compute_dtype(*(str(a.dtype) for a in sample.arrays.values() if str(a.dtype) in FORMATS))
