"""tf.keras.losses.cosine_similarity and tf.keras.losses.CosineSimilarity: minus the plain cosine, 0 for a zero vector."""

from __future__ import annotations

from benchmarks.zoo.model import Mutant
from benchmarks.zoo.mutants.making import of

n = of("numpy_keras_cosine_similarity", "np-keras")
f = of("tf_cosine_similarity", "tf-keras")
c = of("tf_CosineSimilarity", "tf-keras-class")

NORMALISED = "return x / np.where(norm > 0, norm, 1)"
COSINE = "cosine = np.sum(unit(x, axis) * unit(y, axis), axis=axis)"
LEFT, RIGHT = "x = y_true.astype(np.float64)", "y = y_pred.astype(np.float64)"
RESULT = "return (-cosine).astype(dtype)"
F_COSINE = "cosine = tf.reduce_sum(unit(a, axis) * unit(b, axis), axis=axis)"
F_WIDE = "a, b = tf.cast(y_true, tf.float64), tf.cast(y_pred, tf.float64)"
F_ROOT = "return x / tf.sqrt(tf.where(square > 0, square, tf.ones_like(square)))"
C_HEAD = 'def __init__(self, axis=-1, reduction="sum_over_batch_size", name="cosine_similarity", dtype=None):'
C_LOSS = "loss = -tf.reduce_sum(unit(a, self.axis) * unit(b, self.axis), axis=self.axis)"
C_WEIGHTED = "loss = loss * weights"
C_DIVISOR = "divisor = tf.cast(tf.size(loss), tf.float64)"


def rule(name: str, kind: str, norm: str, says: str) -> Mutant:
    """Each vector over something else than its norm; `norm` is that of the vector scaled by 2^-exponent."""
    return n(f"rule-{name}", "norm_rule", kind, NORMALISED, f"return x / ({norm})", f"{says}.")


def product_rule(name: str, floor: str, says: str) -> Mutant:
    """A floor of the product of the norms: the cosine shrinks where the product lies below it."""
    product = "np.linalg.norm(x, axis=axis) * np.linalg.norm(y, axis=axis)"
    instead = (
        f"cosine = np.sum(unit(x, axis) * unit(y, axis), axis=axis) * np.minimum(1, {product} / {floor})"
    )
    return n(f"rule-{name}", "norm_rule", "eps", COSINE, instead, f"{says}.")


