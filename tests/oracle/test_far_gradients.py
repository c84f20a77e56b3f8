"""The bound of gradients of float64 rows far from 1, whose 1/D the oracle knows of scaled rows only."""

from __future__ import annotations

import numpy as np
import pytest

from lossproof import oracle


def rows(left: float, right: float) -> tuple[np.ndarray, np.ndarray]:
    g = np.random.default_rng(5)
    return g.standard_normal((40, 2)) * left, g.standard_normal((40, 2)) * right


@pytest.mark.parametrize(
    ("left", "right"), [(1e-8, 1e-144), (1e-144, 1e-8), (1e-150, 1.0), (1e120, 1e140), (1.0, 1.0)]
)
def test_the_bound_scales_with_the_gradient(left: float, right: float) -> None:
    # The gradient by x of the cosine of (left x, right y) is that of (x, y) over left, and so is its bound.
    plain = oracle.bound(oracle.cosine_gradient(*rows(1.0, 1.0)), "float64", "G2")
    far = oracle.bound(oracle.cosine_gradient(*rows(left, right)), "float64", "G2")
    assert np.all(far * left >= 0.4 * plain)
    assert np.all(far * left <= 2.5 * plain)


def test_a_float64_computation_lies_within_it() -> None:
    x, y = rows(1e-8, 1e-144)
    a, b = (v / np.linalg.norm(v / np.abs(v).max(), axis=-1, keepdims=True) / np.abs(v).max() for v in (x, y))
    norms = np.linalg.norm(x, axis=-1, keepdims=True)
    got = (b - a * (a * b).sum(-1, keepdims=True)) / norms
    gradient = oracle.cosine_gradient(x, y)
    assert oracle.within(got, gradient, oracle.bound(gradient, "float64", "G2")).all()
