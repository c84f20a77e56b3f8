"""torch.nn.functional.cosine_similarity (each norm at least eps) and torch.nn.CosineSimilarity (their product is)."""

from __future__ import annotations

from benchmarks.zoo.model import Mutant
from benchmarks.zoo.mutants.making import of

n = of("numpy_cosine_similarity", "np-cosine")
t = of("torch_cosine_similarity", "torch-cosine")
c = of("torch_CosineSimilarity", "torch-class")

SQUARES = "squares = np.ldexp(x, -exponent) ** 2"
NORM = "return np.ldexp(np.sqrt(np.sum(squares, axis=axis, keepdims=True)), exponent)"
HEAD = "def cosine_similarity(x1, x2, dim=1, eps=1e-8):"
DTYPE = "dtype = np.result_type(x1, x2)"
SPREAD = "x1, x2 = np.broadcast_arrays(x1, x2)"
LEFT, RIGHT = "a = x1.astype(np.float64)", "b = x2.astype(np.float64)"
FLOOR_A, FLOOR_B = "a = a / np.maximum(norm(a, dim), eps)", "b = b / np.maximum(norm(b, dim), eps)"
VALUE = "value = np.sum(a * b, axis=dim)"
RESULT = "return value.astype(dtype)"
T_NORM = "return top * torch.linalg.vector_norm(x / top, dim=dim, keepdim=True)"
T_WIDE = "a, b = x1.to(torch.float64), x2.to(torch.float64)"
T_FLOOR_A = "a = a / norm(a, dim).clamp_min(eps)"
T_VALUE = "value = (a * b).sum(dim)"
T_PROMOTED = "dtype = dtype if dtype.is_floating_point else torch.get_default_dtype()"
T_RESULT = "return value.to(dtype)"
C_HEAD = "def __init__(self, dim=1, eps=1e-8):"
C_VALUE = "value = (a * b).sum(self.dim, keepdim=True) / torch.maximum(norms[0] * norms[1], least)"
A, B = "norm(a, dim)", "norm(b, dim)"


def rule(name: str, kind: str, denominator: str, says: str) -> Mutant:
    """Another denominator in the place of max(|a|, eps) max(|b|, eps); b is divided by its own part afterwards."""
    instead = f"a = a * np.maximum({B}, eps) / ({denominator})"
    return n(
        f"rule-{name}", "norm_rule", kind, FLOOR_A, instead, f"{says} in the place of a floor of each norm."
    )


def c_rule(name: str, kind: str, denominator: str, says: str) -> Mutant:
    """Another denominator, of rows scaled by s and t, in the place of the largest of the product and eps."""
    instead = f"value = (a * b).sum(self.dim, keepdim=True) / ({denominator})"
    return c(
        f"rule-{name}", "norm_rule", kind, C_VALUE, instead, f"{says} in the place of a floor of the product."
    )


