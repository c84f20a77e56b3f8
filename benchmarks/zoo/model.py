"""Right implementations, and mutants of them: one line replaced by another."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

RIGHT = Path(__file__).parent / "right"


@dataclass(frozen=True)
class Base:
    """A right implementation: `name` in the file of that slug under right/, in the place of `api`.

    `edition` is what it is judged by where the framework's own package is not installed. `disputed` are cases in which
    the suite asks for what no implementation can give, since another cell of it asks for the contrary. `flushed` are
    regions whose numbers the framework's own arithmetic takes for zero, whatever is written in it: they are not asked.
    """

    slug: str
    api: str
    name: str
    arrays: Literal["framework", "numpy"]
    edition: str | None = None
    disputed: tuple[str, ...] = ()
    flushed: tuple[str, ...] = ()

    @property
    def file(self) -> Path:
        """Where it stands."""
        return RIGHT / f"{self.slug}.py"

    @property
    def source(self) -> str:
        """Its text."""
        return self.file.read_text(encoding="utf-8")


@dataclass(frozen=True)
class Mutant:
    """A base with `line` replaced by `instead` (both without indentation), and the kind of finding that it deserves.

    `category` is the item of the list in `categories` that it stands for. `names` are the words by which a sentence
    names the line, see `naming`.
    """

    slug: str
    base: str
    category: str
    kind: str
    says: str
    names: tuple[str, ...]
    line: str
    instead: str

    def source(self, base: Base) -> str:
        """The text of the mutated file; ValueError where the line does not stand there exactly once."""
        lines = base.source.splitlines()
        at = [i for i, text in enumerate(lines) if text.strip() == self.line]
        if len(at) != 1:
            raise ValueError(
                f"{self.slug}: the line {self.line!r} stands {len(at)} times in {base.file.name}"
            )
        if self.line == self.instead or "\n" in self.instead:
            raise ValueError(f"{self.slug}: one line must be replaced by one other line")
        indent = lines[at[0]][: len(lines[at[0]]) - len(lines[at[0]].lstrip())]
        lines[at[0]] = indent + self.instead
        text = "\n".join(lines) + "\n"
        ast.parse(text)
        return text
