"""The oracle refuses bad input and says what was given and what is allowed."""

from __future__ import annotations

import inspect
import warnings

import numpy as np
import pytest

from lossproof import oracle
from lossproof.oracle.arithmetic.rows import checked

A = np.ones((2, 3))
E = oracle.cosine(A, A)
NAN = float("nan")

REFUSED = {
    "0-d": (lambda: oracle.cosine(1.0, A), "x is 0-d"),
    "axis": (lambda: oracle.cosine(A, A, axis=2), "axis=2.*-2 to 1"),
    "axis below": (lambda: oracle.cosine(A, A, axis=-3), "axis=-3.*-2 to 1"),
    "axis of no integer": (lambda: oracle.cosine(A, A, axis=1.0), "axis=1.0"),
    "shapes": (
        lambda: oracle.cosine(A, np.ones((2, 4))),
        r"x of shape \(2, 3\) and y of shape \(2, 4\) do not",
    ),
    "0-d on the right": (lambda: oracle.cosine_embedding(A, 1.0, 1), "x2 is 0-d"),
    "ranks": (lambda: oracle.cosine(np.ones(4), A), r"x of shape \(4,\) and y of shape \(2, 3\)"),
    "length 1 against 0": (
        lambda: oracle.cosine(np.ones((2, 1)), np.ones((2, 0))),
        "lengths 1 and 0.*axis -1",
    ),
    "axis a bool": (lambda: oracle.cosine(A, A, axis=True), "axis=True"),
    "length 0 against 1": (lambda: oracle.cosine(np.ones((2, 0)), np.ones((2, 1))), "lengths 0 and 1"),
    "score": (lambda: oracle.cosine(A, A, score="angle"), "score='angle'.*similarity, negated, distance"),
    "norm rule": (lambda: oracle.cosine(A, A, norm_rule="l2"), "norm_rule='l2'.*threshold"),
    "broadcast": (lambda: oracle.cosine(A, A, broadcast="no"), "broadcast='no'.*expand, normalise"),
    "eps negative": (lambda: oracle.cosine(A, A, norm_rule="floor_norm", eps=-1.0), "eps=-1.0.*at least 0"),
    "eps nan": (lambda: oracle.cosine(A, A, norm_rule="floor_norm", eps=NAN), "eps=nan"),
    "eps without use": (lambda: oracle.cosine(A, A, eps=1e-8), "'plain' has no eps"),
    "eps a string": (lambda: oracle.cosine(A, A, norm_rule="floor_norm", eps="1"), "eps='1' is no number"),
    "zero": (lambda: oracle.cosine(A, A, zero=np.inf), "zero=inf"),
    "complex": (lambda: oracle.cosine(A + 1j, A), "x has dtype complex128"),
    "bool": (lambda: oracle.cosine(A, A > 0), "y has dtype bool"),
    "object": (lambda: oracle.cosine(np.array([[None]]), A), "x has dtype object"),
    "long double": (lambda: oracle.cosine(A.astype(np.longdouble), A), "x has dtype"),
    "complex on the right": (lambda: oracle.cosine_embedding(A, A + 1j, 1), "x2 has dtype complex128"),
    "negative integers": (
        lambda: oracle.cosine(np.array([-(2**53) - 1]), np.array([1])),
        "x holds integers beyond",
    ),
    "target's dtype": (lambda: oracle.cosine_embedding(A, A, [True, True]), "target has dtype bool"),
    "labels' dtype": (lambda: oracle.contrastive([True], [0.5]), "labels has dtype bool"),
    "distances' dtype": (lambda: oracle.contrastive([1], [0.5j]), "distances has dtype complex128"),
    "answer's dtype": (lambda: oracle.within([True, True], E, 0.1), "answer has dtype bool"),
    "large integers": (lambda: oracle.cosine(np.array([2**60]), np.array([1])), "beyond 2\\^53"),
    "target": (lambda: oracle.cosine_embedding(A, A, [1, 0]), "target holds 0; allowed: 1 and -1"),
    "target's shape": (lambda: oracle.cosine_embedding(A, A, [1, 1, 1]), r"\(3,\).*\(2,\)"),
    "margin": (lambda: oracle.cosine_embedding(A, A, [1, 1], margin=NAN), "margin=nan; a finite float64, is"),
    "margin too long": (lambda: oracle.contrastive([1], [0.5], margin=2**53 + 1), "margin=9007199254740993"),
    "margin a bool": (lambda: oracle.contrastive([1], [0.5], margin=True), "margin=True is no number"),
    "similar a bool": (lambda: oracle.contrastive([1], [0.5], similar=True), "similar=True"),
    "labels": (lambda: oracle.contrastive([2, 1], [0.5, 0.5]), "labels holds .*2"),
    "similar": (lambda: oracle.contrastive([1], [0.5], similar=3), "similar=3"),
    "labels' shape": (lambda: oracle.contrastive([1, 1, 1], [0.5, 0.5]), r"\(3,\).*\(2,\)"),
    "reduction": (lambda: oracle.reduce(E, "avg"), "reduction='avg'.*mean_by_nonzero"),
    "weights' shape": (lambda: oracle.reduce(E, "sum", np.ones(3)), r"\(3,\).*\(2,\)"),
    "weights' dtype": (lambda: oracle.reduce(E, "sum", np.ones(2, bool)), "weights has dtype bool"),
    "no enclosure": (lambda: oracle.reduce(A, "sum"), "not ndarray"),
    "empty": (lambda: oracle.reduce(E, "mean", empty=np.inf), "empty=inf"),
    "dtype": (lambda: E.rounded("float8"), "'float8'.*float16, bfloat16, float32, float64"),
    "grade": (lambda: oracle.bound(E, "float32", "G7"), "grade='G7'"),
    "G3": (lambda: oracle.bound(E, "float32", "G3"), "'G3' is for float16 and bfloat16"),
    "answer's shape": (lambda: oracle.within([1.0], E, 0.1), r"\(1,\).*\(2,\)"),
    "tolerance": (lambda: oracle.within([1.0, 1.0], E, -0.1), "tolerance=-0.1"),
    "eps too large": (
        lambda: oracle.cosine(A, A, norm_rule="floor_norm", eps=10**400),
        "eps=an integer of 1329",
    ),
    "eps too long to write out": (
        lambda: oracle.cosine(A, A, norm_rule="floor_norm", eps=10**5000),
        "eps=an integer of 16610 bits; a finite",
    ),
    "eps of 64 bits": (
        lambda: oracle.cosine(A, A, norm_rule="floor_norm", eps=np.uint64(2**64 - 1)),
        "eps=18446744073709551615;",
    ),
    "zero too large": (lambda: oracle.cosine(A, A, zero=-(10**400)), "zero=an integer of"),
    "margin too large": (
        lambda: oracle.cosine_embedding(A, A, [1, 1], margin=10**400),
        "margin=an integer of",
    ),
    "distance's margin": (lambda: oracle.contrastive([1], [0.5], margin=10**400), "margin=an integer of"),
    "gradient's margin": (
        lambda: oracle.contrastive_gradient([1], [0.5], margin=10**400),
        "margin=an integer of 1329 bits",
    ),
    "empty too large": (lambda: oracle.reduce(E, "mean", empty=10**400), "empty=an integer of"),
    "weights too large": (lambda: oracle.reduce(E, "sum", [10**400, 1]), "weights has dtype object"),
    "tolerance too large": (lambda: oracle.within([1.0, 1.0], E, 10**400), "tolerance has dtype object"),
    "tolerance of text": (lambda: oracle.within([1.0, 1.0], E, "1"), "tolerance has dtype <U1"),
    "tolerance None": (lambda: oracle.within([1.0, 1.0], E, None), "tolerance has dtype object"),
    "tolerance a bool": (lambda: oracle.within([1.0, 1.0], E, True), "tolerance has dtype bool"),
    "similar an array": (lambda: oracle.contrastive([1], [0.5], similar=np.array([1])), "similar=array"),
    "squared": (
        lambda: oracle.contrastive([1], [0.5], squared="no"),
        "squared='no'; allowed: True and False",
    ),
    "half": (lambda: oracle.contrastive([1], [0.5], half=1), "half=1; allowed: True and False"),
    "keepdims": (lambda: oracle.cosine(A, A, keepdims=0), "keepdims=0; allowed: True and False"),
    "flush": (lambda: oracle.bound(E, "float32", "G2", flush=None), "flush=None; allowed: True and False"),
    "dtype None": (lambda: E.rounded(None), "dtype None is not"),
    "dtype a number": (lambda: E.rounded(1.5), "dtype 1.5 is not a float format.*float16"),
    "a long choice": (lambda: oracle.cosine(A, A, score="x" * 500), "score='x{59}[.]{3} is not known"),
    "bound of an array": (lambda: oracle.bound(A, "float32", "G2"), "a bound is that of .*, not ndarray"),
    "unit of an array": (lambda: oracle.error_unit(A, "float32"), "a unit is that of .*, not ndarray"),
    "judged by an array": (lambda: oracle.within([1.0], A, 0.1), "is judged by .*, not ndarray"),
    "structured": (lambda: oracle.cosine(np.zeros(2, [("a", "f4")]), A), "x has dtype .*'a'"),
    "dates": (lambda: oracle.cosine(np.zeros(2, "M8[D]"), A), r"x has dtype datetime64\[D\]"),
    "text": (lambda: oracle.cosine(["1", "2"], A), "x has dtype <U1"),
    "ragged": (lambda: oracle.cosine([[1, 2], [3]], A), "x is no array of numbers: .*inhomogeneous"),
    "big-endian": (lambda: oracle.cosine(A.astype(">f8"), A), "x has dtype >f8"),
    "tolerance's shape": (lambda: oracle.within([1.0, 1.0], E, [1.0] * 3), r"\(3,\).*\(2,\)"),
}


