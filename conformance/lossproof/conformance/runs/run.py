"""A run: every target in a worker of its own, its cells judged, and what came of it as plain data."""

from __future__ import annotations

import multiprocessing
import os
import platform
import queue
import signal
import sys
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, ThreadPoolExecutor, wait
from dataclasses import asdict, dataclass, field, replace
from importlib import metadata
from multiprocessing.context import SpawnContext
from multiprocessing.managers import SyncManager
from pathlib import Path
from typing import Any

from lossproof.conformance.judging.executor import Executor
from lossproof.conformance.model.results import ClaimRow, Drift, Finding, Row
from lossproof.conformance.model.subject import CellKey, Subject, TargetInfo
from lossproof.conformance.properties.selection import Selection
from lossproof.conformance.questions.schedule import asking_order, reporting_order
from lossproof.conformance.runs.findings import claims, findings
from lossproof.conformance.runs.judgement import Judgement, row_of
from lossproof.conformance.runs.policy import Policy
from lossproof.conformance.runs.scripts import scripted
from lossproof.conformance.runs.session import Session, documented_here
from lossproof.conformance.targets.model import Target
from lossproof.conformance.workers.client import CannotStart, NoSuchMode, Worker, WorkerError, WorkerInfo
from lossproof.conformance.workers.scratch import Scratch
from lossproof.conformance.workers.signals import DONE, FAILED, Progress, end_with_parent, interruptible
from lossproof.specs import ledger_digest, load_ledger, load_specs, specs_digest
from lossproof.specs.models import KnownFinding

LOG_TAIL = 20_000
"""Characters of a target's log that a run keeps."""


@dataclass(frozen=True)
class Plan:
    """The plan of a run: the questions that it asks of every target."""

    apis: tuple[str, ...] = ()
    """globs over full API names; empty: all"""
    properties: tuple[str, ...] = ()
    examples: int = 8
    seed: int = 0
    specs: Path | None = None
    ledger: Path | None = None
    dtypes: tuple[str, ...] = ()
    regions: tuple[str, ...] = ()

    @property
    def selection(self) -> Selection:
        """Which cells are asked."""
        return Selection(self.apis, self.properties, self.dtypes, self.regions)


@dataclass(frozen=True)
class TargetResult:
    """The results of one target; `failed` says why it could not be started or went down."""

    target: str
    facts: TargetInfo | None = None
    rows: tuple[Row, ...] = ()
    claims: tuple[ClaimRow, ...] = ()
    findings: tuple[Finding, ...] = ()
    scripts: Mapping[str, str] = field(default_factory=dict)
    """file name -> reproducer"""
    samples: tuple[Mapping[str, Any], ...] = ()
    questions: int = 0
    seconds: float = 0.0
    """time that the target spent on its questions; not in the tables, which are the same for every run"""
    log: str = ""
    failed: str = ""
    declined: str = ""
    """why the framework declined every call: it has no such device, or no such mode of it"""
    numpy: str = ""
    faults: tuple[str, ...] = ()
    """exceptions of lossproof itself, each of which cost a detail of one finding"""
    suspected: tuple[str, ...] = ()
    """the APIs that are wrong on ordinary input, of each cell of which one batch was asked"""
    documentation: tuple[Drift, ...] = ()
    """the APIs whose documentation is not the one that their spec was written from"""


@dataclass(frozen=True)
class RunResult:
    """The results of a run."""

    targets: tuple[TargetResult, ...]

    @property
    def scripts(self) -> dict[str, str]:
        """The reproducers of all targets by file name."""
        return {name: text for t in self.targets for name, text in t.scripts.items()}

    @property
    def rows(self) -> list[Row]:
        """The rows of all targets."""
        return [r for t in self.targets for r in t.rows]

    @property
    def claims(self) -> list[ClaimRow]:
        """The claims of all targets."""
        return [c for t in self.targets for c in t.claims]

    @property
    def findings(self) -> list[Finding]:
        """The findings of all targets."""
        return [f for t in self.targets for f in t.findings]


