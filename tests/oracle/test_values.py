"""Enclosures and correctly rounded values against an independent computation at 400 digits."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest

from lossproof import oracle

from . import reference, samples

EPS = dict.fromkeys(samples.WITHOUT_EPS, 0.0)
ROWS, LENGTH = 4, 5


def check(e, expected):
    """e encloses the expected numbers (None: undefined) in at most 2 ulp, and rounds to the nearest float of
    each dtype.
    """
    lower, upper = e.lower.ravel(), e.upper.ravel()
    nearest = {dtype: e.rounded(dtype).astype(np.float64).ravel() for dtype in oracle.FLOAT_DTYPES}
    assert len(lower) == len(expected)
    for i, v in enumerate(expected):
        assert e.undefined.ravel()[i] == (v is None)
        if v is None:
            assert np.isnan(lower[i])
            assert np.isnan(upper[i])
            continue
        assert mpmath.mpf(float(lower[i])) <= v <= mpmath.mpf(float(upper[i]))
        with np.errstate(over="ignore"):
            assert upper[i] <= np.nextafter(lower[i], np.inf)
        for dtype, values in nearest.items():
            assert values[i] == reference.rounded(v, dtype), (i, dtype, v)
    assert not any(e.undecided(dtype).any() for dtype in oracle.FLOAT_DTYPES)


@pytest.mark.parametrize("region", samples.REGIONS)
@pytest.mark.parametrize("dtype", samples.DTYPES)
@pytest.mark.parametrize("rule", oracle.NORM_RULES)
def test_cosine(region, dtype, rule):
    x, y = samples.rows(region, dtype, ROWS, LENGTH)
    # an eps that some rows lie below and others above, wherever the region is
    norms = np.sqrt(np.abs(x.astype(np.float64)).max(1) * np.abs(y.astype(np.float64)).max(1) + 1e-320)
    eps = EPS.get(rule, float(np.median(norms)) or 1e-3)
    for score in oracle.SCORES if rule == "plain" else ("similarity", "distance"):
        e = oracle.cosine(x, y, score=score, norm_rule=rule, eps=eps)
        values = [reference.cosine(a, b, rule, eps) for a, b in zip(x, y, strict=True)]
        check(e, [None if c is None else reference.score(c, score) for c in values])


@pytest.mark.parametrize("region", samples.REGIONS)
@pytest.mark.parametrize("dtype", samples.DTYPES)
@pytest.mark.parametrize("margin", [0.0, 0.5, -0.25])
def test_cosine_embedding(region, dtype, margin):
    x, y = samples.rows(region, dtype, ROWS, LENGTH, seed=1)
    target = np.where(np.arange(ROWS) % 2, 1, -1)
    e = oracle.cosine_embedding(x, y, target, margin=margin, norm_rule="add_squared", eps=1e-12)
    expected = []
    for a, b, t in zip(x, y, target, strict=True):
        c = reference.cosine(a, b, "add_squared", 1e-12)
        expected.append(1 - c if t == 1 else max(mpmath.mpf(0), c - mpmath.mpf(margin)))
    check(e, expected)


@pytest.mark.parametrize("dtype", samples.DTYPES)
@pytest.mark.parametrize("squared", [True, False])
@pytest.mark.parametrize("half", [True, False])
@pytest.mark.parametrize("similar", [0, 1, -1])
def test_contrastive(dtype, squared, half, similar):
    labels = np.array([similar, 1 if similar <= 0 else 0] * 8)
    d = np.array([0, 0, 0.5, 0.5, 1, 1, 3, 3, 1e-5, 1e-5, -2, -2, 1e-40, 1.1, 1e4, 0.3]).astype(
        samples.DTYPES[dtype]
    )
    e = oracle.contrastive(labels, d, margin=1.1, similar=similar, squared=squared, half=half)
    expected = []
    for label, v in zip(labels, reference.fractions(d), strict=True):
        t = v if label == similar else max(reference.F(1.1) - v, reference.F(0))
        expected.append(reference.number((t * t if squared else t) / (2 if half else 1)))
    check(e, expected)


def test_the_zero_that_is_documented():
    x, y = np.zeros((2, 3)), np.ones((2, 3))
    assert oracle.cosine(x, y).undefined.all()
    assert (oracle.cosine(x, y, zero=0.0).lower == 0).all()
    assert (oracle.cosine(x, y, zero=0.0, score="distance").upper == 1).all()
    assert (oracle.cosine(x, y, zero=1.0, score="negated").upper == -1).all()
    e = oracle.cosine(x, y, zero=float("nan"))
    assert e.nan.all()
    assert not e.undefined.any()
    assert oracle.within([float("nan"), 0.0], e, 1.0).tolist() == [True, False]
    assert oracle.grade([float("nan"), 0.0], e, "float32").tolist() == ["G0", "none"]


@pytest.mark.parametrize("rule", [r for r in oracle.NORM_RULES if r not in samples.WITHOUT_EPS])
def test_eps_zero_is_the_plain_rule(rule):
    x, y = samples.rows("zeros", "float32", 8, 3)
    plain, other = oracle.cosine(x, y), oracle.cosine(x, y, norm_rule=rule, eps=0.0)
    assert (plain.undefined == other.undefined).all()
    assert plain.rounded("float64").tobytes() == other.rounded("float64").tobytes()


def test_axes_shapes_and_layouts():
    g = np.random.default_rng(3)
    x, y = g.standard_normal((2, 3, 4)).astype(np.float32), g.standard_normal((2, 3, 4)).astype(np.float32)
    base = oracle.cosine(x, y).rounded("float64")
    assert base.shape == (2, 3)
    for axis in (0, 1, 2, -1, -2, -3):
        e = oracle.cosine(np.moveaxis(x, -1, axis), np.moveaxis(y, -1, axis), axis=axis)
        assert (e.rounded("float64") == base).all()
        kept = oracle.cosine(np.moveaxis(x, -1, axis), np.moveaxis(y, -1, axis), axis=axis, keepdims=True)
        assert kept.shape == tuple(np.insert(np.array([2, 3]), axis % 3, 1))
    assert (oracle.cosine(x[:, ::-1][:, ::-1], np.asfortranarray(y)).rounded("float64") == base).all()
    x.flags.writeable = False
    assert (oracle.cosine(x, y).rounded("float64") == base).all()


def test_broadcasting_expands_before_it_normalises():
    g = np.random.default_rng(4)
    x, y = g.standard_normal((5, 1, 4)), g.standard_normal((1, 3, 4)).astype(np.float32)
    e = oracle.cosine(x, y)
    assert e.shape == (5, 3)
    full = oracle.cosine(np.broadcast_to(x, (5, 3, 4)), np.broadcast_to(y, (5, 3, 4)))
    assert (e.rounded("float64") == full.rounded("float64")).all()
    # a single element along the axis is repeated first, so its norm is that of the repeated row
    one = oracle.cosine([[2.0]], [[1.0, 1.0, 1.0, 1.0]])
    assert one.lower == one.upper == 1
    check(oracle.cosine([[3.0]], [[1.0, 2.0]]), [reference.cosine([3.0, 3.0], [1.0, 2.0])])


@pytest.mark.parametrize("dtype", samples.DTYPES)
def test_normalising_before_broadcasting(dtype):
    """Each row is divided by its own norm, a row of one element by its absolute value, and then repeated."""
    x = np.array([[3.0], [-0.5]]).astype(samples.DTYPES[dtype])
    y = samples.rows("ordinary", dtype, 2, 4)[1]
    e = oracle.cosine(x, y, broadcast="normalise", norm_rule="floor_norm", eps=1e-3)
    expected = []
    for a, b in zip(x, y, strict=True):
        s = reference.fractions(b)
        norm = reference.root(reference.dot(s, s))
        expected.append(reference.number(sum(s)) / norm * (1 if a[0] > 0 else -1))
    check(e, expected)
    assert (np.abs(oracle.cosine([[1.0]], [[1.0, 1.0, 1.0, 1.0]], broadcast="normalise").lower) == 2).all()


def test_mixed_dtypes_and_integers():
    x, y = np.array([[1, 2, 3]], dtype=np.int8), np.array([[0.1, 0.2, -0.3]], dtype=np.float16)
    check(oracle.cosine(x, y), [reference.cosine(x[0], y[0])])
    check(oracle.cosine([[1, 0]], [[1, 1]]), [reference.cosine([1, 0], [1, 1])])


@pytest.mark.parametrize("dtype", samples.DTYPES)
@pytest.mark.parametrize("rule", oracle.NORM_RULES)
def test_a_zero_has_no_sign(dtype, rule):
    """Exact zeros of every score, gradient and weight come out as +0, whichever stage or kernel tells them."""
    x, y = np.array([[1, 0, 0], [0, 2, 0], [1, 1, 1]]), np.array([[0, 1, 0], [-3, 0, 0], [-1, -1, 2]])
    x, y = (v.astype(samples.DTYPES[dtype]) for v in (x, y))
    eps = EPS.get(rule, 0.5)
    for score in ("similarity", "negated"):
        e = oracle.cosine(x, y, score=score, norm_rule=rule, eps=eps)
        gradient = oracle.cosine_gradient(x, y, score=score, norm_rule=rule, eps=eps)
        for some in (e, oracle.reduce(e, "none", -1.0), oracle.reduce(e, "sum", [-1.0, 1.0, -2.0]), gradient):
            for name in oracle.FLOAT_DTYPES:
                values = some.rounded(name).astype(np.float64)
                assert (values == 0).any()
                assert not np.signbit(values[values == 0]).any()
            for values in (some.lower, some.upper):
                assert not np.signbit(values[values == 0]).any()


def test_what_is_not_finite_is_undefined():
    x = np.array([[1.0, np.inf], [np.nan, 1.0], [1.0, 1.0]], dtype=np.float32)
    e = oracle.cosine(x, np.ones((3, 2)), norm_rule="floor_norm", eps=1e-8)
    assert e.undefined.tolist() == [True, True, False]
    assert np.isnan(e.lower[:2]).all()
    assert np.isnan(e.rounded("float32")[:2]).all()
    assert not oracle.within([np.nan, 0.0, 1.0], e, 1.0)[:2].any()


def test_empty_arrays():
    e = oracle.cosine(np.ones((0, 3)), np.ones((0, 3)))
    assert e.shape == e.lower.shape == e.rounded("float32").shape == (0,)
    assert oracle.bound(e, "float32", "G2").shape == (0,)
    assert oracle.cosine(np.ones((2, 0)), np.ones((2, 0))).undefined.all()  # the norm of nothing is 0
    assert (oracle.cosine(np.ones((2, 0)), np.ones((2, 0)), norm_rule="raw").upper == 0).all()


def test_inputs_are_copied_not_kept():
    x, y = np.ones((1, 2)), np.array([[1.0, 0.0]])
    e = oracle.cosine(x, y)
    x[:] = 7
    y[:] = 7
    assert e.rounded("float32")[0] == np.float32(np.sqrt(0.5))


@pytest.mark.parametrize("score", oracle.SCORES)
def test_no_end_of_an_enclosure_is_a_zero_with_a_minus_sign(score):
    """Of rows with nothing in common, and of those whose distance is 0."""
    x, y = np.array([[1.0, 0.0], [3.0, 4.0], [-1.0, 0.0]]), np.array([[0.0, 1.0], [3.0, 4.0], [0.0, -2.0]])
    e = oracle.cosine(x, y, score=score)
    for end in (e.lower, e.upper):
        assert not (np.signbit(end) & (end == 0)).any()
    assert 0.0 in e.lower


def test_what_no_stage_decides_is_told_and_has_no_rounded_value(monkeypatch):
    """No input is known of which the last stage gives up, so one is made up; rows without a value are not undecided."""
    e = oracle.cosine(np.array([[3.0, 4.0], [1.0, 2.0], [0.0, 0.0]]), np.ones((3, 2)))
    assert not e.undecided("float32").any()
    monkeypatch.setattr(e, "_rounded", lambda fmt: (np.ones(3, fmt.dtype), np.array([1, 2])))
    assert e.undecided("float32").tolist() == [False, True, False]
    assert np.isnan(e.rounded("float32")).tolist() == [False, True, True]
