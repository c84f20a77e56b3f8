"""The bounds of single values, and where a jump or kink is near, against docs/bounds.md in 400 digits.

No bound is below its formula by anything, and none is above it by more than what float64 leaves in doubt.
"""

from __future__ import annotations

import mpmath
import numpy as np
import pytest

from lossproof import oracle
from lossproof.oracle.scores.bounds import inverse_norms

from . import reference, samples
from .test_formulas import GRADES, unit

TYPES = samples.DTYPES
F, N = reference.F, mpmath.mpf
SLACK = 2.0**-23
"""kappa and c are known to 2^-24 of kappa."""


def g(k, u):
    """k u / (1 - 2 k u); infinite where it proves nothing."""
    return N(k) * u / (1 - 2 * N(k) * u) if 2 * k * u < 1 else mpmath.inf


def lost(d, dtype, grade):
    """The relative loss of sums of d products and 8 roundings."""
    u = unit(dtype)[0]
    if grade == "G1":
        return u * (2 * mpmath.sqrt(d) + 8)
    if grade == "G2" and dtype in ("float16", "bfloat16"):
        return g(4, u) + g(d + 8, 2.0**-24)
    return g(d + 8, u)


def flushed(d, inverse, dtype, grade, rho=1):
    """eta (d / D + d + (1 + rho) sqrt(d) + 1) where all is computed in the dtype itself."""
    if grade == "G3" or (grade == "G2" and dtype in ("float32", "float64")):
        return unit(dtype)[1] * (d * inverse + d + (1 + rho) * mpmath.sqrt(d) + 1)
    return N(0)


def fits(told, wanted, value, dtype):
    """Not below the formula with the half ulp of the value, and hardly above."""
    half = reference.ulp(value, dtype) / 2
    if half < N(2) ** -1074:  # float64 has no number for it
        half = N(0)
    assert wanted + half <= N(float(told)) or (mpmath.isinf(wanted) and np.isinf(told))
    assert N(float(told)) <= (wanted + half) * (1 + SLACK) or np.isinf(told)


def parts(a, b, rule, eps):
    """c, kappa and 1/D."""
    q, r = (reference.dot(v, v) for v in map(reference.fractions, (a, b)))
    c, kappa = (reference.cosine(*rows, rule, eps) for rows in ((a, b), (np.abs(a), np.abs(b))))
    return c, kappa, 1 / reference.denominator(q, r, rule, eps)


RULES = [
    ("raw", 0.0),
    ("plain", 0.0),
    ("floor_norm", 1.5),
    ("floor_squared_product", 2.0),
    ("threshold", 0.75),
    ("threshold", 3.0),
    ("zero_as_one", 0.0),
    ("add_norm", 1.5),
    ("add_product", 1.5),
    ("floor_x_norm", 1.5),
    ("norm_of_x", 0.0),
    ("norm_of_y", 0.0),
]
OF_A_NORM = ("floor_norm", "threshold", "add_norm", "floor_x_norm")
STRETCHED = ("threshold", "norm_of_x", "norm_of_y")
"""Rules under which |a| |b| may exceed D."""
SHIFTS = {"float16": (0, -4), "bfloat16": (0, -60), "float32": (0, -60), "float64": (0, -170, -505)}
"""Powers of two that bring |a| |b| near the smallest normal number."""


def some_rows(dtype, shift, n=4, d=3):
    x, y = samples.rows("ordinary", "float16", n, d, seed=abs(shift))
    x[0], y[0, 1:] = np.eye(d)[0], 0.0
    y[1], y[1, 0] = 0.0, -1.0
    x[1, 0] = 0.0
    x, y = (np.ldexp(v.astype(np.float64), shift) for v in (x, y))
    return x.astype(TYPES[dtype]), y.astype(TYPES[dtype])


