"""The public functions for gradients."""

from __future__ import annotations

from typing import Any

import numpy as np
from flint import fmpq
from numpy.typing import ArrayLike

from lossproof.oracle.arithmetic.reals import rational
from lossproof.oracle.arithmetic.rows import checked
from lossproof.oracle.enclosure import Enclosure
from lossproof.oracle.errors import UnsupportedInput, choice
from lossproof.oracle.losses.contrastive import contrastive
from lossproof.oracle.reduction import REDUCTIONS
from lossproof.oracle.scores.cosine import CosineProblem, cosine, cosine_embedding, operands
from lossproof.oracle.scores.gradient import ContrastiveGradient, CosineGradient, Factors, arranged

CLAMPS = ("held", "followed")


def cosine_gradient(
    x: ArrayLike,
    y: ArrayLike,
    wrt: str = "x",
    axis: int = -1,
    score: str = "similarity",
    norm_rule: str = "plain",
    eps: float = 0.0,
    weights: ArrayLike | None = None,
    reduction: str = "sum",
    clamp: str = "held",
) -> Enclosure:
    """The gradient of the summed, weighted and reduced `cosine` with respect to x or y, in that array's
    shape.

    The arguments are those of `cosine` and `reduce`; `weights` broadcasts to the shape of the values, `none`
    and `sum` give the gradient of the sum. Where D is 0, where a row is not finite and where the divisor is 0
    it is undefined. At kinks see `Enclosure.alternatives`; `within`, `excess` and `grade` accept every valid
    subgradient. `clamp` is "held" (the derivative of the formula) or "followed": what comes of flooring the value of
    a norm and differentiating the norm itself (of `floor_norm` alone).
    """
    choice("wrt", wrt, ("x", "y"))
    choice("clamp", clamp, CLAMPS)
    if wrt == "y":  # errors name the arrays as they were given
        operands(x, y, axis, ("x", "y"))
    arrays = (x, y) if wrt == "x" else (y, x)
    e = cosine(*arrays, axis=axis, score=score, norm_rule=norm_rule, eps=eps)
    return _cosine_like(e, arrays, axis, weights, reduction, clamp == "followed")


def cosine_embedding_gradient(
    x1: ArrayLike,
    x2: ArrayLike,
    target: ArrayLike,
    wrt: str = "x1",
    margin: float = 0.0,
    norm_rule: str = "plain",
    eps: float = 0.0,
    axis: int = -1,
    weights: ArrayLike | None = None,
    reduction: str = "sum",
) -> Enclosure:
    """The gradient of the reduced `cosine_embedding` with respect to x1 or x2; as `cosine_gradient`.

    Where c lies exactly at the margin, every value between 0 and the gradient of c is a valid subgradient.
    """
    choice("wrt", wrt, ("x1", "x2"))
    if wrt == "x2":
        operands(x1, x2, axis, ("x1", "x2"))
    arrays = (x1, x2) if wrt == "x1" else (x2, x1)
    e = cosine_embedding(*arrays, target, margin=margin, norm_rule=norm_rule, eps=eps, axis=axis)
    return _cosine_like(e, arrays, axis, weights, reduction)


def contrastive_gradient(
    labels: ArrayLike,
    distances: ArrayLike,
    margin: float = 1.0,
    similar: int = 1,
    squared: bool = True,
    half: bool = False,
    weights: ArrayLike | None = None,
    reduction: str = "sum",
) -> Enclosure:
    """The gradient of the reduced `contrastive` with respect to the distances, in their shape.

    labels must have the shape of the distances, or broadcast to it. Without squares the cost has a kink at
    the margin.
    """
    e = contrastive(labels, distances, margin, similar, squared, half)
    if e.shape != np.shape(distances):
        raise UnsupportedInput(
            f"labels of shape {np.shape(labels)} widen distances of shape {np.shape(distances)}; "
            "the gradient is taken for distances that have the shape of the result"
        )
    p: Any = e.problem
    factors = _factors(e, weights, reduction)
    return Enclosure(
        ContrastiveGradient(p.similar, p.distances, p.margin, p.squared, p.half, factors, e.shape)
    )


def _cosine_like(
    e: Enclosure,
    arrays: tuple[ArrayLike, ArrayLike],
    axis: int,
    weights: ArrayLike | None,
    reduction: str,
    followed: bool = False,
) -> Enclosure:
    problem, wrt, other = e.problem, np.shape(arrays[0]), np.shape(arrays[1])
    assert isinstance(problem, CosineProblem)
    rank = max(len(wrt), len(other))
    position = axis - rank if axis >= 0 else axis
    full = (*problem.pairs.shape, problem.pairs.length)
    inner = Enclosure(CosineGradient(problem, _factors(e, weights, reduction), full, followed=followed))
    return arranged(inner, wrt, full, position)


def _factors(e: Enclosure, weights: ArrayLike | None, reduction: str) -> Factors:
    choice("reduction", reduction, REDUCTIONS)
    size = e.problem.size
    w = np.ones(e.shape) if weights is None else checked("weights", weights).astype(np.float64)
    try:
        w = np.broadcast_to(w, e.shape).ravel().copy()
    except ValueError:
        raise ValueError(
            f"weights of shape {w.shape} do not broadcast to the values' shape {e.shape}"
        ) from None
    divisor = fmpq(1)
    if reduction == "mean":
        divisor = fmpq(size)
    elif reduction == "mean_by_nonzero":
        divisor = fmpq(int(np.count_nonzero(w)))
    elif reduction == "mean_by_weight" and np.isfinite(w).all():
        divisor = sum((rational(v) for v in w.tolist()), fmpq(0))
    if divisor == 0:
        w, divisor = np.full(size, np.nan), fmpq(1)
    return Factors(w, divisor)
