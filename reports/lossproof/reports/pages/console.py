"""The one way to a terminal: what every command prints with rich goes through a console made here."""

from __future__ import annotations

import os
from typing import TextIO

from rich.console import Console


def new_console(stream: TextIO | None = None, *, stderr: bool = False, soft_wrap: bool = False) -> Console:
    """A console that prints text as it is: nothing in it is markup, an emoji or a number to highlight.

    Colour and weight appear on a terminal alone. Where NO_COLOR is set and not empty (https://no-color.org) neither
    appears; rich itself would keep bold and dim.
    """
    return Console(
        file=stream,
        stderr=stderr,
        soft_wrap=soft_wrap,
        color_system=None if os.environ.get("NO_COLOR") else "auto",
        highlight=False,
        markup=False,
        emoji=False,
    )
