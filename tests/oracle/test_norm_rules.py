"""Norm rules as objects: the facts that each states are those of its formula, and one's own is taken as any other."""

from __future__ import annotations

import itertools
import math
import pickle
import re
import subprocess
import sys
import textwrap

import mpmath
import numpy as np
import pytest
from flint import fmpq

from lossproof import oracle
from lossproof.oracle.arithmetic.exact import Exact
from lossproof.oracle.kernels import fused
from lossproof.oracle.norm_rules.model import Eps, NormRule, Quadratic, Squared
from lossproof.oracle.norm_rules.rules import ADD_NORM, ADD_PRODUCT, RULES, ZERO_AS_ONE
from lossproof.oracle.scores.formula import Measure

from . import reference, samples

EXACT = Exact()
LEVELS = [fmpq(n, 8) for n in (1, 3, 4, 7, 8, 9, 24, 64)]


def exact(formula, q, r, eps, flip=False):
    """A formula of Q, R and eps, exactly where it is rational, else to 4000 bits."""
    q, r, eps, one = (EXACT.rational([fmpq(v)]) for v in (q, r, eps, 1))
    value = formula(Quadratic(EXACT, q, r, eps, one, np.array([flip]), np.array([False])))[0]
    value = value.merged()
    return fmpq(value.enclose(4000)[0], 1 << 4000) if value.terms else value.r


def square_of(rule):
    """D2 as the product of all that is divided by has it."""
    return Squared(rule.divisors)


def _added_under_the_root(n):
    return n.q * n.r + n.eps


def _slope(n):
    return n.r / (n.q * n.r + n.eps)


OWN = NormRule(
    name="add_squared_product",
    says="adds to the product of the squared norms: |x|^2 |y|^2 + {eps}",
    square=_added_under_the_root,
    slope=_slope,
    eps=Eps(product=True, squared=True),
    scale_free=False,
)
every_rule = pytest.mark.parametrize("rule", [*RULES, OWN], ids=lambda rule: rule.name)


@every_rule
def test_what_a_rule_says_of_its_denominator_is_so(rule):
    pairs = list(itertools.product(LEVELS, LEVELS))
    eps, square = fmpq(1, 2) if rule.eps else fmpq(0), square_of(rule)
    assert all(exact(rule.square, q, r, eps) == exact(square, q, r, eps) for q, r in pairs)
    assert rule.unit == all(exact(square, q, r, eps) == 1 for q, r in pairs)
    with_zeros = [*pairs, *((q, fmpq(0)) for q in LEVELS), *((fmpq(0), r) for r in LEVELS)]
    assert rule.norms == all(exact(square, q, r, eps) == q * r for q, r in with_zeros)
    below = (exact(square, q, r, level) < q * r for level in {eps, 6 * eps} for q, r in pairs)
    assert rule.unbounded == any(below)
    changes = any(exact(square, q, r, fmpq(3)) != exact(square, q, r, eps) for q, r in pairs)
    assert changes == (rule.eps is not None)
    far = fmpq(1000)  # where an eps decides nothing, scaling x by 2 scales D by 2
    assert rule.scale_free == (exact(square, 4 * far, far, eps) == 4 * exact(square, far, far, eps))


@every_rule
def test_which_zero_norms_make_the_denominator_zero(rule):
    """As the formula has it beside a norm of any size; nothing but a zero norm does."""
    square = square_of(rule)
    for eps in (0.0, 0.5, 5e-324) if rule.eps else (0.0,):
        level, vanishing = fmpq(*eps.as_integer_ratio()), Measure(rule, eps, None).vanishing
        for other in LEVELS:
            assert vanishing == (exact(square, 0, other, level) == 0, exact(square, other, 0, level) == 0)
            assert exact(square, other, other, level) > 0
        q, r = np.array([0.0, 2.0, 0.0, 3.0]), np.array([2.0, 0.0, 0.0, 3.0])
        zero = Measure(rule, eps, None).vanishes(q, r)
        assert zero.tolist() == [*vanishing, any(vanishing), False]


