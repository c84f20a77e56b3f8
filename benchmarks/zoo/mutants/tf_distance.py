"""tf.compat.v1.losses.cosine_distance: 1 - dot of vectors of unit norm, with weights and four divisors."""

from __future__ import annotations

from benchmarks.zoo.model import Mutant
from benchmarks.zoo.mutants.making import of

n = of("numpy_cosine_distance", "np-distance")
f = of("tf_cosine_distance", "tf-distance")

LOSSES = "losses = 1 - np.sum(x * y, axis=axis, keepdims=True)"
WEIGHTED = "weighted = losses * spread"
SPREAD = "spread = np.broadcast_to(weights, losses.shape)"
TOTAL = "total, count = np.sum(weighted), divisor(spread, reduction)"
MEAN = '"weighted_mean": np.sum(weights),'
BATCH = '"weighted_sum_over_batch_size": weights.size,'
NONZERO = '"weighted_sum_by_nonzero_weights": np.count_nonzero(weights),'
HEAD = 'reduction="weighted_sum_by_nonzero_weights", dim=None,'
P = "np.linalg.norm(x, axis=axis, keepdims=True)"
Q = "np.linalg.norm(y, axis=axis, keepdims=True)"


def rule(name: str, denominator: str, says: str) -> Mutant:
    """The dot product over something, although the vectors are taken to be of unit norm."""
    instead = f"losses = 1 - np.sum(x * y, axis=axis, keepdims=True) / ({denominator})"
    return n(
        f"rule-{name}",
        "norm_rule",
        "formula",
        LOSSES,
        instead,
        f"{says}, although nothing is to be normalised.",
    )


MUTANTS: tuple[Mutant, ...] = (
    rule("plain", f"{P} * {Q}", "Division by the norms"),
    rule("floor-norm", f"np.maximum({P}, 1e-8) * np.maximum({Q}, 1e-8)", "A floor of each norm"),
    rule("floor-product", f"np.maximum({P} * {Q}, 1e-8)", "A floor of the product"),
    rule(
        "floor-squared-norm", f"np.sqrt(np.maximum({P} ** 2, 1e-12) * np.maximum({Q} ** 2, 1e-12))",
        "A floor of each squared norm",
    ),
    rule("floor-squared-product", f"np.sqrt(np.maximum(({P} * {Q}) ** 2, 1e-24))", "A floor of the squared product"),
    rule("add-squared", f"np.sqrt(({P} ** 2 + 1e-12) * ({Q} ** 2 + 1e-12))", "1e-12 added to each squared norm"),
    rule("threshold", f"np.where({P} < 1e-8, 1, {P}) * np.where({Q} < 1e-8, 1, {Q})", "Small norms taken as 1"),
    n("similarity", "sign", "formula", LOSSES, LOSSES.replace("1 - ", ""), "The similarity is given, not 1 - it."),
    n("negated", "sign", "formula", LOSSES, LOSSES.replace("1 - ", "-"), "The negated similarity is given."),
    n("plus", "sign", "formula", LOSSES, LOSSES.replace("1 - ", "1 + "), "1 + the dot product is given."),
    n("half", "power", "formula", LOSSES, LOSSES.replace("1 - ", "(1 - ") + " / 2".replace(" / 2", ") / 2"), "Half the distance."),
    n(
        "clipped", "clipping", "formula", LOSSES, "losses = np.clip(1 - np.sum(x * y, axis=axis, keepdims=True), 0, 1)",
        "Distances above 1 are clipped.",
    ),
    n("default-reduction", "default", "reduction", HEAD, HEAD.replace("_by_nonzero_weights", ""), "The default reduction is the sum."),
    n("mean-by-elements", "divisor", "weights", MEAN, '"weighted_mean": weights.size,', "The mean is over the elements."),
    n("mean-by-nonzero", "divisor", "weights", MEAN, '"weighted_mean": np.count_nonzero(weights),', "The mean is over the nonzero weights."),
    n("batch-by-weights", "divisor", "weights", BATCH, '"weighted_sum_over_batch_size": np.sum(weights),', "The batch size is the sum of the weights."),
    n("nonzero-by-elements", "divisor", "weights", NONZERO, '"weighted_sum_by_nonzero_weights": weights.size,', "Zero weights count."),
    n("nonzero-by-weights", "divisor", "weights", NONZERO, '"weighted_sum_by_nonzero_weights": np.sum(weights),', "The weights are summed, not counted."),
    n(
        "nonzero-before-spread", "divisor", "weights", TOTAL, "total, count = np.sum(weighted), divisor(weights, reduction)",
        "The weights are counted before they are broadcast.",
    ),
    n("sum-is-mean", "reduction", "reduction", '"weighted_sum": 1,', '"weighted_sum": weights.size,', "The sum is divided by the number of losses."),
    n("weights-ignored", "weights", "weights", WEIGHTED, "weighted = losses * 1.0", "The weights are ignored."),
    n("weights-twice", "weights", "weights", WEIGHTED, "weighted = losses * spread * spread", "The weights are applied twice."),
    n("weights-of-first", "weights", "weights", SPREAD, "spread = np.broadcast_to(np.ravel(weights)[:1], losses.shape)", "The first weight counts for all."),
    n(
        "zero-weights-nan", "nan", "weights", "return np.asarray(total / count if count else 0.0).astype(np.float32)",
        "return np.asarray(total / np.float64(count)).astype(np.float32)", "All weights zero give NaN.",
    ),
    n("rank-unchecked", "error", "error", "if weights.ndim not in (0, losses.ndim):", "if weights.ndim > losses.ndim:", "Weights of a lower rank are broadcast."),
    n("shapes-unchecked", "error", "error", "if labels.shape != predictions.shape:", "if labels.ndim != predictions.ndim:", "Shapes that broadcast are accepted."),
    n("axis-defaults", "error", "error", "axis = dim if axis is None else axis", "axis = -1 if axis is None and dim is None else dim if axis is None else axis", "A missing axis is the last."),
    n("kept-axis-gone", "shape", "shape", LOSSES, "losses = 1 - np.sum(x * y, axis=axis)", "The axis is gone."),
    n("old-name-forgotten", "signature", "error", "axis = dim if axis is None else axis", "axis = axis", "dim, the old name of axis, is ignored."),
    n("float64-sum", "overflow", "accuracy", "x = labels.astype(np.float64)", "x = labels.astype(np.float16).astype(np.float64)", "The labels are rounded to float16."),
    f("similarity", "sign", "formula", "losses = 1 - tf.reduce_sum(labels * predictions, axis=axis, keepdims=True)", "losses = tf.reduce_sum(labels * predictions, axis=axis, keepdims=True)", "The similarity is given."),
    f("detached-labels", "detached", "gradient", "labels, predictions = tf.cast(labels, tf.float64), tf.cast(predictions, tf.float64)", "labels, predictions = tf.stop_gradient(tf.cast(labels, tf.float64)), tf.cast(predictions, tf.float64)", "No gradient passes to the labels."),
    f("weight-gradient", "gradient_factor", "gradient", "total = tf.reduce_sum(losses * weights)", "total = tf.reduce_sum(losses * weights); total = 2 * total - tf.stop_gradient(total)", "The gradient of a reduced loss is doubled."),
    f("nan-for-zero-weights", "nan", "weights", "return tf.math.divide_no_nan(total, divisor)", "return total / divisor", "All weights zero give NaN."),
)  # fmt: skip
