"""Enclosures: what the oracle hands out, and the ladder that sharpens them row by row.

An enclosure asks its problem (a formula and its inputs) to be evaluated in the first arithmetic of the
ladder, and in a later one only for the rows that the question at hand leaves undecided.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from lossproof.oracle.arithmetic.binary64 import Binary64
from lossproof.oracle.arithmetic.double_double import DoubleDouble
from lossproof.oracle.arithmetic.exact import Exact
from lossproof.oracle.arithmetic.protocol import Arithmetic
from lossproof.oracle.arithmetic.self_test import guard
from lossproof.oracle.formats import Float, FloatFormat, Mask, format_of, ulp

FLOATING: tuple[Arithmetic[Any], ...] = (Binary64(), DoubleDouble(1), DoubleDouble(2))
"""The stages with a radius, cheapest first."""
ROOTS = Exact()
"""The exact stage of values that are rational but for square roots: it decides every question about one root."""
LADDER: tuple[Arithmetic[Any], ...] = (*FLOATING, ROOTS)
"""The stages of such values."""

BLOCK_ROWS = 1 << 14
"""Rows are asked in blocks of so many, which keeps what is computed of them in the cache."""

PART = 1 << 15
"""Values of a large batch that are bounded and graded together."""

UNSEEN = 2.0**-36
"""Of what is negligible beside the rest of a bound, so much does not change a bit of the sum."""

Rows = NDArray[np.intp]
Ask = Callable[[Arithmetic[Any], Any, Rows | slice], Mask]
"""Puts a question to the numbers of some rows, keeps the answers, and returns where it is decided."""


class Rowwise(Protocol):
    """One exact number for each of `size` rows."""

    @property
    def stride(self) -> int:
        """Values that share their work come in runs of so many."""
        ...

    @property
    def exact(self) -> Arithmetic[Any]:
        """The last stage of its ladder, which decides all that can be decided: `ROOTS`, or one of its own."""
        ...

    @property
    def size(self) -> int:
        """The number of values."""
        ...

    @property
    def undefined(self) -> Mask:
        """Flat: where the formula has no value."""
        ...

    @property
    def nan(self) -> Mask:
        """Flat: where the documented value is NaN."""
        ...

    def evaluate(self, arithmetic: Arithmetic[Any], rows: Rows | slice) -> Any:
        """The numbers of these rows."""
        ...


class Problem(Rowwise, Protocol):
    """A formula with its inputs."""

    shape: tuple[int, ...]

    def bound(self, fmt: FloatFormat, grade: str) -> Float:
        """The native bound without the final half ulp, flat, as docs/bounds.md derives it."""
        ...

    def alternatives(self, fmt: FloatFormat) -> tuple[Alternative, ...]:
        """Where the formula jumps and rounding in `fmt` may cross the jump: the values on the other side."""
        ...


@runtime_checkable
class Quick(Protocol):
    """A problem that compiled kernels may answer in part."""

    def round_fast(self, fmt: FloatFormat) -> tuple[NDArray[Any], Rows] | None:
        """Rounded values and which of them are uncertain, in order; None where no kernel applies."""
        ...

    def round_rest(self, rows: Rows, fmt: FloatFormat) -> tuple[NDArray[Any], Mask]:
        """The ladder's answer for the rows that were left."""
        ...


class Screened(Protocol):
    """A problem that judges most answers in one pass."""

    def screen(self, answers: NDArray[Any], fmt: FloatFormat, grade: str) -> tuple[Mask, Mask] | None:
        """Which answers (flat) lie within the bound of a grade for sure, and which are left open; the rest do not.

        Of values with alternatives none is decided. None where no pass is known.
        """
        ...

    def remainder(self, open_: Mask) -> tuple[Rows, Problem]:
        """The places (flat) of open values, with those that count beside them, and the problem of these."""
        ...


@runtime_checkable
class Divisible(Protocol):
    """A problem whose values can be asked for some at a time."""

    def subset(self, rows: Rows) -> Problem:
        """The problem of some values (flat) alone."""
        ...


