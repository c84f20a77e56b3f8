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
from lossproof.oracle.arithmetic.reals import square_root
from lossproof.oracle.kernels import fused
from lossproof.oracle.norm_rules.model import Eps, NormRule, Quadratic
from lossproof.oracle.norm_rules.rules import RULES

from . import reference, samples

EXACT = Exact()
LEVELS = [fmpq(n, 8) for n in (1, 3, 4, 7, 8, 9, 24, 64)]


def exact(formula, q, r, eps, flip=False):
    """A formula of Q, R and eps, by rational numbers, roots of squares among them."""
    q, r, eps, one = (EXACT.rational([fmpq(v)]) for v in (q, r, eps, 1))
    value = formula(Quadratic(EXACT, q, r, eps, one, np.array([flip]), np.array([False])))[0]
    return value.r + sum((factor * square_root(square) for factor, square in value.terms), fmpq(0))


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
    eps = fmpq(1, 2) if rule.eps else fmpq(0)
    assert rule.unit == all(exact(rule.square, q, r, eps) == 1 for q, r in pairs)
    assert rule.norms == all(exact(rule.square, q, r, eps) == q * r for q, r in pairs)
    assert rule.vanishes == (exact(rule.square, 0, 1, 0) == 0) == (exact(rule.square, 1, 0, 0) == 0)
    changes = any(exact(rule.square, q, r, fmpq(3)) != exact(rule.square, q, r, eps) for q, r in pairs)
    assert changes == (rule.eps is not None)
    far = fmpq(1000)  # where an eps decides nothing, scaling x by 2 scales D by 2
    assert rule.scale_free == (exact(rule.square, 4 * far, far, eps) == 4 * exact(rule.square, far, far, eps))


@every_rule
def test_a_clamp_or_a_jump_lies_where_the_rule_says(rule):
    """D^2 turned over differs from D^2 at a jump alone; its slope jumps at a kink."""
    if rule.eps is None:
        assert exact(rule.slope, 2, 3, 0) == exact(rule.slope, 2, 3, 5)
        return
    eps = fmpq(1, 4)
    level = fmpq(1, 2) if rule.eps.squared else eps
    assert rule.eps.level(0.25) == float(level)
    tiny, r = fmpq(1, 10**9), fmpq(1) if rule.eps.product else fmpq(7)
    below, above = (level**2 * (1 + sign * tiny) / (r if rule.eps.product else 1) for sign in (-1, 1))
    left, right = (exact(rule.square, q, r, eps) for q in (below, above))
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
        up, down, at = (exact(rule.square, q + s, r, eps) for s in (step, -step, 0))
        derivative = (up - down) / (2 * step) / at
        assert abs(exact(rule.slope, q, r, eps) - derivative) < fmpq(1, 10**9)


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
    assert "threshold; did you mean floor_norm" in str(told.value)
    with pytest.raises(ValueError, match=r"^norm_rule=7 is not known; .*threshold$"):
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
    assert found == ["0.5", "mine threshold"]


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
