"""Tables, pages and scripts for people, made from result rows. Reads results only, knows no framework.

Importing this package costs next to nothing: each name below is loaded from its module when it is first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lossproof.reports.columns import CLAIM_COLUMNS, COLUMNS
    from lossproof.reports.errors import NoRun, NothingJudged, OutRefused, ReportError, WriteFailed
    from lossproof.reports.pages import terminal
    from lossproof.reports.pages.terminal import summary_json
    from lossproof.reports.places import check_out
    from lossproof.reports.reproducers.script import reproducer
    from lossproof.reports.run import Run
    from lossproof.reports.store import read_run, read_samples
    from lossproof.reports.write import render, write_run

__all__ = [
    "CLAIM_COLUMNS",
    "COLUMNS",
    "NoRun",
    "NothingJudged",
    "OutRefused",
    "ReportError",
    "Run",
    "WriteFailed",
    "check_out",
    "read_run",
    "read_samples",
    "render",
    "reproducer",
    "summary_json",
    "terminal",
    "write_run",
]

_HOMES = {
    "columns": ("CLAIM_COLUMNS", "COLUMNS"),
    "errors": ("NothingJudged", "NoRun", "OutRefused", "ReportError", "WriteFailed"),
    "pages.terminal": ("summary_json",),
    "places": ("check_out",),
    "reproducers.script": ("reproducer",),
    "run": ("Run",),
    "store": ("read_run", "read_samples"),
    "write": ("render", "write_run"),
}


def __getattr__(name: str) -> Any:
    """Load a public name from its module (PEP 562)."""
    if name == "terminal":
        return importlib.import_module("lossproof.reports.pages.terminal")
    for home, names in _HOMES.items():
        if name in names:
            return getattr(importlib.import_module(f"lossproof.reports.{home}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