class Enclosure:
    """The exact value of a documented formula, row by row, known as sharply as has been asked for so far.

    `lower` and `upper` are float64 arrays of shape `shape` that enclose it, at most 2 units in the last
    place apart. Where the formula has no value (`undefined`: 0/0, or an input that is not finite) they are
    NaN; where the documented value itself is NaN (`nan`) they are NaN as well, and only a NaN answer is
    right.
    """

    def __init__(self, problem: Problem) -> None:
        guard()
        self.problem = problem
        self.shape = problem.shape
        self._limits: tuple[Float, Float] | None = None

    @property
    def undefined(self) -> Mask:
        """Where the formula has no value."""
        return self._shown(self.problem.undefined)

    @property
    def nan(self) -> Mask:
        """Where the documented value is NaN."""
        return self._shown(self.problem.nan)

    def _shown(self, mask: Mask) -> Mask:
        """A mask in the shape of the values, read-only: it is the problem's own."""
        view = mask.reshape(self.shape)
        view.flags.writeable = False
        return view

    @property
    def valued(self) -> Mask:
        """Flat: where there is a number to speak of."""
        mask: Mask = ~(self.problem.undefined | self.problem.nan)
        return mask

    @property
    def lower(self) -> Float:
        """The largest float64 at or below the value."""
        return self._enclose()[0].reshape(self.shape)

    @property
    def upper(self) -> Float:
        """The smallest float64 at or above the value."""
        return self._enclose()[1].reshape(self.shape)

    def alternatives(self, dtype: object) -> tuple[Alternative, ...]:
        """The values on the other side of a jump that rounding in `dtype` may cross, each with the rows it is
        for.
        """
        return self.problem.alternatives(format_of(dtype))

    def rounded(self, dtype: object) -> NDArray[Any]:
        """The value rounded once to `dtype`, ties to even; NaN where undefined, NaN or undecided."""
        values, left = self._rounded(format_of(dtype))
        if left.size:
            values[left] = np.nan
        return values.reshape(self.shape)

    def undecided(self, dtype: object) -> Mask:
        """Where the value could not be rounded to `dtype` within the stated limit of refinement."""
        _, left = self._rounded(format_of(dtype))
        mask = np.zeros(self.problem.size, dtype=bool)
        mask[left] = True
        return (mask & self.valued).reshape(self.shape)

    def parts(self) -> Iterator[tuple[slice, Enclosure]]:
        """Itself; of a large batch some values (flat) after others, so that what is kept of a part goes with it.

        A bound keeps seven numbers for each value: more than short rows hold.
        """
        size = self.problem.size
        if size <= PART or not isinstance(self.problem, Divisible):
            yield slice(0, size), self
            return
        for start in range(0, size, PART):
            stop = min(start + PART, size)
            yield slice(start, stop), Enclosure(self.problem.subset(np.arange(start, stop)))

    def refine(
        self, ask: Ask, among: Mask | None = None, ladder: Sequence[Arithmetic[Any]] | None = None
    ) -> None:
        """`refine` of the values."""
        refine(self.problem, ask, among, ladder)

    def exponent_limits(self, fmt: FloatFormat, negligible: Float) -> Float:
        """The ulp in `fmt` of the value, flat; where it is unknown but at most `negligible`, that of an upper
        bound.
        """
        out = np.full(self.problem.size, np.nan)

        def told(low: Float, high: Float, rows: Rows | slice | Mask) -> tuple[Float, Float]:
            least = np.where((low <= 0) & (high >= 0), 0.0, np.minimum(np.abs(low), np.abs(high)))
            small, large = ulp(least, fmt), ulp(np.maximum(np.abs(low), np.abs(high)), fmt)
            out[rows] = large
            return small, large

        def first(arithmetic: Arithmetic[Any], numbers: Any, rows: Rows | slice) -> Mask:
            small, large = told(*arithmetic.bounds(numbers), rows)
            decided: Mask = (small == large) | (large <= negligible[rows] * UNSEEN)
            left[rows] = ~decided
            return decided

        def ask(arithmetic: Arithmetic[Any], numbers: Any, rows: Rows | slice) -> Mask:
            small, large = told(*arithmetic.bounds(numbers), rows)
            if arithmetic is self.problem.exact:
                out[rows] = small
            return np.asarray((small == large) | (large <= negligible[rows]))

        left = self.valued
        if left.any():  # most exponents need no sharper a value
            self.refine(first, None, FLOATING[:2])
        if left.any():
            lower, upper = self._limits or self._neighbours(left)
            small, large = told(lower[left], upper[left], left)
            left[left] = (small != large) & (large > negligible[left])
            self.refine(ask, left)
        return out

    @property
    def magnitude(self) -> Float:
        """The largest |value| that the enclosure holds, flat; 0 where there is no value."""
        lower, upper = self._enclose()
        return np.where(self.valued, np.maximum(np.abs(lower), np.abs(upper)), 0.0)

    def _enclose(self) -> tuple[Float, Float]:
        if self._limits is None:
            lower, upper = self._neighbours(None)
            lower.flags.writeable = upper.flags.writeable = False
            self._limits = lower, upper
        return self._limits

    def _neighbours(self, among: Mask | None) -> tuple[Float, Float]:
        """The float64 numbers around the values, or around some of them; NaN elsewhere."""
        lower, upper = np.full(self.problem.size, np.nan), np.full(self.problem.size, np.nan)

        def ask(arithmetic: Arithmetic[Any], numbers: Any, rows: Rows | slice) -> Mask:
            low, high = arithmetic.bounds(numbers)
            lower[rows], upper[rows] = low + 0.0, high + 0.0  # no zero with a minus sign
            # Neighbours, or one float that is the value: the same answer whichever stage gives it.
            with np.errstate(over="ignore"):
                decided: Mask = (low == high) | (np.nextafter(low, np.inf) == high)
            return decided

        self.refine(ask, among)
        return lower, upper

    def _rounded(self, fmt: FloatFormat) -> tuple[NDArray[Any], Rows]:
        """Rounded values, flat, and which of them are undecided."""
        problem = self.problem
        found = problem.round_fast(fmt) if isinstance(problem, Quick) else None
        if found is None or not isinstance(problem, Quick):
            values, decided = self.rounded_by_ladder(fmt)
            return values, np.flatnonzero(~decided) if not decided.all() else np.empty(0, dtype=np.intp)
        values, left = found
        if left.size:
            values[left], decided = problem.round_rest(left, fmt)
            left = left[~decided]
        return values, left

    def rounded_by_ladder(
        self, fmt: FloatFormat, some: Rows | None = None, tried: bool = False
    ) -> tuple[NDArray[Any], Mask]:
        """All values (or some) rounded by the stages in turn, and where they are decided; flat.

        `tried`: a kernel has done what the first stage does.
        """
        among = None
        if some is not None:
            among = np.zeros(self.problem.size, dtype=bool)
            among[some] = True
        values, settled = (
            np.zeros(self.problem.size, dtype=fmt.dtype),
            np.zeros(self.problem.size, dtype=bool),
        )

        def ask(arithmetic: Arithmetic[Any], numbers: Any, rows: Rows | slice) -> Mask:
            found, decided = arithmetic.rounded(numbers, fmt)
            with np.errstate(all="ignore"):  # where undecided, anything may be stored
                values[rows] = found
            settled[rows] = decided
            return decided

        # The radius of the first stage is no finer than float64: it could decide zeros alone.
        self.refine(ask, among, ladder_of(self.problem)[1 if tried or fmt.name == "float64" else 0 :])
        return (values, settled) if some is None else (values[some], settled[some])


