"""Gradients and thresholds of float64 rows far from 1, whose norms the first stages do not know."""

from __future__ import annotations

import numpy as np
import pytest

from lossproof import oracle

from . import reference


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


@pytest.mark.parametrize("shift", [0, -190, -300, 190, 300])
@pytest.mark.parametrize("side", ["x", "y", "both"])
def test_a_norm_at_its_threshold_is_seen_wherever_it_lies(shift: int, side: str) -> None:
    """0.6 and 0.8 are no floats: the norm is eps but for a rounding, while the other row may be an ordinary one."""
    at, away = np.ldexp([[0.6, 0.8]], shift), np.array([[0.5, 8.0]])
    sides = {"x": (at, away), "y": (away, at), "both": (at, at)}[side]
    for eps, near in ((2.0**shift, True), (2.0**shift * 0.75, False)):
        others = oracle.cosine(*sides, norm_rule="threshold", eps=eps).alternatives("float64")
        assert len(others) == ((3 if side == "both" else 1) if near else 0)
        clamped = oracle.cosine_gradient(*sides, norm_rule="floor_norm", eps=eps).alternatives("float64")
        assert bool(clamped) == (near and side != "y")


@pytest.mark.parametrize("wrt", ["x", "y"])
def test_the_gradient_on_the_other_side_of_a_threshold(wrt: str) -> None:
    """Where |x| counts as 1 the gradient does not follow it, where |y| does that by x still follows |x|."""
    at, away = np.array([[0.6, 0.8]]) / 4, np.array([[0.5, 3.0]])
    for x, y, flipped in ((at, away, "x"), (away, at, "y")):
        e = oracle.cosine_gradient(x, y, wrt=wrt, norm_rule="threshold", eps=0.25)
        (other,) = e.alternatives("float64")
        a, b = (reference.fractions(v[0]) for v in ((x, y) if wrt == "x" else (y, x)))
        p, q, r = reference.dot(a, b), reference.dot(a, a), reference.dot(b, b)
        expected = set()
        for one in (False, True):  # whether the norm at the threshold counts as 1
            mine, theirs = one and flipped == wrt, one and flipped != wrt
            n = reference.root((reference.F(1) if mine else q) * (reference.F(1) if theirs else r))
            slope = reference.F(0) if mine else p / q
            values = (reference.number(v - w * slope) / n for v, w in zip(b, a, strict=True))
            expected.add(tuple(reference.rounded(v, "float64") for v in values))
        told = {tuple(v.rounded("float64")[0].tolist()) for v in (e, other.enclosure)}
        assert told == expected


@pytest.mark.parametrize("shift", [-700, -450, -250, -195, 195, 250, 450, 700])
@pytest.mark.parametrize("wrt", ["x", "y"])
def test_powers_of_two_change_no_bit_of_a_gradient(wrt: str, shift: int) -> None:
    """Of the other row none at all, of the row itself the exponent alone; zeros are among the elements of both."""
    g = np.random.default_rng(8)
    x, y = g.standard_normal((2, 30, 5)) * (g.random((2, 30, 5)) < 0.7)
    x[:, 0], y[:, 1] = 1.5, -0.75
    near = oracle.cosine_gradient(x, y, wrt=wrt)
    far = np.ldexp(x, 0 if wrt == "x" else shift), np.ldexp(y, 0 if wrt == "y" else shift)
    own = np.ldexp(x, shift if wrt == "x" else 0), np.ldexp(y, shift if wrt == "y" else 0)
    for dtype in oracle.FLOAT_DTYPES:
        assert oracle.cosine_gradient(*far, wrt=wrt).rounded(dtype).tobytes() == near.rounded(dtype).tobytes()
    both = oracle.cosine_gradient(*(np.ldexp(v, shift if abs(shift) < 500 else 0) for v in own), wrt=wrt)
    for found in (oracle.cosine_gradient(*own, wrt=wrt), both):
        e = found.rounded("float64")
        scale = np.round(np.log2(np.nanmax(np.abs(e)) / np.nanmax(np.abs(near.rounded("float64")))))
        assert scale in (-shift, -2 * shift)
        assert (np.ldexp(e, -int(scale)) == near.rounded("float64")).all()
