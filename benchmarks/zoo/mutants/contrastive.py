"""tfa.losses.contrastive_loss and tfa.losses.ContrastiveLoss."""

from __future__ import annotations

from benchmarks.zoo.model import Mutant
from benchmarks.zoo.mutants.making import of

n = of("numpy_contrastive_loss", "np-contrastive")
c = of("numpy_ContrastiveLoss", "np-contrastive-class")

LOSS = "loss = np.where(similar, distances**2, short**2)"
SHORT = "short = np.maximum(margin - distances, 0)"
SIMILAR = "similar = np.asarray(y_true) == 1"
C_SHORT = "short = np.maximum(self.margin - distances, 0)"
C_LOSS = "loss = np.where(np.asarray(y_true) == 1, distances**2, short**2)"
C_HEAD = 'def __init__(self, margin=1.0, reduction="sum_over_batch_size", name="contrastive_loss"):'
C_WEIGHTED = "loss = loss * weights"
C_MEAN = "loss = np.sum(loss) / loss.size"

MUTANTS: tuple[Mutant, ...] = (
    n("labels-swapped", "labels", "formula", SIMILAR, "similar = np.asarray(y_true) == 0", "1 means dissimilar."),
    n("unsquared", "power", "formula", LOSS, "loss = np.where(similar, distances, short)", "Nothing is squared."),
    n("half", "power", "formula", LOSS, "loss = np.where(similar, distances**2, short**2) / 2", "A half is added, as in the paper."),
    n("hinge-of-squares", "power", "formula", SHORT, "short = np.sqrt(np.maximum(margin**2 - distances**2, 0))", "The margin is compared with the squared distance."),
    n("no-hinge", "margin", "formula", SHORT, "short = margin - distances", "Far pairs are drawn to the margin."),
    n("margin-ignored", "margin", "formula", SHORT, "short = np.maximum(1 - distances, 0)", "The margin is always 1."),
    n("default-margin", "default", "formula", "def contrastive_loss(y_true, y_pred, margin=1.0):", "def contrastive_loss(y_true, y_pred, margin=2.0):", "The default margin is 2."),
    n("truncated", "truncated", "formula", "distances = distances.astype(np.longdouble)", "distances = distances.astype(np.int64)", "Distances are cast to integers."),
    n("narrow", "narrowed", "dtype", "distances = distances.astype(np.longdouble)", "distances = distances.astype(np.float32)", "float64 is computed in float32."),
    n("changes-distances", "mutation", "mutation", "distances = np.asarray(y_pred)", "distances = np.asarray(y_pred); distances *= -1; distances = -distances", "The distances change their sign where they lie."),
    n("reduced", "shape", "shape", "return loss.astype(dtype)", "return loss.mean(keepdims=True).astype(dtype)", "The mean is given."),
    c("labels-swapped", "labels", "formula", C_LOSS, C_LOSS.replace("== 1", "== 0"), "1 means dissimilar."),
    c("square-dropped", "power", "formula", C_LOSS, C_LOSS.replace("short**2", "short"), "The hinge is not squared."),
    c("default-reduction", "default", "reduction", C_HEAD, C_HEAD.replace('"sum_over_batch_size"', '"sum"'), "The default reduction is sum."),
    c("default-name", "configuration", "configuration", C_HEAD, C_HEAD.replace('"contrastive_loss"', "None"), "There is no default name."),
    c("margin-forgotten", "margin", "formula", C_SHORT, "short = np.maximum(1.0 - distances, 0)", "The margin given is not used."),
    c("weights-ignored", "weights", "weights", C_WEIGHTED, "loss = loss + 0", "The weights are ignored."),
    c("weights-twice", "weights", "weights", C_WEIGHTED, "loss = loss * weights * weights", "The weights are applied twice."),
    c("weights-inside", "weights", "weights", C_WEIGHTED, "loss = np.where(np.asarray(y_true) == 1, loss * weights, loss)", "Only similar pairs are weighted."),
    c("divided-by-weights", "divisor", "weights", C_WEIGHTED, "loss = loss * weights / np.mean(weights)", "The mean is over the sum of the weights."),
    c("divided-by-pairs", "divisor", "reduction", C_MEAN, "loss = np.sum(loss) / max(np.sum(y_true), 1)", "The mean is over the similar pairs."),
    c("weights-unchecked", "error", "error", "if weights.shape not in ((), (1,), loss.shape):", "if weights.ndim > 3:", "Weights of any shape are broadcast."),
    c("margin-not-in-config", "configuration", "configuration", 'return {"margin": self.margin, "reduction": self.reduction, "name": self.name}', 'return {"reduction": self.reduction, "name": self.name}', "The margin is lost when an instance is rebuilt."),
)  # fmt: skip
