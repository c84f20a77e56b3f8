"""What the documentation lets one expect of a call: the oracle, asked with an edition's semantic parameters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from lossproof import oracle
from lossproof.conformance.dtypes import FORMATS, cast
from lossproof.conformance.subject import Subject
from lossproof.specs.models import Semantics

NARROWEST = "narrowest"
"""As `compute_dtype` of a wrong implementation: that of the input with the fewest bits."""

Arrays = Mapping[str, NDArray[Any]]


class Silent(Exception):  # noqa: N818 - not a fault: the documentation gives no answer to this question
    """The documentation does not say what this call gives; the message says which statement is missing."""


@dataclass(frozen=True)
class Expected:
    """The documented value of a call: its enclosure, shape, dtype (None: not documented) and computing dtype."""

    value: oracle.Enclosure
    shape: tuple[int, ...]
    dtype: str | None
    compute: str


def expect(
    subject: Subject, arrays: Arrays, options: Mapping[str, Any], override: Mapping[str, Any] | None = None
) -> Expected:
    """The documented value of a call with these arrays and options.

    `override` puts other semantic parameters in the place of the documented ones: what the call would give if it
    behaved otherwise. Raises `Silent` where the documentation fixes no value, ValueError for arrays that the
    documented formula does not accept.
    """
    override = dict(override or {})
    own = {k: v for k, v in override.items() if k in Semantics.model_fields}
    semantics = subject.semantics.model_copy(update=own)
    chosen = _Chosen(subject, semantics, options, override)
    given: dict[str, NDArray[Any]] = {
        a.role: arrays[a.name] for a in subject.edition.call.arrays if a.name in arrays
    }
    by_role, compute = _computing(subject, semantics, given)
    value = _elementwise(subject, semantics, chosen, by_role)
    weights = by_role.get("weights")
    if override.get("ignore_weights"):
        weights = None
    if weights is not None:
        if semantics.weights is None:
            raise Silent("the documentation does not say how weights apply")
        weights = expanded(weights, value.shape, semantics.weights)
        if chosen.reduction() == "mean_by_weight" and weights.shape != tuple(value.shape):
            raise Silent(
                "the documentation does not say whether weights are summed before or after they are expanded"
            )
    result = oracle.reduce(value, chosen.reduction(), weights=weights, empty=override.get("empty"))
    dtype = compute if semantics.result_dtype == "input" else semantics.result_dtype
    if dtype is not None and FORMATS[dtype].precision < FORMATS[compute].precision:
        compute = dtype  # the result is rounded once more, to fewer bits
    return Expected(result, tuple(result.shape), dtype, compute)


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
        return 0.0 if value is None else float(value)


def _computing(
    subject: Subject, semantics: Semantics, by_role: Mapping[str, NDArray[Any]]
) -> tuple[dict[str, NDArray[Any]], str]:
    """Inputs in the dtype that the documentation lets the call compute in."""
    core = [str(by_role[r].dtype) for r in ("x", "y", "distances") if r in by_role]
    if any(name not in FORMATS for name in core):
        if semantics.integers is None:
            raise Silent("the documentation does not say what integer inputs give")
        if semantics.integers == "refused":
            raise Silent("the documentation refuses integer inputs")
    if semantics.integers == "promote" and not any(name in FORMATS for name in core):
        core = ["float32"]  # the frameworks' default floating dtype
    if semantics.compute_dtype == "input":
        compute = subject.compute_dtype(*core)
    elif semantics.compute_dtype == NARROWEST:
        compute = min(core, key=lambda name: FORMATS[name].precision)
    else:
        compute = str(semantics.compute_dtype)
    fixed = semantics.compute_dtype != "input"
    names = ("x", "y", "distances", "weights")
    cast_needed = {r for r in names if r in by_role and fixed and str(by_role[r].dtype) != compute}
    return {r: cast(a, compute) if r in cast_needed else a for r, a in by_role.items()}, compute


def _elementwise(
    subject: Subject, semantics: Semantics, chosen: _Chosen, by_role: Mapping[str, NDArray[Any]]
) -> oracle.Enclosure:
    if subject.spec.family == "contrastive":
        return oracle.contrastive(
            by_role["labels"],
            by_role["distances"],
            margin=chosen.of("margin", 1.0),
            similar=semantics.similar,
            squared=semantics.squared,
            half=semantics.half,
        )
    if semantics.norm_rule is None:
        raise Silent("the documentation gives no formula")
    rule: dict[str, Any] = {"norm_rule": semantics.norm_rule, "zero": semantics.zero}
    if semantics.norm_rule not in ("raw", "plain"):
        rule["eps"] = chosen.eps()
    if subject.spec.family == "cosine_embedding":
        return oracle.cosine_embedding(
            by_role["x"], by_role["y"], by_role["labels"], margin=chosen.of("margin", 0.0), **rule
        )
    if semantics.score is None:
        raise Silent("the documentation gives no sign")
    x, y = by_role["x"], by_role["y"]
    if x.shape != y.shape and semantics.broadcasting in (None, "refused"):
        raise Silent("the documentation does not say what inputs of different shapes give")
    return oracle.cosine(
        x,
        y,
        axis=chosen.of("axis", -1),
        score=semantics.score,
        keepdims=semantics.keepdims,
        broadcast=semantics.broadcasting if semantics.broadcasting in ("expand", "normalise") else "expand",
        **rule,
    )


def expanded(weights: NDArray[Any], shape: tuple[int, ...], rule: str) -> NDArray[Any]:
    """Weights as the rule applies them to values of this shape.

    per_sample: weights of shape (batch,) or (batch, d0, ...) are right-expanded with axes of length 1.
    numpy: left to NumPy broadcasting.
    """
    if rule == "per_sample" and 0 < weights.ndim < len(shape):
        return weights.reshape(weights.shape + (1,) * (len(shape) - weights.ndim))
    return weights
