"""Batches: which layouts are drawn for a region, dtype and variant, and what the arrays of a question look like."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from numpy.typing import NDArray

from lossproof.conformance.families.layouts import Layout
from lossproof.conformance.families.regions.registry import in_space
from lossproof.conformance.families.vectors import ranks
from lossproof.conformance.model.dtypes import FORMATS
from lossproof.conformance.model.subject import Subject, Variant
from lossproof.conformance.questions.batches import Batch, batches, layouts, weights
from lossproof.conformance.questions.seeding import draw

from .test_expectation import CONTRASTIVE, COSINE, EMBEDDING, OPTIONS, WEIGHTS, documented

SUBJECT = documented(arrays=COSINE, options=OPTIONS[:1])
PLAIN = Variant()
PAIRS = documented("contrastive", CONTRASTIVE, ())
COMMON = (2, 3, 4, 7, 8, 16, 17, 32, 33, 64, 96, 100, 128)
ALL_SHAPES = {(64,), (8, 8), (16, 4), (2, 8, 4), (4, 2, 8)}
SMALL_SHAPES = {(16,), (8, 2), (4, 4), (2, 2, 4), (4, 2, 2)}


def drawn(
    region: str = "ordinary",
    dtype: str = "float32",
    variant: Variant = PLAIN,
    subject: Subject = SUBJECT,
    **more: Any,
) -> list[Layout]:
    """Every layout that may be drawn."""
    return list(layouts(subject, region, dtype, variant, **more))


def lengths(*asked: Any, **more: Any) -> tuple[int, ...]:
    return tuple(sorted({layout.d for layout in drawn(*asked, **more)}))


def shapes(*asked: Any, **more: Any) -> set[tuple[int, ...]]:
    return {layout.batch for layout in drawn(*asked, **more)}


def one(
    region: str = "ordinary",
    dtype: str = "float32",
    variant: Variant = PLAIN,
    subject: Subject = SUBJECT,
    count: int = 1,
) -> Batch:
    """The last of so many batches."""
    return list(batches(subject, region, dtype, variant, count, 0))[-1]


# --- layouts ---


def test_lengths_stay_where_the_bound_of_the_dtype_rejects() -> None:
    assert lengths() == lengths(dtype="float64") == lengths(dtype="int32") == COMMON
    assert lengths(dtype="float16") == COMMON[:11]
    assert lengths(dtype="bfloat16") == COMMON[:5]
    assert lengths("below_eps") == lengths("subnormal") == COMMON[:10]
    assert lengths("length_1") == (1,)
    assert lengths("long") == (4096, 5000, 8191)


def test_lengths_of_mixed_dtypes_are_those_of_the_narrowest() -> None:
    for pair in (("float32", "float16"), ("float16", "float32"), ("float64", "float16")):
        assert lengths(variant=Variant(dtypes=pair)) == COMMON[:11]
    assert lengths(variant=Variant(dtypes=("int32", "float32"))) == COMMON
    in_half = documented(arrays=COSINE, options=(), compute_dtype="float16")
    assert lengths(subject=in_half) == COMMON[:11]
    assert lengths(dtype="int32", subject=in_half) == COMMON  # integers are computed in the default dtype


def test_gradients_of_far_regions_are_short() -> None:
    costly = {region.name for region in in_space("vectors") if region.costly}
    assert costly == {"tiny_norm", "underflow", "overflow", "mixed_scale", "subnormal"}
    for region in costly:
        assert lengths(region, variant=Variant(wrt="x")) == COMMON[:7]
    assert lengths("overflow") == lengths("ordinary", variant=Variant(wrt="x")) == COMMON


def test_batches_have_as_many_rows_as_asked_in_every_shape() -> None:
    assert shapes() == ALL_SHAPES
    assert shapes(rows=16) == SMALL_SHAPES
    assert shapes("long") == shapes(rows=8) == {(8,), (8, 1), (2, 4), (2, 1, 4), (4, 2, 1)}
    for rank, expected in (
        (1, {()}),
        (2, {(64,)}),
        (3, {(8, 8), (16, 4)}),
        (4, {(2, 8, 4), (4, 2, 8)}),
        (6, {(2, 8, 4, 1, 1), (4, 2, 8, 1, 1)}),
    ):
        assert shapes(variant=Variant(rank=rank)) == expected
    assert {layout.order for layout in drawn()} == {"C", "transposed", "strided"}


def test_sums_in_bfloat16_are_of_few_rows() -> None:
    reduced = documented(arrays=COSINE, options=OPTIONS)  # the mean by default
    alone = Variant((("reduction", "none"),))
    assert shapes(dtype="bfloat16", subject=reduced) == SMALL_SHAPES
    assert shapes(dtype="bfloat16", subject=reduced, variant=alone) == ALL_SHAPES
    assert shapes(dtype="float16", subject=reduced) == shapes(subject=reduced) == ALL_SHAPES
    assert shapes(dtype="bfloat16", subject=reduced, rows=8) == shapes("long", subject=reduced)
    assert shapes(subject=reduced, rows=128) == ALL_SHAPES  # a mean of more loses more
    assert shapes(subject=SUBJECT, rows=128) != ALL_SHAPES


def test_empty_batches_have_no_samples_or_no_elements() -> None:
    assert shapes("empty") == {(0,), (0, 8), (0, 4), (0, 8, 4), (0, 2, 8)}
    assert lengths("empty") == COMMON
    assert {layout.order for layout in drawn("empty")} == {"C"}
    vectors = documented(arrays=COSINE, options=(), ranks=(1,))
    assert {(layout.batch, layout.d) for layout in drawn("empty", subject=vectors)} == {((), 0), ((), 3)}


def test_distances_have_no_axis_of_their_own() -> None:
    for region, sizes in (
        ("ordinary", {64, 63, 33}), ("length_1", {1}), ("long", {4096, 5000}), ("empty", {0}),
    ):  # fmt: skip
        assert set(drawn(region, subject=PAIRS)) == {Layout((n,), 1) for n in sizes}


@pytest.mark.parametrize(
    ("axis", "allowed", "expected"),
    [
        (-1, (1, 2, 3, 4), (2, 3, 4)), (0, (1, 2), (2,)), (-1, (1,), (1,)), (1, (1, 2, 3), (2, 3)),
        (-2, (1, 2, 3), (2, 3)), (2, (1, 2, 3, 4), (3, 4)), (-3, (2, 3), (3,)), (0, (1,), (1,)), (None, (1, 2), (2,)),
        (None, (1,), (1,)),
    ],
)  # fmt: skip
def test_ranks_in_which_the_axis_exists(
    axis: Any, allowed: tuple[int, ...], expected: tuple[int, ...]
) -> None:
    given = documented(arrays=COSINE, options=OPTIONS[:1], ranks=allowed)
    default = documented(arrays=COSINE, options=({**OPTIONS[0], "default": axis},), ranks=allowed)
    assert ranks(given, Variant((("axis", axis),))) == ranks(default, PLAIN) == expected
    assert ranks(given, Variant((("axis", axis),), rank=1)) == (1,)


def test_without_an_option_the_axis_is_the_last() -> None:
    assert ranks(documented(arrays=COSINE, options=(), ranks=(1, 2)), PLAIN) == (2,)
    array = one(subject=documented(arrays=COSINE, options=(), ranks=(2,)), region="length_1").arrays["x"]
    assert array.shape == (64, 1)


def test_layouts_are_drawn_from_the_seed_and_the_words_alone() -> None:
    """The numbers of a run follow from these, so another release must not change them."""
    choices = ((10, 20, 30), (5,), "abcdefgh")
    found = draw(choices, 6, 7, "api", "ordinary")
    assert found == [(10, 5, "a"), (20, 5, "b"), (30, 5, "g"), (20, 5, "e"), (10, 5, "c"), (30, 5, "d")]
    assert draw(choices, 3, 7, "api", "ordinary") == found[:3]
    assert draw(choices, 6, 8, "api", "ordinary") != found
    assert draw(choices, 6, 7, "api", "parallel") != found


# --- arrays ---


def test_a_batch_says_what_it_was_drawn_for() -> None:
    variant = Variant((("axis", 0),), wrt="y")
    found = list(batches(SUBJECT, "ordinary", "float16", variant, 5, 3))
    assert [b.label for b in found] == [("ordinary", "float16", "axis=0,wrt=y", str(n)) for n in range(5)]
    assert {(b.axis, b.wrt, tuple(b.options.items())) for b in found} == {(0, "y", (("axis", 0),))}
    assert len({b.arrays["x"].tobytes() for b in found}) == 5
    assert len({b.order for b in found}) > 1
    again = list(batches(SUBJECT, "ordinary", "float16", variant, 5, 3))
    assert [b.arrays["x"].tobytes() for b in again] == [b.arrays["x"].tobytes() for b in found]
    assert {len(b.arrays["x"].reshape(-1)) // b.arrays["x"].shape[0] for b in found} == {64}
    assert Batch({}, {}).axis == -1  # of a case, whose axis is among its options
    fewer = next(iter(batches(SUBJECT, "ordinary", "float32", PLAIN, 1, 0, rows=8)))
    assert fewer.arrays["x"].size // fewer.arrays["x"].shape[-1] == 8


@pytest.mark.parametrize("axis", [0, 1, 2, -1, -2, -3])
def test_the_embedding_axis_stands_where_it_is_asked_for(axis: int) -> None:
    """Parallel rows: along the embedding axis alone y is a multiple of x."""
    for number in (1, 2, 3, 4):
        batch = one("parallel", variant=Variant((("axis", axis),), rank=3), count=number)
        x, y = (np.moveaxis(batch.arrays[n].astype(np.float64), axis, -1) for n in "xy")
        assert x.shape[:2] in ((8, 8), (16, 4))
        assert x.shape == y.shape
        factor = (x * y).sum(-1, keepdims=True) / (x * x).sum(-1, keepdims=True)
        np.testing.assert_array_equal(y, factor * x)
        assert all(a.flags.c_contiguous for a in batch.arrays.values())


@pytest.mark.parametrize(
    ("broadcast", "rank", "x", "y"),
    [
        ("left", 2, (1, 3), (4, 3)), ("right", 2, (4, 3), (1, 3)), ("both", 3, (1, 5, 3), (4, 1, 3)),
        ("left", 3, (1, 5, 3), (4, 5, 3)), ("right", 3, (4, 5, 3), (4, 1, 3)), ("axis", 2, (4, 3), (4, 1)),
        ("", 2, (4, 3), (4, 3)), ("left", 1, (3,), (3,)), ("axis", 1, (3,), (1,)),
    ],
)  # fmt: skip
def test_an_axis_of_length_1_is_to_be_broadcast(
    broadcast: str, rank: int, x: tuple[int, ...], y: tuple[int, ...]
) -> None:
    """With 3 for the length, and 4 and 5 for the batch: on the left the first batch axis, on the right the second."""
    variant = Variant(broadcast=broadcast, rank=rank)
    for batch in batches(SUBJECT, "ordinary", "float32", variant, 4, 0):
        found = [batch.arrays[n].shape for n in "xy"]
        names = {1: (), 2: (64,), 3: (8, 8)}[rank]
        if rank == 3 and 4 in (found[0][1], found[1][1]):
            names = (16, 4)
        d = max(shape[-1] for shape in found)
        sizes = dict(zip((4, 5), names, strict=False)) | {3: d, 1: 1}
        assert found == [tuple(sizes[n] for n in shape) for shape in (x, y)]
    first = one(variant=Variant((("axis", 0),), broadcast=broadcast, rank=2)).arrays
    ones = {"left": ["x1"], "right": ["y1"], "both": ["x1", "y1"], "axis": ["y0"]}.get(broadcast, [])
    assert [f"{n}{i}" for n in "xy" for i, size in enumerate(first[n].shape) if size == 1] == ones


def test_labels_are_of_both_signs_and_in_the_dtype_of_the_rows() -> None:
    subject = documented("cosine_embedding", EMBEDDING, ())
    for dtype, name in (("float64", "float64"), ("float16", "float16"), ("int32", "float32")):
        batch = one(dtype=dtype, subject=subject)
        labels = batch.arrays["labels"]
        assert str(labels.dtype) == name
        assert set(labels.ravel().tolist()) == {-1.0, 1.0}
        assert labels.shape == batch.arrays["x"].shape[:-1]
    fixed = [*COSINE, {"name": "labels", "role": "labels", "dtype": "int64"}]
    labels = one(subject=documented("cosine_embedding", fixed, ())).arrays["labels"]
    assert (str(labels.dtype), set(labels.ravel().tolist())) == ("int64", {-1, 1})


def test_distances_lie_around_the_documented_or_given_margin() -> None:
    """Every fourth one within 4 u of it, on both sides."""
    option = ({"name": "m", "role": "margin", "default": 3.0},)
    for subject, variant, margin in (
        (PAIRS, PLAIN, 1.0),
        (documented("contrastive", CONTRASTIVE, option), PLAIN, 3.0),
        (documented("contrastive", CONTRASTIVE, option), Variant((("m", 0.5),)), 0.5),
    ):
        batch = one(dtype="float64", subject=subject, variant=variant)
        labels, distances = batch.arrays["labels"], batch.arrays["distances"]
        assert labels.shape == distances.shape
        assert set(labels.tolist()) == {0, 1}
        off = distances[1::4] / margin - 1
        assert (np.abs(off) <= 2.0**-50).all()
        assert off.min() < 0 < off.max()


@pytest.mark.parametrize(("dtype", "low"), [("int32", -9), ("int64", -9), ("int16", -9), ("bool", 0)])
def test_integers_are_small_and_no_row_is_zero(dtype: str, low: int) -> None:
    values = set[int]()
    for batch in batches(SUBJECT, "ordinary", dtype, Variant(rank=2), 12, 0):
        for array in batch.arrays.values():
            assert str(array.dtype) == dtype
            assert array.any(-1).all()
            values |= set(array.astype(int).ravel().tolist())
    assert values == ({0, 1} if dtype == "bool" else set(range(low, 10)))


def test_a_row_of_zeros_gets_a_one_and_no_other_row_does() -> None:
    """Of length 1 about one in nineteen draws is 0, and becomes 1."""
    found = [b.arrays[n] for b in batches(SUBJECT, "length_1", "int32", Variant(rank=2), 12, 0) for n in "xy"]
    values, counts = np.unique(np.concatenate(found), return_counts=True)
    assert set(values.tolist()) == {*range(-9, 0), *range(1, 10)}
    share = dict(zip(values.tolist(), counts / counts.sum(), strict=True))
    assert 0.075 < share[1] < 0.14
    assert all(0.025 < s < 0.09 for value, s in share.items() if value != 1)


@pytest.mark.parametrize("wide", ["float32", "float64"])
@pytest.mark.parametrize("first", [True, False])
def test_the_wider_of_two_dtypes_has_digits_that_the_narrower_has_not(wide: str, first: bool) -> None:
    """Every eighth row is of small integers times a power of two: 2 or 3, but for a digit of at most u of float16."""
    pair = (wide, "float16") if first else ("float16", wide)
    off: list[float] = []
    for batch in batches(SUBJECT, "ordinary", wide, Variant(dtypes=pair, rank=2), 8, 0):
        assert tuple(str(batch.arrays[n].dtype) for n in "xy") == pair
        small = np.abs(batch.arrays["x" if first else "y"][1::8].astype(np.float64))
        mantissa = np.frexp(small[small > 0])[0]
        nearest = np.array([0.5, 0.75, 1.0])[np.abs(mantissa[:, None] - [0.5, 0.75, 1.0]).argmin(-1)]
        off.extend((mantissa / nearest - 1) * 2.0**11)
    assert -1.001 < min(off) < -0.95
    assert 0.95 < max(off) < 1.001
    assert abs(np.mean(off)) < 0.1


def test_rows_have_the_scale_of_the_narrowest_dtype_of_the_call() -> None:
    """Where a square is to overflow, that of float16 does, and no element."""
    in_half = documented(arrays=COSINE, options=(), compute_dtype="float16")
    out_half = documented(arrays=COSINE, options=(), result_dtype="float16")
    mixed = Variant(dtypes=("float32", "float16"))
    for subject, variant, largest in (
        (in_half, PLAIN, "float16"),
        (out_half, PLAIN, "float16"),
        (SUBJECT, mixed, "float16"),
        (SUBJECT, PLAIN, "float32"),
        (documented(arrays=COSINE, options=(), result_dtype=None), PLAIN, "float32"),
    ):
        x = one("overflow", variant=variant, subject=subject).arrays["x"].astype(np.float64)
        assert str(one("overflow", variant=variant, subject=subject).arrays["x"].dtype) == "float32"
        format_ = FORMATS[largest]
        assert 2.0 ** (format_.emax / 2) < np.abs(x).max() < format_.largest
        assert (np.square(x).sum(-1) > format_.largest).any()
    wide = one("overflow", "float16", Variant(dtypes=("bfloat16", "float16"))).arrays["x"]
    assert wide.dtype == ml_dtypes.bfloat16
    assert np.abs(wide.astype(np.float64)).max() < FORMATS["float16"].largest


def test_rows_below_eps_follow_the_eps_of_the_variant_and_rows_of_norm_1_the_precondition() -> None:
    eps = {"name": "eps", "role": "eps", "default": 1e-3}
    floored = documented(arrays=COSINE, options=(eps,), norm_rule="floor_norm")
    for variant, level in ((PLAIN, 1e-3), (Variant((("eps", 1e-6),)), 1e-6)):
        norms = np.linalg.norm(one("below_eps", "float64", variant, floored).arrays["y"], axis=-1)
        assert level / 65 < norms.min() < level / 8
        assert (norms < 9 * level).any()
    unit = documented(arrays=COSINE, options=(), norm_rule="raw", inputs="unit_norm")
    for name in "xy":
        norms = np.linalg.norm(one(dtype="float64", subject=unit).arrays[name], axis=-1)
        np.testing.assert_allclose(norms, 1, rtol=1e-14)


# --- weights ---


def of_kind(
    kind: str, shape: tuple[int, ...], seed: int = 0, dtype: str = "float32", **semantics: Any
) -> NDArray[Any]:
    subject = documented(**{"weights": "per_sample", **semantics})
    return weights(kind, shape, np.random.default_rng(seed), dtype, subject)


@pytest.mark.parametrize(
    ("kind", "semantics", "expected"),
    [
        ("scalar", {}, ()), ("full", {}, (5, 6, 7)), ("broadcast", {}, (1, 1, 7)), ("per_sample", {}, (5,)),
        ("zeros", {}, (5,)), ("per_sample", {"weights": "numpy"}, (5, 1, 1)),
        ("zeros", {"weights": "numpy"}, (5, 1, 1)), ("broadcast", {"keepdims": True}, (1, 1, 1)),
        ("full", {"keepdims": True}, (5, 6, 7)),
    ],
)  # fmt: skip
def test_weights_have_the_shape_of_their_kind(kind: str, semantics: Any, expected: tuple[int, ...]) -> None:
    for dtype in ("float64", "bfloat16"):
        found = of_kind(kind, (5, 6, 7), dtype=dtype, **semantics)
        assert (found.shape, str(found.dtype)) == (expected, dtype)
        assert bool((found == 0).all()) == (kind == "zeros")


def test_weights_are_quarters_up_to_2() -> None:
    assert set(of_kind("full", (9, 9, 9)).ravel().tolist()) == {n / 4 for n in range(9)}
    assert {float(of_kind("scalar", (2,), seed)) for seed in range(99)} == {n / 4 for n in range(1, 9)}


@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize("axis", [0, 1, -1, -2])
def test_weights_stand_for_the_values_of_the_call(axis: int, keepdims: bool) -> None:
    subject = documented(arrays=(*COSINE, WEIGHTS), options=OPTIONS[:1], weights="numpy", keepdims=keepdims)
    variant = Variant((("axis", axis),), weights="full", rank=3)
    for batch in batches(subject, "ordinary", "float32", variant, 3, 0):
        wanted = list(batch.arrays["x"].shape)
        wanted[axis] = 1
        found = batch.arrays["w"].shape
        assert found == (tuple(wanted) if keepdims else tuple(np.delete(wanted, axis).tolist()))
    integers = one(dtype="int32", variant=replace(variant, weights="scalar"), subject=subject).arrays["w"]
    assert (integers.shape, str(integers.dtype)) == ((), "float32")
    assert "w" not in one(subject=subject).arrays