MASKED = np.ma.masked_array([1.0, 5.0], mask=[False, True])
with warnings.catch_warnings():
    warnings.simplefilter("ignore", PendingDeprecationWarning)
    MATRIX = np.matrix(A)
ROWS = np.ma.masked_array(A, mask=[[0, 0, 1], [0, 0, 0]])
TAKEN = {
    "x": lambda a: oracle.cosine(a, A),
    "y": lambda a: oracle.cosine(A, a),
    "X": lambda a: oracle.cosine_matrix(a, A),
    "Y": lambda a: oracle.cosine_matrix(A, a),
    "x1": lambda a: oracle.cosine_embedding(a, A, 1),
    "x2": lambda a: oracle.cosine_embedding_gradient(A, a, 1, wrt="x2"),
    "target": lambda a: oracle.cosine_embedding(A, A, a),
    "labels": lambda a: oracle.contrastive(a, [0.5, 0.5]),
    "distances": lambda a: oracle.contrastive_gradient([1, 1], a),
    "weights": lambda a: oracle.reduce(E, "sum", a),
    "answer": lambda a: oracle.grade(a, E, "float32"),
    "tolerance": lambda a: oracle.within([1.0, 1.0], E, a),
}
"""Every function that takes an array, by the array's name."""


@pytest.mark.parametrize("name", TAKEN)
def test_masks_and_matrices_are_refused(name):
    """A mask would get lost: what it hides would be judged; masks without a masked element are no exception."""
    given = ROWS if name in ("x", "y", "X", "Y", "x1", "x2") else MASKED
    for masked in (given, np.ma.masked_array(given.data), [given, given]):
        with pytest.raises(oracle.UnsupportedInput, match=f"^{name} is a masked array; .*fill it, or drop"):
            TAKEN[name](masked)
    with pytest.raises(oracle.UnsupportedInput, match=f"^{name} is a numpy.matrix; .*numpy.asarray"):
        TAKEN[name](MATRIX if given is ROWS else MATRIX[0])


