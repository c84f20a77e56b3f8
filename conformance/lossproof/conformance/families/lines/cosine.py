"""Wrong lines of a cosine: other denominators, other numbers in the place of the cosine."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from lossproof import oracle
from lossproof.conformance.families.lines.model import Line, Numbers, Rows, Value
from lossproof.conformance.families.lines.rules import denominator, fitted
from lossproof.oracle.norm_rules.model import NormRule, Squared

Ending = Callable[[Numbers, Rows], Numbers]
"""The result of an API for the cosine of each row."""


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
        """Other rules with the eps that is given, then any rule with an eps that the answers show."""
        for rule in oracle.norm_rules():
            kind, given = _kind(rule), rule.eps is not None
            if rule != self.rule and (not given or (self.eps is None and rows["eps"].any())):
                value = self._over(_under(rule, None if given else 0.0))
                yield Line(kind, rule.name, _with(rule, "eps"), value, {"norm_rule": rule.name})
        shown = self.undo(rows.observed, rows)
        for rule in oracle.norm_rules():
            for eps in fitted(rule, rows, shown) if rule.eps is not None else ():
                if rule != self.rule or eps != self.eps:
                    value, says = self._over(_under(rule, eps)), _with(rule, f"{eps:g}")
                    named = {"norm_rule": rule.name, "eps": eps}
                    yield Line(_kind(rule), f"{rule.name} {eps:g}", says, value, named)
        for eps in fitted(_TWICE, rows, shown):
            says = f"adds {eps:g} to each squared norm and to the product of the norms"
            yield Line("eps", f"add twice {eps:g}", says, self._over(_under(_TWICE, eps)))

    def _zeros(self) -> Iterator[Line]:
        for value in (0.0, 1.0, -1.0, float("nan")):

            def of(rows: Rows, value: float = value) -> tuple[Numbers, Numbers]:
                zero = (rows["q"] == 0) | (rows["r"] == 0)
                with np.errstate(all="ignore"):
                    other = self.ending(np.full(rows.size, value, rows["p"].dtype), rows)
                return np.where(zero, other, rows.documented), np.ones(rows.size)

            nothing = bool(np.isnan(value))
            named: Mapping[str, Any] = {"norm_rule": "plain", "zero": None if nothing else value}
            says = (
                "divides 0 by 0 for a zero vector" if nothing else f"gives a zero vector the cosine {value:g}"
            )
            yield Line("zero_vector", f"zero {value:g}", says, of, named)

    def _denominators(self) -> Iterator[Line]:
        for name, (says, function) in DENOMINATORS.items():
            yield Line("formula", name, says, self._over(function))
        for name, says, of in (
            ("norm of x", "divides by |x|^2: y is divided by x's norm", ("q", "q")),
            ("norm of y", "divides by |y|^2: x is divided by y's norm", ("r", "r")),
            ("norms of batch", "divides by the norms of the whole batch, not of each row", ("allq", "allr")),
        ):

            def below(rows: Rows, of: tuple[str, str] = of) -> Numbers:
                return self.below(rows, rows[of[0]], rows[of[1]])

            yield Line("formula", name, says, self._over(below))

    def _numbers(self) -> Iterator[Line]:
        for name, (says, function) in NUMBERS.items():

            def of(rows: Rows, function: Callable[[Numbers], Numbers] = function) -> Numbers:
                return function(self.cosines(rows))

            yield Line("formula", name, says, self._of(of))

        def centred(rows: Rows) -> Numbers:
            n, a, b = rows["length"], rows["sumx"], rows["sumy"]
            q, r = rows["q"] - a * a / n, rows["r"] - b * b / n
            return np.asarray((rows["p"] - a * b / n) / self.below(rows, q, r))

        says = "subtracts the mean of each vector first, as Pearson's correlation does"
        size = self._of(centred, lambda rows: 1 + rows["s"] / np.sqrt(rows["q"] * rows["r"]))
        yield Line("formula", "pearson", says, size)
        says = "divides the dot product by its length: the mean stands for the sum"
        mean = self._of(lambda rows: self.cosines(rows) / rows["length"])
        yield Line("formula", "mean for sum", says, mean)

    def below(self, rows: Rows, q: Numbers, r: Numbers) -> Numbers:
        """The documented denominator of these squared norms."""
        sums = {**rows.sums, "q": q, "r": r}
        return denominator(self.rule, replace(rows, sums=sums), rows["eps"])


Sums = Callable[[Rows], Numbers]
DENOMINATORS: dict[str, tuple[str, Sums]] = {
    "x alone": ("divides by |x| alone: y is not normalised", lambda rows: np.sqrt(rows["q"])),
    "y alone": ("divides by |y| alone: x is not normalised", lambda rows: np.sqrt(rows["r"])),
    "no roots": ("divides by the squared norms: the roots are missing", lambda rows: rows["q"] * rows["r"]),
    "sum of norms": ("divides by the sum of the norms", lambda rows: np.sqrt(rows["q"]) + np.sqrt(rows["r"])),
    "l1 norms": ("divides by the sums of absolute values, not by the norms", lambda rows: rows["l1x"] * rows["l1y"]),
    "largest": ("divides by the largest absolute values, not by the norms", lambda rows: rows["topx"] * rows["topy"]),
    "mean squares": (
        "divides by the roots of the mean squares: the mean stands for the sum",
        lambda rows: np.sqrt(rows["q"] * rows["r"]) / rows["length"],
    ),
}  # fmt: skip
NUMBERS: dict[str, tuple[str, Callable[[Numbers], Numbers]]] = {
    "clips at 0": ("clips the cosine at 0", lambda c: np.maximum(c, 0)),
    "absolute": ("takes the absolute value of the cosine", np.abs),
    "clips above 0": ("clips the cosine from above at 0", lambda c: np.minimum(c, 0)),
    "squared": ("squares the cosine", lambda c: c * c),
    "halved": ("halves the cosine", lambda c: c / 2),
    "doubled": ("doubles the cosine", lambda c: c * 2),
    "to unit": ("maps the cosine to (1 + c) / 2", lambda c: (1 + c) / 2),
    "one plus": ("gives 1 + c", lambda c: 1 + c),
    "angle": ("takes the angle, not the cosine", lambda c: np.arccos(np.clip(c, -1, 1))),
    "angular": ("takes 1 - angle / pi, not the cosine", lambda c: 1 - np.arccos(np.clip(c, -1, 1)) / np.pi),
}


def _kind(rule: NormRule) -> str:
    return "eps" if rule.eps is not None or rule.norms else "formula"


def _under(rule: NormRule, eps: float | None = None) -> Sums:
    return lambda rows: denominator(rule, rows, rows["eps"] if eps is None else eps)


def _with(rule: NormRule, eps: str) -> str:
    return rule.says.replace("{eps}", eps)


def _both_added(n: Any) -> Any:
    return (n.arithmetic.sqrt((n.q + n.eps) * (n.r + n.eps)) + n.eps,)


_TWICE = NormRule("add twice", "", Squared(_both_added), lambda n: n.one, factors=_both_added)
"""sqrt(sum a^2 + eps) sqrt(sum b^2 + eps) + eps; it stands for no rule of the oracle."""
