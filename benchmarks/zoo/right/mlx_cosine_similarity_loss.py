"""mlx.nn.losses.cosine_similarity_loss in MLX: the product of the norms is at least eps; float32 inside for less."""

import mlx.core as mx

REDUCED = {"none": lambda loss: loss, "mean": mx.mean, "sum": mx.sum}


def scaled(x, axis):
    """x over its largest element along an axis, and that element (1 for zeros)."""
    top = mx.stop_gradient(mx.max(mx.abs(x), axis=axis, keepdims=True))
    top = mx.where(top > 0, top, mx.ones_like(top))
    return x / top, top


def cosine_similarity_loss(x1, x2, axis=1, eps=1e-8, reduction="none"):
    """x1 . x2 / max(|x1| |x2|, eps) along `axis`, reduced."""
    wide = mx.float64
    dtype = x1.dtype
    (a, s), (b, t) = scaled(x1.astype(wide), axis), scaled(x2.astype(wide), axis)
    square = mx.sum(a * a, axis=axis) * mx.sum(b * b, axis=axis)
    norms = mx.sqrt(mx.where(square > 0, square, mx.ones_like(square)))
    least = mx.squeeze(mx.array(eps, wide) / s / t, axis)
    loss = mx.sum(a * b, axis=axis) / mx.maximum(norms, least)
    return REDUCED[reduction](loss).astype(dtype)