def target_info(target: Target, info: WorkerInfo) -> TargetInfo:
    """The columns of a target's rows, from what its worker says; NoSuchMode where it has no such mode."""
    packages = {info.framework: info.version, **dict(info.companions)}
    companions = " ".join(f"{k}={v}" for k, v in sorted(info.companions.items()))
    mode = target.execution.mode or info.modes[0]
    if mode not in info.modes:
        has = " and ".join(info.modes)
        raise NoSuchMode(f"{info.framework} {info.version} has no mode {mode} here; it has {has}")
    return TargetInfo(
        target=target.name,
        framework=target.framework,
        version=info.version,
        companions=companions,
        python=info.python,
        backend=info.backend,
        mode=mode,
        device=target.execution.device,
        packages=packages,
    )


def judge_target(
    target: Target,
    plan: Plan,
    progress: Progress,
    policy: Policy = Policy(),  # noqa: B008 - frozen
    ledger: Sequence[KnownFinding] | None = None,
) -> TargetResult:
    """Start a target, judge all its cells by a policy and end it. The ledger is that of the plan, unless given."""
    with Scratch("log") as folder:
        log = folder / "log.txt"
        try:
            progress(target.name, 0, 0, "starting")
            with Worker.start(target, log) as worker:
                facts = target_info(target, worker.info)
                session = Session(
                    facts,
                    Executor(worker, plan.seed, plan.examples),
                    documented_here(facts, load_specs(plan.specs)),
                    load_ledger(plan.ledger).findings if ledger is None else ledger,
                    policy,
                )
                result = judge_session(session, plan, progress)
                return replace(result, log=log_tail(log), numpy=worker.info.numpy)
        except CannotStart as error:
            progress(target.name, 0, 0, FAILED)
            return TargetResult(target.name, failed=target.not_started(error), log=log_tail(log))
        except WorkerError as error:
            progress(target.name, 0, 0, FAILED)
            return TargetResult(target.name, failed=str(error), log=log_tail(log))


@dataclass(frozen=True)
class _Chosen:
    """The cells of one API that a run asks, in the order of asking; `missing` says why it cannot be called."""

    subject: Subject
    missing: str
    keys: Sequence[CellKey]


def judge_session(session: Session, plan: Plan, progress: Progress) -> TargetResult:
    """Judge the cells of a running target: cells first, then findings with their scripts, then the rows."""
    name, partial = session.facts.target, plan.selection.partial or session.mode.partial
    chosen = _chosen(session, plan.selection)
    total, done = sum(len(c.keys) for c in chosen), 0
    judged: list[Judgement] = []
    claim_rows: list[ClaimRow] = []
    drifted: list[Drift] = []
    for item in chosen:
        subject = item.subject
        changed = None if item.missing else session.drift(subject)
        drifted += [changed] if changed else []
        mine = [session.absent(subject, item.missing)] if item.missing else []
        for key in item.keys:
            progress(name, done, total, f"{subject.api} {key}")
            mine.append(session.judge_cell(subject, key))
            done += 1
        mine.sort(key=lambda j: reporting_order(j.key))
        judged += mine
        claim_rows += claims(subject, mine, changed is not None, partial)
    progress(name, total, total, "reducing witnesses")
    found = scripted(findings(session, judged, partial), session.policy.script_parts)
    rows = [
        row_of(session.with_evidence(j), found.paths.get(j.slugs[0], "") if j.slugs else "") for j in judged
    ]
    progress(name, total, total, DONE)
    return TargetResult(
        target=name,
        facts=session.facts,
        rows=tuple(sorted(rows, key=lambda r: (r.api, r.property, r.region, r.dtype, r.variant))),
        claims=tuple(claim_rows),
        findings=found.findings,
        scripts=found.scripts,
        samples=tuple(j.sample for j in judged),
        questions=session.executor.asked,
        seconds=session.executor.seconds,
        declined=session.executor.declined,
        faults=(*session.faults, *found.faults),
        suspected=tuple(sorted(session.executor.suspected)),
        documentation=tuple(drifted),
    )


def _chosen(session: Session, selection: Selection) -> list[_Chosen]:
    """The APIs and cells that a selection takes."""
    found = []
    for subject in (s for s in session.subjects if selection.takes_api(s.api)):
        why = session.missing(subject)
        keys = [] if why else [k for k in session.cells(subject) if selection.takes(k)]
        found.append(_Chosen(subject, why, asking_order(keys)))
    return found


def judge_targets(targets: Sequence[Target], plan: Plan, jobs: int, progress: Progress) -> RunResult:
    """Judge targets side by side, each in a process of its own; the result does not depend on `jobs`.

    Raises SpecError for a broken spec or ledger before any target starts.
    """
    load_specs(plan.specs), load_ledger(plan.ledger)
    if jobs <= 1 or len(targets) <= 1:
        results = [judge_target(t, plan, progress) for t in targets]
    else:
        results = _in_processes(targets, plan, jobs, progress)
    return RunResult(tuple(results))


