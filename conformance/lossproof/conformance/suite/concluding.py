"""What a property's test function takes: a function that judges one cell and turns its verdict into a test outcome."""

from __future__ import annotations

from typing import Protocol

from lossproof.conformance.subject import Key, Subject

Cell = tuple[str, Subject, Key]
"""Target, API at its edition, and cell."""


class Broken(RuntimeError):  # noqa: N818
    """The harness failed, or what happened does not happen again in a fresh worker: never a pass."""


class Conclude(Protocol):
    """conforms and undocumented pass, known is expected to fail, new and changed fail, unsupported skips, broken
    errors."""

    def __call__(self, cell: Cell, /) -> None:
        """Judge the cell."""
        ...
