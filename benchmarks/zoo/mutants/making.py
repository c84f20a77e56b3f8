"""Short words for tables of mutants."""

from __future__ import annotations

from collections.abc import Callable

from benchmarks.zoo.model import Mutant

Make = Callable[[str, str, str, str, str, str], Mutant]


def of(base: str, prefix: str) -> Make:
    """A maker of mutants of one base: name, category, kind, line, instead, what is wrong."""

    def make(name: str, category: str, kind: str, line: str, instead: str, says: str) -> Mutant:
        return Mutant(f"{prefix}-{name}", base, category, kind, says, line, instead)

    return make
