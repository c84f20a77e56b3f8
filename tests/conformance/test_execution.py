"""Modes and devices: their words, the cells that a mode is asked in, and what they do to a run."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import get_args

import numpy as np
import pytest

from lossproof.conformance.cli.commands.check import exit_code
from lossproof.conformance.cli.commands.compare import _told
from lossproof.conformance.cli.commands.judging import Asked
from lossproof.conformance.cli.main import BROKEN, OK
from lossproof.conformance.judging.executor import Executor, question
from lossproof.conformance.judging.serialize import serialized
from lossproof.conformance.model.execution import COMPILED, DEVICES, MODES, Execution, mode_called
from lossproof.conformance.model.subject import CellKey, TargetInfo, Variant
from lossproof.conformance.runs.run import Plan, RunResult, TargetResult, judge_session, target_info
from lossproof.conformance.runs.session import Session, documented_here
from lossproof.conformance.workers.client import NoSuchMode, Worker
from lossproof.conformance.workers.environment import environment
from lossproof.conformance.workers.protocol import UNSUPPORTED, Answer, ErrorInfo, Question
from lossproof.specs import fields, vocabulary
from lossproof.specs.models import KnownFinding

from .fake_sessions import in_place_of, target
from .test_ledger_status import FUNCTION, known

FACTS = TargetInfo("fake", "fake", "1.2.3", packages={"fake": "1.2.3"})


@dataclass(frozen=True)
class Anywhere:
    """A worker of the fakes, which has one mode and one device, as if it had all."""

    worker: Worker

    def ask(self, put: Question, timeout: float | None = None, first: bool = False) -> Answer:
        """The answer of the fakes."""
        return self.worker.ask(replace(put, mode="eager", device="cpu"), timeout, first)


@dataclass(frozen=True)
class Without:
    """A worker that declines the calls on this device, or with arrays of this dtype."""

    worker: Worker
    device: str = ""
    dtype: str = ""

    def ask(self, put: Question, timeout: float | None = None, first: bool = False) -> Answer:
        """The answer of the fakes, or none."""
        if put.verb != "probe" and (
            put.device == self.device or self.dtype in {a.dtype for a in put.arrays.values()}
        ):
            return Answer("error", error=ErrorInfo(UNSUPPORTED, (), f"no {self.device or self.dtype} here"))
        return self.worker.ask(put, timeout, first)


def judged_as(
    worker: Worker, name: str, facts: TargetInfo, ledger: list[KnownFinding], *properties: str
) -> TargetResult:
    """The fakes as if they ran in another mode or on another device."""
    subjects = documented_here(facts, [in_place_of(FUNCTION, name)])
    session = Session(facts, Executor(Anywhere(worker), 0, 1), subjects, ledger)
    return judge_session(session, Plan(properties=properties, examples=1), lambda *_: None)


def test_modes_and_devices_are_those_of_the_vocabulary() -> None:
    assert tuple(MODES) == vocabulary.MODES.built_in
    assert tuple(DEVICES) == get_args(fields.DeviceName)


@pytest.mark.parametrize(
    ("execution", "text"),
    [
        (Execution(), ""),
        (Execution("compiled"), ":compiled"),
        (Execution("", "cuda"), "@cuda"),
        (Execution("compiled", "cuda"), ":compiled@cuda"),
    ],
)
def test_the_usual_is_not_written(execution: Execution, text: str) -> None:
    assert str(execution) == text


def test_compiled_cells_are_a_subset_and_cases_are_none_of_it() -> None:
    taken = [
        CellKey("value", "ordinary", "float32"), CellKey("zero_vector", "zero"), CellKey("batch", "ordinary"),
        CellKey("gradient", "zero", "float16", Variant(wrt="x1")),
    ]  # fmt: skip
    left = [
        CellKey("value", "overflow"), CellKey("dtype", "ordinary"), CellKey("value", "-", variant=Variant(case="a")),
        CellKey("value", "ordinary", variant=Variant(case="a")),
    ]  # fmt: skip
    assert all(map(COMPILED.takes, taken))
    assert not any(map(COMPILED.takes, left))
    assert all(map(replace(COMPILED, cases=True).takes, (*taken, left[-1])))
    assert all(map(MODES["eager"].takes, (*taken, *left)))
    assert [mode.partial for mode in (MODES["eager"], MODES["graph"], MODES["compiled"])] == [
        False,
        False,
        True,
    ]


def test_a_mode_that_nobody_describes_is_asked_everywhere() -> None:
    assert mode_called("of some adapter").takes(CellKey("dtype", "overflow"))


def test_a_compiled_target_is_asked_its_subset_and_lists_no_claim_that_it_does_not_decide(
    worker: Worker,
) -> None:
    eager = judged_as(worker, "cosine_similarity", FACTS, [])
    compiled = judged_as(worker, "cosine_similarity", replace(FACTS, mode="compiled", device="mps"), [])
    wanted = [r for r in eager.rows if r.property in COMPILED.properties and r.region in COMPILED.regions]
    cells = [
        (r.property, r.region, r.dtype, r.variant, r.verdict) for r in wanted if "case=" not in r.variant
    ]
    assert [(r.property, r.region, r.dtype, r.variant, r.verdict) for r in compiled.rows] == cells
    assert {(r.mode, r.device) for r in compiled.rows} == {("compiled", "mps")}
    assert {(r.mode, r.device) for r in eager.rows} == {("eager", "cpu")}
    assert len(cells) > 8
    decided = {c.claim for c in compiled.claims}
    assert decided < {c.claim for c in eager.claims}
    assert {c.verdict for c in compiled.claims if c.cells} == {"conforms"}
    assert all(c.cells for c in compiled.claims)


@pytest.mark.parametrize(
    ("field", "here", "elsewhere"),
    [("modes", "compiled", ["eager", "graph"]), ("devices", "cuda", ["cpu"])],
)
def test_a_finding_of_other_modes_or_devices(
    worker: Worker, field: str, here: str, elsewhere: list[str]
) -> None:
    facts = replace(FACTS, mode="compiled", device="cuda")
    (same,) = judged_as(worker, "wrong_sign", facts, [known("wrong_sign", **{field: [here]})]).findings
    assert (same.slug, same.status) == ("fake-known", "known")
    assert (same.witness["mode"], same.witness["device"]) == ("compiled", "cuda")
    (other,) = judged_as(worker, "wrong_sign", facts, [known("wrong_sign", **{field: elsewhere})]).findings
    assert other.status == "new"
    right = [known("cosine_similarity", **{field: elsewhere})]
    assert not judged_as(worker, "cosine_similarity", facts, right).findings


def test_a_question_says_mode_and_device_and_a_witness_the_device_that_is_no_cpu(worker: Worker) -> None:
    facts = replace(FACTS, mode="compiled", device="cuda")
    (subject,) = documented_here(facts, [in_place_of(FUNCTION, "one")])
    pair = {name: np.ones((1, 2), np.float32) for name in ("x1", "x2")}
    put = question(subject, pair, {})
    assert (put.mode, put.device) == ("compiled", "cuda")
    assert serialized(put)["device"] == "cuda"
    assert "device" not in serialized(replace(put, device="cpu"))


def test_a_worker_sees_no_gpu_unless_its_device_is_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3")
    seen = {
        device: environment(target().executed(Execution("", device)), tmp_path)["CUDA_VISIBLE_DEVICES"]
        for device in DEVICES
    }
    assert seen == {"cpu": "", "cuda": "3", "mps": ""}
    assert environment(target(), tmp_path)["JAX_PLATFORMS"] == "cpu"


def test_a_mode_that_the_target_lacks_is_told_in_one_line(worker: Worker) -> None:
    assert target_info(target(), worker.info).mode == "eager"
    with pytest.raises(NoSuchMode, match=r"^fake 1\.2\.3 has no mode compiled here; it has eager$"):
        target_info(target().executed(Execution("compiled")), worker.info)


@pytest.mark.parametrize(
    ("target_of_run", "told"),
    [
        ({"framework": "torch", "version": "2.13.0", "mode": "eager", "device": "cpu"}, "torch 2.13.0"),
        ({"framework": "torch", "version": "2.13.0", "mode": "compiled", "device": "cuda"},
         "torch 2.13.0, compiled, cuda"),
        ({"framework": "tensorflow", "version": "1.15.5", "mode": "graph"}, "tensorflow 1.15.5"),
        ({"framework": "tensorflow", "version": "1.15.5", "mode": "eager"}, "tensorflow 1.15.5, eager"),
        ({"framework": "tensorflow", "version": "of mine", "mode": "eager"}, "tensorflow of mine"),
        ({"framework": "unheard", "version": "1"}, "unheard 1"),
    ],
)  # fmt: skip
def test_a_comparison_names_the_executions_that_are_not_usual(
    target_of_run: dict[str, str], told: str
) -> None:
    assert _told(target_of_run) == told


def test_a_target_that_declines_every_call_was_not_judged(worker: Worker) -> None:
    def judged(facts: TargetInfo, asks: Without, *properties: str) -> TargetResult:
        documents, ledger = [in_place_of(FUNCTION, "cosine_similarity")], [known("cosine_similarity")]
        session = Session(facts, Executor(asks, 0, 1), documented_here(facts, documents), ledger)
        return judge_session(session, Plan(properties=properties), lambda *_: None)

    options = Asked((), 1, 0, "new", "S2", False)
    none = judged(replace(FACTS, device="cuda"), Without(worker, device="cuda"), "value", "sign")
    assert none.declined == "no cuda here"
    assert {row.verdict for row in none.rows} == {"unsupported", "undocumented"}  # where the page is silent
    notes = {row.observed["note"] for row in none.rows if row.verdict == "unsupported"}
    assert notes == {none.declined}
    assert not none.findings  # nobody knows how the ledger's witness stands
    assert exit_code(RunResult((none,)), options) == BROKEN
    some = judged(FACTS, Without(worker, dtype="float16"), "value", "sign")
    assert {row.verdict for row in some.rows if row.dtype == "float16"} == {"unsupported"}
    assert not some.declined
    assert [finding.status for finding in some.findings] == ["fixed"]
    assert exit_code(RunResult((some,)), options) == OK
    assert exit_code(RunResult((some, none)), options) == BROKEN
