"""What a property's test function takes: a function that judges one cell and turns its verdict into a test outcome."""

from __future__ import annotations

from typing import Protocol

from lossproof.conformance.subject import Key


class Conclude(Protocol):
    """conforms and undocumented pass, known is an expected failure, new and changed fail, unsupported skips, broken errors."""

    def __call__(self, cell: Key, /) -> None:
        """Judge the cell."""
        ...