@every_rule
def test_arrays_that_change_places(rule):
    """The rule itself if it treats both alike; else one whose formulas are those of the other array."""
    swapped, square = rule.swapped(), square_of(rule)
    assert (swapped is rule) == (rule.slope_y is None)
    eps = fmpq(1, 2) if rule.eps else fmpq(0)
    for q, r in itertools.product(LEVELS, LEVELS):
        assert exact(square_of(swapped), r, q, eps) == exact(square, q, r, eps)
        for formula, other in ((rule.slope, swapped.slope_y), (rule.slope_y, swapped.slope)):
            if formula and other:
                assert exact(other, r, q, eps) == exact(formula, q, r, eps)
    if rule.eps:
        assert (swapped.eps.x, swapped.eps.y) == (rule.eps.y, rule.eps.x)
        for met, some in ((rule.eps.x, rule), (rule.eps.y, swapped)):
            for level in (fmpq(1, 100), fmpq(9)):  # on both sides of the norm of a alone
                at, none = (exact(square_of(some), fmpq(1), fmpq(100), e) for e in (level, fmpq(0)))
                assert met or at == none
    assert swapped.swapped().name == rule.name


@every_rule
def test_a_clamp_or_a_jump_lies_where_the_rule_says(rule):
    """D^2 turned over differs from D^2 at a jump alone; its slope jumps at a kink."""
    rule = rule if rule.eps is None or rule.eps.x else rule.swapped()
    square = square_of(rule)
    if rule.eps is None:
        assert exact(rule.slope, 2, 3, 0) == exact(rule.slope, 2, 3, 5)
        return
    eps = fmpq(1, 4)
    level = fmpq(1, 2) if rule.eps.squared else eps
    assert rule.eps.level(0.25) == float(level)
    tiny, r = fmpq(1, 10**9), fmpq(1) if rule.eps.product else fmpq(7)
    below, above = (level**2 * (1 + sign * tiny) / (r if rule.eps.product else 1) for sign in (-1, 1))
    left, right = (exact(square, q, r, eps) for q in (below, above))
    assert rule.eps.jump == (abs(left - right) > tiny * 100 * max(left, right))
    left, right = (exact(rule.slope, q, r, eps) for q in (below, above))
    assert (rule.eps.kink or rule.eps.jump) == (left == 0 != right)
    if not (rule.eps.kink or rule.eps.jump):
        assert abs(left - right) < tiny * 100 * abs(right)


@every_rule
def test_the_slope_is_the_derivative_of_the_denominator(rule):
    """d(log D)/da = k a: half the derivative of log D2 by Q, times 2 a. By differences of rationals."""
    step = fmpq(1, 10**12)
    for q, r in itertools.product([fmpq(1, 64), fmpq(3, 8), fmpq(9)], repeat=2):
        eps = fmpq(1, 5) if rule.eps else fmpq(0)
        for some in (rule, rule.swapped()):
            up, down, at = (exact(square_of(some), q + s, r, eps) for s in (step, -step, 0))
            derivative = (up - down) / (2 * step) / at
            assert abs(exact(some.slope, q, r, eps) - derivative) < fmpq(1, 10**9)


def test_a_kernel_is_for_a_denominator_that_it_knows():
    for what in ({"slope_y": _slope}, {"unbounded": True}, {"factors": lambda n: (n.q,)}):
        with pytest.raises(ValueError, match="kernels know no such denominator"):
            NormRule("mine", "", _slope, _slope, kernel=lambda eps: (0.0, 0.0, eps), **what)


@pytest.mark.parametrize("rule", [ZERO_AS_ONE, ADD_NORM, ADD_PRODUCT], ids=lambda rule: rule.name)
def test_nothing_follows_a_norm_of_zero(rule):
    """The norm has no derivative there, or counts as 1; P is 0, so the slope is taken as 0."""
    eps = 1 if rule.eps else 0
    assert exact(rule.slope, 0, 3, eps) == 0
    assert exact(rule.slope, 4, 0, eps) == (
        0 if rule is ADD_PRODUCT else fmpq(1, 6) if rule.eps else fmpq(1, 4)
    )


