"""mlx.nn.losses.cosine_similarity_loss: the similarity, with a floor of the product of the norms, reduced."""

from __future__ import annotations

from benchmarks.zoo.model import Mutant
from benchmarks.zoo.mutants.making import of

n = of("numpy_cosine_similarity_loss", "np-mlx")
m = of("mlx_cosine_similarity_loss", "mlx")

HEAD = 'def cosine_similarity_loss(x1, x2, axis=1, eps=1e-8, reduction="none"):'
LOSS = "loss = dot / np.maximum(p * q, np.ldexp(eps, -left - right))"
DOT = "dot = np.sum(a * b, axis=axis)"
RESULT = "return reduce(loss).astype(dtype)"
M_LOSS = "loss = mx.where(p * q > floor, mx.sum(u * v, axis=axis), floored)"
M_RESULT = "return REDUCED[reduction](loss).astype(dtype)"


def rule(name: str, kind: str, denominator: str, says: str) -> Mutant:
    """Another denominator, of rows scaled by 2^-left and 2^-right."""
    return n(
        f"rule-{name}",
        "norm_rule",
        kind,
        LOSS,
        f"loss = dot / ({denominator})",
        f"{says} in the place of a floor of the product.",
    )


MUTANTS: tuple[Mutant, ...] = (
    rule("raw", "formula", "np.ldexp(1.0, -left - right)", "No division by the norms"),
    rule("plain", "zero_vector", "p * q", "No floor"),
    rule("floor-norm", "eps", "np.maximum(p, np.ldexp(eps, -left)) * np.maximum(q, np.ldexp(eps, -right))", "A floor of each norm"),
    rule("floor-squared-norm", "eps", "np.sqrt(np.maximum(p * p, np.ldexp(eps, -2 * left)) * np.maximum(q * q, np.ldexp(eps, -2 * right)))", "A floor of each squared norm"),
    rule("floor-squared-product", "eps", "np.sqrt(np.maximum((p * q) ** 2, np.ldexp(eps, -2 * (left + right))))", "A floor of the squared product"),
    rule("add-squared", "eps", "np.sqrt((p * p + np.ldexp(eps, -2 * left)) * (q * q + np.ldexp(eps, -2 * right)))", "eps added to each squared norm"),
    rule("threshold", "eps", "np.where(p < np.ldexp(eps, -left), np.ldexp(1.0, -left), p) * np.where(q < np.ldexp(eps, -right), np.ldexp(1.0, -right), q)", "Norms below eps taken as 1"),
    n("negated", "sign", "sign", DOT, "dot = -np.sum(a * b, axis=axis)", "The sign is the other one."),
    n("default-axis", "default", "axis", HEAD, HEAD.replace("axis=1", "axis=-1"), "The default axis is the last."),
    n("default-eps", "default", "eps", HEAD, HEAD.replace("1e-8", "1e-6"), "The default eps is 1e-6."),
    n("default-reduction", "default", "reduction", HEAD, HEAD.replace('"none"', '"mean"'), "The default reduction is mean."),
    n("eps-squared", "eps", "eps", LOSS, LOSS.replace("eps", "eps**2"), "The floor is the square of eps."),
    n("sum-is-mean", "reduction", "reduction", 'REDUCED = {"none": np.asarray, "mean": np.mean, "sum": np.sum}', 'REDUCED = {"none": np.asarray, "mean": np.mean, "sum": np.mean}', "The sum is the mean."),
    n("mean-by-batch", "divisor", "reduction", RESULT, "return (reduce(loss) if reduction != 'mean' else np.sum(loss) / len(loss)).astype(dtype)", "The mean is over the first axis only."),
    n("any-reduction", "error", "error", "reduce, dtype = REDUCED[reduction], np.result_type(x1, x2)", "reduce, dtype = REDUCED.get(reduction, np.asarray), np.result_type(x1, x2)", "An unknown reduction is taken for none."),
    n("odd-lengths", "odd", "formula", DOT, "dot = np.sum((a * b).take(range(a.shape[axis] // 2 * 2 or 1), axis), axis=axis)", "The last element of an odd length is left out."),
    n("mean-in-dtype", "accumulation", "accuracy", RESULT, "return reduce(loss.astype(np.float16) if reduction != 'none' else loss).astype(dtype)", "Reductions are done in float16."),
    m("negated", "sign", "sign", M_LOSS, "loss = -mx.where(p * q > floor, mx.sum(u * v, axis=axis), floored)", "The sign is the other one."),
    m("distance", "sign", "formula", M_LOSS, M_LOSS.replace("loss = ", "loss = 1 - "), "1 - c is given."),
    m("rule-floor-norm", "norm_rule", "eps", M_LOSS, "loss = mx.sum(u * v, axis=axis) * mx.minimum(p / floor, 1) * mx.minimum(q / floor, 1)", "A floor of each norm."),
    m("gradient-nan", "gradient_nan", "gradient", "norm = mx.sqrt(mx.where(square > 0, square, mx.ones_like(square)))", "norm = mx.sqrt(square)", "The root of zero has an endless slope."),
    m("norms-detached", "detached", "gradient", "return scaled / norm, mx.stop_gradient(mx.squeeze(norm * top, axis))", "return scaled / mx.stop_gradient(norm), mx.stop_gradient(mx.squeeze(norm * top, axis))", "The gradient stops at the norms."),
    m("gradient-doubled", "gradient_factor", "gradient", M_RESULT, "return (2 * REDUCED[reduction](loss) - mx.stop_gradient(REDUCED[reduction](loss))).astype(dtype)", "The gradient is doubled."),
    m("eps-in-dtype", "eps", "eps", "floor = mx.array(eps, wide)", "floor = mx.array(eps, dtype).astype(wide)", "eps is rounded to the dtype, in which 1e-8 may be zero."),
    m("single", "narrowed", "dtype", "wide, dtype = mx.float64, x1.dtype", "wide, dtype = mx.float32, x1.dtype", "float64 is computed in float32."),
    m("prints", "output", "output", M_RESULT, "print(loss.shape); return REDUCED[reduction](loss).astype(dtype)", "It prints."),
    m("sum-for-mean", "reduction", "reduction", 'REDUCED = {"none": lambda loss: loss, "mean": mx.mean, "sum": mx.sum}', 'REDUCED = {"none": lambda loss: loss, "mean": mx.sum, "sum": mx.sum}', "The mean is the sum."),
    m("one-input-detached", "gradient_input", "gradient", "a, b = x1.astype(wide), x2.astype(wide)", "a, b = mx.stop_gradient(x1.astype(wide)), x2.astype(wide)", "No gradient passes to x1."),
)  # fmt: skip
