"""Effort: how many calls and rows explaining a cell and reducing a witness may cost, the same in every run.

Calls and rows are counted, so that a busy machine gives the tables of an idle one. Seconds are an emergency stop
alone: findings that it cut short are marked, and their run is comparable to no other.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

SECONDS = 1800.0
"""Time that one target's findings may take to explain and reduce, far more than their budgets come to."""


@dataclass
class Stop:
    """The emergency stop of a session: seconds spent `within` it, and whether they ran out."""

    seconds: float = SECONDS
    cut: bool = False
    _spent: float = 0.0
    _begun: float | None = None

    @contextmanager
    def within(self) -> Iterator[None]:
        """Time counts in here; an inner use counts nothing twice."""
        if self._begun is not None:
            yield
            return
        self._begun = time.monotonic()
        try:
            yield
        finally:
            self._spent += time.monotonic() - self._begun
            self._begun = None

    @property
    def over(self) -> bool:
        """Whether the seconds ran out; from then on everything is cut short."""
        running = 0.0 if self._begun is None else time.monotonic() - self._begun
        self.cut = self.cut or self._spent + running > self.seconds
        return self.cut


@dataclass
class Budget:
    """Calls and rows that are left for one purpose."""

    calls: int
    rows: int
    stop: Stop = field(default_factory=Stop)

    def spend(self, rows: int) -> bool:
        """Count one more call of so many rows, and say whether it may be made."""
        if self.calls <= 0 or self.rows <= 0 or self.stop.over:
            return False
        self.calls -= 1
        self.rows -= rows
        return True


def to_explain(stop: Stop) -> Budget:
    """The budget of the catalogue in one cell: a walk and a half through it, on a few rows each."""
    return Budget(112, 4096, stop)


def to_reduce(calls: int, stop: Stop) -> Budget:
    """The budget of a witness that may take so many calls."""
    return Budget(calls, 16 * calls + 256, stop)
