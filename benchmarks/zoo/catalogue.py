"""The mutants, read from mutants/*.yaml: one file for each base, of the base's name."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import yaml

from benchmarks.zoo.model import Mutant

FOLDER = Path(__file__).parent / "mutants"


@cache
def load() -> dict[str, Mutant]:
    """All mutants by slug; ValueError for a slug that is given twice, or a mutant without words that name its line."""
    found: dict[str, Mutant] = {}
    for file in sorted(FOLDER.glob("*.yaml")):
        for entry in yaml.safe_load(file.read_text(encoding="utf-8")):
            mutant = Mutant(base=file.stem, **{**entry, "names": tuple(map(str, entry["names"]))})
            if not all(word for item in mutant.names or ("",) for word in item.removeprefix("!").split("|")):
                raise ValueError(f"{file.name}: {mutant.slug} does not say the words that name its line")
            if mutant.slug in found:
                raise ValueError(f"{file.name}: two mutants are called {mutant.slug}")
            found[mutant.slug] = mutant
    return found
