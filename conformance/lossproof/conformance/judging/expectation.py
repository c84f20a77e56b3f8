"""The documented value of a call: the oracle computes it with an edition's semantic parameters."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lossproof import oracle
from lossproof.conformance.model.dtypes import FORMATS, cast
from lossproof.conformance.model.subject import Subject
from lossproof.specs.models import Semantics

LABELS = {"cosine_embedding": (-1.0, 1.0), "contrastive": (0.0, 1.0)}
"""The labels that a family's formula has a term for."""
NARROWEST = "narrowest"
"""As `compute_dtype` of a wrong implementation: that of the input with the fewest bits."""

Arrays = Mapping[str, NDArray[Any]]


class Undocumented(Exception):  # noqa: N818 - not a fault: the documentation gives no answer to this question
    """The documentation does not say what this call gives; the message says which statement is missing."""


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
    own = {k: v for k, v in override.items() if k in Semantics.model_fields}
    semantics = subject.semantics.model_copy(update=own)
    chosen = _Chosen(subject, semantics, options, override)
    given: dict[str, NDArray[Any]] = {
        a.role: arrays[a.name] for a in subject.edition.call.arrays if a.name in arrays
    }
    if override.get("subnormals") == "zero":
        given = {role: flushed(a) if role in ("x", "y") else a for role, a in given.items()}
    by_role, compute = _computing(subject, semantics, given)
    named = LABELS.get(subject.spec.family, ())
    if named and "labels" in by_role and not np.isin(by_role["labels"].astype(np.float64), named).all():
        raise Undocumented(
            f"the documentation says what {named[0]:g} and {named[1]:g} give, and no other label"
        )
    formula = _formula(subject, semantics, chosen, by_role)
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
            role = {"x": "y", "y": "x"}.get(role, role)
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


@dataclass(frozen=True)
class _Chosen:
    """The value of each semantic option: overridden, given, or the documented default."""

    subject: Subject
    semantics: Semantics
    options: Mapping[str, Any]
    override: Mapping[str, Any]

    def of(self, role: str, otherwise: Any = None) -> Any:
        if role in self.override:
            return self.override[role]
        option = self.subject.option(role)
        if option is None:
            return otherwise
        return self.options.get(option.name, option.default)

    def reduction(self) -> str:
        if "reduction" in self.override:
            return str(self.override["reduction"])
        option = self.subject.option("reduction")
        if option is None:
            return self.semantics.reduction
        return self.subject.meaning(self.options.get(option.name, option.default))

    def eps(self) -> float:
        value = self.of("eps", self.semantics.eps)
        if value is not None and (rounded := self.override.get("eps_dtype")):
            value = cast(np.asarray(value), rounded)
        return 0.0 if value is None else float(value)


def _computing(
    subject: Subject, semantics: Semantics, by_role: Mapping[str, NDArray[Any]]
) -> tuple[dict[str, NDArray[Any]], str]:
    """Inputs in the dtype that the documentation lets the call compute in."""
    core = [str(by_role[r].dtype) for r in ("x", "y", "distances") if r in by_role]
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
    names = ("x", "y", "distances", "weights")
    cast_needed = {r for r in names if r in by_role and fixed and str(by_role[r].dtype) != compute}
    return {r: cast(a, compute) if r in cast_needed else a for r, a in by_role.items()}, compute


@dataclass(frozen=True)
class _Formula:
    """A documented formula with its arrays: the oracle's functions for its values and for its gradients."""

    values: Callable[..., oracle.Enclosure]
    slopes: Callable[..., oracle.Enclosure]
    arrays: tuple[NDArray[Any], ...]
    parameters: Mapping[str, Any]
    shaping: Mapping[str, Any]
    """parameters of the values alone"""
    roles: Mapping[str, str]
    """role -> the oracle's name of an array that has a gradient"""
    axis: int

    def value(self) -> oracle.Enclosure:
        """One value for each row."""
        return self.values(*self.arrays, **self.parameters, **self.shaping)

    def gradient(
        self,
        role: str,
        shape: tuple[int, ...],
        weights: NDArray[Any] | None,
        reduction: str,
        clamp: str | None = None,
    ) -> oracle.Enclosure:
        """The gradient of the sum of the weighted and reduced values, which have this shape."""
        if role not in self.roles:
            raise Undocumented(f"the formula has no derivative with respect to {role}")
        x, y = self.arrays[:2]
        if self.shaping.get("broadcast") == "normalise" and x.shape[self.axis] != y.shape[self.axis]:
            raise Undocumented("no gradient is derived for norms that are taken before the axis is broadcast")
        if weights is not None:
            try:
                weights = np.broadcast_to(weights, shape)
            except ValueError:
                raise Undocumented("the weights have more values than there are to weight") from None
            if self.shaping.get("keepdims"):
                weights = np.squeeze(weights, axis=self.axis)
        name = self.roles[role]
        more = {"wrt": name} if name else {}
        if clamp is not None:
            more["clamp"] = clamp
        return self.slopes(*self.arrays, **more, **self.parameters, weights=weights, reduction=reduction)


def _formula(
    subject: Subject, semantics: Semantics, chosen: _Chosen, by_role: Mapping[str, NDArray[Any]]
) -> _Formula:
    if subject.spec.family == "contrastive":
        terms = {name: getattr(semantics, name) for name in ("similar", "squared", "half")}
        return _Formula(
            values=oracle.contrastive,
            slopes=oracle.contrastive_gradient,
            arrays=(by_role["labels"], by_role["distances"]),
            parameters={"margin": chosen.of("margin", 1.0), **terms},
            shaping={},
            roles={"distances": ""},
            axis=-1,
        )
    if semantics.norm_rule is None:
        raise Undocumented("the documentation gives no formula")
    rule: dict[str, Any] = {"norm_rule": semantics.norm_rule}
    if oracle.norm_rule(semantics.norm_rule).eps is not None:
        rule["eps"] = chosen.eps()
    if subject.spec.family == "cosine_embedding":
        return _Formula(
            values=oracle.cosine_embedding,
            slopes=oracle.cosine_embedding_gradient,
            arrays=(by_role["x"], by_role["y"], by_role["labels"]),
            parameters={"margin": chosen.of("margin", 0.0), **rule},
            shaping={"zero": semantics.zero},
            roles={"x": "x1", "y": "x2"},
            axis=-1,
        )
    if semantics.score is None:
        raise Undocumented("the documentation gives no sign")
    x, y = by_role["x"], by_role["y"]
    if x.shape != y.shape and semantics.broadcasting in (None, "refused"):
        raise Undocumented("the documentation does not say what inputs of different shapes give")
    broadcast = "normalise" if semantics.broadcasting == "normalise" else "expand"
    axis = chosen.of("axis", -1)
    return _Formula(
        values=oracle.cosine,
        slopes=oracle.cosine_gradient,
        arrays=(x, y),
        parameters={"axis": axis, "score": semantics.score, **rule},
        shaping={"zero": semantics.zero, "keepdims": semantics.keepdims, "broadcast": broadcast},
        roles={"x": "x", "y": "y"},
        axis=axis,
    )


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
