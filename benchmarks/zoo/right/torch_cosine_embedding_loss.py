"""torch.nn.functional.cosine_embedding_loss in PyTorch: 1 - c under the label 1, max(0, c - margin) under -1."""

import torch

REDUCED = {"none": lambda loss: loss, "mean": torch.mean, "sum": torch.sum}


def unit(x):
    """Vectors over their norms, of rows scaled to a largest element of 1."""
    top = x.detach().abs().amax(-1, keepdim=True)
    x = x / torch.where(top > 0, top, 1.0)
    return x / torch.linalg.vector_norm(x, dim=-1, keepdim=True)


def legacy(size_average, reduce, reduction):
    """The reduction that the two deprecated arguments call for."""
    if size_average is None and reduce is None:
        return reduction
    if reduce is False:
        return "none"
    return "sum" if size_average is False else "mean"


def cosine_embedding_loss(input1, input2, target, margin=0, size_average=None, reduce=None, reduction="mean"):
    """The loss of each pair, reduced."""
    if input1.shape != input2.shape or input1.dim() not in (1, 2):
        raise ValueError(
            f"one or two dimensions and one shape are wanted, not {input1.shape} and {input2.shape}"
        )
    if target.shape != input1.shape[:-1]:
        raise ValueError(f"one label for each pair is wanted, not the shape {target.shape}")
    dtype = torch.promote_types(input1.dtype, input2.dtype)
    dtype = dtype if dtype.is_floating_point else torch.get_default_dtype()
    cosine = (unit(input1.to(torch.float64)) * unit(input2.to(torch.float64))).sum(-1)
    together = 1 - cosine
    apart = (cosine - margin).clamp_min(0)
    loss = torch.where(target == 1, together, apart)
    reduction = legacy(size_average, reduce, reduction)
    return REDUCED[reduction](loss).to(dtype)
