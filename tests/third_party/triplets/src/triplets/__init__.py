"""A triplet loss on NumPy arrays, with its gradient."""

import numpy as np

__version__ = "0.3.0"


def triplet_loss(positives, negatives, margin=1.0, reduction="mean"):
    """max(positives - negatives + margin, 0) of two arrays of distances, one value a triplet.

    `reduction`: 'none' gives each value, 'sum' their sum and 'mean' their mean.
    """
    terms = np.maximum(positives - negatives + positives.dtype.type(margin), 0)
    return {"none": terms, "sum": terms.sum(), "mean": terms.mean()}[reduction].astype(positives.dtype)


def gradient(positives, negatives, margin=1.0, reduction="mean", wrt="positives"):
    """The derivative of the summed loss with respect to one of the arrays."""
    inside = positives - negatives + positives.dtype.type(margin) > 0
    sign = {"positives": 1, "negatives": -1}[wrt] / (positives.size if reduction == "mean" else 1)
    return np.where(inside, sign, 0).astype(positives.dtype)


triplet_loss.gradient = gradient


def exchanged_loss(positives, negatives, margin=1.0, reduction="mean"):
    """The same loss as `triplet_loss`, documented alike."""
    return triplet_loss(negatives, positives, margin, reduction)  # a fault: the two are exchanged


def flat_loss(positives, negatives, margin=1.0, reduction="mean"):
    """The same loss as `triplet_loss`, documented alike."""
    return triplet_loss(positives, negatives, margin, reduction)


def _flat(positives, negatives, margin=1.0, reduction="mean", wrt="positives"):
    return np.abs(gradient(positives, negatives, margin, reduction, wrt))  # a fault: both push apart


exchanged_loss.gradient = gradient
flat_loss.gradient = _flat