@pytest.mark.parametrize(("dtype", "grade"), GRADES)
@pytest.mark.parametrize(("rule", "eps"), RULES)
def test_a_cosine(dtype, grade, rule, eps):
    """lost(d) (kappa + |c|), what may be flushed where there is a product at all, and u for 1 - c."""
    u = unit(dtype)[0]
    for shift in SHIFTS[dtype]:
        x, y = some_rows(dtype, shift)
        if shift and (
            rule == "raw" or (rule == "threshold" and eps > 1)
        ):  # P itself would be a subnormal number
            continue
        scale = 2.0 ** (shift if rule in OF_A_NORM else 2 * max(shift, -250))
        for score in oracle.SCORES:
            e = oracle.cosine(x, y, score=score, norm_rule=rule, eps=eps * scale)
            told, steady = (oracle.bound(e, dtype, grade, flush=f) for f in (True, False))
            for i, (a, b) in enumerate(zip(x, y, strict=True)):
                c, kappa, inverse = parts(a, b, rule, eps * scale)
                q, r = (reference.dot(v, v) for v in map(reference.fractions, (a, b)))
                rho = max(N(1), reference.root(q * r) * inverse) if rule in STRETCHED else 1
                value = reference.score(c, score)
                main = lost(3, dtype, grade) * (kappa + abs(c)) + (u if score == "distance" else 0)
                fits(steady[i], main, value, dtype)
                fits(told[i], main + (flushed(3, inverse, dtype, grade, rho) if kappa else 0), value, dtype)


def test_elements_that_are_flushed_beside_a_longer_row():
    """x / |x| flushes 2^-130, and 2^100 / |x| would have brought it back: right, though c is known much better."""
    x, y = np.float32([[2.0**20, 2.0**-110]]), np.float32([[0.0, 2.0**100]])
    for rule, pair in (("norm_of_x", (x, y)), ("norm_of_y", (y, x))):
        e = oracle.cosine(*pair, norm_rule=rule)
        assert 0 < e.lower < 2.0**-49
        assert oracle.within(np.float32([0.0]), e, oracle.bound(e, "float32", "G2")).all()
        assert not oracle.within(np.float32([0.0]), e, oracle.bound(e, "float32", "G2", flush=False)).any()
    assert not oracle.within(np.float32([0.0]), oracle.cosine(y, y), oracle.bound(e, "float32", "G2")).any()


@pytest.mark.parametrize(("dtype", "grade"), GRADES)
@pytest.mark.parametrize("margin", [0.0, 0.3, -0.2, 0.97, -1.0])
def test_an_embedding_loss(dtype, grade, margin):
    """E_c + u |m| (1 + u) + u E_c, and what of it lifts c - m above 0 where that is negative; E_c + u for 1 - c."""
    u = unit(dtype)[0]
    x, y = some_rows(dtype, 0, 12)
    pull = np.where(np.arange(12) % 3 == 0, 0.02, 1.0)[:, None]  # some c are near 1, or near -1
    y = (np.sign(np.arange(12) % 2 - 0.5)[:, None] * x * (1 - pull) + y * pull).astype(TYPES[dtype])
    for target in (1, -1):
        e = oracle.cosine_embedding(x, y, target, margin=margin)
        told = oracle.bound(e, dtype, grade)
        for i, (a, b) in enumerate(zip(x, y, strict=True)):
            c, kappa, inverse = parts(a, b, "plain", 0.0)
            main = lost(3, dtype, grade) * (kappa + abs(c)) + (
                flushed(3, inverse, dtype, grade) if kappa else 0
            )
            gap = c - N(margin)
            value = 1 - c if target == 1 else max(gap, N(0))
            if target == 1:
                fits(told[i], main + u, value, dtype)
                continue
            hinge = main * (1 + u) + u * abs(margin) * (1 + u)
            if gap >= 0:
                fits(told[i], hinge, value, dtype)
                continue
            half, lifted = reference.ulp(0, dtype) / 2, max(N(0), hinge + gap)
            assert N(float(told[i])) * (1 + SLACK) >= lifted + (half if half >= N(2) ** -1074 else 0)
            assert (
                N(float(told[i])) <= max(N(0), hinge * (1 + SLACK) + gap * (1 - 2 * u)) * (1 + SLACK) + half
            )


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("squared", [True, False])
@pytest.mark.parametrize("half", [True, False])
def test_a_contrastive_cost(dtype, squared, half):
    """(2 |t| tau + tau^2)(1 + 2 u) + 2 u t^2 + eta, or tau + u |t|; tau = u (|m| + |m - d|)(1 + u), what lifts m - d
    above 0 of it, and 0 for similar pairs.
    """
    (u, eta), factor = unit(dtype), 0.5 if half else 1.0
    d = np.array([0.0, 0.5, 1.125, 1.25, 2.0, 40.0, -3.0, 2.0**-13]).astype(TYPES[dtype])
    d[5] = np.nextafter(np.float32(1.25), np.float32(2)) if dtype in ("float32", "float64") else 1.2578125
    for margin in (1.25, -0.5, 0.0):
        for similar in (True, False):
            e = oracle.contrastive(int(similar), d, margin=margin, squared=squared, half=half)
            for grade in ("G1", "G2"):
                for v, told in zip(d.astype(np.float64).tolist(), oracle.bound(e, dtype, grade), strict=True):
                    gap = N(margin) - N(v)
                    t, tau = (
                        (N(v), N(0)) if similar else (max(gap, N(0)), u * (abs(margin) + abs(gap)) * (1 + u))
                    )
                    if not similar and gap < 0:
                        tau = max(N(0), tau + gap)
                    wanted = tau + u * abs(t)
                    if squared:
                        wanted = (2 * abs(t) * tau + tau * tau) * (1 + 2 * u) + 2 * u * t * t
                        wanted += eta if t or tau else 0
                    fits(told, wanted * factor, (t * t if squared else t) * factor, dtype)


