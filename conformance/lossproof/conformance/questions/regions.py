"""Rows of numbers for one region: a part of the input space where implementations break for one reason.

Each function returns pairs of rows (x, y), shape (n, d), as float64 numbers on their way into a dtype. Rows of a
region stay inside it, adversarial rows among them, so that a known divergence in one region hides none in another.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lossproof import oracle
from lossproof.conformance.model.dtypes import FORMATS, Format, cast
from lossproof.conformance.model.subject import Subject
from lossproof.oracle.norm_rules.model import Eps

DISTANCE_REGIONS = (
    "ordinary",
    "zero",
    "tiny_norm",
    "mixed_scale",
    "subnormal",
    "nonfinite",
    "empty",
    "length_1",
    "long",
)
UNIT_REGIONS = (
    "ordinary",
    "parallel",
    "opposite",
    "orthogonal",
    "nearly_orthogonal",
    "nonfinite",
    "empty",
    "length_1",
    "long",
)

Vectors = NDArray[np.float64]
Pair = tuple[Vectors, Vectors]


@dataclass(frozen=True)
class Shape:
    """The facts a region may depend on: rows, length, format, and the documented eps and norm rule."""

    n: int
    d: int
    format: Format
    eps: float = 0.0
    norm_rule: str = "plain"


def _small_integers(rng: np.random.Generator, shape: tuple[int, ...], bits: int) -> Vectors:
    """Integers of few bits, so that products with small factors stay exact in the dtype; never a zero row."""
    top = 2**bits - 1
    values = rng.integers(-top, top + 1, shape).astype(np.float64)
    return _nonzero(values)


def _nonzero(rows: Vectors) -> Vectors:
    if rows.shape[-1]:
        rows[..., 0] = np.where(np.any(rows != 0, axis=-1), rows[..., 0], 1.0)
    return rows


def _unit(rows: Vectors) -> Vectors:
    """Rows scaled to norm 1 through their largest element, so that nothing overflows on the way."""
    rows = _nonzero(rows)
    with np.errstate(invalid="ignore"):  # nonfinite rows stay nonfinite
        rows = rows / np.max(np.abs(rows), axis=-1, keepdims=True, initial=0.0)
        return np.asarray(rows / np.sqrt(np.sum(rows * rows, axis=-1, keepdims=True)))


def _powers(rng: np.random.Generator, n: int, low: float, high: float) -> Vectors:
    """Column of 2^e with e uniform between log2 bounds: norms log-uniform."""
    return np.exp2(rng.uniform(low, high, (n, 1)))


def _near_one(rows: Vectors) -> Vectors:
    """Rows scaled by powers of two, without error, to norms between 1 and 2."""
    norms = np.sqrt(np.sum(rows * rows, axis=-1, keepdims=True))
    return rows * np.exp2(-np.floor(np.log2(np.where(norms > 0, norms, 1.0))))


def ordinary(rng: np.random.Generator, s: Shape) -> Pair:
    """Norms between 1/4 and 8; among them small integers, one sign, sparse rows, close pairs and cancelling sums."""
    x, y = rng.standard_normal((2, s.n, s.d))
    scale = np.exp2(rng.integers(-2, 3, (s.n, 1)))
    kind = np.arange(s.n) % 8
    integers_x, integers_y = _small_integers(rng, (2, s.n, s.d), 2)
    x, y = (np.where((kind == 1)[:, None], i, r) for i, r in ((integers_x, x), (integers_y, y)))
    x, y = (np.where((kind == 2)[:, None], np.abs(r), r) for r in (x, y))
    keep = rng.random((s.n, s.d)) < 2.0 / max(s.d, 2)
    x, y = (np.where((kind == 3)[:, None], r * keep, r) for r in (x, y))
    y = np.where((kind == 4)[:, None], x * (1 + rng.standard_normal((s.n, s.d)) / 64), y)
    order = rng.permutation(s.d)  # kind 5: the sum of products cancels to a few low bits
    y = np.where((kind == 5)[:, None], y - np.roll(y[:, order], 1, axis=-1) / 2, y)
    return _near_one(_nonzero(x)) * scale, _near_one(_nonzero(y))


def parallel(rng: np.random.Generator, s: Shape) -> Pair:
    """y = k x with k > 0, exact in the dtype: the cosine is exactly 1."""
    x = _near_one(_small_integers(rng, (s.n, s.d), min(8, s.format.precision // 2)))
    k = rng.integers(1, 4, (s.n, 1)) * np.exp2(rng.integers(-3, 4, (s.n, 1)))
    return x, x * k


def opposite(rng: np.random.Generator, s: Shape) -> Pair:
    """y = -k x with k > 0, exact in the dtype: the cosine is exactly -1."""
    x, y = parallel(rng, s)
    return x, -y


def orthogonal(rng: np.random.Generator, s: Shape) -> Pair:
    """x . y is exactly zero: pairs (a, b), (-b, a), or rows with disjoint supports."""
    x = _small_integers(rng, (s.n, s.d), min(8, s.format.precision // 2))
    x[:, 0] = np.where(x[:, 0] == 0, 1.0, x[:, 0])
    even = s.d - s.d % 2
    y = np.zeros_like(x)
    y[:, 0:even:2], y[:, 1:even:2] = -x[:, 1:even:2], x[:, 0:even:2]
    apart = rng.random((s.n, s.d)) < 0.5
    apart[:, 0], apart[:, -1] = True, False
    disjoint = (np.arange(s.n) % 4 == 3)[:, None]
    other = _small_integers(rng, (s.n, s.d), 3)
    other[:, -1] = 1.0
    return _near_one(np.where(disjoint, x * apart, x)), _near_one(np.where(disjoint, other * ~apart, y))


def nearly_orthogonal(rng: np.random.Generator, s: Shape) -> Pair:
    """The cosine is a few units of roundoff, of every fourth row just enough to tell c from 0 and from -c.

    y loses its projection on x, then a little of x comes back; in those rows with one sign, which a mean shows too.
    """
    x, y = rng.standard_normal((2, s.n, s.d))
    x = _near_one(cast(_nonzero(x), s.format.name).astype(np.float64))
    y = y - x * (np.sum(x * y, -1, keepdims=True) / np.sum(x * x, -1, keepdims=True))
    units = rng.integers(-8, 9, (s.n, 1)).astype(np.float64)
    far = rng.choice([-1, 1]) * 12 * (s.d + 8)
    units = np.where(np.arange(s.n)[:, None] % 4 == 3, far, units)
    y = y + x * np.clip(units * s.format.unit, -0.125, 0.125)
    return x, _near_one(_nonzero(y))  # in two dimensions little may be left of y


def zero(rng: np.random.Generator, s: Shape) -> Pair:
    """x, y or both are zero vectors, negative zeros among them."""
    x, y = ordinary(rng, s)
    kind = (np.arange(s.n) % 4)[:, None]
    x = np.where((kind == 0) | (kind == 2), 0.0, x)
    y = np.where((kind == 1) | (kind == 2), 0.0, y)
    return np.where(kind == 3, -0.0, x), y


def below_eps(rng: np.random.Generator, s: Shape) -> Pair:
    """Norms on both sides of the documented eps, in the quantity that the norm rule compares with it."""
    x, y = _unit(rng.standard_normal((s.n, s.d))), _unit(rng.standard_normal((s.n, s.d)))
    y = np.where(np.arange(s.n)[:, None] % 2 == 0, x, y)  # half of them parallel: the value is large
    use = oracle.norm_rule(s.norm_rule).eps or Eps()
    level = np.log2(s.eps)
    if use.squared:
        level /= 2
    span = _powers(rng, s.n, level - 6, level + 3)
    if use.product:
        share = np.exp2(rng.uniform(-2, 2, (s.n, 1)))
        return x * np.sqrt(span) * share, y * np.sqrt(span) / share
    third = (np.arange(s.n) % 3)[:, None]
    other = _powers(rng, s.n, level - 6, level + 3)
    return x * np.where(third == 0, 1.0, span), y * np.where(third == 1, 1.0, other)


def tiny_norm(rng: np.random.Generator, s: Shape) -> Pair:
    """Norms log-uniform from where the squared norm nears underflow to 1e-2: undocumented floors hide there."""
    low, high = s.format.emin / 2 + 10, np.log2(1e-2)
    x, y = _unit(rng.standard_normal((s.n, s.d))), _unit(rng.standard_normal((s.n, s.d)))
    y = np.where(np.arange(s.n)[:, None] % 2 == 0, x, y)
    return x * _powers(rng, s.n, low, high), y * _powers(rng, s.n, low, high)


def underflow(rng: np.random.Generator, s: Shape) -> Pair:
    """Norms so small that the squared norm underflows, although elements and cosine are ordinary numbers."""
    high = (s.format.emin - s.format.precision) / 2 - 2
    low = min(s.format.emin + 6, high - 3)
    x, y = _unit(rng.standard_normal((s.n, s.d))), _unit(rng.standard_normal((s.n, s.d)))
    y = np.where(np.arange(s.n)[:, None] % 2 == 0, x, y)
    both = (np.arange(s.n) % 3 > 0)[:, None]
    return x * _powers(rng, s.n, low, high), y * np.where(both, _powers(rng, s.n, low, high), 1.0)


def overflow(rng: np.random.Generator, s: Shape) -> Pair:
    """Norms so large that the squared norm overflows, although elements and cosine are ordinary numbers."""
    low, high = s.format.emax / 2 + 2, s.format.emax - 3.0
    x, y = _unit(rng.standard_normal((s.n, s.d))), _unit(rng.standard_normal((s.n, s.d)))
    y = np.where(np.arange(s.n)[:, None] % 2 == 0, x, y)
    both = (np.arange(s.n) % 3 > 0)[:, None]
    return x * _powers(rng, s.n, low, high), y * np.where(both, _powers(rng, s.n, low, high), 1.0)


def mixed_scale(rng: np.random.Generator, s: Shape) -> Pair:
    """Elements of one row differ by many powers of two; squares and products stay in range."""
    q = s.format.emax / 5
    x, y = rng.standard_normal((2, s.n, s.d)) * np.exp2(rng.uniform(-q, q, (2, s.n, s.d)))
    return _nonzero(x), _nonzero(y)


def subnormal(rng: np.random.Generator, s: Shape) -> Pair:
    """Elements below the smallest normal number, in x or in both."""
    x, y = _small_integers(rng, (2, s.n, s.d), min(6, s.format.precision - 2)) * s.format.smallest
    kind = (np.arange(s.n) % 3)[:, None]
    y = np.where(kind == 0, ordinary(rng, s)[1], np.where(kind == 1, x, y))
    return x, y


def nonfinite(rng: np.random.Generator, s: Shape) -> Pair:
    """One element of each row is inf, -inf or NaN, in x or in y."""
    x, y = ordinary(rng, s)
    if s.d:
        at = rng.integers(0, s.d, s.n)
        special = np.array([np.inf, -np.inf, np.nan])[np.arange(s.n) % 3]
        even = np.arange(s.n) % 2 == 0
        rows = np.arange(s.n)
        x[rows[even], at[even]] = special[even]
        y[rows[~even], at[~even]] = special[~even]
    return x, y


PAIRS: dict[str, Callable[[np.random.Generator, Shape], Pair]] = {
    "ordinary": ordinary,
    "parallel": parallel,
    "opposite": opposite,
    "orthogonal": orthogonal,
    "nearly_orthogonal": nearly_orthogonal,
    "zero": zero,
    "below_eps": below_eps,
    "tiny_norm": tiny_norm,
    "underflow": underflow,
    "overflow": overflow,
    "mixed_scale": mixed_scale,
    "subnormal": subnormal,
    "nonfinite": nonfinite,
    "empty": ordinary,
    "length_1": ordinary,
    "long": ordinary,
}


def exists(region: str, format_: Format) -> bool:
    """Whether the format has room for the region: float16 has no norms between underflow and 1e-2."""
    return region != "tiny_norm" or format_.emin / 2 + 10 < np.log2(1e-2)


def pairs(
    region: str, rng: np.random.Generator, shape: Shape, unit_norm: bool = False
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Rows x and y of a region in the dtype of `shape.format`, shapes (n, d); scaled to norm 1 where asked."""
    x, y = PAIRS[region](rng, shape)
    if unit_norm and shape.n and shape.d:
        x, y = _unit(x), _unit(y)
    return cast(x, shape.format.name), cast(y, shape.format.name)


