"""Documented facts: specs in YAML, their schema and loader, and the ledger. Knows no framework.

>>> from lossproof.specs import edition_for, load_specs
>>> spec = load_specs()[0]
>>> edition = edition_for(spec, {"torch": "2.13.0+cpu"})

Importing this package costs next to nothing: each name below is loaded from its module when it is first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lossproof.specs.editions import covers, edition_for
    from lossproof.specs.load import ledger_digest, load_ledger, load_specs, specs_digest
    from lossproof.specs.problems import Problem, SpecError

__all__ = [
    "Problem",
    "SpecError",
    "covers",
    "edition_for",
    "ledger_digest",
    "load_ledger",
    "load_specs",
    "specs_digest",
]

_HOMES = {
    "editions": ("covers", "edition_for"),
    "load": ("ledger_digest", "load_ledger", "load_specs", "specs_digest"),
    "problems": ("Problem", "SpecError"),
}


def __getattr__(name: str) -> Any:
    """Load a public name from its module (PEP 562)."""
    for home, names in _HOMES.items():
        if name in names:
            return getattr(importlib.import_module(f"lossproof.specs.{home}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
