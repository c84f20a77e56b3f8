"""Faults of a file, told so that a person can mend them: file, line, field, reason and hint."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, order=True)
class Problem:
    """One fault of a file: `line` from 1 (0: the whole file), `field` as a path such as `claims[3].cite`."""

    file: str
    line: int
    field: str
    message: str
    hint: str = ""

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}" if self.line else self.file
        field = f" {self.field}:" if self.field else ""
        hint = f" (hint: {self.hint})" if self.hint else ""
        return f"{where}:{field} {self.message}{hint}"


class SpecError(ValueError):
    """A spec or ledger cannot be read: every problem found, in order of file and line.

    `file`, `line`, `field` and `hint` are those of the first problem; `problems` has all of them.
    """

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems: tuple[Problem, ...] = tuple(sorted(problems))
        if not self.problems:
            raise ValueError("a SpecError needs at least one problem")
        super().__init__("\n".join(str(p) for p in self.problems))

    @property
    def file(self) -> str:
        """File of the first problem, as it was given."""
        return self.problems[0].file

    @property
    def line(self) -> int:
        """Line of the first problem, from 1; 0 where the file as a whole is meant."""
        return self.problems[0].line

    @property
    def field(self) -> str:
        """Field of the first problem, as a path."""
        return self.problems[0].field

    @property
    def hint(self) -> str:
        """The hint of the first problem, or ''."""
        return self.problems[0].hint


def nearest(name: str, known: Sequence[str], fallback: str = "") -> str:
    """A hint that names the known words closest to `name`, or `fallback` if none is close."""
    close = difflib.get_close_matches(name, known, n=3, cutoff=0.6)
    return f"did you mean {' or '.join(close)}?" if close else fallback


def field_path(parts: Iterable[str | int]) -> str:
    """('claims', 3, 'cite') -> 'claims[3].cite'."""
    text = ""
    for part in parts:
        text += f"[{part}]" if isinstance(part, int) else (f".{part}" if text else part)
    return text
