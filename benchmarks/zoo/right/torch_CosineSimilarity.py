"""torch.nn.CosineSimilarity: the product of the norms is at least eps; float64 inside."""

import torch


def scaled(x, dim):
    """x over its largest element along a dimension, and that element (1 for zeros)."""
    top = x.detach().abs().amax(dim, keepdim=True)
    top = torch.where(top > 0, top, 1.0)
    return x / top, top


class CosineSimilarity(torch.nn.Module):
    """x1 . x2 / max(|x1| |x2|, eps) along `dim`."""

    def __init__(self, dim=1, eps=1e-8):
        super().__init__()
        self.dim = dim
        self.eps = eps

    def forward(self, x1, x2):
        """One value for each pair of vectors."""
        dtype = torch.promote_types(x1.dtype, x2.dtype)
        dtype = dtype if dtype.is_floating_point else torch.get_default_dtype()
        x1, x2 = torch.broadcast_tensors(x1.to(torch.float64), x2.to(torch.float64))
        (a, s), (b, t) = scaled(x1, self.dim), scaled(x2, self.dim)
        norms = [torch.linalg.vector_norm(x, dim=self.dim, keepdim=True) for x in (a, b)]
        least = self.eps / s / t
        value = (a * b).sum(self.dim, keepdim=True) / torch.maximum(norms[0] * norms[1], least)
        return value.squeeze(self.dim).to(dtype)
