"""A loss with reductions, weights and a configuration: right, and each wrong in one way. Python 3.7 syntax."""

import numpy as np
from faulty_values import WIDE, careful


class CosineLoss:
    """Minus the cosine, weighted and reduced as documented."""

    def __init__(self, axis=-1, reduction="mean", name="cosine_loss"):
        self.axis, self.reduction, self.name = axis, reduction, name

    def __call__(self, y_true, y_pred, sample_weight=None):
        values = self.values(y_true, y_pred)
        dtype = values.dtype
        values = values.astype(WIDE)
        weights = None if sample_weight is None else self.expanded(np.asarray(sample_weight, WIDE), values)
        return np.asarray(self.reduced(values, weights)).astype(dtype)

    def values(self, y_true, y_pred):
        """A value for each row."""
        return -careful(y_true, y_pred, self.axis, 0.0)

    def expanded(self, weights, values):
        """Weights of shape (batch,) stand for whole samples."""
        if 0 < weights.ndim < values.ndim:
            weights = weights.reshape(weights.shape + (1,) * (values.ndim - weights.ndim))
        return weights

    def reduced(self, values, weights):
        """none, sum or mean."""
        values = values if weights is None else values * weights
        if self.reduction == "none":
            return values
        total = values.sum()
        return total / self.divisor(values, weights) if self.reduction == "mean" else total

    def divisor(self, values, weights):
        """The number of values."""
        return values.size

    def get_config(self):
        """The arguments that from_config needs."""
        return {"axis": self.axis, "reduction": self.reduction, "name": self.name}

    @classmethod
    def from_config(cls, config):
        """The object with that configuration."""
        return cls(**config)


class PositiveLoss(CosineLoss):
    """The similarity, where its negative is documented."""

    def values(self, y_true, y_pred):
        return -super().values(y_true, y_pred)


class MeanOfWeightsLoss(CosineLoss):
    """Divides by the sum of the weights."""

    def divisor(self, values, weights):
        return values.size if weights is None else np.broadcast_to(weights, values.shape).sum()


class MeanForSumLoss(CosineLoss):
    """sum gives the mean."""

    def reduced(self, values, weights):
        values = values if weights is None else values * weights
        return values if self.reduction == "none" else values.sum() / values.size


class WeightlessLoss(CosineLoss):
    """Weights are taken and ignored."""

    def reduced(self, values, weights):
        return super().reduced(values, None)


class BroadcastingLoss(CosineLoss):
    """Weights follow NumPy broadcasting: per-sample weights stand for the last axis."""

    def expanded(self, weights, values):
        return weights


class OffByOneLoss(CosineLoss):
    """Reduced values are off by one where there are several."""

    distance = 1

    def reduced(self, values, weights):
        value = super().reduced(values, weights)
        return value + self.distance * (values.size > 1 and np.ndim(value) == 0)


class OffByTwoLoss(OffByOneLoss):
    """By two."""

    distance = 2


class ForgetfulLoss(CosineLoss):
    """Its configuration says another axis."""

    def get_config(self):
        return dict(super().get_config(), axis=0)