@every_rule
def test_kernels_know_only_what_is_no_less_than_the_norms(rule):
    """|a| |b| <= D, which the radius of the fused first stage rests on, and the same number in bare floats."""
    if rule.kernel is None:
        return
    for q, r in itertools.product(LEVELS, LEVELS):
        eps = fmpq(3, 8) if rule.eps else fmpq(0)
        d2 = exact(rule.square, q, r, eps)
        assert d2 >= q * r
        floats = (np.float64(float(v.p) / float(v.q)) for v in (q, r, eps, fmpq(1)))
        assert rule.square(Quadratic(fused.Floats(), *floats)) == float(d2.p) / float(d2.q)


def test_a_followed_derivative_differs_below_the_floor_alone():
    (rule,) = [rule for rule in RULES if rule.followed]
    assert exact(rule.followed, 4, 1, 1) == exact(rule.slope, 4, 1, 1) == fmpq(1, 4)
    assert exact(rule.slope, fmpq(1, 4), 1, 1) == 0
    assert exact(rule.followed, fmpq(1, 4), 1, 1) == 2  # 1 / (eps |a|)
    assert exact(rule.followed, 0, 1, 1) == 0
    for past, k in ((True, 2), (False, 0)):
        assert exact(lambda n, past=past: rule.slope_of(n, past), fmpq(1, 4), 1, 1) == k


def test_a_jump_that_is_no_norm_is_refused():
    for eps in (Eps(jump=True, kink=True), Eps(jump=True, product=True)):
        with pytest.raises(ValueError, match="a jump lies at a norm"):
            NormRule("mine", "", _slope, _slope, eps=eps)


def test_rules_travel_to_other_processes():
    for rule in RULES:
        assert pickle.loads(pickle.dumps(rule)) == rule


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_a_rule_is_taken_by_its_name_or_as_itself(rule):
    assert oracle.norm_rule(rule.name) is oracle.norm_rule(rule) is rule
    x, y = samples.rows("ordinary", "float32", 8, 5, seed=3)
    eps = 0.7 if rule.eps else 0.0
    named = oracle.cosine_gradient(x, y, norm_rule=rule.name, eps=eps)
    given = oracle.cosine_gradient(x, y, norm_rule=rule, eps=eps)
    assert named.lower.tobytes() == given.lower.tobytes()
    with (
        pytest.raises(ValueError, match=f"norm_rule {rule.name!r} has no eps")
        if rule.eps is None
        else (pytest.raises(ValueError, match="eps=-1"))
    ):
        oracle.cosine(x, y, norm_rule=rule, eps=1.0 if rule.eps is None else -1.0)


@pytest.mark.parametrize("dtype", samples.DTYPES)
def test_a_rule_of_ones_own_is_enclosed_rounded_and_judged(dtype):
    x, y = samples.rows("ordinary", dtype, 40, 6, seed=1)
    eps = 20.3
    e = oracle.cosine(x, y, norm_rule=OWN, eps=eps)
    for i, (a, b) in enumerate(zip(x, y, strict=True)):
        v, w = reference.fractions(a), reference.fractions(b)
        squared = reference.dot(v, v) * reference.dot(w, w) + reference.F(eps)
        value = reference.number(reference.dot(v, w)) / reference.root(squared)
        assert mpmath.mpf(e.lower[i].item()) <= value <= mpmath.mpf(e.upper[i].item())
        assert e.rounded(dtype)[i] == reference.rounded(value, dtype)
    p, q, r = (x * y).sum(1), (x * x).sum(1), (y * y).sum(1)
    right = (p / np.sqrt(q * r + x.dtype.type(eps))).astype(x.dtype)
    plain = (p / np.sqrt(q * r)).astype(x.dtype)
    narrow = dtype in ("float16", "bfloat16")
    tolerance = oracle.bound(e, dtype, "G3" if narrow else "G2")
    assert oracle.within(right, e, tolerance).all()
    assert not oracle.within(plain, e, tolerance).all()


