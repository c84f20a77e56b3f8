"""mlx.nn.losses.cosine_similarity_loss in MLX: the product of the norms is at least eps; float64 inside."""

import mlx.core as mx

REDUCED = {"none": lambda loss: loss, "mean": mx.mean, "sum": mx.sum}


def unit(x, axis):
    """Vectors over their norms, and these; rows are scaled to a largest element of 1, and zero stays zero."""
    top = mx.stop_gradient(mx.max(mx.abs(x), axis=axis, keepdims=True))
    scaled = x / mx.where(top > 0, top, mx.ones_like(top))
    square = mx.sum(scaled * scaled, axis=axis, keepdims=True)
    norm = mx.sqrt(mx.where(square > 0, square, mx.ones_like(square)))
    return scaled / norm, mx.stop_gradient(mx.squeeze(norm * top, axis))


def cosine_similarity_loss(x1, x2, axis=1, eps=1e-8, reduction="none"):
    """x1 . x2 / max(|x1| |x2|, eps) along `axis`, reduced."""
    wide, dtype = mx.float64, x1.dtype
    a, b = x1.astype(wide), x2.astype(wide)
    floor = mx.array(eps, wide)
    (u, p), (v, q) = unit(a, axis), unit(b, axis)
    floored = mx.sum(a * b, axis=axis) / floor
    loss = mx.where(p * q > floor, mx.sum(u * v, axis=axis), floored)
    return REDUCED[reduction](loss).astype(dtype)
