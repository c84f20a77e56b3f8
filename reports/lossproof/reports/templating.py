"""The jinja2 environments: pages escape what they show, scripts take code alone and no text that nobody quoted."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any

from lossproof.reports.guarded import clean

if TYPE_CHECKING:
    from jinja2 import Environment


class Code(str):
    """Text that may stand in a script as it is: made by the quoting functions, or by our own templates from such."""

    __slots__ = ()


class Unquoted(TypeError):  # noqa: N818 - named for what is the case
    """A template for scripts would insert text that nobody quoted: a fault of the template."""


@cache
def environment(*, escape: bool) -> Environment:
    """The environment of pages; `escape` turns on HTML escaping of everything that a template shows.

    Control characters reach no page, whatever shows them.
    """
    return _environment(escape, _shown)


@cache
def scripting() -> Environment:
    """The environment of scripts: `{{ }}` takes `Code` and numbers, and refuses any other text."""
    return _environment(False, _coded)


def _environment(escape: bool, finalize: Callable[[Any], Any]) -> Environment:
    import jinja2

    return jinja2.Environment(
        loader=jinja2.FunctionLoader(source),
        autoescape=escape,
        finalize=finalize,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


def _shown(value: Any) -> Any:
    # Markup is text of our own that was made safe; a macro's result was cleaned when its parts were.
    return clean(value) if type(value) is str else value


def _coded(value: Any) -> Any:
    if isinstance(value, Code | bool | int):
        return value
    raise Unquoted(f"{str(value)[:60]!r} is not marked as code; insert it through python(), or as Code")


def source(name: str) -> str:
    """The text of a file in templates/."""
    return resources.files(__package__).joinpath("templates", *name.split("/")).read_text("utf-8")