def test_the_gradient_of_a_rule_of_ones_own():
    x, y = samples.rows("ordinary", "float64", 6, 4, seed=2)
    step = 2.0**-20
    for wrt, own in (("x", 0), ("y", 1)):
        gradient = oracle.cosine_gradient(x, y, wrt=wrt, norm_rule=OWN, eps=0.3)
        for i in range(x.shape[1]):
            ends = []
            for sign in (1, -1):
                arrays = [x.copy(), y.copy()]
                arrays[own][:, i] += sign * step
                ends.append(oracle.cosine(*arrays, norm_rule=OWN, eps=0.3).rounded("float64"))
            np.testing.assert_allclose((ends[0] - ends[1]) / (2 * step), gradient.lower[:, i], atol=1e-9)
    assert not gradient.alternatives("float32")


def test_an_unknown_name_is_told_with_the_nearest():
    with pytest.raises(
        ValueError, match=r"^norm_rule='flor_norm' is not known; allowed: raw, plain, "
    ) as told:
        oracle.cosine([1.0], [1.0], norm_rule="flor_norm")
    assert "norm_of_y; did you mean floor_norm" in str(told.value)
    with pytest.raises(ValueError, match=r"^norm_rule=7 is not known; .*norm_of_y$"):
        oracle.cosine([1.0], [1.0], norm_rule=7)


BROUGHT = """
import math
from lossproof.oracle.norm_rules.model import Eps, NormRule

def square(n):
    return n.q * n.r + n.eps

def slope(n):
    return n.r / (n.q * n.r + n.eps)

RULE = NormRule("{name}", "adds to the product", square, slope, eps=Eps(product=True, squared=True))
"""
ASK = """
import sys
from lossproof import oracle
assert "importlib.metadata" not in sys.modules
oracle.cosine([3.0, 4.0], [3.0, 4.0], norm_rule="floor_norm", eps=1.0)
assert "importlib.metadata" not in sys.modules
try:
    print(oracle.cosine([3.0, 4.0], [3.0, 4.0], norm_rule="mine", eps=1875.0).rounded("float64"))
    print([rule.name for rule in oracle.norm_rules()][-1], oracle.NORM_RULES[-1])
except ValueError as error:
    print(error)
"""


def brought(tmp_path, packages):
    """The output of a process that finds these packages: (name, value of the entry point, code)."""
    for name, value, code in packages:
        info = tmp_path / f"{name}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[lossproof.norm_rules]\nmine = {value}\n")
        (tmp_path / f"{name}.py").write_text(code)
    script = f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n{textwrap.dedent(ASK)}"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_an_installed_package_brings_a_rule(tmp_path):
    assert math.sqrt(25 * 25 + 1875) == 50
    found = brought(tmp_path, [("brings", "brings:RULE", BROUGHT.format(name="mine"))])
    assert found == ["0.5", "mine norm_of_y"]


@pytest.mark.parametrize(
    ("packages", "told"),
    [
        ([("brings", "brings:NONE", "")], "entry point mine of brings: .*brings:NONE' cannot be loaded: Attr"),
        ([("brings", "brings:RULE", BROUGHT.format(name="other"))], "'brings:RULE' is no norm rule called 'mine'"),
        ([("brings", "brings:RULE", "RULE = 1")], "'brings:RULE' is no norm rule called 'mine'"),
        (
            [(name, f"{name}:RULE", BROUGHT.format(name="mine")) for name in ("brings", "also")],
            "entry point mine of .*: lossproof.norm_rules: another installed package brings this name, too",
        ),
    ],
    ids=["missing", "misnamed", "no rule", "twice"],
)  # fmt: skip
def test_a_package_at_fault_is_named_in_one_line(tmp_path, packages, told):
    (line,) = brought(tmp_path, packages)
    assert re.search(told, line), line
