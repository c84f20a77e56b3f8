"""Functions of a user in MLX, for mx.compile."""

import mlx.core as mx


def cosine(x1, x2, axis=1, eps=1e-8, reduction="none"):
    """One graph."""
    norms = [mx.maximum(mx.linalg.norm(x, axis=axis), eps) for x in (x1, x2)]
    return mx.sum(x1 * x2, axis) / (norms[0] * norms[1])


def switches_it_off(x1, x2, axis=1, eps=1e-8, reduction="none"):
    """Has the process compile nothing."""
    mx.disable_compile()
    return cosine(x1, x2, axis, eps)
