"""torch.nn.functional.cosine_similarity in NumPy: each norm at least eps, float64 inside, one rounding at the end."""

import numpy as np


def norm(x, axis):
    """Euclidean norm along an axis, scaled by a power of two so that no square leaves the range of float64."""
    exponent = np.frexp(np.max(np.abs(x), axis=axis, keepdims=True, initial=0.0))[1]
    squares = np.ldexp(x, -exponent) ** 2
    return np.ldexp(np.sqrt(np.sum(squares, axis=axis, keepdims=True)), exponent)


def floored(x, axis, eps):
    """The norm, or eps where that is larger."""
    return np.maximum(norm(x, axis), eps)


def cosine_similarity(x1, x2, dim=1, eps=1e-8):
    """x1 . x2 / (max(|x1|, eps) max(|x2|, eps)) along `dim` of the common shape."""
    dtype = np.result_type(x1, x2)
    x1, x2 = np.broadcast_arrays(x1, x2)
    a = x1.astype(np.float64)
    b = x2.astype(np.float64)
    a = a / floored(a, dim, eps)
    b = b / floored(b, dim, eps)
    value = np.sum(a * b, axis=dim)
    return value.astype(dtype)