@pytest.mark.parametrize("length", [1, 2, 7, 300])
def test_inverse_norms_are_above_and_hardly_so(length):
    """Of rows of every size, some of whose squares vanish beside others, or altogether; inf where it overflows."""
    x = np.random.default_rng(length).standard_normal((60, length))
    x *= np.ldexp(1.0, np.random.default_rng(7).integers(-40, 40, x.shape))
    x = np.ldexp(x, np.linspace(-1000, 940, 60).astype(int)[:, None])
    for row, found in zip(x, inverse_norms(x), strict=True):
        squared = sum((v * v for v in reference.fractions(row)), F(0))
        above = F(float(found)) ** 2 * squared
        assert 1 <= above <= 1 + F((2 * length + 60), 1 << 52)
    assert np.isinf(inverse_norms(np.full((1, length), 5e-324))).all() or length > 4


def around(edge, held, blur=4e-12):
    """The last float64 within the edge of a range around what is held, and one that is beyond the edge by a blur."""
    side = 1 if edge > held else -1
    inside = float(edge)
    if side * N(inside) > side * edge:
        inside = float(np.nextafter(inside, -side * np.inf))
    return inside, float(edge + side * abs(edge) * blur)


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("length", [2, 6])
def test_a_threshold_is_near_within_the_roundings_of_a_norm(dtype, length):
    """|norm - eps| <= g(d + 8) eps."""
    slack = g(length + 8, unit(dtype)[0])
    x, y = np.zeros((2, 1, length), dtype=TYPES[dtype])
    x[0, :2], y[0, -2:] = (3, 4), (0.5, 16)
    for k, norm in ((0, N(5)), (1, mpmath.sqrt(N(256.25)))):
        for edge in (norm / (1 + slack), norm / (1 - slack)):
            for eps, near in zip(around(edge, norm), (True, False), strict=True):
                e = oracle.cosine(x, y, norm_rule="threshold", eps=eps)
                assert len(e.alternatives(dtype)) == near
                gradient = oracle.cosine_gradient(
                    *((x, y) if k == 0 else (y, x)), norm_rule="threshold", eps=eps
                )
                assert len(gradient.alternatives(dtype)) == near


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize(
    ("rule", "product", "squared"),
    [
        ("floor_norm", False, False),
        ("floor_squared_norm", False, True),
        ("floor_product", True, False),
        ("floor_squared_product", True, True),
    ],
)
def test_a_clamp_is_near_within_the_roundings_of_what_it_holds(dtype, rule, product, squared):
    """g(d + 8) of a norm, g(2 d + 8) of the product of two; the other row matters for the product alone."""
    x, y = np.zeros((2, 1, 4), dtype=TYPES[dtype])
    x[0, :2], y[0] = (3, 4), 0.75  # norms 5 and 3/2
    held = N(7.5) if product else N(5)
    slack = g(16 if product else 12, unit(dtype)[0])
    for edge in (held / (1 + slack), held / (1 - slack)):
        for floor, near in zip(around(edge, held), (True, False), strict=True):
            e = oracle.cosine_gradient(x, y, norm_rule=rule, eps=floor**2 if squared else floor)
            found = e.alternatives(dtype)
            assert len(found) == near
            assert all(other.hull for other in found)
    assert not oracle.cosine_gradient(0 * x, y, norm_rule=rule, eps=0.0).alternatives(dtype)
    for other in ("add_squared", "plain", "raw"):
        eps = 5.0 if other == "add_squared" else 0.0
        assert not oracle.cosine_gradient(x, y, norm_rule=other, eps=eps).alternatives(dtype)


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize(("rule", "wrt"), [("floor_x_norm", "x"), ("floor_y_norm", "y")])
def test_a_clamp_of_one_norm_alone_is_a_kink_of_its_array(dtype, rule, wrt):
    """The other array's gradient is that of one side, wherever the norms lie."""
    x, y = np.zeros((2, 1, 4), dtype=TYPES[dtype])
    x[0, :2], y[0] = (3, 4), 2.5  # both norms are 5
    for array in ("x", "y"):
        for other in (x, y):
            pair = (x, other) if wrt == "x" else (other, y)
            e = oracle.cosine_gradient(*pair, wrt=array, norm_rule=rule, eps=5.0)
            found = e.alternatives(dtype)
            assert len(found) == (array == wrt)
            for side in found:
                ends = [v.rounded("float64") for v in (e, side.enclosure)]
                assert (np.ravel(ends[0]) != np.ravel(ends[1])).any() or (ends[0] == 0).all()
    assert not oracle.cosine(x, y, norm_rule=rule, eps=5.0).alternatives(dtype)


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("sign", [1, -1])
def test_a_hinge_is_near_within_the_error_of_the_cosine_and_its_margin(dtype, sign):
    """|c - m| <= g(d + 8)(kappa + |c|) + eta d (1/D + 4) + 2 u |m|."""
    u, eta = unit(dtype)
    x, y = np.array([[1.0, -0.25, 0.0]], TYPES[dtype]), np.array([[3.0, 4.0, 0.5]], TYPES[dtype]) * sign
    c, kappa, inverse = parts(x[0], y[0], "plain", 0.0)
    error = g(11, u) * (kappa + abs(c)) + eta * 3 * (inverse + 4)
    for away in (1, -1):
        edge = (c + away * error) / (1 - away * 2 * u * mpmath.sign(c))
        for margin, near in zip(around(edge, c, 4e-12 * error + 4e-15), (True, False), strict=True):
            for target in (-1, 1):
                e = oracle.cosine_embedding_gradient(x, y, [target], margin=margin)
                assert len(e.alternatives(dtype)) == (near and target == -1)


