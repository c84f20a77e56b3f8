"""torch.nn.CosineEmbeddingLoss: 1 - c under the label 1, max(0, c - margin) under -1."""

import torch


def cosine(x, y):
    """The cosine of rows scaled to a largest element of 1."""
    tops = [v.detach().abs().amax(-1, keepdim=True) for v in (x, y)]
    x, y = (v / torch.where(top > 0, top, 1.0) for v, top in zip((x, y), tops, strict=True))
    squared = (x * x).sum(-1) * (y * y).sum(-1)
    return (x * y).sum(-1) / squared.sqrt()


class CosineEmbeddingLoss(torch.nn.Module):
    """The loss of pairs that belong together or apart."""

    def __init__(self, margin=0.0, size_average=None, reduce=None, reduction="mean"):
        super().__init__()
        self.margin = margin
        if reduce is not None or size_average is not None:
            reduction = "none" if reduce is False else "sum" if size_average is False else "mean"
        self.reduction = reduction

    def forward(self, input1, input2, target):
        """One loss for each pair, reduced."""
        if input1.shape != input2.shape or input1.dim() > 2:
            raise ValueError(f"one shape (N, D) or (D) is wanted, not {input1.shape} and {input2.shape}")
        if target.shape != input1.shape[:-1]:
            raise ValueError(f"one label for each pair is wanted, not the shape {target.shape}")
        if self.reduction not in ("none", "mean", "sum"):
            raise ValueError(f"{self.reduction} is no reduction")
        dtype = torch.promote_types(input1.dtype, input2.dtype)
        dtype = dtype if dtype.is_floating_point else torch.get_default_dtype()
        c = cosine(input1.to(torch.float64), input2.to(torch.float64))
        positive = 1 - c
        negative = torch.relu(c - self.margin)
        loss = torch.where(target == 1, positive, negative)
        if self.reduction == "mean":
            loss = loss.sum() / loss.numel()
        elif self.reduction == "sum":
            loss = loss.sum()
        return loss.to(dtype)
