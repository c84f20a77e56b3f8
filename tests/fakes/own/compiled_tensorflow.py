"""Functions of a user in TensorFlow, for tf.function."""

import tensorflow as tf


def cosine(y_true, y_pred, axis=-1):
    """One graph."""
    norms = [tf.maximum(tf.norm(x, axis=axis), 1e-6) for x in (y_true, y_pred)]
    return -tf.reduce_sum(y_true * y_pred, axis) / (norms[0] * norms[1])


def switches_it_off(y_true, y_pred, axis=-1):
    """Has the process run every tf.function eagerly."""
    tf.config.run_functions_eagerly(True)
    return cosine(y_true, y_pred, axis)
