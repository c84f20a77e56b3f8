"""Maps a place in a file to its model, for the linter, the formatter and the error messages."""

from __future__ import annotations

import types
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel


def child(annotation: Any, part: str | int) -> Any:
    """The annotation of a part (field, key or index) of an annotated value; None if unknown."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        field = annotation.model_fields.get(str(part))
        return _unwrap(field.annotation) if field else None
    arguments = get_args(annotation)
    if get_origin(annotation) is tuple:
        return _unwrap(arguments[0])
    if len(arguments) == 2 and isinstance(part, str):
        return _unwrap(arguments[1])
    return None


def model_of(annotation: Any) -> type[BaseModel] | None:
    """The annotation if it is a model."""
    return annotation if isinstance(annotation, type) and issubclass(annotation, BaseModel) else None


def _unwrap(annotation: Any) -> Any:
    """`X | None` -> X, `Annotated[X, ...]` -> X."""
    if get_origin(annotation) is Annotated:
        return _unwrap(get_args(annotation)[0])
    if get_origin(annotation) in (Union, types.UnionType):
        return next((_unwrap(a) for a in get_args(annotation) if a is not type(None)), None)
    return annotation
