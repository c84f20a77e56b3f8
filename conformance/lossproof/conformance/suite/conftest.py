"""Cells as pytest tests: `pytest conformance` judges what is installed here, `--target` chooses.

One test per cell. conforms and undocumented pass; a known finding is an expected failure, strict through its pinned
witness (see test_ledger.py); new and changed fail; unsupported skips with its reason; broken errors.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from lossproof.conformance.judging.executor import Executor
from lossproof.conformance.model.subject import CellKey, Subject
from lossproof.conformance.properties.selection import Selection, known_dtypes, known_regions
from lossproof.conformance.runs.judgement import row_of
from lossproof.conformance.runs.run import target_info
from lossproof.conformance.runs.session import Session, documented_here
from lossproof.conformance.suite.options import pytest_addoption
from lossproof.conformance.targets.model import UsageError
from lossproof.conformance.targets.parse import chosen
from lossproof.conformance.usercode.pytest_outcome import Conclude, settle
from lossproof.conformance.workers.client import Worker
from lossproof.conformance.workers.scratch import Scratch
from lossproof.specs import load_ledger, load_specs
from lossproof.specs.models import KnownFinding

__all__ = ["pytest_addoption"]

SESSIONS = pytest.StashKey[dict[str, tuple[Worker, Session]]]()
LOGS = pytest.StashKey[Scratch]()


def pytest_unconfigure(config: pytest.Config) -> None:
    """End the workers."""
    for worker, _ in config.stash.get(SESSIONS, {}).values():
        worker.close()
    if LOGS in config.stash:
        config.stash[LOGS].close()


def sessions(config: pytest.Config) -> dict[str, tuple[Worker, Session]]:
    """The running targets, each started once for all tests."""
    if SESSIONS not in config.stash:
        config.stash[LOGS] = Scratch("log")
        config.stash[SESSIONS] = {}
        specs, ledger = load_specs(), load_ledger().findings
        for target in chosen(config.getoption("--target")).targets:
            log = config.stash[LOGS].path / f"{len(config.stash[SESSIONS])}.log"
            worker = Worker.start(target, log)
            executor = Executor(worker, config.getoption("--run-seed"), config.getoption("--examples"))
            facts = target_info(target, worker.info)
            session = Session(facts, executor, documented_here(facts, specs), ledger)
            config.stash[SESSIONS][target.name] = worker, session
    return config.stash[SESSIONS]


def selection(config: pytest.Config) -> Selection:
    """Return the selection to which the options narrow the suite."""
    try:
        return Selection(
            tuple(config.getoption("--api")),
            dtypes=known_dtypes(config.getoption("--dtype")),
            regions=known_regions(config.getoption("--region")),
        )
    except UsageError as error:
        raise pytest.UsageError(str(error)) from error


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test for each cell of the file's property, and for each ledger finding."""
    if "known" in metafunc.fixturenames:
        pairs = [
            pytest.param((name, known), id=f"{name}-{known.slug}")
            for name, (_, session) in sessions(metafunc.config).items()
            for known in session.ledger
            if session.ledger.applies(known)
        ]
        metafunc.parametrize("known", pairs)
    if "cell" in metafunc.fixturenames:
        metafunc.parametrize("cell", list(_cells(metafunc.config)))


def _cells(config: pytest.Config) -> Iterator[object]:
    taken = selection(config)
    for target, (_, session) in sessions(config).items():
        for subject in session.subjects:
            if not taken.takes_api(subject.api):
                continue
            for key in filter(taken.takes, session.cells(subject)):
                place = "-".join((key.property, target, subject.api, key.region, key.dtype, key.variant.slug))
                yield pytest.param((target, subject, key), id=place)


@pytest.fixture
def cell(request: pytest.FixtureRequest) -> tuple[str, Subject, CellKey]:
    """A cell: target, API at its edition, and key."""
    parameter: tuple[str, Subject, CellKey] = request.param
    return parameter


@pytest.fixture
def conclude(request: pytest.FixtureRequest) -> Conclude:
    """Judge a cell and turn its verdict into the outcome of the test."""

    def concluded(cell: tuple[str, Subject, CellKey], /) -> None:
        target, subject, key = cell
        _, session = sessions(request.config)[target]
        judgement = session.with_evidence(session.judge_cell(subject, key))
        request.node.user_properties.append(("verdict", judgement.outcome.verdict))
        settle(row_of(judgement), judgement.outcome.note)

    return concluded


@pytest.fixture
def status(request: pytest.FixtureRequest, known: tuple[str, KnownFinding]) -> str:
    """How a ledger finding stands on a target: its pinned witness, asked now."""
    target, finding = known
    return sessions(request.config)[target][1].ledger.today(finding).status
