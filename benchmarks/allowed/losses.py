"""Whole losses around a way to compute the cosine: axis, broadcasting, score, labels, margin, weights and reduction."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from benchmarks.allowed.cosines import Array, Cosine, Rule
from benchmarks.allowed.sums import one_by_one
from lossproof.conformance.judging.expectation import expanded
from lossproof.conformance.model.dtypes import cast, numpy_dtype
from lossproof.conformance.model.subject import Subject

Contrast = Literal["chosen", "mixed", "halved"]
"""Of the costs of both labels one is chosen; or they are weighted by the labels; or max(t, 0) is (t + |t|) / 2."""


@dataclass(frozen=True)
class Loss:
    """A way to compute a documented loss.

    `carrier` is the dtype that it is computed in; "" is the documented one. `reciprocal`: a mean is a product with
    1 / n.
    """

    cosine: Cosine
    carrier: str = ""
    contrast: Contrast = "chosen"
    reciprocal: bool = False

    def answer(
        self, subject: Subject, arrays: Mapping[str, Array], options: Mapping[str, Any], wrt: str
    ) -> Array:
        """The answer of the API for these arrays and options: its value, or its gradient with respect to `wrt`."""
        return _Call(self, subject, arrays, options).answer(wrt)

    def unrounded(self, subject: Subject, arrays: Mapping[str, Array], options: Mapping[str, Any]) -> Array:
        """The value in the dtype that is computed in, before it is rounded to the documented one."""
        return _Call(self, subject, arrays, options).value()


class _Call:
    """One call: the arrays by role, in the dtype that is computed in, and the options by role."""

    def __init__(
        self, loss: Loss, subject: Subject, arrays: Mapping[str, Array], options: Mapping[str, Any]
    ) -> None:
        self.loss, self.subject, self.given = loss, subject, arrays
        self.semantics, self.options = subject.semantics, options
        call = subject.edition.call
        self.roles = {a.name: a.role for a in call.arrays}
        core = [str(a.dtype) for n, a in arrays.items() if self.roles[n] in ("x", "y", "distances")]
        self.compute = subject.compute_dtype(*core)
        self.carrier = numpy_dtype(loss.carrier or self.compute)
        self.by_role: dict[str, Array] = {
            self.roles[n]: a if self.roles[n] == "labels" else cast(cast(a, self.compute), self.carrier.name)
            for n, a in arrays.items()
        }
        self.rule = Rule.of(
            self.semantics.fixed("norm_rule") or "raw",
            float(self._option("eps", self.semantics.fixed("eps")) or 0),
        )

    def answer(self, wrt: str) -> Array:
        """The value in the documented dtype, or the gradient in that of its array."""
        with np.errstate(all="ignore"):
            if wrt:
                return cast(self._gradient(self.roles[wrt]), str(self.given[wrt].dtype))
            fixed = self.semantics.result_dtype
            return cast(self.value(), fixed if fixed not in (None, "input") else self.compute)

    def value(self) -> Array:
        """The value in the dtype that is computed in."""
        return np.asarray(self._reduced(self._values()))

    def _option(self, role: str, otherwise: Any = None) -> Any:
        option = self.subject.option(role)
        return otherwise if option is None else self.options.get(option.name, option.default)

    # --- values ---

    def _values(self) -> Array:
        """One value for each row, in the documented shape."""
        if self.subject.spec.family == "contrastive":
            return self._costs()
        a, b, batch = self._rows()
        c = self._on_zero(self.loss.cosine.value(a, b, self.rule), a, b).reshape(batch)
        if self.subject.spec.family == "cosine_embedding":
            zero, one, margin = (self._number(v) for v in (0, 1, self._option("margin", 0)))
            return np.where(self.by_role["labels"] == 1, one - c, np.maximum(zero, c - margin))
        score = {"similarity": c, "negated": -c, "distance": self._number(1) - c}[
            str(self.semantics.fixed("score"))
        ]
        return np.expand_dims(score, self._axis()) if self.semantics.fixed("keepdims") else score

    def _costs(self) -> Array:
        similar = self.by_role["labels"] == self.semantics.fixed("similar")
        d, gap = self.by_role["distances"], self._gap()
        if self.loss.contrast == "mixed":
            y = similar.astype(self.carrier)
            return np.asarray(y * d * d + (self._number(1) - y) * gap * gap)
        chosen = np.where(similar, d, gap)
        return np.asarray(chosen * chosen)

    def _gap(self) -> Array:
        """max(margin - d, 0)."""
        t = self._number(self._option("margin", 1.0)) - self.by_role["distances"]
        if self.loss.contrast == "halved":
            return np.asarray((t + np.abs(t)) * self._number(0.5))
        return np.asarray(np.maximum(t, self._number(0)))

    def _reduced(self, values: Array) -> Array:
        """The weighted values, reduced as documented."""
        reduction, weights = self._reduction(), self._weights(values.shape)
        if reduction == "none":
            return values if weights is None else values * weights
        weights = np.ones_like(values) if weights is None else weights
        values, weights = np.broadcast_arrays(values, weights)
        total = self.loss.cosine.order(values.reshape(-1, 1), weights.reshape(-1, 1))[0]
        divisor = self._divisor(reduction, weights)
        if divisor is None:
            return np.asarray(total)
        if self.loss.reciprocal:
            return np.asarray(total * (self._number(1) / divisor))
        return np.asarray(total / divisor)

    def _divisor(self, reduction: str, weights: Array) -> Array | None:
        """The divisor of the sum, None for none; 0 / 0 gives 0."""
        if reduction == "sum":
            return None
        count = {"mean": weights.size, "mean_by_nonzero": np.count_nonzero(weights)}.get(reduction)
        if count is None:
            flat = weights.reshape(-1, 1)
            total = self.loss.cosine.order(flat, np.ones_like(flat))[0]
        else:
            total = self._number(count)
        return np.where(total == 0, self._number(1), total)

    def _reduction(self) -> str:
        option = self.subject.option("reduction")
        return self.subject.meaning(option and self.options.get(option.name, option.default))

    def _weights(self, shape: tuple[int, ...]) -> Array | None:
        weights = self.by_role.get("weights")
        return None if weights is None else expanded(weights, shape, self.semantics.weights or "numpy")

    # --- gradients of the sum of the result ---

    def _gradient(self, role: str) -> Array:
        shape = self._shape()
        factor = self._factor(shape)
        if role == "distances":
            d, two = self.by_role["distances"], self._number(2)
            similar = self.by_role["labels"] == self.semantics.fixed("similar")
            return np.asarray(np.where(similar, two * d, -two * self._gap()) * factor)
        a, b, batch = self._rows()
        cosine, rule = self.loss.cosine, self.rule
        g = cosine.gradient(a, b, rule) if role == "x" else cosine.gradient(b, a, rule.turned())
        if self.subject.spec.family == "cosine_embedding":
            c = cosine.value(a, b, rule).reshape(batch)
            open_ = (c - self._number(self._option("margin", 0)) > 0).astype(self.carrier)
            sign = np.where(self.by_role["labels"] == 1, -self._number(1), open_)
        else:
            sign = self._number(1 if self.semantics.fixed("score") == "similarity" else -1)
        factor = np.broadcast_to(sign * factor.reshape(batch), batch).ravel()
        # where the hinge is closed nothing comes back, not even of what has overflowed
        g = np.where(factor == 0, self._number(0), g * factor)
        rows = np.moveaxis(g.T.reshape(*batch, -1), -1, self._axis())
        return _summed_to(rows, self.by_role[role].shape)

    def _shape(self) -> tuple[int, ...]:
        """Shape of the unreduced result."""
        if self.subject.spec.family == "contrastive":
            return np.broadcast_shapes(self.by_role["labels"].shape, self.by_role["distances"].shape)
        batch = self._rows()[2]
        axis = self._axis()
        if not self.semantics.fixed("keepdims"):
            return batch
        at = axis % (len(batch) + 1)
        return (*batch[:at], 1, *batch[at:])

    def _factor(self, shape: tuple[int, ...]) -> Array:
        """The derivative of the sum of the result with respect to each unreduced value."""
        weights = self._weights(shape)
        weights = np.broadcast_to(self._number(1) if weights is None else weights, shape)
        reduction = self._reduction()
        divisor = None if reduction == "none" else self._divisor(reduction, weights)
        return weights if divisor is None else np.asarray(weights / divisor)

    # --- arrays ---

    def _axis(self) -> int:
        value = self._option("axis", -1)
        return -1 if value is None else int(value)

    def _rows(self) -> tuple[Array, Array, tuple[int, ...]]:
        """x and y as (d, n), and the shape of the batch."""
        x, y = np.broadcast_arrays(self.by_role["x"], self.by_role["y"])
        x, y = (np.moveaxis(v, self._axis(), -1) for v in (x, y))
        a, b = (np.ascontiguousarray(v.reshape(-1, v.shape[-1]).T) for v in (x, y))
        return a, b, x.shape[:-1]

    def _on_zero(self, c: Array, a: Array, b: Array) -> Array:
        """The documented value where a norm is zero, if there is one."""
        if not self.rule.documented.norms or self.semantics.fixed("zero") is None:
            return c
        nothing = ~a.any(0) | ~b.any(0)
        return np.where(nothing, self._number(self.semantics.fixed("zero")), c)

    def _number(self, value: Any) -> Array:
        return np.asarray(value).astype(self.carrier)


def _summed_to(values: Array, shape: tuple[int, ...]) -> Array:
    """The sum over the axes along which an array of this shape was broadcast."""
    extra = values.ndim - len(shape)
    axes = (
        *range(extra),
        *(i + extra for i, n in enumerate(shape) if n == 1 and values.shape[i + extra] != 1),
    )
    for axis in axes:
        values = np.expand_dims(one_by_one(np.moveaxis(values, axis, 0)), axis)
    return np.asarray(values.reshape(shape))
