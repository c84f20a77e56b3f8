"""The bytes of arrays as NumPy arrays, and back. Python 3.7 syntax; see worker.py."""

import sys

import numpy as np


def as_numpy(data, dtype, shape, layout="C"):
    """A writable NumPy array of those bytes; bfloat16 as the float32 of the same value."""
    if dtype == "bfloat16":
        wide = np.frombuffer(data, "<u2").astype("<u4") << 16
        return lay_out(wide.view(np.float32).reshape(shape), layout)
    return lay_out(np.frombuffer(data, np.dtype(dtype)).reshape(shape).copy(), layout)


def lay_out(array, layout):
    """The same values in other strides: `transposed` is Fortran order, `strided` every second element."""
    if layout == "transposed" and array.ndim > 1:
        return np.asfortranarray(array)
    if layout == "strided" and array.ndim:
        wide = np.zeros((*array.shape[:-1], 2 * array.shape[-1]), array.dtype)
        wide[..., ::2] = array
        return wide[..., ::2]
    return array


def from_numpy(array):
    """(little-endian bytes, dtype, shape) of a NumPy array or scalar, extension dtypes such as bfloat16 included.

    Objects, texts, dates, records and long doubles have no bytes that mean the same on every machine: none are given.
    """
    if isinstance(array, np.ma.MaskedArray) and np.ma.is_masked(array):
        raise ValueError("some of its values are masked")
    array = np.asarray(array)
    if array.dtype.kind in "OSUMm" or array.dtype.char in "gG" or issubclass(array.dtype.type, np.void):
        return b"", array.dtype.name, array.shape
    if array.dtype.byteorder == ">" or (array.dtype.byteorder == "=" and sys.byteorder == "big"):
        array = array.astype(array.dtype.newbyteorder("<"))
    return array.tobytes(), array.dtype.name, array.shape