@pytest.mark.parametrize("name", TAKEN)
@pytest.mark.parametrize(
    "given", [None, object(), {"a": 1}, {1, 2}, [10**400], [[1], [1, 2]], b"abc", [1, "a"], np.zeros(2, "V4")]
)
def test_what_is_no_array_of_numbers_is_a_value_error(name, given):
    if name == "weights" and given is None:  # no weights
        assert TAKEN[name](given).lower == 2
        return
    with pytest.raises(ValueError, match=f"^{name} (has dtype|is no array)"):
        TAKEN[name](given)


def test_errors_of_a_gradient_name_the_arrays_as_given():
    for wrt in ("x", "y"):
        with pytest.raises(ValueError, match=r"x of shape \(2, 3\) and y of shape \(2, 4\)"):
            oracle.cosine_gradient(A, np.ones((2, 4)), wrt=wrt)
        with pytest.raises(ValueError, match="y is 0-d"):
            oracle.cosine_gradient(A, 1.0, wrt=wrt)


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name):
    call, message = REFUSED[name]
    with pytest.raises(ValueError, match=message):
        call()


MEASURE = {"norm_rule": "plain", "eps": 0.0}
DEFAULTS = {
    "cosine": {
        **MEASURE, "axis": -1, "score": "similarity", "zero": None, "keepdims": False, "broadcast": "expand",
    },
    "cosine_embedding": {**MEASURE, "margin": 0.0, "zero": None, "axis": -1},
    "cosine_matrix": {**MEASURE, "score": "similarity", "zero": None},
    "contrastive": {"margin": 1.0, "similar": 1, "squared": True, "half": False},
    "reduce": {"reduction": "none", "weights": None, "empty": None},
    "cosine_gradient": {
        **MEASURE, "wrt": "x", "axis": -1, "score": "similarity", "weights": None, "reduction": "sum", "clamp": "held",
    },
    "cosine_embedding_gradient": {
        **MEASURE, "wrt": "x1", "margin": 0.0, "axis": -1, "weights": None, "reduction": "sum",
    },
    "contrastive_gradient": {
        "margin": 1.0, "similar": 1, "squared": True, "half": False, "weights": None, "reduction": "sum",
    },
    "bound": {"flush": True},
    "within": {"dtype": None},
}  # fmt: skip
"""The defaults of the parameters: other programs rely on them."""