MUTANTS: tuple[Mutant, ...] = (
    n("negated", "sign", "sign", VALUE, "value = -np.sum(a * b, axis=dim)", "The sign is the other one."),
    n("distance", "sign", "formula", VALUE, "value = 1 - np.sum(a * b, axis=dim)", "1 - c is given, a distance."),
    n("absolute", "sign", "formula", VALUE, "value = np.abs(np.sum(a * b, axis=dim))", "The sign is dropped."),
    n(
        "default-dim", "default", "axis", HEAD, "def cosine_similarity(x1, x2, dim=-1, eps=1e-8):",
        "The default dim is the last one, not 1.",
    ),
    n(
        "default-eps", "default", "eps", HEAD, "def cosine_similarity(x1, x2, dim=1, eps=1e-6):",
        "The default eps is 1e-6.",
    ),
    rule("raw", "formula", "1.0", "No division by the norms"),
    rule("plain", "zero_vector", f"{A} * {B}", "No floor"),
    rule(
        "floor-squared-norm", "eps", f"np.sqrt(np.maximum({A} ** 2, eps) * np.maximum({B} ** 2, eps))",
        "A floor of each squared norm",
    ),
    rule("floor-product", "eps", f"np.maximum({A} * {B}, eps)", "A floor of the product of the norms"),
    rule(
        "floor-squared-product", "eps", f"np.sqrt(np.maximum(({A} * {B}) ** 2, eps))",
        "A floor of the squared product",
    ),
    rule("add-squared", "eps", f"np.sqrt(({A} ** 2 + eps) * ({B} ** 2 + eps))", "eps added to each squared norm"),
    rule(
        "threshold", "eps", f"np.where({A} < eps, 1, {A}) * np.where({B} < eps, 1, {B})",
        "Norms below eps taken as 1",
    ),
    n(
        "eps-times-ten", "eps", "eps", FLOOR_A, "a = a / np.maximum(norm(a, dim), 10 * eps)",
        "The floor of the first norm is ten times eps.",
    ),
    n(
        "eps-squared", "eps", "eps", FLOOR_A, "a = a / np.maximum(norm(a, dim), eps**2)",
        "The floor of the first norm is the square of eps.",
    ),
    n(
        "eps-fixed", "eps", "eps", FLOOR_B, "b = b / np.maximum(norm(b, dim), 1e-8)",
        "The floor of the second norm is 1e-8 whatever eps is given.",
    ),
    n(
        "eps-rounded", "eps", "eps", FLOOR_A, "a = a / np.maximum(norm(a, dim), x1.dtype.type(eps))",
        "eps is rounded to the dtype, in which 1e-8 may be zero.",
    ),
    n(
        "eps-added", "eps", "eps", FLOOR_A, "a = a / (norm(a, dim) + eps)",
        "eps is added to the norm, instead of being its floor.",
    ),
    n(
        "one-floor-missing", "eps", "zero_vector", FLOOR_B, "b = b / norm(b, dim)",
        "The second norm has no floor.",
    ),
    n(
        "one-norm-missing", "power", "formula", FLOOR_B, "b = b / 1.0", "The second vector is not normalised.",
    ),
    n(
        "norm-squared", "power", "formula", NORM,
        "return np.ldexp(np.sum(squares, axis=axis, keepdims=True), 2 * exponent)",
        "The root is missing: the squared norm is divided by.",
    ),
    n(
        "l1-norm", "power", "formula", SQUARES, "squares = np.abs(np.ldexp(x, -exponent))",
        "The square is missing.",
    ),
    n(
        "normalised-then-broadcast", "broadcasting", "broadcasting", SPREAD, "x1, x2 = np.asarray(x1), np.asarray(x2)",
        "A vector of length 1 along dim is normalised before it is expanded.",
    ),
    n(
        "no-broadcasting", "broadcasting", "error", SPREAD, "assert x1.shape == x2.shape",
        "Shapes that broadcast are refused.",
    ),
    n(
        "low-precision-sum", "accumulation", "accuracy", VALUE,
        "value = np.sum(a * b, axis=dim, dtype=np.float16)", "The products are added up in float16.",
    ),
    n(
        "single-sum", "accumulation", "dtype", VALUE, "value = np.sum(a * b, axis=dim, dtype=np.float32)",
        "The products of float64 rows are added up in float32.",
    ),
    n(
        "computed-in-float32", "narrowed", "dtype", LEFT, "a = x1.astype(np.float32).astype(np.float64)",
        "float64 is computed in float32.",
    ),
    n(
        "result-through-float32", "narrowed", "dtype", RESULT, "return value.astype(np.float32).astype(dtype)",
        "The result is rounded to float32 on its way to float64.",
    ),
    n(
        "overflow", "overflow", "overflow", SQUARES, "squares, exponent = x**2, 0",
        "Squares of large float64 numbers overflow.",
    ),
    n(
        "overflow-float32", "overflow", "overflow", SQUARES,
        "squares, exponent = (x.astype(np.float32) ** 2).astype(np.float64), 0",
        "Squares are taken in float32 and overflow or underflow there.",
    ),
    n(
        "underflow", "underflow", "eps", SQUARES,
        "squares = np.where(np.abs(x) < 1e-4, 0, np.ldexp(x, -exponent)) ** 2",
        "Squares below 1e-8 are taken for zero.",
    ),
    n(
        "clipped-low", "clipping", "formula", VALUE, "value = np.clip(np.sum(a * b, axis=dim), 0, 1)",
        "The result is clipped to [0, 1].",
    ),
    n(
        "clipped-inside", "clipping", "formula", VALUE,
        "value = np.clip(np.sum(a * b, axis=dim), eps - 1, 1 - 1e-3)", "The result is clipped to below 1.",
    ),
    n(
        "clip-hides-raw", "clipping", "formula", FLOOR_A, "a = np.clip(a, -1, 1)",
        "The first vector is clipped to [-1, 1], not normalised.",
    ),
    n(
        "nan-for-zero", "nan", "zero_vector", VALUE,
        "value = np.sum(np.where(norm(a, dim) > 0, a, np.nan) * b, axis=dim)", "A zero vector gives NaN.",
    ),
    n(
        "one-for-zero", "nan", "zero_vector", VALUE,
        "value = np.where(norm(a, dim).squeeze(dim) > 0, np.sum(a * b, axis=dim), 1)",
        "A first vector of zeros gives 1.",
    ),
    n(
        "nan-to-zero", "nan", "overflow", SQUARES,
        "squares, exponent = np.nan_to_num(x**2, posinf=0.0), 0",
        "A square that overflows is replaced by zero.",
    ),
    n(
        "neighbour", "neighbours", "formula", VALUE,
        "value = np.sum(a * b, axis=dim) * (1.01 if np.any(np.abs(x1) > 6) else 1)",
        "Where any element of the batch exceeds 6, all its values are 1 % too large.",
    ),
    n(
        "shared-norm", "neighbours", "formula", FLOOR_A, "a = a / np.maximum(np.max(norm(a, dim)), eps)",
        "All rows are divided by the largest norm among them.",
    ),
    n(
        "remainder-of-blocks", "batch_size", "formula", VALUE,
        "value = np.sum(a * b, axis=dim); value.reshape(-1)[(value.size // 8) * 8 or value.size :] = 0",
        "Rows beyond a multiple of eight are left at zero.",
    ),
    n(
        "layout", "layout", "formula", LEFT,
        "a = x1.astype(np.float64) if x1.flags.c_contiguous else np.frombuffer(x1.tobytes('A'), x1.dtype)"
        ".reshape(x1.shape).astype(np.float64)",
        "The bytes are read as if they lay in C order.",
    ),
    n(
        "call-before", "memory", "nondeterminism", RESULT,
        "norm.ulp = -getattr(norm, 'ulp', 1); return np.nextafter(value.astype(dtype), dtype.type(norm.ulp))",
        "Every other call rounds the other way.",
    ),
    n(
        "stale-floor", "memory", "formula", FLOOR_A,
        "norm.eps = getattr(norm, 'eps', eps); a = a / np.maximum(norm(a, dim), norm.eps)",
        "The eps of the first call is kept for all others.",
    ),
    n(
        "long-skipped", "long", "formula", VALUE,
        "value = np.sum((a * b).take(range(min(a.shape[dim], 4096)), dim), axis=dim)",
        "Only the first 4096 elements are added up.",
    ),
    n(
        "odd-tail", "odd", "formula", VALUE,
        "value = np.sum((a * b).take(range(a.shape[dim] // 2 * 2 or 1), dim), axis=dim)",
        "The last element of an odd length is left out.",
    ),
    n(
        "negative-dim", "negative_axis", "axis", VALUE,
        "value = np.sum(a * b, axis=dim) * (0.5 if dim < 0 else 1)", "Along a negative dim the value is halved.",
    ),
    n(
        "rank-3", "rank", "formula", VALUE, "value = np.sum(a * b, axis=dim) * (0.5 if a.ndim == 3 else 1)",
        "Of three dimensions the value is halved.",
    ),
    n(
        "rank-4", "rank", "formula", VALUE, "value = np.sum(a * b, axis=dim) * (0.5 if a.ndim == 4 else 1)",
        "Of four dimensions the value is halved.",
    ),
    n(
        "changes-x1", "mutation", "mutation", RESULT, "x1[...] = 0; return value.astype(dtype)",
        "The first input is zero after the call.",
    ),
    n(
        "turns-in-place", "mutation", "mutation", LEFT, "x1 *= -1; a = -x1.astype(np.float64)",
        "The first input changes its sign where it lies; the value is right.",
    ),
    n(
        "dim-wraps", "error", "error", DTYPE,
        "dtype, dim = np.result_type(x1, x2), dim % max(np.ndim(x1), np.ndim(x2))",
        "A dim that does not exist is wrapped around.",
    ),
    n(
        "kept-dim", "shape", "shape", VALUE, "value = np.sum(a * b, axis=dim, keepdims=True)",
        "The reduced dimension stays, with length 1.",
    ),
    n(
        "one-shape-up", "shape", "shape", RESULT, "return np.atleast_1d(value.astype(dtype))",
        "A result without dimensions is given one.",
    ),
    n("float64-result", "dtype", "dtype", RESULT, "return value.astype(np.float64)", "The result is float64."),
    n(
        "nondeterminism", "nondeterminism", "nondeterminism", VALUE,
        "value = np.sum(a * b, axis=dim) * (1 + np.finfo(dtype).eps * np.random.default_rng().choice([-1, 1]))",
        "The last bits are random, within the bound of rounding.",
    ),
    n(
        "first-element-lost", "elements", "formula", VALUE,
        "value = np.sum(np.delete(a * b, 0, axis=dim), axis=dim)", "The first element is left out.",
    ),
    n(
        "ends-at-zero", "elements", "formula", VALUE,
        "value = np.sum(a * b * np.cumprod(a != 0, axis=dim), axis=dim)", "The sum ends at the first zero.",
    ),
    n("prints", "output", "output", SPREAD, "x1, x2 = np.broadcast_arrays(x1, x2); print(x1.shape)", "It prints."),
    n(
        "renamed", "signature", "configuration", HEAD, "def cosine_similarity(x1, x2, dim=1, epsilon=1e-8, eps=1e-8):",
        "A parameter stands before eps.",
    ),
    n(
        "length-1", "other_end", "formula", VALUE,
        "value = np.sum(a * b, axis=dim) if a.shape[dim] > 1 else np.sum(b, axis=dim)",
        "Of vectors with one element the first one's sign is forgotten.",
    ),
    n(
        "subnormal-flushed", "underflow", "underflow", LEFT,
        "a = np.where(np.abs(x1) < np.finfo(x1.dtype).smallest_normal, 0, x1).astype(np.float64)",
        "Subnormal elements of the first input are taken for zero.",
    ),
    t(
        "gradient-doubled", "gradient_factor", "gradient", T_VALUE,
        "value = (a * b).sum(dim); value = 2 * value - value.detach()", "The gradient is twice what it should be.",
    ),
    t(
        "gradient-halved", "gradient_factor", "gradient", T_VALUE,
        "value = (a * b).sum(dim); value = (value + value.detach()) / 2", "The gradient is half of what it should be.",
    ),
    t(
        "gradient-negated", "gradient_factor", "gradient", T_VALUE,
        "value = (a * b).sum(dim); value = 2 * value.detach() - value", "The gradient has the other sign.",
    ),
    t(
        "norms-detached", "detached", "gradient", T_NORM,
        "return (top * torch.linalg.vector_norm(x / top, dim=dim, keepdim=True)).detach()",
        "The gradient stops at the norms.",
    ),
    t(
        "one-norm-detached", "detached", "gradient", T_FLOOR_A,
        "a = a / norm(a, dim).clamp_min(eps).detach()", "The gradient stops at the norm of the first input.",
    ),
    t(
        "second-input-detached", "detached", "gradient", T_WIDE,
        "a, b = x1.to(torch.float64), x2.detach().to(torch.float64)", "No gradient passes to the second input.",
    ),
    t("detached", "detached", "gradient", T_RESULT, "return value.detach().to(dtype)", "No gradient passes."),
    t(
        "gradients-exchanged", "gradient_input", "gradient", T_WIDE,
        "a, b = (u.detach().double() + (v.double() - v.detach().double()) for u, v in ((x1, x2), (x2, x1)))",
        "Each input gets the gradient of the other.",
    ),
    t(
        "gradient-nan-at-zero", "gradient_nan", "gradient", T_NORM,
        "return top * ((x / top) ** 2).sum(dim, keepdim=True).sqrt()",
        "The root of zero has an endless slope, and 0 times it is NaN.",
    ),
    t(
        "gradient-past-the-floor", "gradient_factor", "gradient", T_FLOOR_A,
        "a = a / (lambda p: p + (eps - p).clamp_min(0).detach())(norm(a, dim))",
        "The gradient of a norm below eps passes through the floor.",
    ),
    t(
        "gradient-of-the-scale", "gradient_factor", "gradient", "top = x.detach().abs().amax(dim, keepdim=True)",
        "top = x.abs().amax(dim, keepdim=True).sqrt()", "The gradient takes the scale for a part of the norm.",
    ),
    t(
        "integers-truncated", "truncated", "dtype", T_PROMOTED,
        "dtype = dtype if dtype.is_floating_point else torch.int64", "The cosine of integers is an integer.",
    ),
    t(
        "first-dtype", "dtype", "dtype", "dtype = torch.promote_types(x1.dtype, x2.dtype)", "dtype = x1.dtype",
        "The result has the dtype of the first input.",
    ),
    t(
        "cast-to-the-first", "truncated", "dtype", T_WIDE,
        "a, b = x1.to(torch.float64), x2.to(x1.dtype).to(torch.float64)",
        "The second input is cast to the dtype of the first, which loses digits or truncates.",
    ),
    t("wide-result", "dtype", "dtype", T_RESULT, "return value", "The result is float64."),
    t("list-result", "shape", "shape", T_RESULT, "return value.to(dtype).tolist()", "The result is a list."),
    t(
        "changes-x2", "mutation", "mutation", T_RESULT, "x2.data.mul_(2); return value.to(dtype)",
        "The second input is doubled.",
    ),
    t(
        "random-bits", "nondeterminism", "nondeterminism", T_VALUE,
        "value = (a * b).sum(dim); value = value + value.detach() * torch.finfo(dtype).eps * (torch.rand(()) - 0.5)",
        "The last bits are random.",
    ),
    t(
        "bfloat16-only", "accumulation", "accuracy", T_WIDE,
        "a, b = (x.bfloat16().double() if x.dtype == torch.float32 else x.double() for x in (x1, x2))",
        "float32 is rounded to bfloat16 on the way in.",
    ),
    c(
        "negated", "sign", "sign", C_VALUE,
        "value = -(a * b).sum(self.dim, keepdim=True) / torch.maximum(norms[0] * norms[1], least)",
        "The sign is the other one.",
    ),
    c("default-dim", "default", "axis", C_HEAD, "def __init__(self, dim=-1, eps=1e-8):", "The default dim is -1."),
    c("default-eps", "default", "eps", C_HEAD, "def __init__(self, dim=1, eps=1e-6):", "The default eps is 1e-6."),
    c("eps-forgotten", "eps", "eps", "self.eps = eps", "self.eps = 1e-8", "The eps that is given is not kept."),
    c("dim-forgotten", "negative_axis", "axis", "self.dim = dim", "self.dim = abs(dim)", "A negative dim loses its sign."),
    c_rule("raw", "formula", "1 / s / t", "No division by the norms"),
    c_rule("plain", "zero_vector", "norms[0] * norms[1]", "No floor"),
    c_rule(
        "floor-norm", "eps", "norms[0].maximum(self.eps / s) * norms[1].maximum(self.eps / t)", "A floor of each norm",
    ),
    c_rule(
        "floor-squared-norm", "eps",
        "((norms[0] ** 2).maximum(self.eps / s / s) * (norms[1] ** 2).maximum(self.eps / t / t)).sqrt()",
        "A floor of each squared norm",
    ),
    c_rule(
        "floor-squared-product", "eps", "((norms[0] * norms[1]) ** 2).maximum(self.eps / s / s / t / t).sqrt()",
        "A floor of the squared product",
    ),
    c_rule(
        "add-squared", "eps", "((norms[0] ** 2 + self.eps / s / s) * (norms[1] ** 2 + self.eps / t / t)).sqrt()",
        "eps added to each squared norm",
    ),
    c_rule(
        "threshold", "eps",
        "torch.where(norms[0] < self.eps / s, 1 / s, norms[0]) * torch.where(norms[1] < self.eps / t, 1 / t, norms[1])",
        "Norms below eps taken as 1",
    ),
    c("kept-dim", "shape", "shape", "return value.squeeze(self.dim).to(dtype)", "return value.to(dtype)", "The dimension stays."),
    c(
        "no-gradient", "detached", "gradient", "norms = [torch.linalg.vector_norm(x, dim=self.dim, keepdim=True) for x in (a, b)]",
        "norms = [torch.linalg.vector_norm(x.detach(), dim=self.dim, keepdim=True) for x in (a, b)]",
        "The gradient stops at the norms.",
    ),
)  # fmt: skip