def distances(region: str, rng: np.random.Generator, n: int, name: str, margin: float) -> NDArray[Any]:
    """Nonnegative distances of a region, shape (n,), the neighbourhood of the margin among them."""
    format_ = FORMATS[name]
    values = np.abs(rng.standard_normal(n)) * np.exp2(rng.integers(-3, 3, n))
    near = margin * (1 + rng.integers(-4, 5, n) * format_.unit)
    values = np.where(np.arange(n) % 4 == 1, near, values)
    if region == "zero":
        values = np.where(np.arange(n) % 2 == 0, 0.0, -0.0)
    elif region == "tiny_norm":
        values = np.exp2(rng.uniform(format_.emin / 2 + 6, np.log2(1e-2), n))
    elif region == "mixed_scale":
        values = np.exp2(rng.uniform(-format_.emax / 3, format_.emax / 3, n))
    elif region == "subnormal":
        values = rng.integers(1, 2 ** min(6, format_.precision - 2), n) * format_.smallest
    elif region == "nonfinite":
        values = np.array([np.inf, np.nan])[np.arange(n) % 2]
    return cast(values, name)


def possible(region: str, subject: Subject, dtype: str) -> bool:
    """Whether a region means something for an API in a dtype.

    Under a documented precondition of unit norm, rows of other norms are outside the documentation. Distances have no
    direction, and a squared distance that leaves the dtype's range is no representable result. float16 and bfloat16
    accumulate too coarsely for a bound on long rows to reject anything.
    """
    if dtype not in subject.semantics.dtypes or not exists(region, FORMATS[dtype]):
        return False
    if region == "long" and subject.compute_dtype(dtype) in ("float16", "bfloat16"):
        return False
    if subject.spec.family == "contrastive":
        return region in DISTANCE_REGIONS
    if subject.semantics.inputs == "unit_norm":
        return region in UNIT_REGIONS
    return True
