"""The pytest plugin's work once it is used: cells at collection, a worker at the first test, an outcome for each."""

from __future__ import annotations

import inspect
import json
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import pytest

from lossproof.conformance.families import kinds
from lossproof.conformance.judging.serialize import serialized
from lossproof.conformance.model.subject import CellKey
from lossproof.conformance.properties.registry import cells
from lossproof.conformance.properties.selection import (
    Selection,
    known_dtypes,
    known_properties,
    known_regions,
)
from lossproof.conformance.runs.judgement import row_of
from lossproof.conformance.targets.model import UsageError
from lossproof.conformance.usercode.code import Code, Place, parse_code, place
from lossproof.conformance.usercode.ledger import entry
from lossproof.conformance.usercode.pytest_outcome import settle
from lossproof.conformance.usercode.run import TIMEOUT, RunningCode, asked
from lossproof.conformance.workers.protocol import Answer, Question
from lossproof.conformance.workers.scratch import Scratch
from lossproof.reports.columns import SEVERITIES
from lossproof.specs import SpecError, load_ledger
from lossproof.specs.models import KnownFinding


@dataclass(frozen=True)
class Wanted:
    """The request that one marker makes."""

    place: Place
    examples: int
    seed: int
    timeout: float
    severity: str
    selection: Selection
    ledger: tuple[KnownFinding, ...] = ()

    @property
    def asked_alike(self) -> tuple[object, ...]:
        """The settings that tests must have in common to share a worker and its answers."""
        target, known = self.place.target, tuple(f.slug for f in self.ledger)
        given = (target.python, target.adapter, tuple(sorted(target.env.items())), self.place.edition.slug)
        return (*given, self.examples, self.seed, self.timeout, known)


@dataclass(frozen=True)
class CellParameter:
    """One test: a cell, or a finding of the ledger."""

    wanted: Wanted
    key: CellKey | None = None
    known: KnownFinding | None = None


RUNNING = pytest.StashKey[dict[tuple[object, ...], RunningCode | str]]()
"""The code that runs, or why it does not."""
OPEN = pytest.StashKey[ExitStack]()


class Conformance:
    """The fixture: `conformance()` judges one cell. `property`, `region`, `dtype` and `variant` say which."""

    def __init__(self, request: pytest.FixtureRequest, parameter: CellParameter) -> None:
        self._request, self._parameter = request, parameter
        key = parameter.key or CellKey("ledger")
        self.property, self.region, self.dtype = key.property, key.region, key.dtype
        self.variant = key.variant.slug

    def __call__(self) -> None:
        """Judge the cell and end the test.

        conforms and undocumented pass; known findings, and new ones of less than the severity asked for, are expected
        failures; others fail; unsupported skips with its reason; broken errors.
        """
        wanted, known = self._parameter.wanted, self._parameter.known
        running = running_code(self._request.config, wanted)
        session, ends = running.session, running.executor.ends
        if known is not None:
            status = session.ledger.today(known).status
            assert status == "known", f"{known.slug} is {status}: {STANDS[status]}"
            return
        assert self._parameter.key is not None
        # what the plainest question comes to is none of a cell that asks another
        running.executor.smoke(running.subject)
        before = len(ends)
        judgement = session.with_evidence(session.judge_cell(running.subject, self._parameter.key))
        row, node = row_of(judgement), self._request.node
        if ends[before:] and not kinds.named(row.kind).ends and wanted.severity > "S1":
            _ended(*ends[before])  # where the documentation is silent, or while a witness was reduced
        node.user_properties += [("verdict", row.verdict), ("finding", row.finding)]
        if row.status in ("new", "changed"):
            if row.severity > wanted.severity:
                pytest.xfail(f"{row.severity}: {row.finding}")
            if text := entry(judgement):
                node.add_report_section("call", "entry for a ledger", text)
        settle(row, judgement.outcome.note)


def _ended(put: Question, answer: Answer) -> NoReturn:
    lines = (
        f"the code {kinds.named(answer.outcome).ends}: {answer.note_and_log}",
        f"asked     {json.dumps(serialized(put))}",
    )
    pytest.fail("\n".join(lines), pytrace=False)


STANDS = {
    "fixed": "it no longer diverges; take it out of the ledger",
    "changed": "its witness answers otherwise; look at it, and pin the answer anew",
    "carried": "its versions are not those installed; look at it again",
    "new": "it is new",
}


def parameters(config: pytest.Config, definition: pytest.Item, marks: Sequence[pytest.Mark]) -> list[Any]:
    """The tests of a marked function, by cell; nothing is started yet. Raises pytest.UsageError with one line."""
    found = []
    for mark in marks:
        try:
            wanted = _wanted(config, definition, mark)
            prefix = f"{wanted.place.code}-" if len(marks) > 1 else ""
            for key in _keys(wanted):
                name = "-".join((key.property, key.region, key.dtype, key.variant.slug))
                found.append(pytest.param(CellParameter(wanted, key), id=prefix + name))
            for known in wanted.ledger:
                if known.witness.api == wanted.place.spec.api:
                    found.append(
                        pytest.param(CellParameter(wanted, known=known), id=f"{prefix}ledger-{known.slug}")
                    )
        except (UsageError, SpecError, TypeError) as error:
            raise pytest.UsageError(f"{definition.nodeid}: conforms_to: {error}") from error
    return found


