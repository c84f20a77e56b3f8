"""Functions of a user in PyTorch that torch.compile compiles, or cannot."""

import torch


def cosine(x1, x2, dim=1, eps=1e-8):
    """One graph."""
    dots = [(a * b).sum(dim) for a, b in ((x1, x2), (x1, x1), (x2, x2))]
    floors = [torch.sqrt(square).clamp_min(eps) for square in dots[1:]]
    return dots[0] / (floors[0] * floors[1])


def breaks_the_graph(x1, x2, dim=1, eps=1e-8):
    """Which branch is taken depends on a value."""
    if float(x1.sum()) > 1e9:
        return x1
    return cosine(x1, x2, dim, eps)


@torch.compiler.disable
def runs_eagerly(x1, x2, dim=1, eps=1e-8):
    """Nothing of it may be compiled."""
    return cosine(x1, x2, dim, eps)
