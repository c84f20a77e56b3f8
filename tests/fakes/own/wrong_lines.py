"""NumPy code for the place of a cosine or a loss over one, each wrong in one line."""

import numpy as np


def _dot(a, b, axis):
    return (np.asarray(a) * b).sum(axis)


def _norm(a, axis):
    top = np.abs(a).max(axis, keepdims=True, initial=0)
    scaled = a / np.where(top > 0, top, 1)
    return np.squeeze(top, axis) * np.sqrt((scaled * scaled).sum(axis))


def _pair(x1, x2):
    return np.broadcast_arrays(x1, x2)


def added_to_each_norm(x1, x2, dim=1, eps=1e-8):
    x1, x2 = _pair(x1, x2)
    return _dot(x1, x2, dim) / ((_norm(x1, dim) + 1e-6) * (_norm(x2, dim) + 1e-6))


def added_twice(x1, x2, dim=1, eps=1e-8):
    x1, x2 = _pair(x1, x2)
    roots = np.sqrt(_dot(x1, x1, dim) + 1e-8) * np.sqrt(_dot(x2, x2, dim) + 1e-8)
    return _dot(x1, x2, dim) / (roots + 1e-8)


def under_the_norm_of_x(x1, x2, dim=1, eps=1e-8):
    x1, x2 = _pair(x1, x2)
    norm = np.maximum(_norm(x1, dim), eps)
    return _dot(x1, x2, dim) / norm / norm


def clipped(x1, x2, dim=1, eps=1e-8):
    x1, x2 = _pair(x1, x2)
    x1, x2 = (a / np.expand_dims(np.maximum(_norm(a, dim), eps), dim) for a in (x1, x2))
    return np.maximum(_dot(x1, x2, dim), 0)


def centred(x1, x2, dim=1, eps=1e-8):
    x1, x2 = _pair(x1, x2)
    x1, x2 = (a - a.mean(dim, keepdims=True) for a in (x1, x2))
    x1, x2 = (a / np.expand_dims(np.maximum(_norm(a, dim), eps), dim) for a in (x1, x2))
    return _dot(x1, x2, dim)


_rng = np.random.default_rng(1)


def noisy(x1, x2, dim=1, eps=1e-8):
    x1, x2 = _pair(x1, x2)
    x1, x2 = (a / np.expand_dims(np.maximum(_norm(a, dim), eps), dim) for a in (x1, x2))
    return _dot(x1, x2, dim) * x1.dtype.type(1 + 1e-3 * _rng.random())


def cubed(x1, x2, dim=1, eps=1e-8):
    """No line that the suite knows."""
    x1, x2 = _pair(x1, x2)
    x1, x2 = (a / np.expand_dims(np.maximum(_norm(a, dim), eps), dim) for a in (x1, x2))
    return _dot(x1, x2, dim) ** 3


def _embedding(of_labels):
    """A loss over the documented cosine."""

    def loss(input1, input2, target, margin=0.0, size_average=None, reduce=None, reduction="mean"):
        input1, input2, target = (np.asarray(a) for a in (input1, input2, target))
        if input1.shape != input2.shape or target.shape != input1.shape[:-1] or input1.ndim > 2:
            raise RuntimeError("the shapes do not fit")
        if size_average is not None or reduce is not None:
            reduction = "none" if reduce is False else "sum" if size_average is False else "mean"
        if reduction not in ("none", "mean", "sum"):
            raise ValueError(reduction)
        wide = [a.astype(np.float64) for a in (input1, input2)]
        roots = [np.sqrt(_dot(a, a, -1) + 1e-12) for a in wide]
        losses = of_labels(_dot(*wide, -1) / (roots[0] * roots[1]), target, margin)
        found = {"none": lambda: losses, "mean": losses.mean, "sum": losses.sum}[reduction]()
        return np.asarray(found).astype(input1.dtype)

    return loss


labels_0_and_1 = _embedding(
    lambda c, y, m: np.where(y == 1, 1 - c, np.where(y == 0, np.maximum(0, c - m), 0))
)
margin_added = _embedding(lambda c, y, m: np.where(y == 1, 1 - c, np.maximum(0, c + m)))


def checks_badly(input1, input2, target, margin=0.0, size_average=None, reduce=None, reduction="mean"):
    """Takes shapes that broadcast, and raises where a sum is asked for."""
    if reduction == "sum":
        return 1 / 0
    wide = [np.asarray(a).astype(np.float64) for a in (input1, input2)]
    roots = [np.sqrt(_dot(a, a, -1) + 1e-12) for a in wide]
    cosine, target = _dot(*wide, -1) / (roots[0] * roots[1]), np.asarray(target)
    losses = np.where(target == 1, 1 - cosine, np.maximum(0, cosine - margin))
    return np.asarray(losses if reduction == "none" else losses.mean()).astype(np.asarray(input1).dtype)
