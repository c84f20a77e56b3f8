"""The definition of a target, and the errors that may concern one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from lossproof.conformance.model.execution import USUAL, Execution
from lossproof.conformance.model.suggestions import nearest
from lossproof.specs.frameworks import Catalogue, FrameworkFacts, load_catalogues, load_frameworks


class UsageError(ValueError):
    """The user asked for something that lossproof does not know; one line, with the nearest names.

    `said` is the message without the `advice` that may follow it.
    """

    def __init__(self, said: str, advice: str = "") -> None:
        super().__init__(f"{said}. {advice}" if advice else said)
        self.said = said


class NotInstalled(UsageError):  # noqa: N818
    """The framework is known but not installed here; the message says how to get it."""


def with_log(said: str, log: str) -> str:
    """Words about a worker, and the end of its log where there is one."""
    return f"{said}; the log ends: {log}" if log else said


class TargetUnavailable(RuntimeError):  # noqa: N818
    """A target that exists but cannot be had or started here; the message says why and what to do.

    `said` is the message without the end of the worker's `log`.
    """

    def __init__(self, said: str, log: str = "") -> None:
        super().__init__(with_log(said, log))
        self.said, self.log = said, log


@dataclass(frozen=True)
class Target:
    """Where an API runs: a framework on an interpreter, spoken to through an adapter.

    `execution` is how questions are asked unless they say otherwise, `own_mode` the mode in which the framework answers
    unless asked for another;
    `backend` is Keras' backend where it has a choice; `env` is added to the worker's environment; `remedy` says what to
    do where it does not start.
    """

    name: str
    framework: str
    python: Path
    adapter: Path
    execution: Execution = USUAL
    own_mode: str = "eager"
    backend: str = ""
    env: Mapping[str, str] = field(default_factory=dict, hash=False)
    remedy: str = ""

    def executed(self, execution: Execution) -> Target:
        """This target with another execution, which its name ends with; its own mode is not written."""
        usual = replace(execution, mode="") if execution.mode == self.own_mode else execution
        return replace(self, name=f"{self.name}{usual}", execution=usual)

    def not_started(self, error: TargetUnavailable) -> str:
        """Why it did not start, in one line: of a traceback its last line, and what to do."""
        traceback = error.log.startswith("Traceback")
        said = (error.said if traceback else str(error)).removeprefix(f"{self.name}: ")
        reason = f" ({error.log.strip().splitlines()[-1].strip()})" if traceback else ""
        return " ".join(f"{said}{reason}{self.remedy and '; ' + self.remedy}".split())


def facts_of(framework: str) -> FrameworkFacts:
    """The facts of a framework by name; UsageError with the nearest names for an unknown one."""
    known = load_frameworks()
    if framework in known:
        return known[framework]
    raise UsageError(f"unknown framework {framework!r}: {nearest(framework, list(known))}")


def catalogue_of(name: str) -> Catalogue:
    """The catalogue of a package by name; UsageError with the nearest names for an unknown one.

    A framework without a catalogue of its own has no releases.
    """
    known, own = load_catalogues(), load_frameworks().get(name)
    if name in known:
        return known[name]
    if own is not None:
        return Catalogue(name=name, framework=name, releases=(), builds=(), backends=own.backends)
    raise UsageError(f"unknown target {name!r}: {nearest(name, [*known, *load_frameworks()])}")
