"""The gradient that is expected of a call, and values under other behaviours: compared with fractions by hand."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from lossproof.conformance.families.formula import Undocumented
from lossproof.conformance.judging.expectation import Expected, expect
from lossproof.conformance.model.subject import Subject

from .test_expectation import (
    CONTRASTIVE,
    COSINE,
    EMBEDDING,
    FLAT,
    OPTIONS,
    WEIGHTS,
    C,
    X,
    Y,
    ask,
    documented,
    same,
)  # fmt: skip

ROW, OTHER = np.array([[3, 4]], np.float32), np.array([[4, 3]], np.float32)
OF_ROW = np.array([[Fraction(28, 625), Fraction(-21, 625)]])
"""(y |x|^2 - x (x.y)) / |x|^3 |y|"""
WEIGHTED = documented(arrays=(*COSINE, WEIGHTS), weights="numpy")


def slope(
    subject: Subject,
    override: Mapping[str, Any] | None = None,
    wrt: str = "x",
    options: Any = (),
    **arrays: Any,
) -> Expected:
    """The gradient for one pair of rows."""
    return expect(subject, {"x": ROW, "y": OTHER, **arrays}, dict(options), override, wrt)


def test_the_gradient_is_that_of_the_sum_with_respect_to_either_input() -> None:
    found = slope(documented())
    same(found, OF_ROW)
    assert (found.axis, found.dtype, found.shape) == (-1, "float32", (1, 2))
    same(slope(documented(), wrt="y"), OF_ROW[:, ::-1])
    same(slope(documented(score="negated")), -OF_ROW)
    first = slope(documented(), options={"axis": 0}, x=ROW.T, y=OTHER.T)
    same(first, OF_ROW.T)
    assert first.axis == 0


def test_weights_and_reductions_are_differentiated_through() -> None:
    twice: dict[str, Any] = {"x": np.repeat(ROW, 2, 0), "y": np.repeat(OTHER, 2, 0)}
    same(slope(WEIGHTED, w=np.array([3], np.float32)), 3 * OF_ROW)
    same(slope(WEIGHTED, **twice), np.repeat(OF_ROW, 2, 0) / 2)
    w = np.array([1, 4], np.float32)
    same(slope(WEIGHTED, options={"reduction": "sum"}, w=w, **twice), np.concatenate([OF_ROW, 4 * OF_ROW]))
    same(slope(WEIGHTED, {"ignore_weights": True}, w=w[:1]), OF_ROW)
    kept = documented(arrays=(*COSINE, WEIGHTS), weights="numpy", keepdims=True)
    same(
        slope(kept, options={"reduction": "sum"}, w=w[:, None], **twice), np.concatenate([OF_ROW, 4 * OF_ROW])
    )


def test_other_gradients_as_behaviours() -> None:
    same(slope(WEIGHTED, {"gradient_factor": 2.0}), 2 * OF_ROW)
    same(slope(WEIGHTED, {"gradient_factor": 2.0}, w=np.array([3], np.float32)), 6 * OF_ROW)
    same(slope(WEIGHTED, {"gradient_factor": -0.5}, w=np.array([3], np.float32)), Fraction(-3, 2) * OF_ROW)
    same(slope(documented(), {"gradient_of": "other"}), OF_ROW[:, ::-1])
    same(slope(documented(), {"gradient_of": "other"}, wrt="y"), OF_ROW)
    floored = documented(options=(), norm_rule="floor_norm", eps=10.0)  # y / 100 below the floor
    same(slope(floored), np.array([[Fraction(4, 100), Fraction(3, 100)]]))
    followed = np.asarray(slope(floored, {"clamp": "followed"}).value.lower)
    assert not np.allclose(followed, [[0.04, 0.03]])


def test_what_no_gradient_is_derived_for_is_silent() -> None:
    with pytest.raises(Undocumented, match="no derivative with respect to weights"):
        slope(WEIGHTED, wrt="w", w=np.ones(1, np.float32))
    with pytest.raises(Undocumented, match="more values than there are to weight"):
        slope(WEIGHTED, w=np.ones((3, 1), np.float32))
    before = documented(options=(), broadcasting="normalise")
    with pytest.raises(Undocumented, match="before the axis is broadcast"):
        slope(before, y=OTHER[:, :1])
    same(slope(before), OF_ROW)
    assert slope(documented(options=(), broadcasting="expand"), y=OTHER[:, :1]).shape == (1, 2)


def test_gradients_of_the_other_families_lie_along_the_last_axis() -> None:
    embedding = documented("cosine_embedding", EMBEDDING, ())
    found = slope(embedding, labels=np.array([1], np.float32))
    same(found, -OF_ROW)
    assert found.axis == -1
    same(slope(embedding, labels=np.array([-1], np.float32), wrt="y"), OF_ROW[:, ::-1])
    pairs = documented("contrastive", CONTRASTIVE, ())
    distances = {"labels": np.array([1, 0, 0]), "distances": np.array([0.5, 0.25, 3], np.float32)}
    found = expect(pairs, distances, {}, wrt="distances")
    same(found, [Fraction(1), Fraction(-3, 2), Fraction(0)])
    assert found.axis == -1
    with pytest.raises(Undocumented, match="labels"):
        expect(pairs, distances, {}, wrt="labels")


def test_a_gradient_says_in_which_dtype_it_is_computed_where_that_is_wider() -> None:
    wide = documented(options=(), compute_dtype="float32")
    halves: dict[str, Any] = {"x": ROW.astype(np.float16), "y": OTHER.astype(np.float16)}
    for subject, arrays, expected in (
        (wide, halves, ("float16", "float16", "float32")),
        (wide, {}, ("float32", "float32", "")),
        (documented(options=()), halves, ("float16", "float16", "")),
    ):
        found = slope(subject, **arrays)
        assert (found.dtype, found.compute, found.cast) == expected
    narrowest = slope(documented(options=()), {"compute_dtype": "narrowest"}, y=halves["y"])
    assert (narrowest.dtype, narrowest.compute, narrowest.cast) == ("float32", "float16", "")


# --- values ---


def test_what_no_option_gives_has_the_customary_default() -> None:
    same(ask(documented(options=())), C)  # the last axis
    labels, distances = np.array([0]), np.array([0.25], np.float32)
    same(
        ask(documented("contrastive", CONTRASTIVE, ()), labels=labels, distances=distances), [Fraction(9, 16)]
    )
    labels = np.array([-1], np.float32)
    embedding = documented("cosine_embedding", EMBEDDING, ())
    same(ask(embedding, x=ROW, y=OTHER, labels=labels), [Fraction(24, 25)])


def test_subnormal_numbers_taken_for_zero() -> None:
    x = np.array([[3, 2.0**-130]], np.float32)
    y = np.array([[0, 4 * 2.0**-126]], np.float32)
    subject = documented(options=(), norm_rule="raw")
    same(ask(subject, {"subnormals": "zero"}, x=x, y=y), [Fraction(0)])
    same(ask(subject, x=x, y=y), [Fraction(1, 2**254)])
    same(ask(subject, {"subnormals": "zero"}, x=y, y=x), [Fraction(0)])


def test_an_eps_rounded_to_another_dtype() -> None:
    subject = documented(options=(), norm_rule="floor_norm", eps=1 + 2.0**-12)
    x, y = np.array([[0.5, 0]]), np.array([[4.0, 0]])
    same(ask(subject, x=x, y=y), [Fraction(1, 2) / (1 + Fraction(1, 4096))])
    same(ask(subject, {"eps_dtype": "float16"}, x=x, y=y), [Fraction(1, 2)])


def test_a_mean_by_weight_that_was_seen_is_over_the_expanded_weights() -> None:
    w = np.array([3, 1], np.float32)
    subject = documented(weights="per_sample")
    weighted = sum(3 * c for c in C[0]) + sum(C[1])
    same(ask(subject, {"reduction": "mean_by_weight"}, w=w), weighted / 12)
    same(ask(subject, {"reduction": "mean"}, w=w), weighted / 6)
    same(ask(subject, {"reduction": "mean"}), sum(FLAT) / 6)


@pytest.mark.parametrize("axis", [OPTIONS[0], {**OPTIONS[0], "default": 2}])
def test_the_axis_is_that_of_the_documentation(axis: Mapping[str, Any]) -> None:
    same(expect(documented(options=(axis,)), {"x": X, "y": Y}, {}), C)
