"""A cosine that adds eps to each norm, for the golden run of `try`."""

import numpy as np


def cosine_similarity(x1, x2, dim=1, eps=1e-8):
    a = np.sqrt((x1 * x1).sum(axis=dim)) + x1.dtype.type(eps)
    b = np.sqrt((x2 * x2).sum(axis=dim)) + x2.dtype.type(eps)
    return (x1 * x2).sum(axis=dim) / (a * b)