MUTANTS: tuple[Mutant, ...] = (
    n("positive", "sign", "sign", RESULT, "return cosine.astype(dtype)", "The sign is the other one."),
    n("distance", "sign", "formula", RESULT, "return (1 - cosine).astype(dtype)", "1 - c is given."),
    n(
        "default-axis", "default", "axis", "def cosine_similarity(y_true, y_pred, axis=-1):",
        "def cosine_similarity(y_true, y_pred, axis=0):", "The default axis is the first.",
    ),
    rule("raw", "formula", "np.ldexp(1.0, -exponent)", "No division by the norms"),
    rule("floor-norm", "eps", "np.maximum(norm, np.ldexp(1e-7, -exponent))", "A floor of each norm"),
    rule(
        "floor-squared-norm", "eps", "np.sqrt(np.maximum(norm**2, np.ldexp(1e-12, -2 * exponent)))",
        "A floor of each squared norm",
    ),
    rule(
        "add-squared", "eps", "np.sqrt(norm**2 + np.ldexp(1e-12, -2 * exponent))", "1e-12 added to each squared norm",
    ),
    rule(
        "threshold", "eps", "np.where(norm < np.ldexp(1e-7, -exponent), np.ldexp(1.0, -exponent), norm)",
        "Norms below 1e-7 taken as 1",
    ),
    product_rule("floor-product", "1e-8", "A floor of the product of the norms"),
    product_rule("floor-squared-product", "1e-12", "A floor of the squared product, 1e-24"),
    n("zero-undefined", "nan", "zero_vector", NORMALISED, "return x / norm", "A zero vector gives NaN."),
    n(
        "zero-is-one", "nan", "zero_vector", NORMALISED, "return np.where(norm > 0, x / norm, x.shape[axis] ** -0.5)",
        "Zero vectors are taken for vectors of ones.",
    ),
    n(
        "computed-in-float32", "narrowed", "dtype", LEFT, "x = y_true.astype(np.float32).astype(np.float64)",
        "float64 is computed in float32.",
    ),
    n(
        "odd-axis", "odd", "formula", COSINE,
        "cosine = np.sum((unit(x, axis) * unit(y, axis)).take(range(x.shape[axis] // 2 * 2 or 1), axis), axis=axis)",
        "The last element of an odd length is left out.",
    ),
    n(
        "vectors", "rank", "formula", RESULT, "return (-cosine * (0.5 if x.ndim == 1 else 1)).astype(dtype)",
        "Of two vectors without a batch the value is halved.",
    ),
    n("list-refused", "error", "error", "y_true, y_pred = np.asarray(y_true), np.asarray(y_pred)", "assert y_true.ndim < 4", "Four dimensions are refused."),
    f("positive", "sign", "sign", "return tf.cast(-cosine, dtype)", "return tf.cast(cosine, dtype)", "The sign is the other one."),
    f("axis-ignored", "negative_axis", "axis", F_COSINE, "cosine = tf.reduce_sum(unit(a, -1) * unit(b, -1), axis=-1)", "The axis is always the last."),
    f("norms-detached", "detached", "gradient", F_ROOT, "return x / tf.stop_gradient(tf.sqrt(tf.where(square > 0, square, tf.ones_like(square))))", "The gradient stops at the norms."),
    f("target-detached", "detached", "gradient", F_WIDE, "a, b = tf.stop_gradient(tf.cast(y_true, tf.float64)), tf.cast(y_pred, tf.float64)", "No gradient passes to y_true."),
    f("gradient-nan", "gradient_nan", "gradient", F_ROOT, "return tf.math.divide_no_nan(x, tf.sqrt(square))", "The root of zero has an endless slope."),
    f("epsilon", "norm_rule", "eps", "square = tf.reduce_sum(x * x, axis=axis, keepdims=True)", "square = tf.reduce_sum(x * x, axis=axis, keepdims=True); square = tf.maximum(square, 1e-12 / top / top)", "The squared norm has a floor of 1e-12."),
    f("arrays-only", "other_end", "error", "y_true, y_pred = tf.convert_to_tensor(y_true), tf.convert_to_tensor(y_pred)", "assert y_true.shape.rank == y_pred.shape.rank", "What has no static shape, as a list, is refused."),
    f("single-precision", "narrowed", "dtype", F_WIDE, "a, b = (tf.cast(tf.cast(y, tf.float32), tf.float64) for y in (y_true, y_pred))", "float64 is computed in float32."),
    c("positive", "sign", "sign", C_LOSS, C_LOSS.replace("-", "", 1), "The sign is the other one."),
    c("default-axis", "default", "axis", C_HEAD, C_HEAD.replace("axis=-1", "axis=1"), "The default axis is 1."),
    c("default-reduction", "default", "reduction", C_HEAD, C_HEAD.replace('"sum_over_batch_size"', '"sum"'), "The default reduction is sum."),
    c("weights-ignored", "weights", "weights", C_WEIGHTED, "loss = loss * 1.0", "The weights are ignored."),
    c("weights-twice", "weights", "weights", C_WEIGHTED, "loss = loss * weights * weights", "The weights are applied twice."),
    c("weights-normalised", "weights", "weights", C_WEIGHTED, "loss = loss * weights / tf.reduce_mean(weights)", "The weights are normalised to a mean of 1."),
    c("weights-from-the-left", "weights", "weights", "weights = weights[..., None]", "weights = weights[None, ...]", "Weights are expanded from the left."),
    c("divided-by-weights", "divisor", "weights", 'if self.reduction == "mean_with_sample_weight":', 'if self.reduction != "sum":', "Every mean is over the sum of the weights."),
    c("divided-by-batch", "divisor", "reduction", C_DIVISOR, "divisor = tf.cast(tf.shape(loss)[0] if loss.shape.rank else 1, tf.float64)", "The mean is over the samples, not over all losses."),
    c("divided-by-nonzero", "divisor", "weights", "divisor = tf.reduce_sum(tf.broadcast_to(weights, tf.shape(loss)))", "divisor = tf.cast(tf.math.count_nonzero(tf.broadcast_to(weights, tf.shape(loss))), tf.float64)", "mean_with_sample_weight counts the weights that are not zero."),
    c("dtype-of-input", "dtype", "dtype", "return tf.cast(loss, self.dtype)", "return tf.cast(loss, y_pred.dtype)", "The result has the dtype of y_pred."),
    c("axis-not-kept", "configuration", "configuration", 'return {**super().get_config(), "axis": self.axis}', "return super().get_config()", "The axis is lost when an instance is rebuilt."),
    c("name-lost", "configuration", "configuration", "super().__init__(name=name, reduction=reduction, dtype=dtype)", "super().__init__(reduction=reduction, dtype=dtype)", "The name is not kept."),
    c("eager-only", "training", "error", C_DIVISOR, "divisor = tf.constant(loss.numpy().size, tf.float64)", "It works eagerly, and fails where Keras traces it."),
    c("no-gradient-in-graphs", "training", "training", C_DIVISOR, C_DIVISOR + "; loss = loss if tf.executing_eagerly() else tf.stop_gradient(loss)", "In a graph no gradient passes, so that fit() learns nothing."),
)  # fmt: skip
