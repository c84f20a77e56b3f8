"""What the oracle refuses, and that it says what was given and what is allowed."""

from __future__ import annotations

import numpy as np
import pytest

from lossproof import oracle

A = np.ones((2, 3))
E = oracle.cosine(A, A)
NAN = float("nan")

REFUSED = {
    "0-d": (lambda: oracle.cosine(1.0, A), "x is 0-d"),
    "axis": (lambda: oracle.cosine(A, A, axis=2), "axis=2.*-2 to 1"),
    "axis below": (lambda: oracle.cosine(A, A, axis=-3), "axis=-3.*-2 to 1"),
    "axis of no integer": (lambda: oracle.cosine(A, A, axis=1.0), "axis=1.0"),
    "shapes": (lambda: oracle.cosine(A, np.ones((2, 4))), r"\(2, 3\).*\(2, 4\) do not broadcast"),
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
    "large integers": (lambda: oracle.cosine(np.array([2**60]), np.array([1])), "beyond 2\\^53"),
    "target": (lambda: oracle.cosine_embedding(A, A, [1, 0]), "target holds 0; allowed: 1 and -1"),
    "target's shape": (lambda: oracle.cosine_embedding(A, A, [1, 1, 1]), r"\(3,\).*\(2,\)"),
    "margin": (lambda: oracle.cosine_embedding(A, A, [1, 1], margin=NAN), "margin=nan"),
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
    "tolerance's shape": (lambda: oracle.within([1.0, 1.0], E, [1.0] * 3), r"\(3,\).*\(2,\)"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name):
    call, message = REFUSED[name]
    with pytest.raises(ValueError, match=message):
        call()


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
