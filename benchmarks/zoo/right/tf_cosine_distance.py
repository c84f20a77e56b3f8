"""tf.compat.v1.losses.cosine_distance in TensorFlow: 1 - dot of unit vectors, weighted and reduced."""

import tensorflow as tf


def reduced(losses, weights, reduction):
    """The weighted losses, or their sum over the divisor that the reduction names."""
    if reduction == "none":
        return losses * weights
    weights = tf.broadcast_to(weights, tf.shape(losses))
    total = tf.reduce_sum(losses * weights)
    if reduction == "weighted_sum":
        return total
    divisor = {
        "weighted_mean": tf.reduce_sum(weights),
        "weighted_sum_over_batch_size": tf.cast(tf.size(losses), losses.dtype),
        "weighted_sum_by_nonzero_weights": tf.cast(tf.math.count_nonzero(weights), losses.dtype),
    }[reduction]
    return tf.math.divide_no_nan(total, divisor)


def cosine_distance(
    labels, predictions, axis=None, weights=1.0, scope=None, loss_collection="losses",
    reduction="weighted_sum_by_nonzero_weights", dim=None,
):  # fmt: skip
    """1 - labels . predictions along `axis`, which stays as an axis of length 1."""
    axis = dim if axis is None else axis
    if axis is None or labels is None or predictions is None or weights is None:
        raise ValueError("axis, labels, predictions and weights must be given")
    labels, predictions = tf.cast(labels, tf.float64), tf.cast(predictions, tf.float64)
    if labels.shape != predictions.shape:
        raise ValueError(f"labels and predictions differ in shape: {labels.shape}, {predictions.shape}")
    losses = 1 - tf.reduce_sum(labels * predictions, axis=axis, keepdims=True)
    weights = tf.cast(weights, tf.float64)
    if weights.shape.rank not in (0, losses.shape.rank):
        raise ValueError(f"weights of rank {weights.shape.rank} for losses of rank {losses.shape.rank}")
    return tf.cast(reduced(losses, weights, reduction), tf.float32)
