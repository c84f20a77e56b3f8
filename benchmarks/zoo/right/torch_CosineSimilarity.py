"""torch.nn.CosineSimilarity: the product of the norms is at least eps; float64 inside."""

import torch


def unit(x, dim):
    """Vectors over their norms, and these; rows are scaled to a largest element of 1, and zero stays zero."""
    top = x.detach().abs().amax(dim, keepdim=True)
    scaled = x / torch.where(top > 0, top, 1.0)
    norm = torch.linalg.vector_norm(scaled, dim=dim, keepdim=True)
    return scaled / torch.where(norm > 0, norm, 1.0), (norm.detach() * top).squeeze(dim)


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
        (u, p), (v, q) = unit(x1, self.dim), unit(x2, self.dim)
        cosine, floored = (u * v).sum(self.dim), (x1 * x2).sum(self.dim) / self.eps
        value = torch.where(p * q > self.eps, cosine, floored)
        return value.to(dtype)
