"""Building blocks of the models: the frozen base, and the types of words and names."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, StringConstraints

from lossproof.specs import vocabulary

Slug = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]+(?:[-.][a-z0-9]+)*$", max_length=72)]
DtypeName = Literal[
    "float16", "bfloat16", "float32", "float64", "int8", "int16", "int32", "int64", "uint8", "bool"
]
FloatName = Literal["float16", "bfloat16", "float32", "float64"]
DeviceName = Literal["cpu", "cuda", "mps"]

PropertyName = Annotated[str, AfterValidator(vocabulary.PROPERTIES.known)]
RegionName = Annotated[str, AfterValidator(vocabulary.REGIONS.known)]
KindName = Annotated[str, AfterValidator(vocabulary.KINDS.known)]
NormRule = Annotated[str, AfterValidator(vocabulary.NORM_RULES.known)]
ModeName = Annotated[str, AfterValidator(vocabulary.MODES.known)]
Reduction = Literal["none", "sum", "mean", "mean_by_weight", "mean_by_nonzero"]

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_DOTTED = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*")
MAX_NAME = 200


def _name(text: str) -> str:
    if not _NAME.fullmatch(text) or len(text) > MAX_NAME:
        raise ValueError(f"{text[:60]!r} is no name of a parameter: letters, digits and '_'")
    return text


def _name_or_none(text: str) -> str:
    return text and _name(text)


def _dotted(text: str) -> str:
    if not _DOTTED.fullmatch(text) or len(text) > MAX_NAME:
        raise ValueError(
            f"{text[:60]!r} is no full name: letters, digits and '_', with '.' between the parts"
        )
    return text


Name = Annotated[str, AfterValidator(_name)]
"""of a parameter: it stands in calls and in scripts as it is"""
NameOrNone = Annotated[str, AfterValidator(_name_or_none)]
Dotted = Annotated[str, AfterValidator(_dotted)]
"""full name of an object: it stands in scripts, and in names of files"""


class Frozen(BaseModel):
    """Base of every model: immutable, and an unknown field is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")
