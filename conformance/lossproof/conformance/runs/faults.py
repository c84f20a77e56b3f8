"""Faults of lossproof itself, each of which costs a detail of one finding and no more."""

from __future__ import annotations

import logging
from collections.abc import Iterator

log = logging.getLogger("lossproof")


class Faults:
    """The exceptions of lossproof itself that a session survived, in the order in which they came."""

    def __init__(self) -> None:
        self._told: list[str] = []

    def add(self, where: str, what: str, error: Exception) -> None:
        """Keep an exception where the run and its log tell it; one that was told before stands once."""
        told = f"{where}: lossproof could not {what}: {type(error).__name__}: {error}"
        if told not in self._told:
            self._told.append(told)
            log.error("%s; please report it", told, exc_info=error)

    def __iter__(self) -> Iterator[str]:
        return iter(self._told)
