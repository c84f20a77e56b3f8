"""Errors that a person reads: what happened, why, and what to do."""

from __future__ import annotations


class ReportError(Exception):
    """A run folder cannot be read or written. `what`, `why` and `todo` are one sentence each."""

    def __init__(self, what: str, why: str, todo: str) -> None:
        super().__init__(f"{what}: {why}. {todo}.")
        self.what = what
        self.why = why
        self.todo = todo


class NoRun(ReportError):  # noqa: N818 - named for what is the case
    """The path holds no complete run."""


class OutRefused(ReportError):  # noqa: N818 - named for what is the case
    """Writing there would delete files that no run wrote."""


class WriteFailed(ReportError):  # noqa: N818 - named for what is the case
    """The run folder could not be written (full disk, no permission); nothing was left behind."""
