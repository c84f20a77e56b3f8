"""The templates, and the jinja2 environments that pages and scripts make of them."""

from __future__ import annotations

from collections.abc import Callable
from importlib import resources
from typing import Any

import jinja2


def new_environment(*, escape: bool, finalize: Callable[[Any], Any]) -> jinja2.Environment:
    """An environment over templates/ in which `finalize` sees everything that a template inserts."""
    return jinja2.Environment(
        loader=jinja2.FunctionLoader(source),
        autoescape=escape,
        finalize=finalize,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


def source(name: str) -> str:
    """The text of a file in templates/."""
    return resources.files(__package__).joinpath("templates", *name.split("/")).read_text("utf-8")
