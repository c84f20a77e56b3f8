"""Workers that die, hang or take their time: what repeats is a finding, what does not changes nothing."""

from __future__ import annotations

import os
import signal
from collections.abc import Container
from dataclasses import replace
from pathlib import Path

import pytest

from lossproof.conformance.judging.executor import Executor
from lossproof.conformance.model.results import Finding
from lossproof.conformance.runs.run import Plan, TargetResult, judge_session, target_info
from lossproof.conformance.runs.session import Session, documented_here
from lossproof.conformance.workers.client import Worker
from lossproof.conformance.workers.protocol import Answer, Question

from .fake_sessions import DOCUMENTED, in_place_of, judged_by, running, target


def the_finding(result: TargetResult) -> Finding:
    (finding,) = result.findings
    return finding


def verdicts(result: TargetResult) -> set[str]:
    return {r.verdict for r in result.rows}


def test_a_crash_that_does_not_repeat_costs_nothing_and_stands_in_the_log(tmp_path: Path) -> None:
    with running(tmp_path, FAKE_MARKER=str(tmp_path / "marker")) as worker:
        result = judged_by(worker, "crashing_once", "value")
        log = worker.log.read_text()
    assert "conforms" in verdicts(result)
    assert "broken" not in verdicts(result)
    assert not result.findings
    assert "lossproof: crash: the worker died: signal 6 (SIGABRT)" in log


def test_what_crashes_now_and_then_is_broken(tmp_path: Path) -> None:
    with running(tmp_path) as worker:
        result = judged_by(worker, "crashing_now_and_then", "symmetry", examples=4)
    assert not result.findings
    broken = [r for r in result.rows if r.verdict == "broken"]
    assert broken
    assert all("the worker died once, and a fresh one gave a value" in r.observed["note"] for r in broken)


ASKED = ("value", "eps", "symmetry", "batch", "determinism", "mutation", "signature", "error")


class Mortal:
    """A worker that is killed before chosen questions, as by somebody from outside."""

    def __init__(self, worker: Worker, chosen: Container[int]) -> None:
        self.worker, self.chosen, self.asked = worker, chosen, 0

    def ask(self, question: Question, timeout: float | None = None, first: bool = False) -> Answer:
        self.asked += 1
        if self.asked in self.chosen:
            os.kill(int(self.worker.info.companions["pid"]), signal.SIGKILL)
        return self.worker.ask(question, timeout, first)


@pytest.mark.parametrize("name", ["careful", "eps_default"])
def test_workers_that_are_killed_change_no_verdict_and_no_finding(tmp_path: Path, name: str) -> None:
    results = []
    for chosen in (frozenset(), frozenset(range(1, 540, 11))):
        with running(tmp_path) as worker:
            spec = in_place_of(DOCUMENTED["function"], name)
            executor = Executor(Mortal(worker, chosen), 0, 1)
            facts = target_info(target(), worker.info)
            session = Session(facts, executor, documented_here(facts, [spec]))
            results.append(judge_session(session, Plan(properties=ASKED, examples=1), lambda *_: None))
            assert worker.restarts == len([n for n in chosen if n <= executor.asked])
    calm, killed = results
    for one, other in zip(killed.rows, calm.rows, strict=True):
        assert replace(one, seconds=0, companions="") == replace(other, seconds=0, companions="")
    assert killed.findings == calm.findings


def test_a_hang_diverges(tmp_path: Path) -> None:
    with running(tmp_path, timeout=0.5, first_timeout=1.5) as worker:
        result = judged_by(worker, "hanging", "value", "eps")
    finding = the_finding(result)
    assert (finding.kind, finding.severity) == ("hang", "S2")
    assert "1.5 s" in finding.title
    assert result.questions <= 4


def test_what_compiles_at_first_calls_is_waited_for(tmp_path: Path) -> None:
    with running(tmp_path, timeout=0.4, first_timeout=20.0) as worker:
        result = judged_by(worker, "compiling", "value")
        assert worker.restarts == 1, "once it is known to be slow, it has the time at once"
    assert "conforms" in verdicts(result)
    assert not result.findings
