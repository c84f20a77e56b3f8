"""tf.compat.v1.losses.cosine_distance in NumPy: 1 - dot of unit vectors, weighted and reduced."""

import numpy as np


def divisor(weights, reduction):
    """The divisor of the sum of the weighted losses, from the weights of all losses."""
    return {
        "weighted_sum": 1,
        "weighted_mean": np.sum(weights),
        "weighted_sum_over_batch_size": weights.size,
        "weighted_sum_by_nonzero_weights": np.count_nonzero(weights),
    }[reduction]


def cosine_distance(
    labels, predictions, axis=None, weights=1.0, scope=None, loss_collection="losses",
    reduction="weighted_sum_by_nonzero_weights", dim=None,
):  # fmt: skip
    """1 - labels . predictions along `axis`, which stays as an axis of length 1."""
    axis = dim if axis is None else axis
    if axis is None or labels is None or predictions is None or weights is None:
        raise ValueError("axis, labels, predictions and weights must be given")
    if labels.shape != predictions.shape:
        raise ValueError(f"labels and predictions differ in shape: {labels.shape}, {predictions.shape}")
    x = labels.astype(np.float64)
    y = predictions.astype(np.float64)
    losses = 1 - np.sum(x * y, axis=axis, keepdims=True)
    weights = np.asarray(weights, np.float64)
    if weights.ndim not in (0, losses.ndim):
        raise ValueError(f"weights of rank {weights.ndim} for losses of rank {losses.ndim}")
    spread = np.broadcast_to(weights, losses.shape)
    weighted = losses * spread
    if reduction == "none":
        return weighted.astype(np.float32)
    total, count = np.sum(weighted), divisor(spread, reduction)
    return np.asarray(total / count if count else 0.0).astype(np.float32)
