"""The jinja2 environments: pages escape what they show, scripts are built of parts made safe beforehand."""

from __future__ import annotations

from functools import cache
from importlib import resources
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jinja2 import Environment


@cache
def environment(*, escape: bool) -> Environment:
    """The environment of templates/; `escape` turns on HTML escaping of everything that a template shows."""
    import jinja2

    return jinja2.Environment(
        loader=jinja2.FunctionLoader(source),
        autoescape=escape,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


def source(name: str) -> str:
    """The text of a file in templates/."""
    return resources.files(__package__).joinpath("templates", *name.split("/")).read_text("utf-8")
