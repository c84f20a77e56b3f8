"""Documented facts: specs in YAML, their schema and loader, and the ledger. Knows no framework.

>>> from lossproof.specs import edition_for, load_specs
>>> spec = load_specs()[0]
>>> edition = edition_for(spec, {"torch": "2.13.0+cpu"})
"""

from __future__ import annotations

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