def ladder_of(numbers: Rowwise) -> tuple[Arithmetic[Any], ...]:
    """The stages that questions about these numbers go through: those with a radius, then their own exact one."""
    return (*FLOATING, numbers.exact)


def refine(
    numbers: Rowwise, ask: Ask, among: Mask | None = None, ladder: Sequence[Arithmetic[Any]] | None = None
) -> None:
    """Put a question to each stage of the ladder in turn, about the rows (flat) that are still undecided."""
    ladder = ladder_of(numbers) if ladder is None else ladder
    wanted = _wanted(numbers, among)
    size, left = numbers.size, list[Rows]()
    step = max(1, BLOCK_ROWS // numbers.stride) * numbers.stride
    for start in range(0, size, step):
        rows: Rows | slice = slice(start, min(start + step, size))
        if wanted is not None and not wanted[rows].all():
            rows = np.flatnonzero(wanted[rows]) + start
            if not rows.size:
                continue
        decided = ask(ladder[0], numbers.evaluate(ladder[0], rows), rows)
        if not decided.all():
            places = np.flatnonzero(~decided)
            left.append(places + start if isinstance(rows, slice) else rows[places])
    undecided = np.concatenate(left) if left else np.empty(0, dtype=np.intp)
    for arithmetic in ladder[1:]:
        left = []
        for start in range(0, undecided.size, BLOCK_ROWS):
            some = undecided[start : start + BLOCK_ROWS]
            left.append(some[~ask(arithmetic, numbers.evaluate(arithmetic, some), some)])
        undecided = np.concatenate(left) if left else undecided


def _wanted(numbers: Rowwise, among: Mask | None) -> Mask | None:
    """The rows to ask about; None for all."""
    if not numbers.undefined.any() and not numbers.nan.any():
        return among
    valued: Mask = ~(numbers.undefined | numbers.nan)
    return valued if among is None else valued & among


def required(what: str, given: object) -> Enclosure:
    """`given` if it is an enclosure; else ValueError, which begins with `what`."""
    if not isinstance(given, Enclosure):
        raise ValueError(f"{what} an enclosure of the oracle, not {type(given).__name__}")
    return given


@dataclass(frozen=True)
class Alternative:
    """Another value that is as right, for the rows in `mask` (of the enclosure's shape)."""

    mask: Mask
    enclosure: Enclosure
    hull: bool = False
    """Whether everything between the two values is right as well: the subgradients at a kink."""
    joint: Rows | None = None
    """Of a hull, flat: values of the same number are one vector, and take the same point between its two ends."""
