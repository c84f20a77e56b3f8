"""The regions of pairs of vectors: each draws rows x and y of shape (n, d) that break implementations for one reason.

Rows of a region stay inside it, adversarial rows among them, so that a known divergence in one region hides none in
another.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np

from lossproof import oracle
from lossproof.conformance.families.regions import model
from lossproof.conformance.families.regions.held import Held
from lossproof.conformance.families.regions.model import (
    Numbers,
    Region,
    Shape,
    in_every_dtype,
    in_float32,
    nonzero,
    unit,
)
from lossproof.conformance.model.dtypes import Format, cast
from lossproof.conformance.model.subject import Subject
from lossproof.oracle.norm_rules.model import Eps

Pair = tuple[Numbers, Numbers]

VALUES: Final = ("value", "gradient")
FEW_BITS: Final = 64
"""Rows that are longer take long to judge where numbers are of few bits."""


def norms(test: Callable[[float, float, Format], bool]) -> Callable[[Held], bool]:
    """A test of finite rows without a zero row, by the log2 of their least and largest norm."""

    def contains(held: Held) -> bool:
        if not held.finite or np.isneginf(held.norms).any():
            return False
        return bool(test(float(held.norms.min()), float(held.norms.max()), held.format))

    return contains


of_ordinary_norm = norms(lambda low, high, f: low > -8 and 2 * high < f.emax - 2)


def _small_integers(rng: np.random.Generator, shape: tuple[int, ...], bits: int) -> Numbers:
    """Integers of few bits, so that products with small factors stay exact in the dtype; never a zero row."""
    top = 2**bits - 1
    values = rng.integers(-top, top + 1, shape).astype(np.float64)
    return nonzero(values)


def _powers(rng: np.random.Generator, n: int, low: float, high: float) -> Numbers:
    """Column of 2^e with e uniform between log2 bounds: norms log-uniform."""
    return np.exp2(rng.uniform(low, high, (n, 1)))


def _near_one(rows: Numbers) -> Numbers:
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
    return _near_one(nonzero(x)) * scale, _near_one(nonzero(y))


ORDINARY = Region(
    name=model.ORDINARY, draw=ordinary, contains=of_ordinary_norm, of_unit_norm=True,
    asked_by={
        **in_every_dtype(
            *VALUES, "batch", "determinism", "dtype", "mutation", "permutation", "range", "reduction", "scale", "sign",
            "symmetry", "weights",
        ),
        **in_float32("axis", "broadcasting", "error", "output", "shape"),
    },
    with_margins=True, place=5, plainest=True, plain=True, directed=True,
)  # fmt: skip


def parallel(rng: np.random.Generator, s: Shape) -> Pair:
    """y = k x with k > 0, exact in the dtype: the cosine is exactly 1."""
    x = _near_one(_small_integers(rng, (s.n, s.d), min(8, s.format.precision // 2)))
    k = rng.integers(1, 4, (s.n, 1)) * np.exp2(rng.integers(-3, 4, (s.n, 1)))
    return x, x * k


PARALLEL = Region(
    name="parallel", draw=parallel, contains=of_ordinary_norm, of_unit_norm=True,
    asked_by={**in_every_dtype(*VALUES, "range", "scale", "sign"), **in_float32("reduction")},
    with_margins=True, place=10, plain=True, directed=True,
)  # fmt: skip


def opposite(rng: np.random.Generator, s: Shape) -> Pair:
    """y = -k x with k > 0, exact in the dtype: the cosine is exactly -1."""
    x, y = parallel(rng, s)
    return x, -y


OPPOSITE = Region(
    name="opposite", draw=opposite, contains=of_ordinary_norm, of_unit_norm=True,
    asked_by=in_every_dtype(*VALUES, "range", "sign"),
    place=11, plain=True, directed=True,
)  # fmt: skip


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


ORTHOGONAL = Region(
    name="orthogonal", draw=orthogonal, contains=of_ordinary_norm, of_unit_norm=True,
    asked_by=in_every_dtype(*VALUES),
    place=13,
)  # fmt: skip


def nearly_orthogonal(rng: np.random.Generator, s: Shape) -> Pair:
    """The cosine is a few units of roundoff, of every fourth row just enough to tell c from 0 and from -c.

    y loses its projection on x, then a little of x comes back; in those rows with one sign, which a mean shows too.
    """
    x, y = rng.standard_normal((2, s.n, s.d))
    x = _near_one(cast(nonzero(x), s.format.name).astype(np.float64))
    y = y - x * (np.sum(x * y, -1, keepdims=True) / np.sum(x * x, -1, keepdims=True))
    units = rng.integers(-8, 9, (s.n, 1)).astype(np.float64)
    far = rng.choice([-1, 1]) * 12 * (s.d + 8)
    units = np.where(np.arange(s.n)[:, None] % 4 == 3, far, units)
    y = y + x * np.clip(units * s.format.unit, -0.125, 0.125)
    return x, _near_one(nonzero(y))  # in two dimensions little may be left of y


NEARLY_ORTHOGONAL = Region(
    name="nearly_orthogonal", draw=nearly_orthogonal, contains=of_ordinary_norm, of_unit_norm=True,
    asked_by=in_every_dtype(*VALUES, "permutation", "scale", "symmetry"),
    place=12, directed=True,
)  # fmt: skip


def zero(rng: np.random.Generator, s: Shape) -> Pair:
    """x, y or both are zero vectors, negative zeros among them."""
    x, y = ordinary(rng, s)
    kind = (np.arange(s.n) % 4)[:, None]
    x = np.where((kind == 0) | (kind == 2), 0.0, x)
    y = np.where((kind == 1) | (kind == 2), 0.0, y)
    return np.where(kind == 3, -0.0, x), y


ZERO = Region(
    name="zero", draw=zero, contains=lambda held: held.finite and bool(np.isneginf(held.norms).any()),
    asked_by={
        **in_every_dtype("zero_vector", "gradient"), **in_float32("determinism", "mutation", "output"),
    },
    place=1, special=True, kind="zero_vector", zero_rows=True,
)  # fmt: skip


def below_eps(rng: np.random.Generator, s: Shape) -> Pair:
    """Norms on both sides of the documented eps, in the quantity that the norm rule compares with it."""
    x, y = unit(rng.standard_normal((s.n, s.d))), unit(rng.standard_normal((s.n, s.d)))
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


BELOW_EPS = Region(
    name="below_eps", draw=below_eps, contains=norms(lambda low, high, f: high < 8),
    applies=lambda subject, dtype: bool(subject.eps()),
    asked_by=in_every_dtype("eps", "gradient"),
    longest=FEW_BITS, place=2, special=True,
)  # fmt: skip


def tiny_norm(rng: np.random.Generator, s: Shape) -> Pair:
    """Norms log-uniform from where the squared norm nears underflow to 1e-2: undocumented floors hide there."""
    low, high = s.format.emin / 2 + 10, np.log2(1e-2)
    x, y = unit(rng.standard_normal((s.n, s.d))), unit(rng.standard_normal((s.n, s.d)))
    y = np.where(np.arange(s.n)[:, None] % 2 == 0, x, y)
    return x * _powers(rng, s.n, low, high), y * _powers(rng, s.n, low, high)


TINY_NORM = Region(
    name="tiny_norm", draw=tiny_norm,
    contains=norms(lambda low, high, f: low <= np.log2(1e-2) and 2 * low > f.emin),
    exists=lambda f: f.emin / 2 + 10 < np.log2(1e-2),  # float16 has no norms between underflow and 1e-2
    asked_by=in_every_dtype(*VALUES),
    place=9, special=True, kinds=frozenset({"underflow"}), directed=True, costly=True,
)  # fmt: skip


def underflow(rng: np.random.Generator, s: Shape) -> Pair:
    """Norms so small that the squared norm underflows, although elements and cosine are ordinary numbers."""
    high = (s.format.emin - s.format.precision) / 2 - 2
    low = min(s.format.emin + 6, high - 3)
    x, y = unit(rng.standard_normal((s.n, s.d))), unit(rng.standard_normal((s.n, s.d)))
    y = np.where(np.arange(s.n)[:, None] % 2 == 0, x, y)
    both = (np.arange(s.n) % 3 > 0)[:, None]
    return x * _powers(rng, s.n, low, high), y * np.where(both, _powers(rng, s.n, low, high), 1.0)


UNDERFLOW = Region(
    name="underflow", draw=underflow, contains=norms(lambda low, high, f: 2 * low < f.emin),
    asked_by=in_every_dtype(*VALUES),
    place=0, extreme=True, kind="underflow", kinds=frozenset({"underflow"}), flush_counts=True, costly=True,
)  # fmt: skip


def overflow(rng: np.random.Generator, s: Shape) -> Pair:
    """Norms so large that the squared norm overflows, although elements and cosine are ordinary numbers."""
    low, high = s.format.emax / 2 + 2, s.format.emax - 3.0
    x, y = unit(rng.standard_normal((s.n, s.d))), unit(rng.standard_normal((s.n, s.d)))
    y = np.where(np.arange(s.n)[:, None] % 2 == 0, x, y)
    both = (np.arange(s.n) % 3 > 0)[:, None]
    return x * _powers(rng, s.n, low, high), y * np.where(both, _powers(rng, s.n, low, high), 1.0)


OVERFLOW = Region(
    name="overflow", draw=overflow, contains=norms(lambda low, high, f: 2 * high > f.emax),
    asked_by=in_every_dtype(*VALUES),
    place=4, extreme=True, kind="overflow", kinds=frozenset({"overflow"}), costly=True,
)  # fmt: skip


def mixed_scale(rng: np.random.Generator, s: Shape) -> Pair:
    """Elements of one row differ by many powers of two; squares and products stay in range."""
    q = s.format.emax / 5
    x, y = rng.standard_normal((2, s.n, s.d)) * np.exp2(rng.uniform(-q, q, (2, s.n, s.d)))
    return nonzero(x), nonzero(y)


MIXED_SCALE = Region(
    name="mixed_scale", draw=mixed_scale,
    contains=norms(lambda low, high, f: 2 * low > f.emin and 2 * high < f.emax),
    asked_by=in_every_dtype(*VALUES, "batch", "range", "symmetry"),
    place=8, kinds=frozenset({"underflow"}), directed=True, costly=True,
)  # fmt: skip


def subnormal(rng: np.random.Generator, s: Shape) -> Pair:
    """Elements below the smallest normal number, in x or in both."""
    x, y = _small_integers(rng, (2, s.n, s.d), min(6, s.format.precision - 2)) * s.format.smallest
    kind = (np.arange(s.n) % 3)[:, None]
    y = np.where(kind == 0, ordinary(rng, s)[1], np.where(kind == 1, x, y))
    return x, y


def _has_subnormals(held: Held) -> bool:
    smallest = held.format.smallest_normal
    return held.finite and any(bool(((np.abs(a) < smallest) & (a != 0)).any()) for a in held.values)


SUBNORMAL = Region(
    name="subnormal", draw=subnormal, contains=_has_subnormals,
    asked_by=in_every_dtype(*VALUES),
    longest=FEW_BITS, place=7, extreme=True, kinds=frozenset({"underflow"}), flush_counts=True, costly=True,
)  # fmt: skip


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


NONFINITE = Region(
    name="nonfinite", draw=nonfinite, contains=lambda held: not held.finite, of_unit_norm=True,
    asked_by=in_float32(*VALUES),
    place=15, special=True, refusable=True,
)  # fmt: skip

EMPTY = Region(
    name="empty", draw=ordinary, of_unit_norm=True,
    asked_by=in_float32(*VALUES, "reduction"),
    hollow=True, place=14, special=True, refusable=True,
)  # fmt: skip

LENGTH_1 = Region(
    name="length_1", draw=ordinary, contains=of_ordinary_norm, of_unit_norm=True,
    asked_by=in_every_dtype(*VALUES),
    lengths=(1,), place=3, directed=True,
)  # fmt: skip


def _long_can_be_judged(subject: Subject, dtype: str) -> bool:
    """float16 and bfloat16 accumulate too coarsely for a bound on long rows to reject anything."""
    return subject.compute_dtype(dtype) not in ("float16", "bfloat16")


LONG = Region(
    name="long", draw=ordinary, contains=of_ordinary_norm, applies=_long_can_be_judged, of_unit_norm=True,
    asked_by={**in_every_dtype(*VALUES, "permutation", "range"), **in_float32("determinism")},
    lengths=(4096, 5000, 8191), rows=8, place=6, directed=True,
)  # fmt: skip

REGIONS: Final = (
    ORDINARY, PARALLEL, OPPOSITE, ORTHOGONAL, NEARLY_ORTHOGONAL, ZERO, BELOW_EPS, TINY_NORM, UNDERFLOW, OVERFLOW,
    MIXED_SCALE, SUBNORMAL, NONFINITE, EMPTY, LENGTH_1, LONG,
)  # fmt: skip
