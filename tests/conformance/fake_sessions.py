"""Fakes judged by the real session through the real worker: the documents, the target, the verdicts."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from lossproof.conformance.judging.executor import Executor
from lossproof.conformance.runs.run import Plan, TargetResult, judge_session, target_info
from lossproof.conformance.runs.session import Session, documented_here
from lossproof.conformance.targets.model import Target
from lossproof.conformance.workers.client import Worker
from lossproof.specs import load_specs
from lossproof.specs.models import KnownFinding, Spec

FAKES = Path(__file__).parents[1] / "fakes"
DATA = Path(__file__).with_name("data")
DOCUMENTED = {"function": "faulty.cosine_similarity", "class": "faulty.CosineLoss"}


@cache
def documented(api: str) -> Spec:
    """The test spec of an API."""
    return next(s for s in load_specs(DATA) if s.api == api)


def in_place_of(api: str, name: str) -> Spec:
    """The documentation of an API with a fake in its place."""
    return documented(api).model_copy(update={"api": f"faulty.{name}"})


def target(**env: str) -> Target:
    """The fakes as a target."""
    return Target(
        name="fake", framework="fake", python=Path(sys.executable), adapter=FAKES / "fake_adapter.py", env=env
    )


@contextmanager
def running(
    folder: Path, timeout: float = 20.0, first_timeout: float | None = None, **env: str
) -> Iterator[Worker]:
    """A worker of the fakes."""
    log = folder / "target.log"
    with Worker.start(target(**env), log, timeout=timeout, first_timeout=first_timeout) as worker:
        yield worker


def session_of(
    worker: Worker,
    specs: Sequence[Spec],
    ledger: Sequence[KnownFinding] = (),
    seed: int = 0,
    examples: int = 1,
) -> Session:
    """A session with these documents and no ledger but the one given."""
    facts = target_info(target(), worker.info)
    return Session(facts, Executor(worker, seed, examples), documented_here(facts, specs), ledger)


def judged_by(
    worker: Worker,
    name: str,
    *properties: str,
    api: str = DOCUMENTED["function"],
    ledger: Sequence[KnownFinding] = (),
    seed: int = 0,
    examples: int = 1,
) -> TargetResult:
    """Every cell of these properties (none named: all), with a fake in the place of a documented API."""
    session = session_of(worker, [in_place_of(api, name)], ledger, seed, examples)
    return judge_session(session, Plan(properties=properties, examples=examples, seed=seed), lambda *_: None)
