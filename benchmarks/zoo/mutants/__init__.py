"""The mutants of each base, as data."""

from __future__ import annotations

from benchmarks.zoo.model import Mutant
from benchmarks.zoo.mutants import (
    contrastive,
    embedding,
    keras,
    mlx_loss,
    tf_distance,
    torch_cosine,
)

MUTANTS: dict[str, Mutant] = {
    mutant.slug: mutant
    for module in (torch_cosine, embedding, keras, tf_distance, contrastive, mlx_loss)
    for mutant in module.MUTANTS
}
"""By slug."""
