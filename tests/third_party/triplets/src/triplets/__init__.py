"""A triplet loss on NumPy arrays, with its gradient."""

import numpy as np

__version__ = "0.3.0"


def triplet_loss(positives, negatives, margin=1.0, reduction="mean"):
    """max(positives - negatives + margin, 0) of two arrays of distances, one value a triplet.

    `reduction`: 'none' gives each value, 'sum' their sum and 'mean' their mean.
    """
    terms = np.maximum(positives - negatives + positives.dtype.type(margin), 0)
    return {"none": terms, "sum": terms.sum(), "mean": terms.mean()}[reduction].astype(positives.dtype)


def triplet_loss_of_the_other(positives, negatives, margin=1.0, reduction="mean"):
    """The same loss as `triplet_loss`, documented alike."""
    return triplet_loss(negatives, positives, margin, reduction)  # a fault: the two are exchanged
