"""The stages of the ladder by themselves: each holds the value, and whatever it calls decided is right."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import textwrap
import threading
from dataclasses import replace

import numpy as np
import pytest

from lossproof import oracle
from lossproof.oracle.enclosure import LADDER
from lossproof.oracle.formats import FORMATS
from lossproof.oracle.kernels import choice
from lossproof.oracle.norm_rules.rules import RULES

from . import enclosed, samples, soaking
from .samples import KERNELED


def test_a_small_soak():
    """Exact integers and mpmath on every region and dtype; `python -m benchmarks.soak` does it for as long as one
    likes.
    """
    counts = soaking.Counter()
    for region in samples.REGIONS:
        for dtype in samples.DTYPES:
            assert soaking.check(region, dtype, 5, 31, counts, chunk=50) == 0, (region, dtype)
    assert counts["double-double float64"] > 0.9 * counts["valued"]
    assert counts["exact float64"] == counts["valued"]


@pytest.mark.parametrize("rule", KERNELED, ids=lambda rule: rule.name)
@pytest.mark.parametrize("region", ["ordinary", "nearly_orthogonal", "mixed_scale", "one_hot", "extreme"])
def test_the_fused_first_stage_agrees_with_the_formula(rule, region):
    """Its ball and that of the generic formula enclose the same value: they meet, and both hold the exact one."""
    x, y = samples.rows(region, "float64", 64, 9)
    problem, other = (
        oracle.cosine(x, y, norm_rule=r, eps=0.6 if r.eps else 0.0).problem
        for r in (rule, replace(rule, kernel=None))
    )
    first = LADDER[0]
    rows = np.flatnonzero(~problem.undefined)
    fast = first.bounds(problem.evaluate(first, rows))
    exact = LADDER[-1].bounds(problem.evaluate(LADDER[-1], rows))
    plain = first.bounds(other.evaluate(first, rows))
    for low, high in (fast, plain):
        assert (low <= exact[1]).all()
        assert (high >= exact[0]).all()
    known = np.isfinite(fast[0])
    assert known.any() or region == "extreme"
    assert ((fast[1] - fast[0])[known] < 1e-13).all()


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
@pytest.mark.parametrize("region", ["ordinary", "zeros", "mixed_scale", "ties", "extreme", "subnormal"])
def test_each_stage_by_itself_holds_the_value_and_the_gradient(rule, region):
    """Whatever a stage says, the exact one says too; most rows that are neither huge nor tiny are known to each."""
    x, y = samples.rows(region, "float64", 24, 5)
    given = {"norm_rule": rule, "eps": 0.75 if rule.eps else 0.0}
    for e in (oracle.cosine(x, y, **given), *(oracle.cosine_gradient(x, y, wrt=w, **given) for w in "xy")):
        rows = np.flatnonzero(~e.problem.undefined)
        low, high = (ends.ravel()[rows] for ends in (e.lower, e.upper))
        for arithmetic in LADDER:
            numbers = e.problem.evaluate(arithmetic, rows)
            lower, upper = arithmetic.bounds(numbers)
            assert ((lower <= low) & (high <= upper)).all()
            for name, fmt in FORMATS.items():
                told, decided = arithmetic.rounded(numbers, fmt)
                assert (told[decided] == e.rounded(name).astype(np.float64).ravel()[rows][decided]).all()
            assert arithmetic is not LADDER[-1] or decided.all()
            if region in ("ordinary", "zeros"):
                assert (upper - lower <= 1e-9 * np.maximum(1, np.abs(upper))).mean() > 0.9


SCRIPT = textwrap.dedent(
    """
    import hashlib, sys
    import numpy as np
    from lossproof import oracle
    from lossproof.oracle.kernels import choice
    sys.path.insert(0, sys.argv[1])
    from tests.oracle import samples
    digest = hashlib.sha256()
    RULES = ("plain", 0.0), ("floor_norm", 0.5), ("floor_squared_product", 0.1), ("add_squared", 1e-3)
    for region in ("ordinary", "nearly_orthogonal", "parallel", "ties", "zeros", "subnormal"):
        for dtype in samples.DTYPES:
            for length in (3, 40):
                x, y = samples.rows(region, dtype, 20, length)
                for name in ("float16", "bfloat16", "float32"):
                    digest.update(oracle.cosine_gradient(x, y, score="negated").rounded(name).tobytes())
                for rule, eps in RULES:
                    for score in oracle.SCORES if length == 3 else ("distance",):
                        e = oracle.cosine(x, y, norm_rule=rule, eps=eps, score=score)
                        for name in oracle.FLOAT_DTYPES:
                            digest.update(e.rounded(name).tobytes())
                digest.update(oracle.bound(e, dtype, "G2").tobytes())
                digest.update(oracle.ulp_error(np.zeros(20, samples.DTYPES[dtype]), e).tobytes())
    print(choice.active(), digest.hexdigest())
    """
)


@pytest.mark.skipif(
    importlib.util.find_spec("numba") is None, reason="numba (the extra fast) is not installed"
)
def test_compiled_kernels_give_the_same_bits(pytestconfig):
    told = {}
    for name in ("numpy", "numba"):
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT, str(pytestconfig.rootpath)],
            env={**os.environ, "LOSSPROOF_KERNELS": name},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        kernel, told[name] = done.stdout.split()
        assert kernel == name
    assert told["numpy"] == told["numba"]


@pytest.fixture(params=choice.KERNELS)
def which(request, monkeypatch):
    """Each of the kernels in turn, whatever the size of a batch."""
    if request.param == "numba":
        pytest.importorskip("numba", reason="numba (the extra fast) is not installed")
    monkeypatch.setattr(choice, "active", lambda: request.param)
    monkeypatch.setattr(choice, "MIN_COMPILED_ELEMENTS", 0)
    return request.param


def as_the_ladder(e, fmt, wanted):
    """Kernels decide as the ladder says, and decide at least this share; None where no kernel applies."""
    quick = e.problem.round_fast(fmt)
    if quick is None:
        return None
    values, left = quick
    right, settled = e.rounded_by_ladder(fmt)
    sure = np.ones(values.size, dtype=bool)
    sure[left] = False
    assert settled[sure].all()
    assert values[sure].tobytes() == right[sure].tobytes()
    assert sure.mean() >= wanted
    return sure.mean()


REGIONS = ["ordinary", "nearly_orthogonal", "parallel", "ties", "zeros", "subnormal", "extreme"]


@pytest.mark.parametrize("dtype", list(FORMATS))
@pytest.mark.parametrize("region", REGIONS)
@pytest.mark.parametrize("length", [3, 20, 41])
def test_what_the_kernels_decide_is_what_the_ladder_says(region, dtype, length, which):
    x, y = samples.rows(region, dtype, 40, length, 3)
    for rule, eps in (
        ("plain", 0.0),
        ("floor_norm", 0.5),
        ("floor_squared_product", 0.1),
        ("add_squared", 1e-3),
    ):
        for score in oracle.SCORES:
            e = oracle.cosine(x, y, norm_rule=rule, eps=eps, score=score)
            for name, fmt in FORMATS.items():
                if as_the_ladder(e, fmt, 0.9 if region == "ordinary" else 0.0) is None:
                    # float64 beside other rules, and rows of float64, go up the ladder
                    assert (name == "float64" and rule != "plain") or (
                        name != "float64" and dtype == "float64"
                    )


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
@pytest.mark.parametrize("region", REGIONS)
@pytest.mark.parametrize("length", [3, 41])
def test_what_the_kernels_decide_of_gradients_is_what_the_ladder_says(region, dtype, length, which):
    x, y = samples.rows(region, dtype, 20, length, 5)
    for wrt in ("x", "y"):
        for score in oracle.SCORES:
            e = oracle.cosine_gradient(x, y, wrt=wrt, score=score)
            for name in ("float16", "bfloat16", "float32"):
                share = as_the_ladder(e, FORMATS[name], 0.9 if region == "ordinary" else 0.0)
                assert share is not None or (which == "numpy" and name != "float32")


@pytest.mark.parametrize("length", [3, 41])
def test_powers_of_two_change_no_bit_of_a_cosine(length, which):
    """However far the norms lie from 1, and whichever stage or kernel gives up on them for that."""
    x, y = samples.rows("ordinary", "float64", 20, length, 4)
    wanted = {name: oracle.cosine(x, y).rounded(name).tobytes() for name in FORMATS}
    for over in (-400, -260, -205, -175, 175, 205, 260, 400):
        for under in (over, -over if abs(over) > 200 else 0):
            e = oracle.cosine(np.ldexp(x, over), np.ldexp(y, under))
            for name, fmt in FORMATS.items():
                assert e.rounded(name).tobytes() == wanted[name], (over, under, name)
                assert e.rounded_by_ladder(fmt)[0].tobytes() == wanted[name], (over, under, name)


@pytest.mark.parametrize("strange", [np.inf, -np.inf, np.nan])
def test_large_and_strange_float16_numbers_are_told_apart(strange, monkeypatch):
    monkeypatch.setattr("lossproof.oracle.kernels.choice.active", lambda: "numpy")
    x = np.full((4, 12), 60000, dtype=np.float16)
    x[1, 3] = strange
    y = np.ones((4, 12), dtype=np.float16)
    e = oracle.cosine(x, y)
    assert e.rounded("float16").tolist()[2:] == [1.0, 1.0]
    assert np.isnan(e.rounded("float16")[1])
    assert e.undefined.tolist() == [False, True, False, False]


def test_every_float16_survives_the_way_to_float64():
    from lossproof.oracle.arithmetic.halves import IMAGE, widen_half, widen_image

    every = np.arange(1 << 16, dtype=np.uint16).view(np.float16)
    finite = every[np.isfinite(every)]
    for x in (every, finite):
        out = np.empty(len(x))
        widen_half(x, out)
        assert out.tobytes() == x.astype(np.float64).tobytes()
    image = np.empty(len(finite))
    widen_image(finite, image, np.empty(len(finite), dtype=np.int32))
    assert (image * IMAGE).tobytes() == finite.astype(np.float64).tobytes()
    strange = every[~np.isfinite(every)]
    image = np.empty(len(strange))
    widen_image(strange, image, np.empty(len(strange), dtype=np.int32))
    assert (np.abs(image * IMAGE) >= 2.0**16).all()


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_the_compiled_kernels_read_every_short_number(dtype):
    compiled = pytest.importorskip("lossproof.oracle.kernels.compiled")
    every = np.arange(1 << 16, dtype=np.uint16).view(FORMATS[dtype].dtype)
    with np.errstate(invalid="ignore"):
        finite = np.isfinite(every)
        x = every[finite & (np.abs(every) < 2**15)][:, None]
    p, q, r = compiled.products(x, np.ones_like(x))
    wanted = x[:, 0].astype(np.float64)
    assert (p == wanted).all()
    assert (q == wanted**2).all()
    assert (r == 1).all()
    strange = every[~finite][:, None]
    assert not np.isfinite(compiled.products(strange, np.ones_like(strange))[1]).any()


def test_an_unknown_kernel_is_refused(monkeypatch):
    from lossproof.oracle.kernels import choice

    choice.active.cache_clear()
    monkeypatch.setenv("LOSSPROOF_KERNELS", "cuda")
    with pytest.raises(ValueError, match=r"LOSSPROOF_KERNELS='cuda'.*numpy, numba"):
        choice.active()
    monkeypatch.setenv("LOSSPROOF_KERNELS", "numpy")
    assert choice.active() == "numpy"
    choice.active.cache_clear()


def test_threads_may_ask_at_once():
    x, y = samples.rows("nearly_orthogonal", "float64", 200, 16)
    e = oracle.cosine(x, y)
    expected = oracle.cosine(x, y).rounded("float64").tobytes()
    found, lower = [], []

    def ask():
        found.append(e.rounded("float64").tobytes())
        lower.append(e.lower.tobytes())

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert set(found) == {expected}
    assert len(found) == 8
    assert len(set(lower)) == 1


def test_every_format_is_decided_by_the_exact_stage():
    x, y = samples.rows("ties", "float64", 40, 4)
    problem = oracle.cosine(x, y, zero=0.0).problem
    numbers = problem.evaluate(LADDER[-1], np.arange(40))
    for fmt in FORMATS.values():
        assert LADDER[-1].rounded(numbers, fmt)[1].all()


@pytest.mark.parametrize("stage", enclosed.STAGES.values(), ids=list(enclosed.STAGES))
def test_a_distance_that_rounds_to_the_tolerance_is_beyond_it(stage):
    """1 is farther from -2^-60 than 1, which float64 cannot tell; the tolerance is met only by 1 and 0 themselves."""
    below = stage.number(np.array([-(2.0**-60), 0.0]))
    inside, decided = stage.within(below, np.array([1.0, 1.0]), np.array([1.0, 1.0]))
    assert not (inside & decided)[0]
    assert not (~inside & decided)[1]
