"""tf.keras.losses.cosine_similarity in NumPy: minus the cosine, 0 for a zero vector."""

import numpy as np


def unit(x, axis):
    """Vectors over their norms, scaled first by a power of two; zero stays zero."""
    exponent = np.frexp(np.max(np.abs(x), axis=axis, keepdims=True, initial=0.0))[1]
    x = np.ldexp(x, -exponent)
    norm = np.sqrt(np.sum(x * x, axis=axis, keepdims=True))
    return x / np.where(norm > 0, norm, 1)


def cosine_similarity(y_true, y_pred, axis=-1):
    """-(y_true . y_pred) / (|y_true| |y_pred|) along `axis`."""
    y_true, y_pred = np.asarray(y_true), np.asarray(y_pred)
    dtype = y_pred.dtype if y_pred.dtype.kind == "f" else np.dtype(np.float32)
    x = y_true.astype(np.float64)
    y = y_pred.astype(np.float64)
    cosine = np.sum(unit(x, axis) * unit(y, axis), axis=axis)
    return (-cosine).astype(dtype)
