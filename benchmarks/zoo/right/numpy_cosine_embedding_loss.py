"""torch.nn.functional.cosine_embedding_loss in NumPy: 1 - c under the label 1, max(0, c - margin) under -1."""

import numpy as np

REDUCED = {"none": np.asarray, "mean": np.mean, "sum": np.sum}


def unit(x):
    """Vectors over their norms, scaled first by a power of two."""
    exponent = np.frexp(np.max(np.abs(x), axis=-1, keepdims=True, initial=0.0))[1]
    x = np.ldexp(x, -exponent)
    norm = np.sqrt(np.sum(x * x, axis=-1, keepdims=True))
    return x / norm


def cosine_embedding_loss(input1, input2, target, margin=0, size_average=None, reduce=None, reduction="mean"):
    """The loss of each pair, reduced."""
    if input1.shape != input2.shape or input1.ndim > 2:
        raise ValueError(f"one shape (N, D) or (D) is wanted, not {input1.shape} and {input2.shape}")
    if target.shape != input1.shape[:-1]:
        raise ValueError(f"one label for each pair is wanted, not the shape {target.shape}")
    x = input1.astype(np.float64)
    y = input2.astype(np.float64)
    cosine = np.sum(unit(x) * unit(y), axis=-1)
    together = 1 - cosine
    apart = np.maximum(cosine - margin, 0)
    loss = np.where(target == 1, together, apart)
    if size_average is not None or reduce is not None:
        reduction = "none" if reduce is False else "sum" if size_average is False else "mean"
    return REDUCED[reduction](loss).astype(np.result_type(input1, input2))
