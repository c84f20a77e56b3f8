"""The documented value of a call: the oracle computes it with an edition's semantic parameters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lossproof import oracle
from lossproof.conformance.families.formula import Arrays, Chosen, Undocumented
from lossproof.conformance.families.registry import family_of
from lossproof.conformance.model.dtypes import FORMATS, cast
from lossproof.conformance.model.subject import Subject
from lossproof.specs.semantics import Semantics

NARROWEST = "narrowest"
"""As `compute_dtype` of a wrong implementation: that of the input with the fewest bits."""


@dataclass(frozen=True)
class Expected:
    """The documented value of a call: its enclosure, shape, dtype (None: not documented) and computing dtype."""

    value: oracle.Enclosure
    shape: tuple[int, ...]
    dtype: str | None
    compute: str
    axis: int | None = None
    """of a gradient: the axis along which the elements of one row lie"""
    cast: str = ""
    """of a gradient: the documented dtype that it is computed in, where it is then rounded to fewer bits"""


def expect(
    subject: Subject,
    arrays: Arrays,
    options: Mapping[str, Any],
    override: Mapping[str, Any] | None = None,
    wrt: str = "",
) -> Expected:
    """The documented value of a call with these arrays and options; with `wrt` the gradient of its sum instead.

    The gradient is the derivative of the documented formula with respect to the array called `wrt`, through weights
    and reduction.

    `override` puts other semantic parameters in the place of the documented ones: what the call would give if it
    behaved otherwise. Raises `Undocumented` where the documentation fixes no value, ValueError for arrays that the
    documented formula does not accept.
    """
    override = dict(override or {})
    family = family_of(subject)
    own = {k: v for k, v in override.items() if k in type(subject.semantics).model_fields}
    semantics = subject.semantics.model_copy(update=own)
    chosen = Chosen(subject, semantics, options, override)
    given: dict[str, NDArray[Any]] = {
        a.role: arrays[a.name] for a in subject.edition.call.arrays if a.name in arrays
    }
    if override.get("subnormals") == "zero":
        given = {role: flushed(a) if role in family.inputs.roles else a for role, a in given.items()}
    by_role, compute = _computing(subject, semantics, given, family.inputs.roles)
    named = family.labels.named
    if named and "labels" in by_role and not np.isin(by_role["labels"].astype(np.float64), named).all():
        raise Undocumented(
            f"the documentation says what {' and '.join(f'{label:g}' for label in named)} give, and no other label"
        )
    formula = family.formula(chosen, by_role)
    value = formula.value()
    weights = by_role.get("weights")
    if override.get("ignore_weights"):
        weights = None
    if weights is not None:
        if semantics.weights is None:
            raise Undocumented("the documentation does not say how weights apply")
        weights = expanded(weights, value.shape, semantics.weights)
        documented = "reduction" not in override  # of a behaviour it is what was seen: expanded weights
        if documented and chosen.reduction() == "mean_by_weight" and weights.shape != tuple(value.shape):
            raise Undocumented(
                "the documentation does not say whether weights are summed before or after they are expanded"
            )
    dtype = compute if semantics.result_dtype == "input" else semantics.result_dtype
    if wrt:
        role: str = next(a.role for a in subject.edition.call.arrays if a.name == wrt)
        if override.get("gradient_of") == "other":
            role = family.inputs.partner(role)
        if (factor := override.get("gradient_factor")) is not None:
            weights = factor * (np.ones(()) if weights is None else weights.astype(np.float64))
        result = formula.gradient(role, value.shape, weights, chosen.reduction(), override.get("clamp"))
        dtype = str(arrays[wrt].dtype)
    else:
        result = oracle.reduce(value, chosen.reduction(), weights=weights, empty=override.get("empty"))
    if dtype is not None and FORMATS[dtype].precision < FORMATS[compute].precision:
        compute = dtype  # the result is rounded once more, to fewer bits
    if not wrt:
        return Expected(result, tuple(result.shape), dtype, compute)
    cast = "" if semantics.compute_dtype in ("input", NARROWEST, compute) else semantics.compute_dtype
    return Expected(result, tuple(result.shape), dtype, compute, formula.axis, cast)


def _computing(
    subject: Subject, semantics: Semantics, by_role: Arrays, roles: tuple[str, ...]
) -> tuple[dict[str, NDArray[Any]], str]:
    """Inputs in the dtype that the documentation lets the call compute in."""
    core = [str(by_role[r].dtype) for r in roles if r in by_role]
    if any(name not in FORMATS for name in core):
        if semantics.integers is None:
            raise Undocumented("the documentation does not say what integer inputs give")
        if semantics.integers == "refused":
            raise Undocumented("the documentation refuses integer inputs")
        if semantics.integers == "promote" and not any(name in FORMATS for name in core):
            raise Undocumented(
                "the documentation promotes integers to the other input's dtype, and both are integers"
            )
    # of integers alone, the frameworks' default floating dtype
    floats = [name for name in core if name in FORMATS] or ["float32"]
    if semantics.compute_dtype == "input":
        compute = subject.compute_dtype(*floats)
    elif semantics.compute_dtype == NARROWEST:
        compute = min(floats, key=lambda name: FORMATS[name].precision)
    else:
        compute = str(semantics.compute_dtype)
    fixed = semantics.compute_dtype != "input"
    cast_needed = {
        r for r in (*roles, "weights") if r in by_role and fixed and str(by_role[r].dtype) != compute
    }
    return {r: cast(a, compute) if r in cast_needed else a for r, a in by_role.items()}, compute


def flushed(values: NDArray[Any]) -> NDArray[Any]:
    """The same array with zeros for its subnormal numbers."""
    fmt = FORMATS.get(str(values.dtype))
    if fmt is None:
        return values
    return np.where(np.abs(values.astype(np.float64)) < fmt.smallest_normal, np.zeros_like(values), values)


def expanded(weights: NDArray[Any], shape: tuple[int, ...], rule: str) -> NDArray[Any]:
    """Weights as the rule applies them to values of this shape.

    per_sample: weights of shape (batch,) or (batch, d0, ...) are right-expanded with axes of length 1.
    numpy: left to NumPy broadcasting.
    """
    if rule == "per_sample" and weights.ndim:
        return weights.reshape(weights.shape + (1,) * (len(shape) - weights.ndim))
    return weights
