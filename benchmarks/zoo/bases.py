"""The right implementations, and the APIs in whose place they are judged."""

from __future__ import annotations

from benchmarks.zoo.model import Base
from lossproof.conformance.families.regions.registry import in_space

FUNCTIONAL = "torch.nn.functional."
NONE = ("shape-none-axis-0", "shape-none-axis-1")
"""Of cosine_distance with reduction none two things are documented: the shape of the labels, of one loss for each
element of a row, and a loss that is taken along the axis, to whose shape the weights are broadcast."""
FLUSHED = tuple(sorted(region.name for region in in_space("vectors") if region.flush_counts))
"""TensorFlow's kernels take subnormal numbers for zero, those of the inputs too."""
BASES: dict[str, Base] = {
    base.slug: base
    for base in (
        Base("numpy_cosine_similarity", FUNCTIONAL + "cosine_similarity", "cosine_similarity", "numpy"),
        Base("torch_cosine_similarity", FUNCTIONAL + "cosine_similarity", "cosine_similarity", "framework"),
        Base("torch_CosineSimilarity", "torch.nn.CosineSimilarity", "CosineSimilarity", "framework"),
        Base(
            "numpy_cosine_embedding_loss", FUNCTIONAL + "cosine_embedding_loss", "cosine_embedding_loss", "numpy"
        ),
        Base(
            "torch_cosine_embedding_loss", FUNCTIONAL + "cosine_embedding_loss", "cosine_embedding_loss",
            "framework",
        ),
        Base("torch_CosineEmbeddingLoss", "torch.nn.CosineEmbeddingLoss", "CosineEmbeddingLoss", "framework"),
        Base("numpy_keras_cosine_similarity", "tf.keras.losses.cosine_similarity", "cosine_similarity", "numpy"),
        Base(
            "tf_cosine_similarity", "tf.keras.losses.cosine_similarity", "cosine_similarity", "framework", None, (),
            FLUSHED,
        ),
        Base(
            "tf_CosineSimilarity", "tf.keras.losses.CosineSimilarity", "CosineSimilarity", "framework", None, (),
            FLUSHED,
        ),
        Base("numpy_cosine_distance", "tf.compat.v1.losses.cosine_distance", "cosine_distance", "numpy", None, NONE),
        Base("tf_cosine_distance", "tf.compat.v1.losses.cosine_distance", "cosine_distance", "framework", None, NONE),
        Base("numpy_contrastive_loss", "tfa.losses.contrastive_loss", "contrastive_loss", "numpy", "tfa-0.12"),
        Base("numpy_ContrastiveLoss", "tfa.losses.ContrastiveLoss", "ContrastiveLoss", "numpy", "tfa-0.12"),
        Base(
            "numpy_cosine_similarity_loss", "mlx.nn.losses.cosine_similarity_loss", "cosine_similarity_loss",
            "numpy",
        ),
        Base(
            "mlx_cosine_similarity_loss", "mlx.nn.losses.cosine_similarity_loss", "cosine_similarity_loss",
            "framework",
        ),
    )
}  # fmt: skip
"""By slug, in the order in which they are judged."""