def _in_processes(targets: Sequence[Target], plan: Plan, jobs: int, progress: Progress) -> list[TargetResult]:
    context = multiprocessing.get_context("spawn")
    # a socket file would lie under TMPDIR, whose path may be longer than the hundred characters that it may have
    manager = SyncManager(address=("127.0.0.1", 0), ctx=context)
    manager.start(end_with_parent)
    with manager:
        news = manager.Queue()
        stop = threading.Event()
        listener = threading.Thread(target=_listen, args=(news, progress, stop), daemon=True)
        listener.start()
        pool = ThreadPoolExecutor(min(jobs, len(targets)), thread_name_prefix="judge")
        try:
            futures = [pool.submit(_in_process, t, plan, context, news) for t in targets]
            waiting: set[Future[TargetResult]] = set(futures)
            while waiting:
                _, waiting = wait(waiting, return_when=FIRST_COMPLETED)
            return [f.result() for f in futures]
        except (
            BaseException
        ):  # Ctrl-C reaches the judges of a terminal; one that was sent to this process does not
            for child in multiprocessing.active_children():
                if child.pid is not None:
                    os.kill(child.pid, signal.SIGINT)
            raise
        finally:
            stop.set()
            pool.shutdown(wait=True, cancel_futures=True)
            listener.join(timeout=2)


def _in_process(target: Target, plan: Plan, context: SpawnContext, news: Any) -> TargetResult:
    """A target judged in a pool of its own: the death of a process takes its whole pool along."""
    with ProcessPoolExecutor(1, mp_context=context, initializer=end_with_parent) as pool:
        future = pool.submit(_judge_here, target, plan, news)
        wait([future])
        return _result(target, future)


def _judge_here(target: Target, plan: Plan, news: Any) -> TargetResult:
    with interruptible(lambda *what: news.put(what)) as progress:
        return judge_target(target, plan, progress)


def _result(target: Target, future: Future[TargetResult]) -> TargetResult:
    error = future.exception()
    if error is not None:
        return TargetResult(
            target.name, failed=f"the judge's own process ended: {type(error).__name__}: {error}"
        )
    return future.result()


def _listen(news: Any, progress: Progress, stop: threading.Event) -> None:
    while not stop.is_set():
        try:
            progress(*news.get(timeout=0.2))
        except queue.Empty:
            continue
        except (EOFError, OSError):
            return


def described(result: RunResult, plan: Plan, command: str) -> dict[str, Any]:
    """run.json: versions, platform, seed and digests; no time and no path: the same run gives the same bytes."""
    packages = ("hypothesis", "numpy", "ml_dtypes", "pandas", "pyarrow", "python-flint")
    return {
        "lossproof": metadata.version("lossproof"),
        "command": command,
        "seed": plan.seed,
        "examples": plan.examples,
        **{name: list(names) for name, names in asdict(plan.selection).items()},
        "specs_digest": specs_digest(),
        "ledger_digest": ledger_digest(),
        "python": sys.version.split()[0],
        "platform": platform.platform(),
        "packages": {name: metadata.version(name) for name in packages},
        "targets": [_target(t) for t in result.targets],
    }


def _target(result: TargetResult) -> dict[str, Any]:
    known = result.facts
    described_: dict[str, Any] = {
        "name": result.target,
        "failed": result.failed,
        "questions": result.questions,
    }
    if result.faults:
        described_["faults"] = list(result.faults)
    if result.suspected:
        described_["suspected"] = list(result.suspected)
    if any(f.cut_short for f in result.findings):
        described_["cut_short"] = True
    if known is not None:
        described_ |= {
            "framework": known.framework, "version": known.version, "companions": known.companions,
            "python": known.python, "backend": known.backend, "mode": known.mode, "device": known.device,
            "numpy": result.numpy, "cells": len(result.rows),
            "documentation": [asdict(d) for d in result.documentation],
        }  # fmt: skip
    return described_


def log_tail(log: Path) -> str:
    """The end of a target's log; "" where there is none."""
    try:
        return log.read_text(errors="replace")[-LOG_TAIL:]
    except OSError:
        return ""
