"""`tally` counts what `accepts` and `ulp_error` say of the whole arrays, whatever the blocks and the threads."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from lossproof import oracle

SEED = np.random.SeedSequence(20261129)
COUNT = 150
Case = tuple[Callable[..., oracle.Enclosure], tuple[NDArray[Any], ...], dict[str, Any]]


def vectors(dtype: str, count: int = COUNT) -> tuple[NDArray[Any], NDArray[Any]]:
    """Random rows; parallel, opposite, orthogonal, zero, tiny and nonfinite ones among them."""
    rng = np.random.default_rng(SEED)
    x, y = rng.standard_normal((2, count, 7))
    y[::5], y[3::7] = x[::5], -x[3::7]
    x[4::10, 0], y[4::10, 1:] = 0, 0
    x[11], y[1::29], x[2::9] = 0, 0, x[2::9] * 1e-4
    x[5, 0], y[6, 0] = np.nan, np.inf
    return x.astype(dtype), y.astype(dtype)


def case(name: str, dtype: str) -> Case:
    x, y = vectors(dtype)
    target = np.where(np.arange(COUNT) % 3, 1, -1)
    distances = np.abs(np.random.default_rng(SEED).standard_normal(COUNT)).astype(dtype)
    distances[::4] = 1
    return {
        "cosine": (oracle.cosine, (x, y), {}),
        "floored": (
            oracle.cosine,
            (x, y),
            {"norm_rule": "threshold", "eps": 1e-3, "score": "distance", "zero": 0.0},
        ),
        "documented NaN": (oracle.cosine, (x, y), {"zero": np.nan}),
        "one row": (oracle.cosine, (x, y[9:10]), {}),
        "embedding": (oracle.cosine_embedding, (x, y, target), {"margin": 0.25}),
        "contrastive": (oracle.contrastive, (target, distances), {}),
        "gradient": (oracle.cosine_gradient, (x, y), {"wrt": "y", "norm_rule": "floor_norm", "eps": 1e-3}),
        "embedding's gradient": (oracle.cosine_embedding_gradient, (x, y, target), {"margin": 0.25}),
        "contrastive's gradient": (oracle.contrastive_gradient, (target, distances), {"squared": False}),
    }[name]


NAMES = (
    "cosine",
    "floored",
    "documented NaN",
    "one row",
    "embedding",
    "contrastive",
    "gradient",
    "embedding's gradient",
    "contrastive's gradient",
)


def answers_to(e: oracle.Enclosure, dtype: str) -> NDArray[Any]:
    """Answers right, a little off and far off, with NaN and infinities among them."""
    rng = np.random.default_rng(SEED)
    part = rng.choice([0, 0, 0.3, 1, 2, 1e3], e.shape) * rng.choice([-1, 1], e.shape)
    bound = np.nan_to_num(oracle.bound(e, dtype, "G1"))
    with np.errstate(over="ignore"):
        out = (e.rounded(dtype).astype(np.float64) + part * bound).astype(dtype)
    out.reshape(-1)[::50], out.reshape(-1)[7::61] = np.nan, np.inf
    return out


def counted(answers: NDArray[Any], e: oracle.Enclosure, dtype: str) -> dict[str, int]:
    """The counts by grade, from `accepts` on the whole."""
    grades = oracle.GRADES if dtype in ("float16", "bfloat16") else oracle.GRADES[:3]
    left, out = ~e.undefined, {}
    for grade in grades:
        reached = left & oracle.accepts(answers, e, dtype, grade)
        out[grade], left = int(reached.sum()), left & ~reached
    return {**out, "none": int(left.sum()), "undefined": int(e.undefined.sum())}


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
@pytest.mark.parametrize("name", NAMES)
def test_a_tally_counts_what_the_whole_arrays_say(name: str, dtype: str) -> None:
    formula, inputs, parameters = case(name, dtype)
    e = formula(*inputs, **parameters)
    answers = answers_to(e, dtype)
    found = oracle.tally(answers, *inputs, formula=formula, rows_per_block=40, worst=12, **parameters)

    assert dict(found.counts) == counted(answers, e, dtype)
    assert found.values == answers.size
    assert found.rows == COUNT

    with np.errstate(invalid="ignore"):
        ratio = oracle.excess(answers, e, dtype, "G2")
    valued = ~e.undefined
    largest = np.sort(ratio[valued])[::-1][:12]
    np.testing.assert_allclose([w.error_over_bound for w in found.worst], largest, rtol=2.0**-8)
    assert [w.rank for w in found.worst] == sorted(w.rank for w in found.worst)
    rounded, ulps = e.rounded(dtype), oracle.ulp_error(answers, e, dtype)
    for w in found.worst:
        assert w.row == w.index[0]
        np.testing.assert_equal([w.answer, w.exact], [float(answers[w.index]), float(rounded[w.index])])
        np.testing.assert_allclose(w.error_over_bound, ratio[w.index], rtol=2.0**-8)
        if not e.nan[w.index]:
            np.testing.assert_allclose(w.error_ulp, ulps[w.index], rtol=2.0**-8)

    errors = np.where(e.nan, np.where(np.isnan(answers), 0, np.inf), ulps)[valued]
    assert sum(found.histogram.values()) == errors.size
    for edge in found.histogram:
        up_to = sum(count for k, count in found.histogram.items() if k <= edge)
        assert (errors <= edge * (1 - 2.0**-9)).sum() <= up_to <= (errors <= edge * (1 + 2.0**-9)).sum()


@pytest.mark.parametrize("name", ["cosine", "floored", "embedding", "gradient"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_neither_blocks_nor_threads_change_a_tally(name: str, dtype: str) -> None:
    formula, inputs, parameters = case(name, dtype)
    answers = answers_to(formula(*inputs, **parameters), dtype)

    def found(**options: Any) -> oracle.Tally:
        return oracle.tally(answers, *inputs, formula=formula, **options, **parameters)

    whole = repr(found())
    for rows_per_block in (1, 7, 40, COUNT):
        assert repr(found(rows_per_block=rows_per_block)) == whole
    assert repr(found(rows_per_block=9, threads=3)) == whole


def test_blocks_of_an_iterable_and_sums_of_tallies_are_the_whole() -> None:
    x, y = vectors("float32")
    answers = answers_to(oracle.cosine(x, y), "float32")
    held = 0

    def blocks() -> Iterator[tuple[NDArray[Any], ...]]:
        nonlocal held
        for some in (slice(0, 64), slice(64, 65), slice(65, 65), slice(65, None)):
            held += 1
            yield answers[some], x[some], y[some]

    whole = oracle.tally(answers, x, y)
    assert repr(oracle.tally(blocks(), threads=2)) == repr(whole)
    assert held == 4
    first = oracle.tally(answers[:50], x[:50], y[:50])
    second = oracle.tally(answers[50:], x[50:], y[50:], first_row=50)
    assert repr(first + second) == repr(second + first) == repr(whole)
    with pytest.raises(ValueError, match="grade='G2' cannot be added to one with grade='G1'"):
        first + oracle.tally(answers, x, y, grade="G1")


def test_of_equal_answers_the_first_are_the_worst() -> None:
    x = np.ones((100, 3), np.float32)
    answers = np.full(100, 2, np.float32)
    for options in ({}, {"rows_per_block": 8, "threads": 2}):
        found = oracle.tally(answers, x, x, worst=3, **options)
        assert [w.row for w in found.worst] == [0, 1, 2]
        assert len({w.error_over_bound for w in found.worst}) == 1


def test_answers_without_error_are_not_among_the_worst() -> None:
    x, y = (
        np.eye(2, 6, dtype=np.float32)[np.zeros(500, int)],
        np.eye(2, 6, dtype=np.float32)[np.ones(500, int)],
    )
    found = oracle.tally(np.zeros(500, np.float32), x, y)
    assert found.worst == ()
    assert found.counts["G0"] == 500
    assert found.histogram == {0.5: 500}


def test_fewer_grades_can_be_asked_for() -> None:
    x, y = vectors("float16")
    answers = answers_to(oracle.cosine(x, y), "float16")
    found = oracle.tally(answers, x, y, grades=["G3", "G2"])
    e = oracle.cosine(x, y)
    within = oracle.accepts(answers, e, "float16", "G2")
    assert list(found.counts) == ["G2", "G3", "none", "undefined"]
    assert found.counts["G2"] == within.sum()
    assert found.counts["G3"] == (oracle.accepts(answers, e, "float16", "G3") & ~within).sum()


def test_an_infinity_that_the_exact_value_rounds_to_is_right() -> None:
    x = np.full((2, 4), 3e4, np.float16)
    found = oracle.tally(np.array([np.inf, -np.inf], np.float16), x, x, norm_rule="raw")
    assert (found.counts["G0"], found.counts["none"]) == (1, 1)
    assert found.histogram == {0.5: 1, np.inf: 1}


def test_a_table_says_it() -> None:
    x, y = vectors("float32")
    text = str(oracle.tally(np.zeros(COUNT, np.float32), x, y, worst=2))
    assert "150 rows, 150 answers in float32" in text
    assert "undefined" in text
    assert "/ G2" in text
    assert max(map(len, text.splitlines())) <= 80


def test_files_are_read_block_by_block(tmp_path: Path) -> None:
    x, y = vectors("float32")
    answers = answers_to(oracle.cosine(x, y), "float32")
    for name, array in (("x", x), ("y", y), ("answers", answers)):
        np.save(tmp_path / f"{name}.npy", array)
    mapped = [np.load(tmp_path / f"{name}.npy", mmap_mode="r") for name in ("answers", "x", "y")]
    assert repr(oracle.tally(*mapped, rows_per_block=16)) == repr(oracle.tally(answers, x, y))


X = np.ones((20, 3), np.float32)
ONES = np.ones(20, np.float32)
BAD: dict[str, tuple[Callable[[], object], str]] = {
    "rows": (lambda: oracle.tally(ONES[:19], X, X), "input 1 has 20 rows, the answers have 19"),
    "shape": (
        lambda: oracle.tally(X, X, X, rows_per_block=8),
        r"rows 0 to 7: answer has shape \(8, 3\); the exact values have shape \(8,\)",
    ),
    "label": (
        lambda: oracle.tally(
            ONES, X, X, np.arange(20) // 12 + 1, formula=oracle.cosine_embedding, rows_per_block=10
        ),
        "rows 10 to 19: target holds 2",
    ),
    "a block of an iterable": (
        lambda: oracle.tally([(ONES, X, X), (ONES, X[:5], X)]),
        "from row 20 on, input 1 has 5 rows",
    ),
    "no tuple": (lambda: oracle.tally([ONES]), "a block is array"),
    "no inputs": (lambda: oracle.tally(ONES), "answers alone"),
    "no block": (lambda: oracle.tally([]), "there is no block"),
    "a vector for rows": (
        lambda: oracle.tally(np.ones(3), np.ones((3, 3)), np.ones(3)),
        "input 2 has 1 axes",
    ),
    "the axis of rows": (
        lambda: oracle.tally(np.ones(3), np.ones((3, 3)), np.ones((3, 3)), axis=0),
        "axis=0",
    ),
    "weights": (
        lambda: oracle.tally(X, X, X, formula=oracle.cosine_gradient, reduction="mean"),
        "reduction='mean' join rows",
    ),
    "threads": (lambda: oracle.tally(ONES, X, X, threads=0), "threads=0; allowed: whole numbers from 1 on"),
    "worst": (lambda: oracle.tally(ONES, X, X, worst=-1), "worst=-1"),
    "rows_per_block": (lambda: oracle.tally(ONES, X, X, rows_per_block=2.5), "rows_per_block=2.5"),
    "grade": (lambda: oracle.tally(ONES, X, X, grade="G3"), "grade 'G3' is for float16"),
    "grades": (lambda: oracle.tally(ONES, X, X, grades=[]), "grades is empty"),
    "mask": (lambda: oracle.tally(np.ma.array(ONES), X, X), "answers is a masked array"),
    "integers": (lambda: oracle.tally(np.ones(20, int), X, X), "dtype 'int64' is not a float format"),
}


@pytest.mark.parametrize("what", BAD)
def test_what_does_not_fit_is_refused_with_its_rows(what: str) -> None:
    ask, message = BAD[what]
    with pytest.raises(ValueError, match=message):
        ask()


def test_refused_arrays_keep_their_error() -> None:
    with pytest.raises(oracle.UnsupportedInput, match="rows 0 to 19: x has dtype complex"):
        oracle.tally(ONES, X.astype(complex), X)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize(("dtype", "rows", "length"), [("float32", 200_000, 64), ("float16", 300_000, 16)])
def test_at_most_three_times_the_inputs(dtype: str, rows: int, length: int, threads: int) -> None:
    x, y = np.random.default_rng(SEED).standard_normal((2, rows, length)).astype(dtype)
    answers = oracle.cosine(x, y).rounded(dtype)
    answers[::1000] += np.asarray(0.25, dtype)
    oracle.tally(answers[:3000], x[:3000], y[:3000], threads=threads)  # what is kept is no cost of the rows
    tracemalloc.start()
    try:
        oracle.tally(answers, x, y, threads=threads)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak <= 3 * (x.nbytes + y.nbytes + answers.nbytes)