@pytest.mark.parametrize("dtype", TYPES)
def test_a_hinge_is_not_near_rows_without_a_common_place(dtype):
    """Their cosine is 0 however it is computed: only the margin 0 itself is a kink."""
    x, y = np.eye(2, 4, dtype=TYPES[dtype])[:, None] * TYPES[dtype](3)
    tiny = float(np.finfo(np.float32).tiny)
    for margin, near in ((0.0, True), (tiny, False), (-tiny, False), (0.5, False)):
        e = oracle.cosine_embedding_gradient(x, y, [-1], margin=margin)
        assert len(e.alternatives(dtype)) == near
    for row, value in (([0, 0, 0, 0], 0.0), ([np.inf, 0, 0, 0], 0.0)):
        e = oracle.cosine_embedding_gradient(np.array([row], TYPES[dtype]), y, [-1], margin=value)
        assert not e.alternatives(dtype)


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("half", [True, False])
def test_a_margin_is_near_a_distance_within_two_roundings_of_it(dtype, half):
    """|d - m| <= 2 u |m| without squares: all between the slopes is right there; with squares there is no kink."""
    u = unit(dtype)[0]
    for margin in (1.5, -3.0):
        gaps = (0, 4 / 3, 8 / 3) if dtype == "float64" else (0, 2, 2.000001)  # as near as float64 has numbers
        d = np.array([margin + s * margin * u * v for s in (1, -1) for v in gaps])
        e = oracle.contrastive_gradient(0, d, margin=margin, squared=False, half=half)
        (other,) = e.alternatives(dtype)
        assert other.mask.tolist() == [True, True, False] * 2
        slope = 0.5 if half else 1.0
        values = {(float(a), float(b)) for a, b in zip(e.lower[:2], other.enclosure.lower[:2], strict=True)}
        assert values <= {(0.0, -slope), (-slope, 0.0)}
        assert other.enclosure.alternatives(dtype) == ()
        limit = oracle.bound(e, dtype, "G2")
        for share, right in ((0.0, True), (0.3, True), (1.0, True), (1.1, False), (-0.1, False)):
            assert (oracle.within(np.full(6, -slope * share), e, limit, dtype)[other.mask] == right).all()
        far = oracle.within(np.full(6, -slope * 0.3), e, limit, dtype)[~other.mask]
        assert not far.any()
        for odd in (
            oracle.contrastive_gradient(1, d, margin=margin, squared=False, half=half),
            oracle.contrastive_gradient(0, d, margin=margin, half=half),
        ):
            assert odd.alternatives(dtype) == ()
