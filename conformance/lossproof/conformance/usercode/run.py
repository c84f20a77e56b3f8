"""A run over a user's own code: one worker, one API, and no ledger but the user's."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from lossproof.conformance.model.subject import Subject
from lossproof.conformance.runs.policy import Policy
from lossproof.conformance.runs.run import (
    Plan,
    RunResult,
    TargetResult,
    judge_session,
    log_tail,
    target_info,
)
from lossproof.conformance.runs.session import Session
from lossproof.conformance.targets.model import UsageError
from lossproof.conformance.usercode.code import Place
from lossproof.conformance.usercode.executor import UserExecutor
from lossproof.conformance.usercode.fit import Takes, misfit
from lossproof.conformance.usercode.policy import UserCodePolicy
from lossproof.conformance.usercode.scripts import script_parts
from lossproof.conformance.workers.client import Worker, WorkerError
from lossproof.conformance.workers.protocol import Question
from lossproof.conformance.workers.scratch import Scratch
from lossproof.conformance.workers.signals import Progress
from lossproof.specs.models import KnownFinding

TIMEOUT = 10.0
"""Seconds after which a call of the user's code counts as a hang."""
START_TIMEOUT = 180.0


@dataclass(frozen=True)
class RunningCode:
    """A user's code in its worker: the session that judges it, and the arrays that it is given."""

    session: Session
    executor: UserExecutor
    arrays: str

    @property
    def subject(self) -> Subject:
        """The API in whose place the code is."""
        (subject,) = self.session.subjects
        return subject


@contextmanager
def asked(
    place: Place,
    log: Path,
    *,
    examples: int = 8,
    seed: int = 0,
    timeout: float = TIMEOUT,
    ledger: Sequence[KnownFinding] = (),
) -> Iterator[RunningCode]:
    """The user's code in its place, in a worker that ends with it; judged by the one edition of the place.

    Raises UsageError where the code cannot be had (no such name, a syntax error, a failing import), is a function
    where the API is a class, or cannot be called as the API is; WorkerError where the worker does not start.
    """
    target = place.target
    with Worker.start(target, log, timeout=timeout, start_timeout=START_TIMEOUT) as worker:
        loaded = worker.ask(Question(place.spec.api, verb="probe", probe="load"))
        if loaded.data is None:
            raise UsageError(loaded.error.message if loaded.error else f"{place.code}: {loaded.note_and_log}")
        _same_style(place, bool(loaded.data["is_class"]))
        takes = Takes.of(loaded.data["takes"])
        if error := misfit(place.subject, takes, str(place.code), place.code.name, place.code.imported_as):
            raise error
        info, arrays = worker.info, str(loaded.data["arrays"])
        known = target_info(replace(target, framework=info.framework), info)
        packages = {**known.packages, "numpy": info.numpy}
        facts = replace(known, packages=packages, usercode=True)
        spec = place.judged_by(arrays)
        subject = Subject(facts, spec, spec.editions[0])
        executor = UserExecutor(worker, seed, examples)
        judging = UserCodePolicy(subject, executor, arrays, takes, place.code.name.rpartition(".")[2])
        policy = Policy(
            not_asked=judging.not_asked,
            excused=judging.excused,
            reduce=judging.reduce,
            more_findings=judging.ends,
            script_parts=partial(script_parts, place, arrays),
        )
        yield RunningCode(Session(facts, executor, [subject], ledger, policy), executor, arrays)


def try_code(place: Place, plan: Plan, progress: Progress, timeout: float = TIMEOUT) -> tuple[RunResult, str]:
    """Judge a user's code by every cell of the plan's properties; the run, and which arrays the code was given.

    Raises UsageError where the code cannot be had. Whatever it does when it is called is a finding.
    """
    with Scratch("log") as folder:
        log, arrays = folder / "log.txt", ""
        try:
            progress(str(place.code), 0, 0, "starting")
            with asked(place, log, examples=plan.examples, seed=plan.seed, timeout=timeout) as running:
                arrays = running.arrays
                worker = running.executor.worker
                result = judge_session(running.session, plan, progress)
                if isinstance(worker, Worker):
                    result = replace(result, numpy=worker.info.numpy)
        except WorkerError as error:
            result = TargetResult(str(place.code), failed=str(error))
        result = replace(result, log=log_tail(log))
    return RunResult((result,)), arrays


def _same_style(place: Place, is_class: bool) -> None:
    api, documented = place.spec.api, place.edition.call.style
    if documented == "class" and not is_class:
        raise UsageError(
            f"{api} is a class, constructed with options and then called, and {place.code} is a function; "
            "name a class, or an API that is a function"
        )
    if documented == "function" and is_class:
        raise UsageError(
            f"{api} is a function, and {place.code} is a class; name a function, or an API that is a class"
        )
