"""Data as Python's source: the one way in which anything of a finding gets into a script."""

from __future__ import annotations

import keyword
from collections.abc import Mapping
from typing import Any

from lossproof.reports.numbers import expression as _expression
from lossproof.reports.numbers import is_number
from lossproof.reports.reproducers.templating import Code


def expression(value: Any) -> Code:
    """Nested numbers as an exact Python expression; any other leaf as a text."""
    return Code(_expression(value))


def python(value: Any) -> Code:
    """A JSON value as an exact Python expression; {"$name": N} is the object N, {"$tuple": [...]} a tuple."""
    return Code(_python(value))


def _python(value: Any) -> str:
    if isinstance(value, Mapping):
        if set(value) == {"$name"}:
            return dotted(value["$name"])
        if set(value) == {"$tuple"} and isinstance(value["$tuple"], (list, tuple)):
            items = [_python(item) for item in value["$tuple"]]
            return f"({', '.join(items)}{',' if len(items) == 1 else ''})"
        return f"{{{', '.join(f'{_quoted(str(k))}: {_python(v)}' for k, v in value.items())}}}"
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(_python(item) for item in value)}]"
    if isinstance(value, str):
        return (
            _expression(value)
            if value.lower().lstrip("+-").startswith("0x") and is_number(value)
            else _quoted(value)
        )
    if value is None or isinstance(value, bool | int | float):
        return _expression(value)
    raise ValueError(f"{type(value).__name__} is no JSON, so no script can be written with it")


def _quoted(text: str) -> str:
    """A string literal in double quotes where that needs no escapes."""
    return f'"{text}"' if text.isprintable() and '"' not in text and "\\" not in text else ascii(text)


def identifier(given: Any) -> Code:
    """A name of Python's; ValueError for any other text."""
    text = str(given)
    if not (text.isidentifier() and text.isascii()) or keyword.iskeyword(text):
        raise ValueError(f"{text[:60]!r} is no Python name, so no script can be written with it")
    return Code(text)


def dotted(given: Any) -> Code:
    """Names with dots between them; ValueError for any other text."""
    return Code(".".join(identifier(part) for part in str(given).split(".")))


def plain(text: str) -> Code:
    """Text for a comment: it has no end of a line, so nothing in it leaves the comment."""
    return Code("".join(c if c.isprintable() else " " for c in text))
