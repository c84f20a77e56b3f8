"""The function that a property's test function takes to judge one cell, and the way a verdict ends a test."""

from __future__ import annotations

from typing import NoReturn, Protocol

import pytest

from lossproof.conformance.model.results import Row
from lossproof.conformance.model.subject import CellKey, Subject
from lossproof.conformance.runs.judgement import columns_of

Cell = tuple[str, Subject, CellKey]
"""Target, API at its edition, and cell."""


class Broken(RuntimeError):  # noqa: N818
    """The harness failed, or what happened does not happen again in a fresh worker: never a pass."""


class Conclude(Protocol):
    """conforms and undocumented pass, known is expected to fail, new and changed fail, unsupported skips, broken
    errors."""

    def __call__(self, cell: Cell, /) -> None:
        """Judge the cell."""
        ...


def settle(row: Row, note: str) -> None:
    """End a test the way its verdict asks for."""
    if row.verdict == "broken":
        raise Broken(note)
    if row.verdict == "unsupported":
        pytest.skip(f"unsupported: {note or columns_of(row)['observed']}")
    if row.verdict == "diverges":
        if row.status in ("known", "carried"):
            pytest.xfail(f"{row.status}: {row.finding}")
        _diverges(row)


def _diverges(row: Row) -> NoReturn:
    columns = columns_of(row)
    lines = (
        f"{row.api} {row.property} ({row.region}, {row.dtype}, {row.variant}) diverges",
        f"{row.kind}, {row.severity}, {row.status}",
        f"finding   {row.finding}",
        f"documented {row.citation}",
        f"expected  {columns['expected']}",
        f"observed  {columns['observed']}",
        f"witness   {columns['witness']}",
    )
    pytest.fail("\n".join(lines), pytrace=False)
