"""Every cell of every property as a test of its own."""

from __future__ import annotations

from lossproof.conformance.usercode.pytest_outcome import Cell, Conclude


def test_cell(cell: Cell, conclude: Conclude) -> None:
    """The verdict on the cell decides how the test ends."""
    conclude(cell)
