"""`accepts` gives the verdicts of `within` with `bound`, on rows where either may be wrong."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from lossproof import oracle
from lossproof.oracle import screening
from lossproof.oracle.enclosure import ROOTS
from lossproof.oracle.formats import FORMATS
from lossproof.oracle.kernels import choice

from . import samples

RULES = (
    "plain",
    "raw",
    "floor_norm",
    "floor_product",
    "add_squared",
    "threshold",
    "add_norm",
    "norm_of_y",
    "zero_as_one",
)
OFF = (0.0, 0.5, 0.99, 1.0, 1.01, 3.0)
"""Parts of the bound by which answers are off."""
SEED = np.random.SeedSequence(20261129)


def rows(dtype: str, scale: float, count: int = 120) -> tuple[NDArray[Any], NDArray[Any]]:
    """Random rows; parallel, opposite, orthogonal, zero and nonfinite ones among them, norms on both sides of 1e-4."""
    rng = np.random.default_rng(SEED)
    x = rng.standard_normal((count, 13)) * scale
    y = rng.standard_normal((count, 13)) * np.exp2(rng.integers(-20, 20, (count, 1)))
    y[::5], y[3::7] = x[::5], -x[3::7]
    x[4::10, 0], y[4::10, 1:] = 0, 0
    x[11], y[1::9] = 0, 0
    x[5, 0], y[6, 0] = np.nan, np.inf
    with np.errstate(over="ignore"):
        return x.astype(dtype), y.astype(dtype)


def answers(e: oracle.Enclosure, dtype: str, bound: NDArray[np.float64]) -> Iterator[NDArray[Any]]:
    """Answers inside, at and beyond a bound, on either side, with NaN and infinities among them."""
    rng = np.random.default_rng(SEED)
    near = np.nan_to_num(e.rounded(dtype).astype(np.float64))
    for part in OFF:
        with np.errstate(over="ignore"):
            found = (near + part * np.nan_to_num(bound) * rng.choice([-1, 1], bound.shape)).astype(dtype)
        flat = found.reshape(-1)
        flat[::50], flat[7::50], flat[9::50] = np.nan, np.inf, -np.inf
        yield found


def agree(e: oracle.Enclosure, dtype: str, grade: str, flush: bool = True) -> None:
    bound = oracle.bound(e, dtype, grade, flush)
    seen = set()
    for answer in answers(e, dtype, bound):
        wanted = oracle.within(answer, e, bound, dtype)
        assert (oracle.accepts(answer, e, dtype, grade, flush) == wanted).all()
        seen |= set(wanted.ravel().tolist())
    assert seen == {True, False}


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("scale", [1.0, 1e-3])
def test_values_are_accepted_as_within_their_bound(dtype: str, rule: str, scale: float) -> None:
    x, y = rows(dtype, scale)
    eps = {} if rule in samples.WITHOUT_EPS else {"eps": 1e-4}
    for score in oracle.SCORES:
        e = oracle.cosine(x, y, score=score, norm_rule=rule, **eps)
        for grade in ("G0", "G1", "G2", *(("G3",) if dtype == "float16" else ())):
            agree(e, dtype, grade)
        agree(e, dtype, "G2", flush=False)


def hostile(dtype: str, length: int, count: int = 48) -> tuple[NDArray[Any], NDArray[Any]]:
    """Rows whose norms lie all over the range of a dtype: parallel, orthogonal, subnormal, of one element."""
    rng = np.random.default_rng(SEED)
    x, y = rng.standard_normal((2, count, length))
    y[::6] = x[::6] * rng.choice([-1, 1, 1 + 2.0**-9], (len(x[::6]), 1))
    half = length // 2
    y[1::6, :half], y[1::6, half : 2 * half] = -x[1::6, half : 2 * half], x[1::6, :half]  # c is nearly 0
    x[2::6, 1:], y[2::12, 0] = 0, 0  # one product, or none
    reach = {"float16": 7, "bfloat16": 62, "float32": 62, "float64": 480}[dtype]
    for v in (x, y):
        v[::2] *= np.exp2(rng.integers(-reach, reach, (len(v[::2]), 1)))
    x[5::24] *= 2.0 ** {"float16": -16, "float64": -1040}.get(dtype, -136)  # subnormal elements
    with np.errstate(over="ignore", under="ignore"):
        return x.astype(dtype), y.astype(dtype)


def edges(e: oracle.Enclosure, dtype: str, bound: NDArray[np.float64]) -> Iterator[NDArray[Any]]:
    """Answers at the ends of what is right, and the numbers of the dtype on either side of them."""
    near = np.nan_to_num(e.lower)
    integer = {2: np.int16, 4: np.int32, 8: np.int64}[np.zeros(0, FORMATS[dtype].dtype).itemsize]
    for sign in (-1, 1):
        with np.errstate(over="ignore"):
            end = (near + sign * np.nan_to_num(bound)).astype(FORMATS[dtype].dtype)
        for step in (-1, 0, 1):
            yield (
                end.view(integer) + np.where((end == 0) | ~np.isfinite(end), 0, step).astype(integer)
            ).view(end.dtype)
    yield np.zeros_like(end)


@pytest.mark.parametrize("length", [1, 13, 64])
@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
@pytest.mark.parametrize("rule", oracle.NORM_RULES)
def test_answers_at_the_ends_of_the_tolerance(dtype: str, rule: str, length: int) -> None:
    x, y = hostile(dtype, length)
    eps = {} if oracle.norm_rule(rule).eps is None else {"eps": 1e-3}
    for score in ("similarity", "distance"):
        e = oracle.cosine(x, y, score=score, norm_rule=rule, **eps)
        for grade, flush in (("G0", True), ("G1", True), ("G2", True), ("G2", False)):
            bound = oracle.bound(e, dtype, grade, flush)
            for answer in edges(e, dtype, bound):
                wanted = oracle.within(answer, e, bound, dtype)
                assert (oracle.accepts(answer, e, dtype, grade, flush) == wanted).all()


@pytest.mark.parametrize("length", [1, 16, 77])
@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
@pytest.mark.parametrize("rule", ["plain", "floor_norm", "floor_product", "add_squared"])
def test_the_compiled_screen_gives_the_same_verdicts(
    dtype: str, rule: str, length: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("numba", reason="the extra `fast` is not installed")
    x, y = hostile(dtype, length)
    eps = {} if rule == "plain" else {"eps": 1e-3}
    for score in ("similarity", "distance"):
        e = oracle.cosine(x, y, score=score, norm_rule=rule, **eps)
        bound = oracle.bound(e, dtype, "G2")
        for answer in edges(e, dtype, bound):
            wanted = oracle.within(answer, e, bound, dtype)
            with monkeypatch.context() as patched:
                patched.setattr(choice, "compiled_wanted", lambda _: True)
                found = oracle.accepts(answer, e, dtype)
            assert (found == wanted).all()


@pytest.mark.parametrize("length", [1, 20])
@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
@pytest.mark.parametrize("rule", oracle.NORM_RULES)
def test_gradients_at_the_ends_of_the_tolerance(dtype: str, rule: str, length: int) -> None:
    x, y = hostile(dtype, length, 24)
    x[3::9] = (x[3::9] / np.linalg.norm(x[3::9].astype(np.float64), axis=1, keepdims=True) * 1e-3).astype(
        x.dtype
    )
    eps: dict[str, Any] = {} if oracle.norm_rule(rule).eps is None else {"eps": 1e-3}  # norms at the floor
    weights = np.where(np.arange(24) % 5, np.random.default_rng(SEED).standard_normal(24), 0.0)
    clamps = ("held", "followed") if rule == "floor_norm" else ("held",)
    for wrt, score, options in (
        ("x", "similarity", {}),
        ("y", "distance", {"weights": weights, "reduction": "mean"}),
        ("x", "negated", {"weights": weights * 1e-30}),
    ):
        for clamp in clamps:
            e = oracle.cosine_gradient(
                x, y, wrt=wrt, score=score, norm_rule=rule, clamp=clamp, **eps, **options
            )
            for grade, flush in (("G1", True), ("G2", True), ("G2", False)):
                bound = oracle.bound(e, dtype, grade, flush)
                for answer in edges(e, dtype, bound):
                    wanted = oracle.within(answer, e, bound, dtype)
                    assert (oracle.accepts(answer, e, dtype, grade, flush) == wanted).all()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("rule", ["plain", "floor_norm", "floor_product", "add_squared"])
def test_ordinary_batches_are_screened_without_a_bound(
    dtype: str, rule: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(SEED)
    x, y = rng.standard_normal((2, 500, 40)).astype(dtype)
    y[::3], y[1::3] = x[::3], np.concatenate([-x[1::3, 20:], x[1::3, :20]], axis=1)
    x[:, 7], y[:, 7] = 0, 0
    eps = {} if rule == "plain" else {"eps": 1e-6}
    value = oracle.cosine(x, y, norm_rule=rule, **eps)
    gradient = oracle.cosine_gradient(x, y, norm_rule=rule, **eps)
    right = value.rounded(dtype), gradient.rounded(dtype)

    def bounded(*_: Any) -> Any:
        raise AssertionError("a bound was worked out")

    monkeypatch.setattr(screening, "flat_bound", bounded)
    monkeypatch.setattr(screening, "_screened", bounded)
    for e, answer in zip((value, gradient), right, strict=True):
        assert oracle.accepts(answer, e, dtype).all()
        assert not oracle.accepts(answer + 1, e, dtype).any()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_views_mixed_dtypes_and_broadcast_rows(dtype: str) -> None:
    x, y = hostile("float32", 24)
    for a, b, axis in (
        (x.T, y.T, 0),
        (x[::2], y[1::2], 1),
        (x[:, None], y[:3], -1),
        (x[:, :1], y, -1),
        (x.astype(np.float64), y, -1),
        (np.arange(48).reshape(2, 24) - 20, y[:2], -1),
    ):
        e = oracle.cosine(a, b, axis=axis, norm_rule="floor_norm", eps=1e-3, zero=0.0)
        bound = oracle.bound(e, dtype, "G2")
        for answer in edges(e, dtype, bound):
            assert (oracle.accepts(answer, e, dtype) == oracle.within(answer, e, bound, dtype)).all()


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_gradients_losses_and_reduced_values_too(dtype: str) -> None:
    x, y = rows(dtype, 1.0)
    labels = np.where(np.arange(len(x)) % 2, 1.0, -1.0)
    finite = np.isfinite(x.astype(np.float64)).all(1) & np.isfinite(y.astype(np.float64)).all(1)
    finite &= (x != 0).any(1) & (y != 0).any(1)
    agree(oracle.cosine_gradient(x, y, norm_rule="floor_norm", eps=1e-4), dtype, "G2")
    agree(oracle.cosine_embedding(x, y, labels, margin=0.25), dtype, "G2")
    agree(oracle.cosine_embedding_gradient(x[finite], y[finite], labels[finite], margin=0.25), dtype, "G2")
    distances = np.abs(np.random.default_rng(SEED).standard_normal(120)).astype(dtype)
    agree(oracle.contrastive(labels[:120], distances, similar=1), dtype, "G2")
    agree(oracle.contrastive_gradient(labels[:120], distances, similar=1, squared=False), dtype, "G2")
    total = oracle.reduce(oracle.cosine(x[finite], y[finite]), "mean")
    for off, right in ((0.5, True), (2.0, False)):
        answer = np.asarray(total.lower + off * oracle.bound(total, dtype, "G2")).astype(dtype)
        assert bool(oracle.accepts(answer, total, dtype)) is right


def test_the_default_dtype_is_the_answers_and_large_batches_are_screened_in_parts() -> None:
    rng = np.random.default_rng(SEED)
    x, y = rng.standard_normal((2, 70_000, 3)).astype(np.float32)
    e = oracle.cosine(x, y)
    right = e.rounded("float32")
    assert oracle.accepts(right, e).all()
    right[[0, 40_000, 69_999]] += 1
    assert np.flatnonzero(~oracle.accepts(right, e)).tolist() == [0, 40_000, 69_999]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((np.zeros(2), "float32", "G2"), "answer has shape"),
        ((np.zeros(1), "float32", "G3"), "grade 'G3' is for"),
        ((np.zeros(1), "float32", "G9"), "grade"),
        ((np.zeros(1), "int8", "G2"), "int8"),
    ],
)
def test_bad_input(arguments: tuple[Any, ...], says: str) -> None:
    answer, dtype, grade = arguments
    with pytest.raises(ValueError, match=says):
        oracle.accepts(answer, oracle.cosine([[1.0, 0.0]], [[1.0, 1.0]]), dtype, grade)


def test_no_row_of_a_right_batch_climbs_the_ladder(monkeypatch: pytest.MonkeyPatch) -> None:
    x, _ = rows("float32", 1.0)
    x = np.where(np.isfinite(x), x, 1.0)
    x[~x.any(1)] = 1.0
    e = oracle.cosine(x, x)  # every exact value is 1, where the exponent changes

    def climbs(*_: Any) -> Any:
        raise AssertionError("a row climbed")

    monkeypatch.setattr(type(oracle.enclosure.LADDER[-1]), "bounds", climbs)
    assert oracle.accepts(np.ones(len(x), np.float32), e, "float32").all()


def test_a_score_of_its_own_exact_stage_is_decided_by_it() -> None:
    """A score names the last stage of its ladder: gradients, sums and losses over it climb to that one, too."""
    asked: list[int] = []

    class Stage(type(ROOTS)):  # type: ignore[misc]
        def bounds(self, numbers: Any) -> Any:
            asked.append(len(numbers))
            return super().bounds(numbers)

    own = Stage()
    e = oracle.cosine([[3.0, 4.0]], [[3.0, 4.0]])  # exactly 1, which no stage with a radius can tell
    score = e.problem.score
    score.exact = own
    for problem in (e, oracle.reduce(e, "sum")):
        assert (problem.problem.exact, problem.lower.ravel().tolist()) == (own, [1.0])
    assert asked == [1, 1]
    gradient = oracle.cosine_gradient([[3.0, 4.0]], [[4.0, 3.0]])
    gradient.problem.score.exact = own
    assert gradient.problem.exact is own


@pytest.mark.parametrize("part", [0.9, 1.1, 1.9])
def test_an_exponent_that_the_first_pass_does_not_tell_is_worked_out(part: float) -> None:
    """1 / sqrt(1 + 2^-60) lies just below 1, where an ulp of float32 is half of that above."""
    e = oracle.cosine([[1.0, 2.0**-30]], [[1.0, 0.0]])
    assert oracle.bound(e, "float32", "G0") == 2.0**-25
    assert bool(oracle.accepts([1 + part * 2.0**-25], e, "float32", "G0")) == (part < 1)
