"""Functions of a user in PyTorch, right and wrong."""

import torch


def cosine(x1, x2, dim=1, eps=1e-8):
    """Right on ordinary input."""
    dots = [(a * b).sum(dim) for a, b in ((x1, x2), (x1, x1), (x2, x2))]
    floors = [torch.sqrt(square).clamp_min(eps) for square in dots[1:]]
    return dots[0] / (floors[0] * floors[1])


def detached(x1, x2, dim=1, eps=1e-8):
    """The gradient stops at the norms."""
    norms = [torch.linalg.vector_norm(x, dim=dim).clamp_min(eps).detach() for x in (x1, x2)]
    return (x1 * x2).sum(dim) / (norms[0] * norms[1])
