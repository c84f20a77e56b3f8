"""All pairs against the same pairs one by one."""

from __future__ import annotations

import numpy as np
import pytest

from lossproof import oracle

from . import samples


@pytest.mark.parametrize(
    "region", ["ordinary", "parallel", "one_hot", "zeros", "mixed_scale", "nearly_orthogonal"]
)
@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float64"])
@pytest.mark.parametrize(
    "rule", ["plain", "floor_norm", "threshold", "raw", "add_norm", "floor_y_norm", "norm_of_x"]
)
def test_matrix(region, dtype, rule):
    x, y = samples.rows(region, dtype, 9, 6)
    y = y[:7]
    eps = 0.0 if rule in samples.WITHOUT_EPS else 0.7
    for score in oracle.SCORES:
        e = oracle.cosine_matrix(x, y, score=score, norm_rule=rule, eps=eps)
        f = oracle.cosine(x[:, None], y[None], score=score, norm_rule=rule, eps=eps)
        assert e.shape == f.shape == (9, 7)
        assert (e.undefined == f.undefined).all()
        assert e.lower.tobytes() == f.lower.tobytes()
        assert e.upper.tobytes() == f.upper.tobytes()
        assert e.rounded(dtype).tobytes() == f.rounded(dtype).tobytes()
        assert np.allclose(
            oracle.bound(e, dtype, "G2"), oracle.bound(f, dtype, "G2"), rtol=1e-9, equal_nan=True
        )
        answer = np.where(e.undefined, 0, e.rounded("float32").astype(np.float32))
        assert (oracle.within(answer, e, 1e-6) == oracle.within(answer, f, 1e-6)).all()


def test_more_pairs_than_one_block():
    g = np.random.default_rng(0)
    x, y = g.standard_normal((700, 3)).astype(np.float32), g.standard_normal((400, 3)).astype(np.float32)
    e = oracle.cosine_matrix(x, y)
    rounded = e.rounded("float32")
    for i in (0, 327, 328, 699):
        assert (rounded[i] == oracle.cosine(x[i : i + 1], y).rounded("float32")).all()
    mean = oracle.reduce(e, "mean")
    assert abs(float(mean.lower) - rounded.mean(dtype=np.float64)) < 1e-7


def test_a_product_that_vanishes_by_cancelling_is_not_taken_for_zero():
    """Ones among them: 1e30 + 1 - 1e30 is 0 in float64."""
    ones, large = (
        np.array([[1.0, 1.0, 1.0], [0.0, 1.0, 0.0]]),
        np.array([[1e30, 1.0, -1e30], [1.0, 0.0, 1.0]]),
    )
    for x, y in ((ones, large), (large, ones)):
        e, f = oracle.cosine_matrix(x, y), oracle.cosine(x[:, None], y[None])
        assert e.lower.tobytes() == f.lower.tobytes()
        assert (np.abs(e.lower) > 1e-31).sum() == 3


def test_bad_input():
    for x, y in ((np.ones(3), np.ones((2, 3))), (np.ones((2, 3)), np.ones((2, 4)))):
        with pytest.raises(ValueError, match=r"allowed: \(n, d\) and \(m, d\)"):
            oracle.cosine_matrix(x, y)
    assert oracle.cosine_matrix(np.ones((0, 3)), np.ones((2, 3))).rounded("float32").shape == (0, 2)
    assert oracle.cosine_matrix(np.ones((2, 3)), np.ones((0, 3))).rounded("float32").shape == (2, 0)
    assert np.isnan(oracle.cosine_matrix(np.array([[np.inf, 1]]), np.ones((2, 2))).lower).all()
