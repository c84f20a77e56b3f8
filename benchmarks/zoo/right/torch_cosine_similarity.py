"""torch.nn.functional.cosine_similarity in PyTorch: each norm at least eps, float64 inside."""

import torch


def norm(x, dim):
    """Euclidean norm along a dimension, of rows scaled to a largest element of 1."""
    top = x.detach().abs().amax(dim, keepdim=True)
    top = torch.where(top > 0, top, 1.0)
    return top * torch.linalg.vector_norm(x / top, dim=dim, keepdim=True)


def cosine_similarity(x1, x2, dim=1, eps=1e-8):
    """x1 . x2 / (max(|x1|, eps) max(|x2|, eps)) along `dim` of the common shape."""
    dtype = torch.promote_types(x1.dtype, x2.dtype)
    dtype = dtype if dtype.is_floating_point else torch.get_default_dtype()
    x1, x2 = torch.broadcast_tensors(x1, x2)
    a, b = x1.to(torch.float64), x2.to(torch.float64)
    a = a / norm(a, dim).clamp_min(eps)
    b = b / norm(b, dim).clamp_min(eps)
    value = (a * b).sum(dim)
    return value.to(dtype)
