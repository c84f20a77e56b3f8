"""Wrong lines of a cosine: other denominators, other numbers in the place of the cosine."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from lossproof import oracle
from lossproof.conformance.families.lines.model import Line, Numbers, Rows, Value
from lossproof.conformance.families.lines.rules import denominator, fitted
from lossproof.oracle.norm_rules.model import NormRule

Ending = Callable[[Numbers, Rows], Numbers]
"""What an API makes of the cosine of each row."""
EPS_AT_LEAST = 8
"""Rows that are wrong in the same way before an eps is looked for."""


@dataclass(frozen=True)
class OverCosine:
    """The lines of an API that makes `ending` of a cosine under a documented rule."""

    ending: Ending
    undo: Ending
    """the cosine that an answer shows; NaN where it shows none"""
    rule: NormRule
    eps: float | None
    """the documented eps; None where it is given or there is none"""

    def cosines(self, rows: Rows) -> Numbers:
        """The documented cosine of each row."""
        with np.errstate(all="ignore"):
            return np.asarray(rows["p"] / denominator(self.rule, rows, rows["eps"]))

    def documented(self, rows: Rows) -> tuple[Numbers, Numbers]:
        """The `ending` of the documented cosine."""
        return self._of(self.cosines)(rows)

    def lines(self, rows: Rows) -> Iterator[Line]:
        """Every wrong line, the plainest first."""
        yield from self._rules(rows)
        yield from self._zeros()
        yield from self._denominators()
        yield from self._numbers()

    def _of(
        self, cosines: Callable[[Rows], Numbers], scale: Callable[[Rows], Numbers] | None = None
    ) -> Value:
        def value(rows: Rows) -> tuple[Numbers, Numbers]:
            with np.errstate(all="ignore"):
                c = cosines(rows)
                size = np.abs(c) if scale is None else scale(rows)
                return self.ending(c, rows), np.maximum(size, np.abs(c))

        return value

    def _over(self, below: Callable[[Rows], Numbers]) -> Value:
        return self._of(lambda rows: rows["p"] / below(rows), lambda rows: rows["s"] / below(rows))

    def _rules(self, rows: Rows) -> Iterator[Line]:
        shown = self.undo(rows.observed, rows)
        for rule in oracle.norm_rules():
            named: dict[str, Any] = {"norm_rule": rule.name}
            kind = "eps" if rule.eps is not None or rule.norms else "formula"
            if rule.eps is None:
                if rule != self.rule:
                    yield Line(kind, rule.says, self._over(_under(rule, 0.0)), named)
                continue
            if rule != self.rule and self.eps is None and rows["eps"].any():
                yield Line(kind, _with(rule, "eps"), self._over(_under(rule)), named)
            for eps in fitted(rule, rows, shown):
                if rule != self.rule or eps != self.eps:
                    says = _with(rule, f"{eps:g}")
                    yield Line(kind, says, self._over(_under(rule, eps)), {**named, "eps": eps})
        for eps in fitted(_TWICE, rows, shown):
            says = f"adds {eps:g} to each squared norm and to the product of the norms"
            yield Line("eps", says, self._over(_under(_TWICE, eps)))

    def _zeros(self) -> Iterator[Line]:
        for value in (0.0, 1.0, -1.0, float("nan")):

            def of(rows: Rows, value: float = value) -> tuple[Numbers, Numbers]:
                zero = (rows["q"] == 0) | (rows["r"] == 0)
                with np.errstate(all="ignore"):
                    other = self.ending(np.full(rows.size, value, rows["p"].dtype), rows)
                return np.where(zero, other, rows.documented), np.ones(rows.size)

            named: Mapping[str, Any] = {"norm_rule": "plain", "zero": None if np.isnan(value) else value}
            says = (
                "divides 0 by 0 for a zero vector"
                if np.isnan(value)
                else f"gives a zero vector the cosine {value:g}"
            )
            yield Line("zero_vector", says, of, named)

    def _denominators(self) -> Iterator[Line]:
        below: dict[str, Callable[[Rows], Numbers]] = {
            "divides by |x|^2: y is divided by x's norm": lambda rows: rows["q"],
            "divides by |y|^2: x is divided by y's norm": lambda rows: rows["r"],
            "divides by |x| alone: y is not normalised": lambda rows: np.sqrt(rows["q"]),
            "divides by |y| alone: x is not normalised": lambda rows: np.sqrt(rows["r"]),
            "divides by the squared norms: the roots are missing": lambda rows: rows["q"] * rows["r"],
            "divides by the sum of the norms": lambda rows: np.sqrt(rows["q"]) + np.sqrt(rows["r"]),
            "divides by the sums of absolute values in place of the norms": lambda rows: rows["l1x"] * rows["l1y"],
            "divides by the largest absolute values in place of the norms": lambda rows: rows["topx"] * rows["topy"],
            "divides by one norm for the whole batch": lambda rows: np.sqrt(rows["allq"] * rows["allr"]),
            "divides by the root mean squares: the mean stands for the sum": (
                lambda rows: np.sqrt(rows["q"] * rows["r"]) / rows["length"]
            ),
        }  # fmt: skip
        for says, function in below.items():
            yield Line("formula", says, self._over(function))

    def _numbers(self) -> Iterator[Line]:
        of_cosine: dict[str, Callable[[Numbers], Numbers]] = {
            "clips the cosine at 0": lambda c: np.maximum(c, 0),
            "takes the absolute value of the cosine": np.abs,
            "clips the cosine from above at 0": lambda c: np.minimum(c, 0),
            "squares the cosine": lambda c: c * c,
            "maps the cosine to (1 + c) / 2": lambda c: (1 + c) / 2,
            "takes the angle in place of the cosine": lambda c: np.arccos(np.clip(c, -1, 1)),
            "takes 1 - angle / pi in place of the cosine": lambda c: 1 - np.arccos(np.clip(c, -1, 1)) / np.pi,
        }
        for says, function in of_cosine.items():

            def of(rows: Rows, function: Callable[[Numbers], Numbers] = function) -> Numbers:
                return function(self.cosines(rows))

            yield Line("formula", says, self._of(of))
        yield Line(
            "formula", "subtracts the mean of each vector first: Pearson's correlation",
            self._of(_centred, lambda rows: 1 + rows["s"] / np.sqrt(rows["q"] * rows["r"])),
        )  # fmt: skip
        yield Line(
            "reduction", "divides the dot product by its length: the mean stands for the sum",
            self._of(lambda rows: self.cosines(rows) / rows["length"]),
        )  # fmt: skip


def _centred(rows: Rows) -> Numbers:
    n, a, b = rows["length"], rows["sumx"], rows["sumy"]
    q, r = rows["q"] - a * a / n, rows["r"] - b * b / n
    return np.asarray((rows["p"] - a * b / n) / np.sqrt(q * r))


def _under(rule: NormRule, eps: float | None = None) -> Callable[[Rows], Numbers]:
    return lambda rows: denominator(rule, rows, rows["eps"] if eps is None else eps)


def _with(rule: NormRule, eps: str) -> str:
    return rule.says.replace("{eps}", eps)


def _both_added(n: Any) -> Any:
    root = n.arithmetic.sqrt((n.q + n.eps) * (n.r + n.eps)) + n.eps
    return root * root


_TWICE = NormRule("added twice", "", _both_added, lambda n: n.one)
"""sqrt(sum a^2 + eps) sqrt(sum b^2 + eps) + eps; it stands for no rule of the oracle."""