@pytest.mark.parametrize("name", DEFAULTS)
def test_what_is_assumed_where_nothing_is_said(name):
    parameters = inspect.signature(getattr(oracle, name)).parameters.values()
    told = {p.name: p.default for p in parameters if p.default is not p.empty}
    assert told == DEFAULTS[name]
    assert {n: type(v) for n, v in told.items()} == {n: type(v) for n, v in DEFAULTS[name].items()}


def test_what_is_just_allowed():
    """The last integers, numbers of NumPy, labels of every kind, and vectors of either axis."""
    ends = np.array([[2**53, -(2**53)]])
    assert (oracle.cosine(ends, ends).lower == 1).all()
    for margin in (np.float32(0.5), np.int8(1), 2**53):
        assert oracle.contrastive([1, 0, -1], [0.0, 0.5, 0.5], margin=margin, similar=-1).shape == (3,)
    for axis in (-1, 0, np.int64(0)):
        assert oracle.cosine([3.0, 4.0], [3.0, 4.0], axis=axis).lower == 1


def test_only_what_nobody_can_write_into_is_not_copied():
    """Read-only itself and by all that it is a view of; a row that is a copy is laid out in C order."""
    own = np.arange(12.0).reshape(3, 4).copy()
    view = own.view()
    view.flags.writeable = False
    assert not np.shares_memory(checked("x", own), own)
    assert not np.shares_memory(checked("x", view), own)
    fixed = np.frombuffer(own.tobytes()).reshape(3, 4)
    assert np.shares_memory(checked("x", fixed), fixed)
    own.flags.writeable = False
    for kept in (own, own[1:], own.reshape(2, 6)):
        assert np.shares_memory(checked("x", kept), own)
    for some in (own.T, np.asfortranarray(own), own.astype(np.float16).T):
        found = checked("x", some)
        assert found.flags.c_contiguous
        assert (found == some).all()
    assert checked("x", np.float64(3)).shape == ()


def test_unsupported_input_is_a_value_error():
    assert issubclass(oracle.UnsupportedInput, ValueError)
    with pytest.raises(oracle.UnsupportedInput):
        oracle.cosine(A + 1j, A)


def test_inputs_are_never_modified():
    g = np.random.default_rng(0)
    arrays = [g.standard_normal((4, 3)), g.standard_normal((4, 3)), np.array([1, -1, 1, -1]), g.random(4)]
    before = [a.tobytes() for a in arrays]
    x, y, target, w = arrays
    e = oracle.cosine_embedding(x, y, target, margin=0.2)
    r = oracle.reduce(e, "mean_by_weight", w)
    oracle.grade(e.rounded("float32"), e, "float32")
    oracle.within(r.rounded("float64"), r, oracle.bound(r, "float64", "G2"))
    assert [a.tobytes() for a in arrays] == before
    with pytest.raises(ValueError, match="read-only"):
        e.lower[0] = 3
