"""tfa.losses.ContrastiveLoss in NumPy: contrastive losses times their weights, reduced."""

import numpy as np


class ContrastiveLoss:
    """d^2 for a pair of label 1, max(margin - d, 0)^2 for one of label 0."""

    def __init__(self, margin=1.0, reduction="sum_over_batch_size", name="contrastive_loss"):
        self.margin = margin
        self.reduction = reduction
        self.name = name

    def __call__(self, y_true, y_pred, sample_weight=None):
        """The losses times the weights, reduced."""
        dtype = np.asarray(y_pred).dtype
        if not np.issubdtype(dtype, np.floating):
            raise TypeError(f"distances are floating-point numbers, not {dtype}")
        distances = np.asarray(y_pred, np.longdouble)
        short = np.maximum(self.margin - distances, 0)
        loss = np.where(np.asarray(y_true) == 1, distances**2, short**2)
        if sample_weight is not None:
            weights = np.asarray(sample_weight, np.longdouble)
            if weights.shape not in ((), (1,), loss.shape):
                raise ValueError(f"weights of shape {weights.shape} for losses of shape {loss.shape}")
            loss = loss * weights
        if self.reduction == "sum":
            loss = np.sum(loss)
        elif self.reduction != "none":
            loss = np.sum(loss) / loss.size
        return np.asarray(loss).astype(dtype)

    def get_config(self):
        """The configuration that rebuilds the instance."""
        return {"margin": self.margin, "reduction": self.reduction, "name": self.name}

    @classmethod
    def from_config(cls, config):
        """An instance of what get_config() gave."""
        return cls(**config)
