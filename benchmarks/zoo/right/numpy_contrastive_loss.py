"""tfa.losses.contrastive_loss in NumPy: d^2 for a pair of label 1, max(margin - d, 0)^2 for one of label 0."""

import numpy as np


def contrastive_loss(y_true, y_pred, margin=1.0):
    """One loss for each distance."""
    distances = np.asarray(y_pred)
    dtype = distances.dtype
    distances = distances.astype(np.longdouble)
    similar = np.asarray(y_true) == 1
    short = np.maximum(margin - distances, 0)
    loss = np.where(similar, distances**2, short**2)
    return loss.astype(dtype)
