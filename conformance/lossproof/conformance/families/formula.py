"""A documented formula with its arrays: the oracle's functions for its values and for its gradients."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lossproof import oracle
from lossproof.conformance.model.dtypes import cast
from lossproof.conformance.model.subject import Subject
from lossproof.specs.semantics import Semantics

Arrays = Mapping[str, NDArray[Any]]
"""Arrays by role."""


class Undocumented(Exception):  # noqa: N818 - not a fault: the documentation gives no answer to this question
    """The documentation does not say what this call gives; the message says which statement is missing."""


@dataclass(frozen=True)
class Chosen:
    """The value of each semantic parameter of a call: overridden, given, or the documented default."""

    subject: Subject
    semantics: Semantics
    options: Mapping[str, Any]
    override: Mapping[str, Any]

    def of(self, role: str, otherwise: Any = None) -> Any:
        """The value of the option with this role; `otherwise` where the API has no such option."""
        if role in self.override:
            return self.override[role]
        option = self.subject.option(role)
        if option is None:
            return otherwise
        return self.options.get(option.name, option.default)

    def reduction(self) -> str:
        """The meaning of the reduction."""
        if "reduction" in self.override:
            return str(self.override["reduction"])
        option = self.subject.option("reduction")
        if option is None:
            return self.semantics.reduction
        return self.subject.meaning(self.options.get(option.name, option.default))

    def eps(self) -> float:
        """The eps, rounded to the dtype in which the override holds it; 0 where there is none."""
        value = self.of("eps", self.semantics.fixed("eps"))
        if value is not None and (rounded := self.override.get("eps_dtype")):
            value = cast(np.asarray(value), rounded)
        return 0.0 if value is None else float(value)


@dataclass(frozen=True)
class Formula:
    """A documented formula with its arrays."""

    values: Callable[..., oracle.Enclosure]
    slopes: Callable[..., oracle.Enclosure]
    arrays: tuple[NDArray[Any], ...]
    parameters: Mapping[str, Any]
    roles: Mapping[str, str]
    """role -> the oracle's name of an array that has a gradient; "" where only one has"""
    shaping: Mapping[str, Any] = field(default_factory=dict)
    """parameters of the values alone"""
    axis: int = -1
    """along which the elements of one row of a gradient lie"""
    no_gradient: str = ""
    """why the formula has no derived gradient for these arrays; "": it has"""

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
        """The gradient of the sum of the weighted and reduced values, which have this shape.

        Raises:
            Undocumented: the formula has no such derivative, or the weights have more values than there are.
        """
        if role not in self.roles:
            raise Undocumented(f"the formula has no derivative with respect to {role}")
        if self.no_gradient:
            raise Undocumented(self.no_gradient)
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
