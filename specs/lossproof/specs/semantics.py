"""The semantic parameters that a page fixes: those that every family has, and those of each family.

A field that its family does not have is an error. An installed package brings the parameters of a family as an entry
point of the group `lossproof.semantics`: its name is the family's, its value a subclass of `Semantics`.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, ClassVar, Literal

from pydantic import Field

from lossproof.specs import extensions
from lossproof.specs.fields import FloatName, Frozen, NormRule, Reduction

GROUP = "lossproof.semantics"


class Semantics(Frozen):
    """The parameters that every family has. None: the documentation is silent."""

    roles: ClassVar[tuple[str, ...]] = ()
    """the roles of arrays besides weights"""
    parameters: ClassVar[tuple[str, ...]] = ()
    """the roles of options besides those that every API may have"""

    reduction: Reduction = Field("none", description="what is done where the API has no such option")
    weights: Literal["per_sample", "numpy"] | None = Field(
        None, description="per_sample: right-expanded over the trailing axes; numpy: NumPy broadcasting"
    )
    dtypes: tuple[FloatName, ...] = Field(
        ("float32", "float64", "float16", "bfloat16"), description="dtypes worth asking for"
    )
    compute_dtype: FloatName | Literal["input"] = Field("input", description="dtype computed in")
    result_dtype: FloatName | Literal["input"] | None = Field("input", description="dtype of the result")
    integers: Literal["refused", "float32", "promote"] | None = Field(
        None,
        description="what becomes of integer inputs; promote: they take the floating dtype of the other input, and "
        "two arrays of integers have no documented value",
    )
    ranks: tuple[int, ...] = Field((1, 2, 3, 4), description="ranks of the inputs the documentation allows")

    def fixed(self, parameter: str) -> Any:
        """The value of a parameter that is no option of the API; None where the family or the page has none."""
        return getattr(self, parameter) if parameter in type(self).model_fields else None


class OverCosine(Frozen):
    """The parameters of the cosine of two vectors."""

    norm_rule: NormRule | None = Field(None, description="what divides the dot product, see the norm rules")
    eps: float | None = Field(None, description="fixed eps where it is no option")
    zero: float | None = Field(None, description="value where a norm is zero, if the documentation fixes one")
    broadcasting: Literal["expand", "normalise", "refused"] | None = Field(
        None, description="expand: to the common shape, then take norms; normalise: the other way round"
    )
    inputs: Literal["any", "unit_norm"] = Field("any", description="documented precondition on x and y")


class Scored(Frozen):
    """The form in which a score is given."""

    score: Literal["similarity", "negated", "distance"] | None = Field(None, description="c, -c or 1 - c")


class CosineSemantics(Semantics, OverCosine, Scored):
    """The parameters of the family cosine. None: the documentation is silent."""

    roles = ("x", "y")
    parameters = ("axis", "eps")

    keepdims: bool = Field(False, description="whether the axis stays with length 1 in the documented result")


class CosineEmbeddingSemantics(Semantics, OverCosine):
    """The parameters of the family cosine_embedding. None: the documentation is silent."""

    roles = ("x", "y", "labels")
    parameters = ("margin", "eps")


class Terms(Frozen):
    """The two terms of a contrastive loss."""

    similar: Literal[0, 1] = Field(1, description="the label of a similar pair")
    squared: bool = Field(True, description="whether the terms are squared")
    half: bool = Field(False, description="whether the terms are halved")


class ContrastiveSemantics(Semantics, Terms):
    """The parameters of the family contrastive. None: the documentation is silent."""

    roles = ("labels", "distances")
    parameters = ("margin",)


BUILT_IN: Mapping[str, type[Semantics]] = MappingProxyType(
    {
        "cosine": CosineSemantics,
        "cosine_embedding": CosineEmbeddingSemantics,
        "contrastive": ContrastiveSemantics,
    }
)


def families() -> tuple[str, ...]:
    """The names of the families: those built in, then those of installed packages, of which nothing is imported."""
    return tuple(dict.fromkeys((*BUILT_IN, *extensions.names(GROUP))))


def semantics_of(family: str) -> type[Semantics]:
    """The parameters of a family by its name.

    Raises:
        SpecError: the package that brings it cannot be loaded, or brings something else.
    """
    if family in BUILT_IN:
        return BUILT_IN[family]
    found = extensions.objects(GROUP)[family]
    if not (isinstance(found, type) and issubclass(found, Semantics)):
        raise extensions.fault(GROUP, family, "it is no subclass of Semantics")
    return found
