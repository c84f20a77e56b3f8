"""Tallies of answers: their counts and worst answers, and the sum of two."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

UNLIKE = ("dtype", "grade", "grades", "kept")
"""Two tallies that are added must agree in these."""


@dataclass(frozen=True)
class WorstAnswer:
    """An answer that is far off, as a share of its bound."""

    index: tuple[int, ...]
    """Its place in the answers, the row first; the rows of blocks are counted on."""
    answer: float
    exact: float
    """The exact value, rounded once to the dtype; NaN where it has none."""
    error_ulp: float
    error_over_bound: float

    @property
    def row(self) -> int:
        """The number of its row."""
        return self.index[0]

    @property
    def rank(self) -> tuple[float, tuple[int, ...]]:
        """The key of its order: the largest ratio first, and of equal ones the first row."""
        return -self.error_over_bound, self.index


@dataclass(frozen=True)
class Tally:
    """Answers counted by grade and by error, and the worst of them. `a + b` is the tally of both."""

    dtype: str
    """The dtype of the computation."""
    grade: str
    """The grade whose bound `error_over_bound` divides by."""
    grades: tuple[str, ...]
    """The grades that were asked for, the best first."""
    rows: int
    counts: Mapping[str, int]
    """Answers by the first of the grades that they reach, then `none`; `undefined` have no exact value to reach."""
    worst: tuple[WorstAnswer, ...]
    """The worst first; answers less than 2^-20 of their bound off are not listed."""
    histogram: Mapping[float, int]
    """Answers by error: the key k holds those at most k ulp off and more than the key k / 2, from 0.5 on; inf
    holds those that are not finite. Undefined values are left out."""
    kept: int
    """How many of the worst are kept."""

    @property
    def values(self) -> int:
        """The number of answers: gradients have one for each element of a row."""
        return sum(self.counts.values())

    def __add__(self, other: Tally) -> Tally:
        """The tally of both; ValueError where they were not asked the same."""
        if not isinstance(other, Tally):
            return NotImplemented
        for name in UNLIKE:
            ours, theirs = getattr(self, name), getattr(other, name)
            if ours != theirs:
                raise ValueError(
                    f"a tally with {name}={ours!r} cannot be added to one with {name}={theirs!r}"
                )
        return replace(
            self,
            rows=self.rows + other.rows,
            counts={name: count + other.counts[name] for name, count in self.counts.items()},
            worst=worst_of((*self.worst, *other.worst), self.kept),
            histogram=dict(sorted((Counter(self.histogram) + Counter(other.histogram)).items())),
        )

    def __str__(self) -> str:
        """The counts, the histogram and the worst answers as a table."""
        lines = [f"{self.rows:,} rows, {self.values:,} answers in {self.dtype}", ""]
        lines += [f"  {name:<12}{count:>14,}" for name, count in self.counts.items()]
        lines += ["", "  error in ulp"]
        lines += [f"  <= {edge:<9.6g}{count:>14,}" for edge, count in self.histogram.items()]
        if self.worst:
            lines += ["", f"  {'index':<16}{'answer':>14}{'exact':>14}{'ulp':>11}{f'/ {self.grade}':>11}"]
            lines += [
                f"  {', '.join(map(str, w.index)):<16}{w.answer:>14.7g}{w.exact:>14.7g}{w.error_ulp:>11.3g}"
                f"{w.error_over_bound:>11.3g}"
                for w in self.worst
            ]
        return "\n".join(lines)


def worst_of(answers: Iterable[WorstAnswer], kept: int) -> tuple[WorstAnswer, ...]:
    """The worst of some answers, the worst first."""
    return tuple(heapq.nsmallest(kept, answers, key=lambda answer: answer.rank))