def running_code(config: pytest.Config, wanted: Wanted) -> RunningCode:
    """A marker's code as it runs, started at its first test.

    Where the code cannot be had, or called as the API is, the first test fails with the reason, and the
    others refer to it.
    """
    started = config.stash.setdefault(RUNNING, {})
    name = wanted.asked_alike
    if name not in started:
        stack = config.stash.setdefault(OPEN, ExitStack())
        folder = stack.enter_context(Scratch("log"))
        opening = asked(
            wanted.place,
            folder / "log.txt",
            examples=wanted.examples,
            seed=wanted.seed,
            timeout=wanted.timeout,
            ledger=wanted.ledger,
        )
        why = ""
        try:
            started[name] = stack.enter_context(opening)
        except UsageError as error:
            why = str(error)
            started[name] = f"not asked: {error.said.splitlines()[0]}"
        if why:  # not within the handler, whose exception would be shown as well
            pytest.fail(why, pytrace=False)
    running = started[name]
    if isinstance(running, str):
        pytest.fail(running, pytrace=False)
    return running


def close(config: pytest.Config) -> None:
    """End the workers."""
    if OPEN in config.stash:
        config.stash[OPEN].close()


def code_of(thing: Any) -> Code:
    """The code that a marker means: text as in `lossproof try`, or a function or class at the top of a module.

    Raises UsageError for what another process cannot import by its name.
    """
    if isinstance(thing, str):
        return parse_code(thing)
    name, module = getattr(thing, "__qualname__", ""), sys.modules.get(getattr(thing, "__module__", "") or "")
    found: Any = module
    for part in name.split("."):
        found = getattr(found, part, None)
    file = getattr(module, "__file__", None)
    if found is not thing or not file:
        raise UsageError(
            f"{name or thing!r} cannot be imported by another process; name a function or class at the top of a "
            "module, or write 'FILE.py:NAME' or 'MODULE:NAME'"
        )
    path = tuple(dict.fromkeys([*(entry or str(Path.cwd()) for entry in sys.path), str(Path(file).parent)]))
    return Code(name, Path(file), module.__name__ if module and module.__package__ else "", path, Path.cwd())


def _wanted(config: pytest.Config, definition: pytest.Item, mark: pytest.Mark) -> Wanted:
    """Return the request of a marker, its arguments bound as those of a function."""
    given = _signature.bind(*mark.args, **mark.kwargs)
    given.apply_defaults()
    said: Mapping[str, Any] = given.arguments
    if said["severity"] not in SEVERITIES:
        raise UsageError(f"there is no severity {said['severity']!r}; there are {', '.join(SEVERITIES)}")
    selection = Selection(
        properties=known_properties(said["properties"]),
        dtypes=known_dtypes(said["dtypes"]),
        regions=known_regions(said["regions"]),
    )
    beside, option = said["ledger"], config.getoption("--lossproof-ledger")
    file = (
        definition.path.parent / beside
        if beside
        else config.invocation_params.dir / option
        if option
        else None
    )
    python = Path(said["python"]) if said["python"] else None
    chosen = place(
        code_of(said["code"]), said["api"], python=python, arrays=said["arrays"], edition=said["edition"]
    )
    if chosen.note:
        definition.warn(pytest.PytestWarning(chosen.note))
    return Wanted(
        place=chosen,
        examples=said["examples"] or config.getoption("--lossproof-examples"),
        seed=said["seed"] if said["seed"] is not None else config.getoption("--lossproof-seed"),
        timeout=said["timeout"],
        severity=said["severity"],
        selection=selection,
        ledger=load_ledger(file).findings if file else (),
    )


def _marker(
    api: str,
    code: Any,
    *,
    arrays: str = "auto",
    edition: str | None = None,
    properties: Sequence[str] = (),
    dtypes: Sequence[str] = (),
    regions: Sequence[str] = (),
    examples: int | None = None,
    seed: int | None = None,
    ledger: str | Path | None = None,
    severity: str = "S2",
    timeout: float = TIMEOUT,
    python: str | Path | None = None,
) -> None:
    """The arguments of the marker."""


_signature = inspect.signature(_marker)


def _keys(wanted: Wanted) -> list[CellKey]:
    """The cells of a marker, from the documentation alone."""
    subject = wanted.place.subject
    found = [k for k in cells(subject) if wanted.selection.takes(k)]
    if not found:
        raise UsageError(f"no cell of {subject.api} matches {wanted.selection}")
    return found
