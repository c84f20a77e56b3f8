"""Errors that a person reads: what happened, why, and what to do."""

from __future__ import annotations


class ReportError(Exception):
    """A run folder cannot be read or written. `what`, `why` and `todo` are one sentence each."""

    exit_code = 2
    """with which a command ends that meets it"""

    def __init__(self, what: str, why: str, todo: str) -> None:
        super().__init__(f"{what}: {why}. {todo}.")
        self.what = what
        self.why = why
        self.todo = todo


class NoRun(ReportError):  # noqa: N818 - named for what is the case
    """The path holds no complete run."""


class OutRefused(ReportError):  # noqa: N818 - named for what is the case
    """Nothing can be written there, or only over files that no run wrote."""


class WriteFailed(ReportError):  # noqa: N818 - named for what is the case
    """The run folder could not be written (full disk, no permission); nothing was left behind."""


class NothingJudged(ReportError):  # noqa: N818 - named for what is the case
    """Nothing was judged, so nothing is written in the place of what was."""

    exit_code = 3
