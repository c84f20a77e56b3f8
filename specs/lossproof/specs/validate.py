"""Data into models: pydantic's errors told with file, line, field and a hint."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from lossproof.specs.nodes import Document
from lossproof.specs.problems import Problem, SpecError, field_path, nearest
from lossproof.specs.shape import child, model_of

M = TypeVar("M", bound=BaseModel)
Loc = Sequence[str | int]


def validate(model: type[M], document: Document) -> M:
    """The document as a `model`.

    Raises:
        SpecError: with all problems of the document at once.
    """
    try:
        return model.model_validate(document.data)
    except ValidationError as error:
        problems = {
            _problem(model, document, dict(e))
            for e in error.errors(include_url=False)
            # Said of a list whose items are wrong themselves; they have been reported.
            if not (e["type"] == "too_short" and e["input"])
        }
        raise SpecError(problems) from error


def _problem(model: type[BaseModel], document: Document, error: dict[str, Any]) -> Problem:
    kind, loc = error["type"], tuple(error["loc"])
    path = _real(document, loc, keep_last=kind in ("missing", "extra_forbidden"))
    message, hint = _words(model, kind, path, error)
    line = document.line(path, key=kind == "extra_forbidden")
    return Problem(document.file, line, field_path(path), message, hint)


def _real(document: Document, loc: Loc, keep_last: bool) -> tuple[str | int, ...]:
    """`loc` without the parts that pydantic adds (branches of a union, '[key]'); they name no field."""
    path: tuple[str | int, ...] = ()
    for i, part in enumerate(loc):
        if document.has((*path, part)) or (keep_last and i == len(loc) - 1):
            path = (*path, part)
    return path


def _words(model: type[BaseModel], kind: str, path: Loc, error: dict[str, Any]) -> tuple[str, str]:
    given = error.get("input")
    if kind == "missing":
        return "required, but missing", "see docs/adding-an-api.md for what it says"
    if kind == "extra_forbidden":
        known = _fields(model, path[:-1])
        listed = f"known here: {', '.join(known)}" if known else ""
        return "unknown field", nearest(str(path[-1]), known, listed)
    if kind == "too_short":
        return "at least one is needed", "see docs/adding-an-api.md for what it says"
    if kind in ("model_type", "dict_type", "model_attributes_type"):
        return f"fields expected, not {_short(given)}", "write 'field: value' lines"
    if kind == "tuple_type":
        return f"a list expected, not {_short(given)}", "write [...] or lines that start with '- '"
    if kind == "value_error":
        raised = error["ctx"]["error"]
        return str(raised), getattr(raised, "hint", "")
    if kind == "literal_error":
        expected = str(error["ctx"]["expected"])
        known = [word.strip("' ") for word in expected.replace(" or ", ", ").split(",")]
        return f"{given!r} is none of {expected}", nearest(str(given), known)
    if kind == "string_type" and isinstance(given, int | float):
        return f"text expected, not {given!r}", "quote it, as it stands in the document: '...'"
    if kind == "string_pattern_mismatch":
        return f"{given!r} is no slug", "small letters, digits, and single '-' or '.' between them"
    return f"{error['msg'][0].lower()}{error['msg'][1:]}, not {_short(given)}", ""


def _short(value: Any) -> str:
    if isinstance(value, Mapping):
        return "a mapping"
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _fields(model: type[BaseModel], path: Loc) -> list[str]:
    """Names of the fields that the mapping at `path` may have; empty where any key is allowed."""
    at: Any = model
    for part in path:
        at = child(at, part)
    found = model_of(at)
    return list(found.model_fields) if found else []
