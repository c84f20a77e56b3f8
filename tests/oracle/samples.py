"""Rows that are hard in one way each, for every dtype."""

from __future__ import annotations

import ml_dtypes
import numpy as np

from lossproof.oracle.norm_rules.rules import RULES

DTYPES = {"float16": np.float16, "bfloat16": ml_dtypes.bfloat16, "float32": np.float32, "float64": np.float64}
RANGE = {"float16": 4, "bfloat16": 18, "float32": 18, "float64": 150}
"""Norms may be 10^+-this."""
WITHOUT_EPS = [rule.name for rule in RULES if rule.eps is None]
KERNELED = [rule for rule in RULES if rule.kernel is not None]
"""The norm rules that the kernels know."""


def _ordinary(g, n, d, dtype):
    return g.standard_normal((n, d)), g.standard_normal((n, d))


def _nearly_orthogonal(g, n, d, dtype):
    x, y = g.standard_normal((n, d)), g.standard_normal((n, d))
    return x, y - x * ((x * y).sum(1) / (x * x).sum(1))[:, None]


def _parallel(g, n, d, dtype):
    x = g.integers(-8, 9, (n, d)).astype(float)
    return x, x * 2.0 ** g.integers(-2, 3, (n, 1))


def _opposite(g, n, d, dtype):
    x, y = _parallel(g, n, d, dtype)
    return x, -y


def _nearly_parallel(g, n, d, dtype):
    x = g.standard_normal((n, d))
    y = x.copy()
    y[np.arange(n), g.integers(0, d, n)] *= 1 + 2.0**-7
    return x, y


def _ties(g, n, d, dtype):
    """Pythagorean rows: the norms are rational, and with powers of two on top many cosines are short binary
    fractions.
    """
    x, y = np.zeros((n, d)), np.zeros((n, d))
    for i in range(n):
        a = [(3, 4, 5), (0, 1, 1), (5, 12, 13), (1, 0, 1)][g.integers(4)]
        x[i, :2] = a[:2]
        y[i, :2] = [(4, 3), (1, 0), (0, 2), (-4, 3), (1, 1)][g.integers(5)]
    return x, y


def _one_hot(g, n, d, dtype):
    x, y = np.zeros((n, d)), np.zeros((n, d))
    x[np.arange(n), g.integers(0, d, n)] = g.choice([1.0, -2.0, 0.75], n)
    y[np.arange(n), g.integers(0, d, n)] = g.choice([1.0, 3.0], n)
    return x, y


def _mixed_scale(g, n, d, dtype):
    half = RANGE[dtype] // 2
    return tuple(g.standard_normal((n, d)) * 10.0 ** g.integers(-half, half + 1, (n, d)) for _ in "xy")


def _subnormal(g, n, d, dtype):
    tiny = {"float16": -24, "bfloat16": -133, "float32": -149, "float64": -1074}[dtype]
    return tuple(np.ldexp(g.integers(-9, 10, (n, d)).astype(float), tiny) for _ in "xy")


def _extreme(g, n, d, dtype):
    e = {"float16": 4, "bfloat16": 37, "float32": 37, "float64": 300}[dtype]
    sign = g.choice([-1, 1], (n, 1))
    return g.random((n, d)) * 10.0 ** (sign * e), g.standard_normal((n, d)) * 10.0 ** (-sign * e)


def _tiny(g, n, d, dtype):
    e = {"float16": 3, "bfloat16": 30, "float32": 30, "float64": 200}[dtype]
    scale = 10.0 ** -g.uniform(0, e, (n, 1))
    return g.standard_normal((n, d)) * scale, g.standard_normal((n, d)) * scale


def _zeros(g, n, d, dtype):
    x, y = _ordinary(g, n, d, dtype)
    x[::2] = 0
    y[::3] = 0
    return x, y


REGIONS = {
    f.__name__[1:]: f
    for f in (
        _ordinary, _nearly_orthogonal, _parallel, _opposite, _nearly_parallel, _ties, _one_hot, _mixed_scale,
        _subnormal, _extreme, _tiny, _zeros,
    )
}  # fmt: skip


def rows(region, dtype, n, d, seed=0):
    """n pairs of rows of length d, rounded to the dtype and finite."""
    generator = np.random.default_rng(
        [seed, n, d, sorted(REGIONS).index(region), sorted(DTYPES).index(dtype)]
    )
    with np.errstate(all="ignore"):
        x, y = (v.astype(DTYPES[dtype]) for v in REGIONS[region](generator, n, d, dtype))
    for v in (x, y):
        v[~np.isfinite(v.astype(np.float64))] = 1
    return x, y
