"""Functions and classes of a user in plain NumPy, right and wrong, for tests of `lossproof try` and the plugin."""

import ctypes
import os
import time

import numpy as np

constant = 3


def cosine(x1, x2, dim=1, eps=1e-8):
    """Right on ordinary input."""
    x1, x2 = np.broadcast_arrays(x1, x2)
    norms = [np.maximum(np.linalg.norm(x, axis=dim), eps) for x in (x1, x2)]
    return (x1 * x2).sum(dim) / (norms[0] * norms[1])


def wider(x1, x2, dim=1, eps=1e-8, scale=1.0):
    """Right, with a parameter of its own."""
    return cosine(x1, x2, dim, eps) * np.asarray(scale, x1.dtype)


def negated_as_in_keras(y_true, y_pred, axis=-1):
    """Keras' function of that name."""
    return -cosine(y_true, y_pred, axis, 1e-12)


def negated(x1, x2, dim=1, eps=1e-8):
    """The other sign."""
    return -cosine(x1, x2, dim, eps)


def kept(x1, x2, dim=1, eps=1e-8):
    """Keeps the axis."""
    return np.expand_dims(cosine(x1, x2, dim, eps), dim)


def listed(x1, x2, dim=1, eps=1e-8):
    """No array, but a list."""
    return cosine(x1, x2, dim, eps).tolist()


def renamed(x1, x2, axis=1, eps=1e-8):
    """An option by another name."""
    return cosine(x1, x2, axis, eps)


def lettered(a, b, axis=1, epsilon=1e-8):
    """Arrays by other names."""
    return cosine(a, b, axis, epsilon)


def unstable(x1, x2, dim=1):
    """Without one of the options."""
    return cosine(x1, x2, dim)


def scaled(x1, x2, scale, dim=1, eps=1e-8):
    """Needs something that nobody gives."""
    return cosine(x1, x2, dim, eps) * scale


def anything(*args, **kwargs):
    """Says nothing of its parameters."""
    return cosine(*args, **kwargs)


def positional(x1, x2, /, dim=1, eps=1e-8):
    """Takes no array by its name."""
    return cosine(x1, x2, dim, eps)


def refusing(x1, x2, dim=1, eps=1e-8):
    """Raises on ordinary input."""
    raise ValueError("no such luck")


def leaving(x1, x2, dim=1, eps=1e-8):
    """Ends its own process politely."""
    raise SystemExit(4)


def dying(x1, x2, dim=1, eps=1e-8):
    """Ends its own process without a word."""
    os._exit(7)


def crashing(x1, x2, dim=1, eps=1e-8):
    """Reads address 0."""
    return ctypes.string_at(0)


def hanging(x1, x2, dim=1, eps=1e-8):
    """Never comes back."""
    time.sleep(3600)


def crashing_when_empty(x1, x2, dim=1, eps=1e-8):
    """Right but where the documentation says nothing."""
    return cosine(x1, x2, dim, eps) if x1.size else os._exit(7)


def printing(x1, x2, dim=1, eps=1e-8):
    """Tells what it is given."""
    print("called with", x1.shape)
    return cosine(x1, x2, dim, eps)


def child_printing(x1, x2, dim=1, eps=1e-8):
    """Prints past Python."""
    os.write(1, b"from below\n")
    return cosine(x1, x2, dim, eps)


def mutating(x1, x2, dim=1, eps=1e-8):
    """Normalises its input where it lies."""
    result = cosine(x1, x2, dim, eps)
    x1 /= 2
    return result


class Cosine:
    """The class that is constructed and then called."""

    def __init__(self, dim=1, eps=1e-8):
        self.dim, self.eps = dim, eps

    def __call__(self, x1, x2):
        return cosine(x1, x2, self.dim, self.eps)


class Lettered(Cosine):
    """Its object is called with other names."""

    def __call__(self, a, b):
        return super().__call__(a, b)


class SquaredDistance(Cosine):
    """Another formula."""

    def __call__(self, x1, x2):
        return 1 - super().__call__(x1, x2)


class Losses:
    """A namespace: its functions have dotted names."""

    @staticmethod
    def cosine(x1, x2, dim=1, eps=1e-8):
        return cosine(x1, x2, dim, eps)


class Loss:
    """The values of Keras' loss, without anything else that Keras' classes have."""

    def __init__(self, axis=-1, reduction="sum_over_batch_size", name="cosine_similarity", dtype=None):
        self.axis = axis

    def __call__(self, y_true, y_pred, sample_weight=None):
        return -cosine(y_true, y_pred, self.axis, 1e-12).mean()


class Mistaken(Loss):
    """Asks of an array what NumPy's have not, whenever one is made: a mistake of its own."""

    def __init__(self, axis=-1, reduction="sum_over_batch_size", name="cosine_similarity", dtype=None):
        super().__init__(np.asarray(axis).cpu())
