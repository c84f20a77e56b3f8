"""tf.keras.losses.cosine_similarity in TensorFlow: minus the cosine, 0 for a zero vector; float64 inside."""

import tensorflow as tf


def unit(x, axis):
    """Vectors over their norms, of rows scaled to a largest element of 1; zero stays zero."""
    top = tf.stop_gradient(tf.reduce_max(tf.abs(x), axis=axis, keepdims=True))
    x = x / tf.where(top > 0, top, tf.ones_like(top))
    square = tf.reduce_sum(x * x, axis=axis, keepdims=True)
    return x / tf.sqrt(tf.where(square > 0, square, tf.ones_like(square)))


def cosine_similarity(y_true, y_pred, axis=-1):
    """-(y_true . y_pred) / (|y_true| |y_pred|) along `axis`."""
    y_true, y_pred = tf.convert_to_tensor(y_true), tf.convert_to_tensor(y_pred)
    dtype = y_pred.dtype if y_pred.dtype.is_floating else tf.float32
    a, b = tf.cast(y_true, tf.float64), tf.cast(y_pred, tf.float64)
    cosine = tf.reduce_sum(unit(a, axis) * unit(b, axis), axis=axis)
    return tf.cast(-cosine, dtype)
