"""The implementations that must never be accused, by name, and where each of them is right.

A square that leaves the range of the dtype it is computed in is no rounding, and the suite says so. So a way that does
nothing against it is asked in no region where squares underflow or overflow; one that computes in a wider dtype, or
scales rows first, is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from benchmarks.allowed.cosines import Array, Cosine
from benchmarks.allowed.losses import Loss
from benchmarks.allowed.sums import ORDERS
from lossproof import oracle
from lossproof.conformance.families.regions.registry import of
from lossproof.conformance.judging.expectation import Expected, expect
from lossproof.conformance.model.dtypes import FORMATS, cast
from lossproof.conformance.model.subject import Subject, Variant

SHORT = ("float16", "bfloat16")
ROOMY = {"float16": ("float32", "float64"), "bfloat16": ("float64",), "float32": ("float64",), "float64": ()}
"""Dtypes that hold the squares, and their products, of every number of a dtype."""
OWN = " in the dtype itself"
"""Ends the names of ways that accumulate in float16 or bfloat16 (G3)."""


@dataclass(frozen=True)
class Way:
    """A named implementation. Without a loss the oracle's own correctly rounded value is the answer."""

    name: str
    loss: Loss | None

    def answer(
        self,
        subject: Subject,
        arrays: Mapping[str, Array],
        options: Mapping[str, Any],
        wrt: str = "",
        expected: Expected | None = None,
    ) -> Array:
        """The answer to a call; `expected` spares the correctly rounded one its computation."""
        if self.loss is not None:
            return self.loss.answer(subject, arrays, options, wrt)
        expected = expected or expect(subject, arrays, options, wrt=wrt)
        dtype = expected.dtype or expected.compute
        rounded = expected.value.rounded(dtype)
        return cast(np.where(expected.value.undefined, 0.0, rounded.astype(np.float64)), dtype)


def _plain(order: str, **how: Any) -> Loss:
    more = {k: how.pop(k) for k in ("contrast", "reciprocal") if k in how}
    return Loss(Cosine(ORDERS[order], **how), **more)


LOSSES: dict[str, Loss] = {
    "forward": _plain("forward"),
    "backward": _plain("backward", slope="normalised", contrast="mixed"),
    "shuffled": _plain("shuffled", slope="backward", contrast="halved", reciprocal=True),
    "pairwise": _plain("pairwise", slope="cross"),
    "4 lanes": _plain("4 lanes", form="in turn", reciprocal=True),
    "8 lanes": _plain("8 lanes", slope="normalised", contrast="mixed"),
    "16 lanes": _plain("16 lanes", slope="backward", contrast="halved"),
    "library sums": _plain("library", slope="cross", reciprocal=True),
    "fused multiply-add": _plain("fused"),
    "Kahan": _plain("Kahan", slope="normalised"),
    "Dot2": _plain("Dot2"),
    "flushed to zero": _plain("flushed to zero"),
    "one root": _plain("forward", form="one root", slope="backward"),
    "divided in turn": _plain("pairwise", form="in turn"),
    "rsqrt": _plain("forward", form="rsqrt", reciprocal=True),
    "normalised first": _plain("forward", form="normalise", slope="normalised"),
    "normalised first, pairwise": _plain("pairwise", form="normalise", slope="backward"),
    "normalised by rsqrt": _plain("8 lanes", form="normalise by rsqrt", slope="normalised"),
    "clipped": _plain("forward", clip=True),
    "normalised and clipped": _plain("16 lanes", form="normalise", clip=True, slope="normalised"),
    "scaled": _plain("pairwise", scaled=True),
    "scaled and normalised": _plain("forward", form="normalise", scaled=True, slope="normalised"),
}
"""Ways in the documented dtype, or in float32 where that is a short one."""
INSIDE = Loss(Cosine(ORDERS["library"]), carrier="float64")
"""float64 inside, rounded at the end."""
SHORT_WAYS = ("forward", "shuffled", "pairwise", "one root", "rsqrt", "normalised first", "4 lanes")
"""Those that are done in float16 and bfloat16 too."""


def every(compute: str) -> Iterator[Way]:
    """All ways to compute in a dtype."""
    yield Way("correctly rounded", None)
    if compute != "float64":
        yield Way("float64 inside", INSIDE)
    carrier = "float32" if compute in SHORT else compute
    for name, loss in LOSSES.items():
        if carrier == "float32" or name != "fused multiply-add":
            yield Way(name, replace(loss, carrier=carrier))
    if compute in SHORT:
        for name in SHORT_WAYS:
            yield Way(name + OWN, replace(LOSSES[name], carrier=compute))


def ways(subject: Subject, region: str, dtype: str, variant: Variant) -> list[Way]:
    """The ways that are right for a region, dtype of the inputs and variant, each different from the others there."""
    compute = subject.compute_dtype(dtype, *variant.dtypes)
    return [w for w in every(compute) if w.loss is None or _right(w.loss, subject, region, compute, variant)]


def _right(loss: Loss, subject: Subject, region: str, compute: str, variant: Variant) -> bool:
    cosine, rule = loss.cosine, subject.semantics.fixed("norm_rule")
    if subject.spec.family == "contrastive":
        return not (cosine.clip or cosine.scaled) and cosine.form == "divide"
    if rule is not None and oracle.norm_rule(rule).unit:
        return not (cosine.clip or cosine.scaled) and cosine.form == "divide"
    if cosine.clip and variant.wrt:
        return False  # clipping that takes effect has another derivative
    return loss.carrier in ROOMY[compute] or _in_range(loss, subject, region, variant)


def _in_range(loss: Loss, subject: Subject, region: str, variant: Variant) -> bool:
    """Whether no square on the way leaves the range of the dtype that is computed in."""
    cosine, carrier = loss.cosine, FORMATS[loss.carrier]
    if cosine.scaled:
        return True
    if of(subject, region).extreme:
        return False
    product = cosine.form == "one root" or (bool(variant.wrt) and cosine.slope == "cross")
    if region == "tiny_norm" and product:
        return False
    eps = subject.eps(dict(variant.options))
    if region == "below_eps" and eps:
        return (eps / 64) ** 4 > carrier.smallest_normal  # two squared norms, 2^-6 eps each
    return carrier.name != "float16" or not (product and region == "mixed_scale")
