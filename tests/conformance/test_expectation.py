"""The expected answer of a call, by an edition's words: compared with fractions or mpmath, never with the oracle."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

import mpmath
import numpy as np
import pytest
from numpy.typing import NDArray

from lossproof.conformance.families.formula import Undocumented
from lossproof.conformance.judging.comparison import explains, judge_answer
from lossproof.conformance.judging.expectation import Expected, expect
from lossproof.conformance.model.subject import Subject, TargetInfo
from lossproof.conformance.workers.protocol import Answer, Array
from lossproof.specs.families import spec_model

MEANS = {name: name for name in ("none", "sum", "mean", "mean_by_weight", "mean_by_nonzero")}
OPTIONS: tuple[dict[str, Any], ...] = (
    {"name": "axis", "role": "axis", "default": -1},
    {"name": "reduction", "role": "reduction", "default": "mean", "means": MEANS},
)
COSINE = [{"name": "x", "role": "x"}, {"name": "y", "role": "y"}]
EMBEDDING = [*COSINE, {"name": "labels", "role": "labels"}]
CONTRASTIVE = [{"name": "labels", "role": "labels"}, {"name": "distances", "role": "distances"}]
WEIGHTS = {"name": "w", "role": "weights", "optional": True}

# Rows of integers with integer norms: every cosine is a fraction.
X = np.array([[[3, 4], [5, 12], [8, 15]], [[4, 3], [12, 5], [15, 8]]], np.float32)
Y = np.array([[[4, 3], [3, 4], [3, 4]], [[-3, 4], [4, -3], [4, 3]]], np.float32)


def documented(
    family: str = "cosine",
    arrays: Sequence[Mapping[str, Any]] = (*COSINE, WEIGHTS),
    options: Sequence[Mapping[str, Any]] = OPTIONS,
    **semantics: Any,
) -> Subject:
    """An API with these semantic parameters; a similarity under `plain` where nothing else is said."""
    base: dict[str, Any] = {} if family == "contrastive" else {"norm_rule": "plain"}
    base |= {"score": "similarity"} if family == "cosine" else {}
    source = {"document": "page", "where": "https://example.org", "version": "1", "section": "all"}
    edition = {
        "slug": "e", "package": "p", "versions": ">=1", "source": source, "semantics": {**base, **semantics},
        "call": {"style": "function", "arrays": list(arrays), "options": list(options)},
    }  # fmt: skip
    spec = spec_model(family).model_validate(
        {"api": "p.f", "framework": "p", "family": family, "summary": "s", "editions": [edition]}
    )
    return Subject(TargetInfo("p", "p", "1"), spec, spec.editions[0])


def cosine(a: Sequence[Any], b: Sequence[Any]) -> Fraction:
    """The cosine of rows whose norms are integers."""
    p, q, r = (sum(Fraction(float(u)) * Fraction(float(v)) for u, v in zip(s, t, strict=True))
               for s, t in ((a, b), (a, a), (b, b)))  # fmt: skip
    norm = math.isqrt(int(q)) * math.isqrt(int(r))
    assert norm**2 == q * r
    return p / norm


C = [[cosine(a, b) for a, b in zip(s, t, strict=True)] for s, t in zip(X, Y, strict=True)]
FLAT = [c for row in C for c in row]


def same(found: Expected, wanted: Any) -> None:
    """Every enclosure holds the wanted fraction (or mpmath number) and is at most 2 ulp wide."""
    lower, upper = np.asarray(found.value.lower), np.asarray(found.value.upper)
    values = np.asarray(wanted, dtype=object)
    assert found.shape == lower.shape == values.shape
    for low, high, value in zip(lower.ravel(), upper.ravel(), values.ravel(), strict=True):
        exact = mpmath.mpf(value.numerator) / value.denominator if isinstance(value, Fraction) else value
        with mpmath.workdps(60):
            if isinstance(value, Fraction):
                assert Fraction(float(low)) <= value <= Fraction(float(high))
            else:
                assert low <= exact <= high
        assert high - low <= 2 * np.spacing(max(abs(low), abs(high)))


def ask(subject: Subject, override: Mapping[str, Any] | None = None, **given: Any) -> Expected:
    """The expected answer of a call with X and Y; arrays and options by name."""
    names = {a.name for a in subject.edition.call.arrays}
    arrays: dict[str, NDArray[Any]] = {"x": X, "y": Y} if "x" in names else {}
    arrays |= {k: v for k, v in given.items() if k in names}
    return expect(subject, arrays, {k: v for k, v in given.items() if k not in names}, override)


# --- options ---


def test_a_default_is_the_documented_one_and_an_option_overrides_it() -> None:
    subject = documented()
    same(ask(subject), sum(FLAT) / 6)
    same(ask(subject, reduction="sum"), sum(FLAT))
    same(ask(subject, reduction="none"), C)
    axis_first = ask(subject, reduction="none", axis=0)
    with mpmath.workdps(60):
        a, b = ([mpmath.mpf(float(v)) for v in rows[:, 0, 0]] for rows in (X, Y))
        dot = a[0] * b[0] + a[1] * b[1]
        wanted = dot / mpmath.sqrt((a[0] ** 2 + a[1] ** 2) * (b[0] ** 2 + b[1] ** 2))
    assert axis_first.shape == (3, 2)
    assert axis_first.value.lower[0, 0] <= wanted <= axis_first.value.upper[0, 0]


def test_another_documented_default_counts() -> None:
    options = ({**OPTIONS[0], "default": 1}, {**OPTIONS[1], "default": "none"})
    assert ask(documented(options=options)).shape == (2, 2)
    assert ask(documented(options=options), axis=-1).shape == (2, 3)


def test_reduction_without_an_option_is_that_of_the_semantics() -> None:
    same(ask(documented(options=OPTIONS[:1], reduction="sum")), sum(FLAT))


def test_the_word_for_a_reduction_is_the_documents_own() -> None:
    named = {**OPTIONS[1], "default": None, "means": {"null": "none", "auto": "mean"}}
    subject = documented(options=(OPTIONS[0], named))
    assert ask(subject).shape == (2, 3)
    same(ask(subject, reduction="auto"), sum(FLAT) / 6)


@pytest.mark.parametrize(("given", "norm"), [({}, 5), ({"eps": 20.0}, 20), ({"eps": None}, 5)])
def test_eps_is_given_or_default_and_none_is_zero(given: dict[str, Any], norm: int) -> None:
    eps = {"name": "eps", "role": "eps", "default": 1.0}
    subject = documented(options=(eps,), norm_rule="floor_norm")
    x, y = np.array([[3, 4]], np.float32), np.array([[4, 3]], np.float32)
    same(ask(subject, x=x, y=y, **given), [Fraction(24, norm**2)])
    if "eps" in given and given["eps"] is None:
        same(ask(subject, x=x / 16, y=y / 16, **given), [Fraction(24, 25)])


def test_a_fixed_eps_is_that_of_the_semantics() -> None:
    subject = documented(options=(), norm_rule="add_squared", eps=11.0)  # |x|^2 + 11 = 36
    x = np.array([[3, 4]], np.float32)
    same(ask(subject, x=x, y=x), [Fraction(25, 36)])


def test_the_score_and_keepdims() -> None:
    same(ask(documented(score="negated"), reduction="none"), [[-c for c in row] for row in C])
    same(ask(documented(score="distance"), reduction="none"), [[1 - c for c in row] for row in C])
    kept = ask(documented(keepdims=True), reduction="none", axis=1, x=X.swapaxes(1, 2), y=Y.swapaxes(1, 2))
    same(kept, [[row] for row in C])


def test_the_value_of_a_zero_vector_is_documented_or_undefined() -> None:
    zero = np.zeros((1, 2), np.float32)
    assert bool(np.all(ask(documented(options=()), x=zero, y=X[0, :1]).value.undefined))
    same(ask(documented(options=(), zero=0.5, score="distance"), x=zero, y=X[0, :1]), [Fraction(1, 2)])


# --- weights ---


def test_per_sample_weights_stand_for_whole_samples() -> None:
    subject = documented(weights="per_sample")
    w = np.array([2, 0.25], np.float32)
    wanted = [[c * 2 for c in C[0]], [c / 4 for c in C[1]]]
    same(ask(subject, reduction="none", w=w), wanted)
    same(ask(subject, reduction="none", w=w[:, None]), wanted)
    same(ask(subject, w=w), sum(wanted[0] + wanted[1]) / 6)
    same(ask(subject, w=np.float32(3)), sum(FLAT) / 2)


def test_numpy_weights_stand_for_the_last_axis() -> None:
    subject = documented(weights="numpy")
    w = np.array([2, 0.25, 0], np.float32)
    wanted = [[row[0] * 2, row[1] / 4, Fraction(0)] for row in C]
    same(ask(subject, reduction="none", w=w), wanted)
    with pytest.raises(ValueError, match=r"\(2,\).*\(2, 3\)"):
        ask(subject, reduction="none", w=w[:2])


def test_divisors() -> None:
    w = np.array([[2, 0, 1], [0, 0.5, 0.25]], np.float32)
    subject = documented(weights="per_sample")
    weighted = sum(Fraction(float(v)) * c for v, c in zip(w.ravel(), FLAT, strict=True))
    for reduction, divisor in (
        ("sum", 1), ("mean", 6), ("mean_by_weight", Fraction(15, 4)), ("mean_by_nonzero", 4),
    ):  # fmt: skip
        same(ask(subject, reduction=reduction, w=w), weighted / divisor)


def test_a_mean_by_weight_is_silent_unless_every_value_has_its_weight() -> None:
    """Σ(w c) / Σw depends on whether the weights are summed before or after they are expanded."""
    subject = documented(weights="per_sample")
    for w in (np.float32(2), np.array([2, 1], np.float32), np.array([[2], [1]], np.float32)):
        with pytest.raises(Undocumented, match="before or after"):
            ask(subject, reduction="mean_by_weight", w=w)


def test_no_weights_are_weights_of_one() -> None:
    for reduction in ("mean", "mean_by_weight", "mean_by_nonzero"):
        same(ask(documented(weights="numpy"), reduction=reduction), sum(FLAT) / 6)


def test_weights_that_no_word_explains_are_silent() -> None:
    with pytest.raises(Undocumented, match="how weights apply"):
        ask(documented(), w=np.float32(2))


def test_zero_over_zero_is_undefined_unless_it_is_said() -> None:
    subject, w = documented(weights="per_sample"), np.zeros((2, 3), np.float32)
    for reduction in ("mean_by_weight", "mean_by_nonzero"):
        assert bool(np.all(ask(subject, reduction=reduction, w=w).value.undefined))
        same(ask(subject, {"empty": 0.0}, reduction=reduction, w=w), Fraction(0))


# --- broadcasting ---


def test_shapes_that_differ_are_silent_where_broadcasting_is_refused_or_not_documented() -> None:
    for rule in (None, "refused"):
        with pytest.raises(Undocumented, match="different shapes"):
            ask(documented(broadcasting=rule), y=Y[:, :1])
        same(ask(documented(broadcasting=rule)), sum(FLAT) / 6)


def test_expanding_before_or_after_the_norms_is_told_apart() -> None:
    x, y = np.array([[3, 4]], np.float32), np.array([[2]], np.float32)
    expanded = ask(documented(options=(), broadcasting="expand"), x=x, y=y)
    with mpmath.workdps(60):
        wanted = mpmath.mpf(14) / (5 * mpmath.sqrt(8))
    same(expanded, [wanted])
    same(ask(documented(options=(), broadcasting="normalise"), x=x, y=y), [Fraction(14, 10)])


def test_a_shape_no_formula_takes_is_a_value_error() -> None:
    with pytest.raises(ValueError, match="do not broadcast"):
        ask(documented(broadcasting="expand"), y=Y[..., [0, 1, 0]])


# --- what else a documentation may leave open ---


@pytest.mark.parametrize(("missing", "words"), [("score", "no sign"), ("norm_rule", "no formula")])
def test_no_sign_or_formula_is_silent(missing: str, words: str) -> None:
    with pytest.raises(Undocumented, match=words):
        ask(documented(**{missing: None}))


# --- other behaviours ---


def test_an_override_takes_the_place_of_what_is_documented_and_of_what_is_given() -> None:
    subject = documented(weights="per_sample")
    w = np.array([2, 4], np.float32)
    same(ask(subject, {"score": "negated"}), -sum(FLAT) / 6)
    same(ask(subject, {"reduction": "sum"}, reduction="none"), sum(FLAT))
    same(ask(subject, {"ignore_weights": True}, w=w), sum(FLAT) / 6)
    assert ask(subject, {"axis": 0}, reduction="none", axis=-1).shape == (3, 2)
    assert ask(subject, {"result_dtype": "float64"}).dtype == "float64"
    same(ask(subject, {"norm_rule": "floor_norm", "eps": 100.0}, reduction="none", x=X[:1, :1], y=Y[:1, :1]),
         [[Fraction(24, 10_000)]])  # fmt: skip
    raw = [
        [Fraction(float((a * b).sum())) for a, b in zip(s, t, strict=True)] for s, t in zip(X, Y, strict=True)
    ]
    same(ask(subject, {"norm_rule": "raw"}, reduction="none"), raw)
    same(ask(subject, {"weights": "numpy"}, reduction="none", w=np.array([1, 2, 4], np.float32)),
         [[row[0], 2 * row[1], 4 * row[2]] for row in C])  # fmt: skip


def test_an_override_does_not_change_the_subject() -> None:
    subject = documented()
    ask(subject, {"score": "negated", "reduction": "sum"})
    same(ask(subject), sum(FLAT) / 6)


def test_nan_is_no_sign_of_another_axis() -> None:
    """The first column is a zero vector, for which another axis would have no value: that explains no NaN."""
    subject = documented(options=[OPTIONS[0], {**OPTIONS[1], "default": "none"}])
    arrays = {"x": np.array([[0, 1], [0, 2]], np.float32), "y": np.array([[0, 3], [0, 1]], np.float32)}
    answer = Answer("value", Array.of(np.array([np.nan, 1], np.float32)))
    judged = judge_answer(subject, arrays, {}, answer)
    assert judged.wrong.tolist() == [True, False]
    assert not explains(subject, arrays, {}, judged, {"axis": 0})[0]
    assert not explains(subject, arrays, {}, judged, {"score": "negated"})[0]


# --- the other families ---


def test_cosine_embedding_by_label_and_margin() -> None:
    margin = {"name": "margin", "role": "margin", "default": 0.25}
    subject = documented("cosine_embedding", EMBEDDING, (margin,))
    x, y = np.array([[3, 4], [3, 4], [3, 4]], np.float32), np.array([[4, 3], [4, 3], [-4, 3]], np.float32)
    labels = np.array([1, -1, -1], np.float32)
    c = Fraction(24, 25)
    same(ask(subject, x=x, y=y, labels=labels), [1 - c, c - Fraction(1, 4), Fraction(0)])
    same(ask(subject, x=x, y=y, labels=labels, margin=0.5), [1 - c, c - Fraction(1, 2), Fraction(0)])


@pytest.mark.parametrize(
    ("semantics", "wanted"),
    [
        ({}, [Fraction(1, 4), Fraction(9, 4), Fraction(0)]),
        ({"similar": 0}, [Fraction(9, 4), Fraction(1, 4), Fraction(9)]),
        ({"squared": False}, [Fraction(1, 2), Fraction(3, 2), Fraction(0)]),
        ({"half": True}, [Fraction(1, 8), Fraction(9, 8), Fraction(0)]),
    ],
)
def test_contrastive(semantics: dict[str, Any], wanted: list[Fraction]) -> None:
    """d = 1/2 similar, 1/2 and 3 dissimilar, margin 2: d^2 and max(margin - d, 0)^2."""
    margin = {"name": "margin", "role": "margin", "default": 2.0}
    subject = documented("contrastive", CONTRASTIVE, (margin,), **semantics)
    labels, distances = np.array([1, 0, 0]), np.array([0.5, 0.5, 3], np.float32)
    same(ask(subject, labels=labels, distances=distances), wanted)


def test_integer_distances_follow_the_rule_for_integers() -> None:
    labels, distances = np.array([1, 0]), np.array([2, 1])
    options = ({"name": "margin", "role": "margin", "default": 3.0},)
    with pytest.raises(Undocumented, match="integer"):
        ask(documented("contrastive", CONTRASTIVE, options), labels=labels, distances=distances)
    found = ask(
        documented("contrastive", CONTRASTIVE, options, integers="float32"),
        labels=labels,
        distances=distances,
    )
    assert found.dtype == "float32"
    same(found, [Fraction(4), Fraction(4)])
