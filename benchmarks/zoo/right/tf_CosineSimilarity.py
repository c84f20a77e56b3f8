"""tf.keras.losses.CosineSimilarity in TensorFlow: minus the cosine, weighted and reduced; float64 inside."""

import tensorflow as tf


def unit(x, axis):
    """Vectors over their norms, of rows scaled to a largest element of 1; zero stays zero."""
    top = tf.stop_gradient(tf.reduce_max(tf.abs(x), axis=axis, keepdims=True))
    x = x / tf.where(top > 0, top, tf.ones_like(top))
    square = tf.reduce_sum(x * x, axis=axis, keepdims=True)
    return x / tf.sqrt(tf.where(square > 0, square, tf.ones_like(square)))


class CosineSimilarity(tf.keras.losses.Loss):
    """-(y_true . y_pred) / (|y_true| |y_pred|) along `axis`."""

    def __init__(self, axis=-1, reduction="sum_over_batch_size", name="cosine_similarity", dtype=None):
        super().__init__(name=name, reduction=reduction, dtype=dtype)
        self.axis = axis

    def __call__(self, y_true, y_pred, sample_weight=None):
        """The losses times the weights, reduced."""
        a, b = tf.cast(y_true, tf.float64), tf.cast(y_pred, tf.float64)
        loss = -tf.reduce_sum(unit(a, self.axis) * unit(b, self.axis), axis=self.axis)
        divisor = tf.cast(tf.size(loss), tf.float64)
        if sample_weight is not None:
            weights = tf.cast(sample_weight, tf.float64)
            for _ in range(loss.shape.rank - weights.shape.rank if weights.shape.rank else 0):
                weights = weights[..., None]
            loss = loss * weights
            if self.reduction == "mean_with_sample_weight":
                divisor = tf.reduce_sum(tf.broadcast_to(weights, tf.shape(loss)))
        if self.reduction == "sum":
            loss = tf.reduce_sum(loss)
        elif self.reduction not in ("none", None):
            loss = tf.math.divide_no_nan(tf.reduce_sum(loss), divisor)
        return tf.cast(loss, self.dtype)

    def get_config(self):
        """The configuration that rebuilds the instance."""
        return {**super().get_config(), "axis": self.axis, "dtype": self.dtype}
