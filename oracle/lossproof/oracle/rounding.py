"""How far an honest native computation may be from the exact value: the bounds of DESIGN section 4.

Model: every operation of a format with unit roundoff u returns (exact)(1 + delta), |delta| <= u, unless it
underflows; a product that underflows may come out as 0, an error of at most eta, the smallest normal
number. With gamma_k = k u / (1 - k u) and any order of summation (Higham 2002, section 3.1):

    |P' - P| <= gamma_d sum |a b| + d eta,   Q' = Q (1 + theta_d),   R' = R (1 + theta_d)

so D' = D (1 + theta_{d+4}): two square roots, a product of them, an eps that is off by u, and taking a
maximum or adding eps >= 0 never increases a relative error. Dividing, with kappa = sum |a b| / D,

    |c' - c| <= gamma_{d+8} / (1 - gamma_{d+8}) (kappa + |c|) + eta (d/D + ...) + ulp/2.

gamma / (1 - gamma) = k u / (1 - 2 k u) is what `growth` computes; its first-order part is the u (d + 8) of
DESIGN, and it is infinite where it proves nothing (2 k u >= 1). Normalising the rows first and then
multiplying rounds each factor once more (2 of the 8), and each normalised element and each product of them
may be flushed: eta (d + 2 sqrt(d) + 1) with the result's own underflow. The long form of every derivation
is in docs/bounds.md.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from lossproof.oracle.enclosure import LADDER, Enclosure, required
from lossproof.oracle.errors import choice, flag
from lossproof.oracle.formats import FORMATS, Float, FloatFormat, Mask, format_of

if TYPE_CHECKING:
    from lossproof.oracle.losses.contrastive import ContrastiveProblem
    from lossproof.oracle.reduction import TotalProblem, WeightedProblem
    from lossproof.oracle.scores.cosine import CosineProblem

GRADES = ("G0", "G1", "G2", "G3")
"""G0 correctly rounded, G1 careful summation, G2 any order, G3 accumulated in float16 or bfloat16 itself."""
NARROW = ("float16", "bfloat16")
EXTRA = 8
"""Roundings beyond the d of a dot product: the 8 of u (d + 8)."""
UP = 1 + 2.0**-40
"""The bounds are computed in float64: a hundred or so roundings, and then some."""
SHARP = 2.0**-24
"""The part of kappa that may be left in doubt of kappa and of c."""


def growth(count: float | Float, u: float) -> Float:
    """k u / (1 - 2 k u): what k roundings can do to a quotient, second-order terms included; inf where 2 k u
    >= 1.
    """
    k = np.asarray(count, dtype=np.float64) * u
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.where(2 * k < 1, k / np.maximum(1 - 2 * k, 1e-300), np.inf))


def bound(e: Enclosure, dtype: object, grade: str, flush: bool = True) -> Float:
    """The native bound of e's values in `dtype` for a grade; float64, NaN where there is no value.

    G0 is half an ulp of the exact value. G3 exists for float16 and bfloat16 only (ValueError otherwise).
    `flush=False` takes back the eta terms: where whole sums of squares underflow they would excuse any
    answer, and underflow is to be judged as such.
    """
    required("a bound is that of", e)
    fmt = replace(format_of(dtype), flushes=flag("flush", flush))
    choice("grade", grade, GRADES)
    if grade == "G3" and fmt.name not in NARROW:
        raise ValueError(f"grade 'G3' is for {' and '.join(NARROW)}; for {fmt.name} use G0, G1 or G2")
    parts = [flat_bound(part, fmt, grade) for _, part in e.parts()]
    return np.concatenate(parts).reshape(e.shape)


def flat_bound(e: Enclosure, fmt: FloatFormat, grade: str) -> Float:
    """`bound`, flat."""
    zero = np.zeros(e.problem.size)
    main = zero if grade == "G0" else e.problem.bound(fmt, grade) * UP
    # Where the exponent is in doubt, an ulp that changes nothing in the sum may stand for it.
    negligible = main * 2.0**-20
    half = 0.5 * e.exponent_limits(fmt, negligible)
    return np.where(e.valued, main + half, np.nan)


def rounding(size: Float, count: int, fmt: FloatFormat, grade: str) -> Float:
    """What sums of `count` products, and the operations around them, may lose of `size`."""
    with np.errstate(invalid="ignore"):
        if grade == "G1":
            out = fmt.u * (2 * np.sqrt(count) + EXTRA) * size
        elif grade == "G2" and fmt.name in NARROW:
            single = FORMATS["float32"].u
            out = (growth(4, fmt.u) + growth(count + EXTRA, single)) * size
        else:
            out = growth(count + EXTRA, fmt.u) * size
    return np.where(size == 0, 0.0, out)


def conditioning(problem: CosineProblem) -> tuple[Float, Float]:
    """Upper bounds of kappa = sum |a b| / D and of 1/D, flat; 0 where D vanishes or there is no value.

    Far below a floor kappa is so small that the first stage, which knows it to some u, may tell nothing of its size.
    """
    kappa, inverse, sharp = np.zeros(problem.size), np.zeros(problem.size), np.zeros(problem.size, dtype=bool)
    left = np.flatnonzero(~problem.undefined & ~problem.zero_denominator)
    apart = by_norms(problem)
    if apart:
        for rows in problem.row_blocks(LADDER[0].block_elements, left):
            block = problem.pairs.block(rows)
            with np.errstate(all="ignore"):
                inverse[rows] = np.nextafter(inverse_norms(block.x) * inverse_norms(block.y), np.inf)
    for arithmetic in LADDER:
        everything = left.size == problem.size
        for rows in problem.row_blocks(arithmetic.block_elements, slice(None) if everything else left):
            c, denominator = problem.cosines(arithmetic, rows, absolute=True)
            with np.errstate(all="ignore"):
                low, high = arithmetic.bounds(c)
                kappa[rows], sharp[rows] = high, (high < np.inf) & (high - low <= high * SHARP)
                if not apart:
                    one = arithmetic.number(np.ones(len(kappa[rows])))
                    inverse[rows] = arithmetic.bounds(one / arithmetic.sqrt(denominator()))[1]
        left = left[~(sharp[left] & (apart | (inverse[left] < np.inf)))]
        if not left.size:
            break
    return kappa, inverse


def by_norms(problem: CosineProblem) -> bool:
    """Whether D is |a| |b| for rows that the arithmetics scale, so that D itself, or Q R, may leave the range."""
    return bool(problem.measure.norm_rule == "plain" and problem.pairs.wide and problem.pairs.repeats == 1)


def inverse_norms(rows: Float) -> Float:
    """Upper bounds of 1 / |x| for rows of any finite scale, none of them zero; inf where that overflows.

    The largest element is brought near 1; squares that vanish beside it make the norm smaller, and the bound larger.
    """
    exponent = np.frexp(np.max(np.abs(rows), axis=1, initial=0.0))[1]
    with np.errstate(all="ignore"):
        near = np.ldexp(rows, -exponent[:, None])
        inverse = (1 + (rows.shape[1] + 16) * 2.0**-52) / np.sqrt(np.sum(near * near, axis=1))
        return np.asarray(np.nextafter(np.ldexp(inverse, -exponent), np.inf))


def cosine_bound(problem: CosineProblem, fmt: FloatFormat, grade: str) -> Float:
    """E for c, -c, 1 - c and the embedding loss, without the final half ulp."""
    d, u = problem.pairs.length, fmt.u
    kappa, inverse, c = problem.spread
    with np.errstate(invalid="ignore", over="ignore"):
        out = rounding(kappa + np.abs(c), d, fmt, grade)
        if grade == "G3" or (grade == "G2" and fmt.name not in NARROW):
            flushed = fmt.eta * (d * inverse + d + 2 * np.sqrt(d) + 1) if fmt.flushes else 0.0
            out = out + np.where(kappa == 0, 0.0, flushed)  # without a nonzero product there is none to flush
    if problem.similar is None:
        return out + u if problem.score == "distance" else out
    # max(0, c - margin): the margin is rounded, the subtraction is exact up to the final half ulp, and max
    # is 1-Lipschitz; where c - margin is so far below 0 that rounding cannot lift it, the answer is exactly
    # 0.
    m = abs(problem.margin)
    hinge = out + u * m * (1 + u) + u * out
    # the upper end: a gap guessed too wide would prove too much
    gap = cosine_ends(problem, kappa * SHARP)[1] - problem.margin
    hinge = np.where(gap < 0, np.maximum(0.0, hinge + gap * (1 - 2 * u)), hinge)
    return np.where(problem.similar, out + u, hinge)


def spread(problem: CosineProblem) -> tuple[Float, Float, Float]:
    """Upper bounds of kappa, 1/D and |c| with the sign of c; flat, 0 where D vanishes or there is no value."""
    kappa, inverse = conditioning(problem)
    low, high = cosine_ends(problem, kappa * SHARP)
    c = np.where(np.abs(low) > np.abs(high), low, high)  # the end of larger magnitude
    return kappa, inverse, np.where(problem.zero_denominator, 0.0, np.clip(c, -kappa, kappa))


def cosine_ends(problem: CosineProblem, doubt: Float) -> tuple[Float, Float]:
    """Lower and upper end of the first enclosure of c that is no wider than that, flat."""
    low, high = np.zeros(problem.size), np.zeros(problem.size)

    def ask(arithmetic: Any, numbers: Any, rows: Any) -> Mask:
        low[rows], high[rows] = arithmetic.bounds(numbers)
        with np.errstate(invalid="ignore"):
            known: Mask = (high[rows] - low[rows] <= doubt[rows]) & np.isfinite(high[rows])
        return known

    Enclosure(problem.as_similarity()).refine(ask)
    return low, high


def contrastive_bound(problem: ContrastiveProblem, fmt: FloatFormat, grade: str) -> Float:
    """The bound of one contrastive cost; no sum is involved, so all grades but G0 agree.

    t = d or max(margin - d, 0). The margin and the difference are rounded: |t' - t| <= tau = u (|margin| +
    t), 0 for t = d. Squaring: |t'^2 - t^2| <= 2 t tau + tau^2, rounded once more, and multiplied by a label
    that is 0 or 1, added to 0 and halved without error, so 2 u t^2 covers it; eta if the square underflows.
    """
    u, d, m = fmt.u, np.where(problem.undefined, 0.0, problem.distances), problem.margin
    gap = m - d
    tau = u * (abs(m) + np.abs(gap)) * (1 + u)
    tau = np.where(gap < 0, np.maximum(0.0, tau + gap), tau)
    t = np.where(problem.similar, d, np.maximum(gap, 0.0))
    tau = np.where(problem.similar, 0.0, tau)
    if problem.squared:
        out = (
            (2 * np.abs(t) * tau + tau * tau) * (1 + 2 * u)
            + 2 * u * t * t
            + np.where((t == 0) & (tau == 0), 0.0, fmt.eta)
        )
    else:
        out = tau + u * np.abs(t)
    return out * (0.5 if problem.half else 1.0) * UP


def weighted_bound(problem: WeightedProblem, fmt: FloatFormat, grade: str) -> Float:
    """w e: |w| E, the rounding of w to the dtype and of the product; eta if it underflows. 0 for a weight of 0."""
    inner = flat_bound(problem.inner, fmt, grade)[problem.index]
    size = np.abs(problem.weights) * problem.inner.magnitude[problem.index]
    with np.errstate(invalid="ignore"):
        product = growth(2, fmt.u) * size + np.where(size == 0, 0.0, fmt.eta)
        out = np.abs(problem.weights) * inner * (1 + 3 * fmt.u) + product
    return np.where(problem.weights == 0, 0.0, out)  # nothing is lost, even where E is infinite


def total_bound(problem: TotalProblem, fmt: FloatFormat, grade: str) -> Float:
    """sum E_i / divisor + u (n + 3) sum |w e| / divisor, E_i that of the weighted elements.

    n - 1 additions, the division, and a divisor that is rounded once; mean_by_weight sums its divisor as
    well, a relative error of gamma_n sum |w| / |sum w|, or none where every order of summation is exact.
    """
    if problem.zero_over_zero or problem.undefined[0] or problem.nan[0]:
        return np.zeros(1)
    n = problem.inner.problem.size
    divisor = abs(float(np.max(np.abs(problem.divisor.bounds()))))
    terms = float(np.sum(flat_bound(problem.inner, fmt, grade)))
    sizes = np.array([float(np.sum(problem.inner.magnitude))])
    count = rounding_count(n, fmt, grade)
    with np.errstate(invalid="ignore", over="ignore"):
        out = (terms * (1 + count) + count * sizes) / divisor
        if problem.reduction == "mean_by_weight" and not sums_exactly(problem.weights, fmt):
            spread = count * float(np.sum(np.abs(problem.weights))) / divisor
            share = spread / (1 - spread) if spread < 1 else np.inf
            total = (sizes + terms) / divisor
            out = out + np.where(total == 0, 0.0, share * total)
    return np.asarray(out)


def sums_exactly(values: Float, fmt: FloatFormat) -> bool:
    """Whether any order of summation is exact: multiples of one power of two q, partial sums up to 2^p q."""
    digits, exponents = np.frexp(values[values != 0])
    if not digits.size or not np.isfinite(digits).all():
        return not digits.size
    whole = np.abs(np.ldexp(digits, 53)).astype(np.int64)
    q = float(np.min(np.ldexp((whole & -whole).astype(np.float64), exponents - 53)))
    with np.errstate(over="ignore"):
        return bool(q >= fmt.eta and np.sum(np.abs(values)) <= q / fmt.u)


def rounding_count(n: int, fmt: FloatFormat, grade: str) -> float:
    """The relative error of a sum of n terms, its division included."""
    if grade == "G1":
        return fmt.u * (2 * float(np.sqrt(n)) + 3)
    if grade == "G2" and fmt.name in NARROW:
        return float(growth(4, fmt.u) + growth(n + 3, FORMATS["float32"].u))
    return float(growth(n + 3, fmt.u))
