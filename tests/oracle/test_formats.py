"""The caster: every value rounded once, as an independent computation says."""

from __future__ import annotations

import ml_dtypes
import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lossproof import oracle

from . import reference


def one(value):
    """The enclosure of a float: value * 1 without normalising."""
    return oracle.cosine([[value]], [[1.0]], norm_rule="raw")


@settings(max_examples=300, deadline=None)
@given(value=st.floats(allow_nan=False, allow_infinity=False), dtype=st.sampled_from(oracle.FLOAT_DTYPES))
def test_any_float64(value, dtype):
    assert float(one(value).rounded(dtype)[0]) == reference.rounded(mpmath.mpf(value), dtype)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_every_number_and_every_midpoint(dtype):
    """All finite numbers of a 16-bit format, the midpoints between neighbours, and the float64 beside each of
    those.
    """
    kind = np.dtype(ml_dtypes.bfloat16 if dtype == "bfloat16" else dtype)
    with np.errstate(invalid="ignore"):
        positive = np.arange(0, 1 << 15, dtype=np.uint16).view(kind).astype(np.float64)
    positive = np.sort(positive[np.isfinite(positive)])
    low, high = positive[:-1], positive[1:]
    middle = (low + high) / 2  # exact
    even = np.where(np.arange(len(low)) % 2 == 0, low, high)  # neighbours alternate between even and odd
    some = slice(3, None, 11)  # of the midpoints, which need the exact stage; both parities
    for points, expected in (
        (positive, positive),
        (np.nextafter(middle, 0)[some], low[some]),
        (-middle[some], -even[some]),
        (np.nextafter(middle, np.inf)[some], high[some]),
    ):
        e = oracle.cosine(points[:, None], np.ones((len(points), 1)), norm_rule="raw")
        assert (e.rounded(dtype).astype(np.float64) == expected).all()


@pytest.mark.parametrize("dtype", oracle.FLOAT_DTYPES)
def test_overflow_starts_half_an_ulp_beyond_the_largest_number(dtype):
    p, _, emax = reference.PRECISION[dtype]
    if dtype == "float64":
        e = oracle.cosine([[2.0**600, 2.0**600]], [[2.0**600, 2.0**600]], norm_rule="raw")
        assert np.isinf(e.rounded(dtype)[0])
        assert e.upper[0] == np.inf
        return
    largest = (2 - 2.0 ** (1 - p)) * 2.0**emax
    edge = largest + 2.0 ** (emax - p)
    assert float(one(np.nextafter(edge, 0)).rounded(dtype)[0]) == largest
    assert float(one(edge).rounded(dtype)[0]) == np.inf
    assert float(one(-edge).rounded(dtype)[0]) == -np.inf


def test_a_value_that_two_roundings_get_wrong():
    """Just above the middle of two bfloat16 numbers: by way of float32 it comes out low."""
    value = 1 + 2.0**-8 + 2.0**-40
    assert float(np.float32(value).astype(ml_dtypes.bfloat16)) == 1.0
    assert float(one(value).rounded("bfloat16")[0]) == 1 + 2.0**-7
