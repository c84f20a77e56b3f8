"""torch.nn.functional.cosine_embedding_loss and torch.nn.CosineEmbeddingLoss."""

from __future__ import annotations

from benchmarks.zoo.model import Mutant
from benchmarks.zoo.mutants.making import of

n = of("numpy_cosine_embedding_loss", "np-embedding")
t = of("torch_cosine_embedding_loss", "torch-embedding")
c = of("torch_CosineEmbeddingLoss", "torch-embedding-class")

HEAD = (
    "def cosine_embedding_loss(input1, input2, target, margin=0, size_average=None, reduce=None,"
    ' reduction="mean"):'
)
SCALED, NORMALISED = "x = np.ldexp(x, -exponent)", "return x / norm"
COSINE = "cosine = np.sum(unit(x) * unit(y), axis=-1)"
TOGETHER, APART = "together = 1 - cosine", "apart = np.maximum(cosine - margin, 0)"
LOSS = "loss = np.where(target == 1, together, apart)"
LEGACY = 'reduction = "none" if reduce is False else "sum" if size_average is False else "mean"'
RESULT = "return REDUCED[reduction](loss).astype(np.result_type(input1, input2))"
SHAPES = "if input1.shape != input2.shape or input1.ndim > 2:"
LABELS = "if target.shape != input1.shape[:-1]:"


def rule(name: str, kind: str, norm: str, says: str) -> Mutant:
    """Each vector over something else than its norm; `norm` is that of the vector scaled by 2^-exponent."""
    return n(f"rule-{name}", "norm_rule", kind, NORMALISED, f"return x / ({norm})", f"{says}.")


def product_rule(name: str, floor: str, says: str) -> Mutant:
    """A floor of the product of the norms: the cosine shrinks where the product lies below it."""
    product = "np.linalg.norm(x, axis=-1) * np.linalg.norm(y, axis=-1)"
    instead = f"cosine = np.sum(unit(x) * unit(y), axis=-1) * np.minimum(1, {product} / {floor})"
    return n(f"rule-{name}", "norm_rule", "eps", COSINE, instead, f"{says}.")


