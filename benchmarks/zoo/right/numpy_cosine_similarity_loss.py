"""mlx.nn.losses.cosine_similarity_loss in NumPy: the product of the norms is at least eps; reduced."""

import numpy as np

REDUCED = {"none": np.asarray, "mean": np.mean, "sum": np.sum}


def scaled(x, axis):
    """x over a power of two near its largest element along an axis, and the exponent of that."""
    exponent = np.frexp(np.max(np.abs(x), axis=axis, keepdims=True, initial=0.0))[1]
    return np.ldexp(x, -exponent), np.squeeze(exponent, axis)


def cosine_similarity_loss(x1, x2, axis=1, eps=1e-8, reduction="none"):
    """x1 . x2 / max(|x1| |x2|, eps) along `axis`, reduced."""
    reduce, dtype = REDUCED[reduction], np.result_type(x1, x2)
    a, left = scaled(x1.astype(np.float64), axis)
    b, right = scaled(x2.astype(np.float64), axis)
    dot = np.sum(a * b, axis=axis)
    p = np.sqrt(np.sum(a * a, axis=axis))
    q = np.sqrt(np.sum(b * b, axis=axis))
    loss = dot / np.maximum(p * q, np.ldexp(eps, -left - right))
    return reduce(loss).astype(dtype)
