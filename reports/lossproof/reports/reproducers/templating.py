"""The jinja2 environment of scripts: templates take code alone, and no text that nobody quoted."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from lossproof.reports.templating import new_environment

if TYPE_CHECKING:
    from jinja2 import Environment


class Code(str):
    """Text that may stand in a script as it is: made by the quoting functions, or by our own templates from such."""

    __slots__ = ()


class Unquoted(TypeError):  # noqa: N818 - named for what is the case
    """A template for scripts would insert text that nobody quoted: a fault of the template."""


@cache
def scripting() -> Environment:
    """The environment of scripts: `{{ }}` takes `Code` and numbers, and refuses any other text."""
    return new_environment(escape=False, finalize=_coded)


def _coded(value: Any) -> Any:
    if isinstance(value, Code | bool | int):
        return value
    raise Unquoted(f"{str(value)[:60]!r} is not marked as code; insert it through python(), or as Code")