MUTANTS: tuple[Mutant, ...] = (
    rule("raw", "formula", "np.ldexp(1.0, -exponent)", "No division by the norms"),
    rule("floor-norm", "eps", "np.maximum(norm, np.ldexp(1e-8, -exponent))", "A floor of each norm"),
    rule(
        "floor-squared-norm", "eps", "np.sqrt(np.maximum(norm**2, np.ldexp(1e-12, -2 * exponent)))",
        "A floor of each squared norm",
    ),
    rule(
        "add-squared", "eps", "np.sqrt(norm**2 + np.ldexp(1e-12, -2 * exponent))", "1e-12 added to each squared norm",
    ),
    rule(
        "threshold", "eps", "np.where(norm < np.ldexp(1e-8, -exponent), np.ldexp(1.0, -exponent), norm)",
        "Norms below 1e-8 taken as 1",
    ),
    product_rule("floor-product", "1e-8", "A floor of the product of the norms"),
    product_rule("floor-squared-product", "1e-12", "A floor of the squared product, 1e-24"),
    n("plus-cosine", "sign", "formula", TOGETHER, "together = 1 + cosine", "Similar pairs are pushed apart."),
    n("labels-swapped", "labels", "formula", LOSS, "loss = np.where(target == -1, together, apart)", "The labels are swapped."),
    n(
        "labels-0-and-1", "labels", "formula", LOSS, "loss = np.where(target != 0, together, apart)",
        "The label of a dissimilar pair is taken to be 0.",
    ),
    n("half", "power", "formula", TOGETHER, "together = (1 - cosine) / 2", "A half is added."),
    n("squared", "power", "formula", TOGETHER, "together = (1 - cosine) ** 2", "A square is added."),
    n("hinge-squared", "power", "formula", APART, "apart = np.maximum(cosine - margin, 0) ** 2", "The hinge is squared."),
    n("margin-ignored", "margin", "formula", APART, "apart = np.maximum(cosine, 0)", "The margin is ignored."),
    n("margin-added", "margin", "formula", APART, "apart = np.maximum(cosine + margin, 0)", "The margin is added."),
    n(
        "margin-outside", "margin", "formula", APART, "apart = np.maximum(cosine, 0) - margin",
        "The margin is taken off outside the maximum.",
    ),
    n("no-hinge", "margin", "formula", APART, "apart = cosine - margin", "Dissimilar pairs earn a negative loss."),
    n(
        "default-margin", "default", "formula", HEAD, HEAD.replace("margin=0", "margin=0.5"),
        "The default margin is 0.5.",
    ),
    n("default-reduction", "default", "reduction", HEAD, HEAD.replace('"mean"', '"sum"'), "The default reduction is sum."),
    n(
        "mean-of-positive", "divisor", "reduction", RESULT,
        "return (np.sum(loss) / max(np.sum(target == 1), 1) if reduction == 'mean' else REDUCED[reduction](loss))"
        ".astype(np.result_type(input1, input2))",
        "The mean is over the similar pairs only.",
    ),
    n(
        "mean-of-nonzero", "divisor", "reduction", RESULT,
        "return (np.sum(loss) / max(np.count_nonzero(loss), 1) if reduction == 'mean' else REDUCED[reduction](loss))"
        ".astype(np.result_type(input1, input2))",
        "The mean is over the losses that are not zero.",
    ),
    n(
        "mean-by-length", "divisor", "reduction", RESULT,
        "return (np.sum(loss) / input1.size if reduction == 'mean' else REDUCED[reduction](loss))"
        ".astype(np.result_type(input1, input2))",
        "The mean is over the elements of the input.",
    ),
    n("legacy-ignored", "reduction", "reduction", LEGACY, "reduction = reduction", "size_average and reduce are ignored."),
    n("legacy-swapped", "reduction", "reduction", LEGACY, LEGACY.replace("False", "True", 1), "reduce is read the other way."),
    n(
        "any-reduction", "error", "error", RESULT,
        "return REDUCED.get(reduction, np.mean)(loss).astype(np.result_type(input1, input2))",
        "An unknown reduction gives the mean.",
    ),
    n("shapes-unchecked", "error", "error", SHAPES, "if input1.ndim > 2:", "Inputs of different shapes are broadcast."),
    n("labels-unchecked", "error", "error", LABELS, "if target.ndim > 1:", "Labels are broadcast to the pairs."),
    n(
        "clipped-cosine", "clipping", "formula", COSINE, "cosine = np.clip(np.sum(unit(x) * unit(y), axis=-1), 0, 1)",
        "Negative cosines are clipped to zero.",
    ),
    n(
        "overflow", "overflow", "overflow", SCALED, "x = np.where(np.abs(x) > 1e154, x, np.ldexp(x, -exponent))",
        "Squares of float64 beyond 1e154 overflow.",
    ),
    n(
        "underflow", "underflow", "underflow", SCALED,
        "x = np.where(np.max(np.abs(x), axis=-1, keepdims=True) < 1e-154, x, np.ldexp(x, -exponent))",
        "Squares of float64 below 1e-154 underflow.",
    ),
    n(
        "sum-not-mean-of-one", "batch_size", "reduction", RESULT,
        "return REDUCED[reduction if loss.ndim else 'sum'](loss * (1 if loss.ndim else 2)).astype(np.result_type(input1, input2))",
        "The loss of a single pair is doubled.",
    ),
    n("prints", "output", "output", "together = 1 - cosine", "together = 1 - cosine; print()", "It prints an empty line."),
    t(
        "unit-detached", "detached", "gradient", "return x / torch.linalg.vector_norm(x, dim=-1, keepdim=True)",
        "return x / torch.linalg.vector_norm(x, dim=-1, keepdim=True).detach()", "The gradient stops at the norms.",
    ),
    t(
        "hinge-leaks", "gradient_factor", "gradient", "apart = (cosine - margin).clamp_min(0)",
        "apart = cosine - margin + (margin - cosine).clamp_min(0).detach()",
        "The gradient passes where the loss is zero.",
    ),
    t(
        "positive-detached", "detached", "gradient", "together = 1 - cosine", "together = 1 - cosine.detach()",
        "Similar pairs have no gradient.",
    ),
    t(
        "mean-gradient-of-sum", "gradient_factor", "gradient", "return REDUCED[reduction](loss).to(dtype)",
        "return (REDUCED[reduction](loss) + (loss.sum() - loss.sum().detach()) * (reduction == 'mean')).to(dtype)",
        "The gradient of the mean has that of the sum added.",
    ),
    t(
        "labels-swapped", "labels", "formula", "loss = torch.where(target == 1, together, apart)",
        "loss = torch.where(target == 1, apart, together)", "The labels are swapped.",
    ),
    t(
        "legacy-sum", "reduction", "reduction", 'return "sum" if size_average is False else "mean"',
        'return "mean" if size_average is False else "sum"', "size_average is read the other way.",
    ),
    t(
        "reduced-in-dtype", "narrowed", "dtype", "return REDUCED[reduction](loss).to(dtype)",
        "return REDUCED[reduction](loss.float()).to(dtype)", "The losses of float64 are rounded to float32.",
    ),
    c("default-reduction", "default", "reduction", C_HEAD := 'def __init__(self, margin=0.0, size_average=None, reduce=None, reduction="mean"):', C_HEAD.replace('"mean"', '"none"'), "The default reduction is none."),
    c("default-margin", "default", "formula", C_HEAD, C_HEAD.replace("0.0", "0.5"), "The default margin is 0.5."),
    c("margin-forgotten", "margin", "formula", "self.margin = margin", "self.margin = 0.0", "The margin is not kept."),
    c(
        "eps-added", "norm_rule", "eps", "squared = (x * x).sum(-1) * (y * y).sum(-1)",
        "squared = ((x * x).sum(-1) + 1e-12 / tops[0].squeeze(-1) ** 2) * ((y * y).sum(-1) + 1e-12 / tops[1].squeeze(-1) ** 2)",
        "1e-12 is added to each squared norm.",
    ),
    c("root-missing", "power", "formula", "return (x * y).sum(-1) / squared.sqrt()", "return (x * y).sum(-1) / squared", "The root is missing."),
    c(
        "mean-of-batch", "divisor", "reduction", "loss = loss.sum() / loss.numel()", "loss = loss.sum() / max(loss.numel() - 1, 1)",
        "The mean is over one loss fewer.",
    ),
    c("any-reduction", "error", "error", 'if self.reduction not in ("none", "mean", "sum"):', "if self.reduction is None:", "An unknown reduction is taken for none."),
    c(
        "positive-margin", "margin", "formula", "positive = 1 - c", "positive = torch.relu(1 - self.margin - c)",
        "The margin is taken off similar pairs too.",
    ),
    c(
        "reduced-twice", "shape", "shape", "return loss.to(dtype)", "return loss.mean().to(dtype)", "With none, the mean is given.",
    ),
)  # fmt: skip
