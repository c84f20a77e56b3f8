"""Implementations of one documented API whose value is right, one with the right gradient and the others without it.

`tests/conformance/data/faulty.cosine_similarity.yaml` documents them all. fake_adapter.py asks `SLOPES` for the
gradient with respect to an input. Plain NumPy, run in a real worker, so Python 3.7 syntax.
"""

import numpy as np

__version__ = "1.2.3"

WIDE = np.longdouble
"""Wider than every dtype asked for: nothing overflows or underflows on the way."""


def cosine_similarity(x1, x2, axis=-1, eps=1e-8):
    """The documented value, rounded once."""
    if x1.dtype.kind != "f" or x2.dtype.kind != "f":
        raise TypeError("x1 and x2 must be floating")
    rows1, rows2, n, m = _rows(x1, x2, axis, eps)
    return np.squeeze(np.sum(rows1 * rows2, axis, keepdims=True) / (n * m), axis).astype(x1.dtype)


doubled = detached = zeros = nan_at_zero = of_the_other = past_the_floor = cosine_similarity
"""The value is right whatever the gradient is."""


def _rows(x1, x2, axis, eps):
    """Both inputs and their norms, floored by eps, in the wide dtype."""
    wide = [x.astype(WIDE) for x in np.broadcast_arrays(x1, x2)]
    norms = [np.maximum(np.sqrt(np.sum(x * x, axis, keepdims=True)), WIDE(eps)) for x in wide]
    return wide[0], wide[1], norms[0], norms[1]


def right(wrt, x1, x2, axis=-1, eps=1e-8, floored=True):
    """The derivative of the documented formula; not `floored`: as if the norm could not be held at eps."""
    given = {"x1": x1, "x2": x2}[wrt]
    a, b, n, m = _rows(*((x1, x2) if wrt == "x1" else (x2, x1)), axis, eps)
    norm = np.sqrt(np.sum(a * a, axis, keepdims=True))
    pull = np.where(norm > (WIDE(eps) if floored else 0), 1 / np.where(norm > 0, norm, 1), 0) / n
    slope = (b - a * np.sum(a * b, axis, keepdims=True) * pull) / (n * m)
    summed = tuple(i for i in range(slope.ndim) if given.shape[i] == 1 != slope.shape[i])
    with np.errstate(over="ignore"):
        return slope.sum(summed, keepdims=True).astype(given.dtype)


def times_two(wrt, x1, x2, **options):
    """Twice the gradient."""
    return 2 * right(wrt, x1, x2, **options)


def nothing(wrt, x1, x2, **options):
    """No gradient at all: the result does not depend on the inputs any more."""
    return None


def only_zeros(wrt, x1, x2, **options):
    """A gradient that was stopped on the way."""
    return np.zeros_like({"x1": x1, "x2": x2}[wrt])


def nan_for_zeros(wrt, x1, x2, axis=-1, eps=1e-8):
    """0/0 with respect to a zero vector."""
    dead = np.all({"x1": x1, "x2": x2}[wrt] == 0, axis, keepdims=True)
    return np.where(dead, np.nan, right(wrt, x1, x2, axis, eps)).astype(x1.dtype)


def other_input(wrt, x1, x2, **options):
    """The gradient with respect to the other input."""
    return right({"x1": "x2", "x2": "x1"}[wrt], x1, x2, **options)


def norm_followed(wrt, x1, x2, **options):
    """The norm is differentiated where eps stands in its place, too."""
    return right(wrt, x1, x2, floored=False, **options)


SLOPES = {
    "gradients.cosine_similarity": right,
    "gradients.doubled": times_two,
    "gradients.detached": nothing,
    "gradients.zeros": only_zeros,
    "gradients.nan_at_zero": nan_for_zeros,
    "gradients.of_the_other": other_input,
    "gradients.past_the_floor": norm_followed,
}
