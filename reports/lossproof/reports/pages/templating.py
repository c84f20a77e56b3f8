"""The jinja2 environment of pages: it cleans and escapes everything that a template shows."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from lossproof.reports.guarded import clean
from lossproof.reports.templating import new_environment

if TYPE_CHECKING:
    from jinja2 import Environment


@cache
def environment(*, escape: bool) -> Environment:
    """The environment of pages; `escape` turns on HTML escaping of everything that a template shows.

    Control characters reach no page, whatever shows them.
    """
    return new_environment(escape=escape, finalize=_shown)


def _shown(value: Any) -> Any:
    # Markup is text of our own that was made safe; a macro's result was cleaned when its parts were.
    return clean(value) if type(value) is str else value
