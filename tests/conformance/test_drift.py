"""Documentation drift: a docstring that is none of those the spec was written from is told, and can be recorded."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lossproof import reports
from lossproof.conformance.cli.commands.judging import write
from lossproof.conformance.cli.main import run
from lossproof.conformance.judging.executor import Executor
from lossproof.conformance.model.results import Drift
from lossproof.conformance.runs.drift import record_target
from lossproof.conformance.runs.run import Plan, RunResult, TargetResult, judge_session, target_info
from lossproof.conformance.runs.session import Session, documented_here
from lossproof.conformance.targets.model import Target
from lossproof.conformance.workers.client import CannotStart, Worker
from lossproof.reports.columns import CLAIM_COLUMNS
from lossproof.specs import load_specs
from lossproof.specs.digests import spec_files

API = "fake.cosine_similarity"
OTHER = "0" * 64
TODAY = "1.2.3"
"""The version of the fakes."""
SPEC = """\
api: fake.cosine_similarity
framework: fake
family: cosine
summary: Cosine of two tensors.

editions:
  - slug: fake-1
    package: fake
    versions: '>=1.0,<2.0'
    source: {document: docstring, where: fake.cosine_similarity, version: 1.0.0, section: first line}
    semantics:
      score: similarity
      norm_rule: plain
    call:
      style: function
      arrays:
        - {name: x1, role: x}
        - {name: x2, role: y}

claims:
  - slug: in-the-docstring
    says: The cosine is taken along an axis.
    cite: {document: docstring, where: fake.cosine_similarity, version: 1.0.0, section: first line}
    decided_by:
      - {case: right-angle}

  - slug: on-a-page
    says: Vectors at a right angle have the cosine 0.
    cite: {document: page, where: 'https://example.org/cosine', version: 1.0.0, section: examples}
    decided_by:
      - {case: right-angle}

cases:
  - slug: right-angle
    says: vectors at a right angle
    arrays: {x1: [[1, 0]], x2: [[0, 1]]}
    expect: {value: [0]}
"""

JudgeDrift = Callable[[dict[str, str]], TargetResult]


@pytest.fixture(scope="module")
def fakes() -> Target:
    adapter = Path(__file__).parents[1] / "fakes" / "fake_adapter.py"
    return Target(name="fake", framework="fake", python=Path(sys.executable), adapter=adapter)


@pytest.fixture(scope="module")
def executor(fakes: Target, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Executor]:
    with Worker.start(fakes, tmp_path_factory.mktemp("documentation") / "log.txt") as worker:
        yield Executor(worker)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    found = tmp_path / "documents"
    found.mkdir()
    (found / f"{API}.yaml").write_text(SPEC)
    return found


@pytest.fixture
def judge_drift(fakes: Target, executor: Executor, folder: Path) -> JudgeDrift:
    """Judges the API by the spec with these digests recorded."""

    def judging(digests: dict[str, str]) -> TargetResult:
        (spec,) = load_specs(folder)
        edition = spec.editions[0].model_copy(update={"docstrings": digests})
        worker = executor.worker
        assert isinstance(worker, Worker)
        changed = spec.model_copy(update={"editions": (edition,)})
        facts = target_info(fakes, worker.info)
        session = Session(facts, executor, documented_here(facts, [changed]))
        return judge_session(session, Plan(properties=("example",), examples=1), lambda *_: None)

    return judging


@pytest.fixture
def digest(fakes: Target, folder: Path) -> str:
    """The digest of the docstring that the fakes have, as it is recorded."""
    record_target(fakes, folder, spec_files(folder))
    (spec,) = load_specs(folder)
    return spec.editions[0].docstrings[TODAY]


@pytest.fixture
def commanded(fakes: Target, monkeypatch: pytest.MonkeyPatch) -> None:
    """On the command line every target is the fakes."""
    monkeypatch.setattr("lossproof.conformance.targets.parse.parse", lambda text: [fakes])


def test_a_docstring_unlike_all_recorded_ones_is_told_with_both_versions(judge_drift: JudgeDrift) -> None:
    result = judge_drift({"1.0.0": OTHER, "1.10.0": OTHER, "1.9.0": OTHER})
    assert result.documentation == (Drift(API, "fake-1", "1.10.0", TODAY),)


def test_a_docstring_like_any_recorded_one_is_not(judge_drift: JudgeDrift, digest: str) -> None:
    result = judge_drift({"1.0.0": digest, "1.1.0": OTHER})
    assert result.documentation == ()
    assert not [c for c in result.claims if "older" in c.citation]


def test_an_edition_without_digests_says_nothing_and_asks_nothing(
    judge_drift: JudgeDrift, executor: Executor
) -> None:
    def questions(digests: dict[str, str]) -> int:
        before = executor.asked
        assert (judge_drift(digests).documentation == ()) == (not digests)
        return executor.asked - before

    questions({})  # whatever is asked but once in a session
    assert questions({"1.0.0": OTHER}) == questions({}) + 1


def test_only_claims_of_the_docstring_are_judged_by_an_older_page(judge_drift: JudgeDrift) -> None:
    result = judge_drift({"1.0.0": OTHER})
    cited = {c.claim: c.citation for c in result.claims}
    before = {c.claim: c.citation for c in judge_drift({}).claims}
    assert cited["in-the-docstring"] == before["in-the-docstring"] + " (judged by an older page)"
    assert cited["on-a-page"] == before["on-a-page"]


def test_an_api_that_is_gone_has_no_page_to_compare(judge_drift: JudgeDrift, folder: Path) -> None:
    file = folder / f"{API}.yaml"
    file.write_text(SPEC.replace(API, "fake.gone"))
    assert judge_drift({"1.0.0": OTHER}).documentation == ()


def test_every_report_has_a_line_for_it(judge_drift: JudgeDrift, tmp_path: Path) -> None:
    result, plan = judge_drift({"1.0.0": OTHER}), Plan()
    out = write(tmp_path / "run", RunResult((result,)), plan, "check")
    (target,) = json.loads((out / "run.json").read_text())["targets"]
    drift = {"api": API, "edition": "fake-1", "written_from": "1.0.0", "version": TODAY}
    assert target["documentation"] == [drift]
    says = f"documentation changed since the spec was written (from 1.0.0, now {TODAY})"
    (line,) = [t for t in (out / "report.html").read_text().splitlines() if says in t]
    assert f"<code>{API}</code> on fake" in line
    escaped = says.replace("(", r"\(").replace(")", r"\)")
    assert f"- `{API}` on fake: {escaped}" in (out / "report.md").read_text().splitlines()
    assert (out / "claims.csv").read_text().splitlines()[0] == ",".join(CLAIM_COLUMNS)
    read = reports.read_run(out)
    assert read.run["targets"][0]["documentation"] == [drift]


def test_the_terminal_has_a_line_for_it(
    judge_drift: JudgeDrift,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    for digests, lines in (({"1.0.0": OTHER}, 1), ({}, 0)):
        out = write(tmp_path / "run", RunResult((judge_drift(digests),)), Plan(), "check")
        reports.terminal.show(reports.read_run(out))
        found = [line for line in capsys.readouterr().out.splitlines() if line.startswith("page ")]
        assert len(found) == lines
        assert all(f"{API} on fake: documentation changed" in line for line in found)


@pytest.mark.usefixtures("commanded")
def test_record_enters_the_docstring_once(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["specs", "--record", "fake", "--specs", str(folder)]) == 0
    assert capsys.readouterr().out == f"{API}  recorded  (fake-1, {TODAY})\n"
    text = (folder / f"{API}.yaml").read_text()
    assert run(["specs", "--record", "fake", "--specs", str(folder)]) == 0
    assert capsys.readouterr().out == f"{API}  already recorded  (fake-1, {TODAY})\n"
    assert (folder / f"{API}.yaml").read_text() == text


@pytest.mark.usefixtures("commanded")
def test_record_names_apis_that_no_edition_covers(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = SPEC.replace(">=1.0,<2.0", "<1.0")
    (folder / f"{API}.yaml").write_text(text)
    assert run(["specs", "--record", "fake", "--specs", str(folder), "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert (row["api"], row["state"]) == (API, "no edition covers")
    assert (folder / f"{API}.yaml").read_text() == text


def test_a_recorded_docstring_has_not_changed(judge_drift: JudgeDrift, digest: str) -> None:
    assert judge_drift({TODAY: digest}).documentation == ()


def test_a_target_that_does_not_start_leaves_the_files_alone(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], fakes: Target
) -> None:
    def record(*_: object) -> None:
        raise CannotStart("fake: no room")

    monkeypatch.setattr("lossproof.conformance.targets.parse.parse", lambda text: [fakes])
    monkeypatch.setattr("lossproof.conformance.runs.drift.record_target", record)
    assert run(["specs", "--record", "fake", "--specs", str(folder)]) == 3
    assert "fake could not be asked: no room" in capsys.readouterr().err
    assert (folder / f"{API}.yaml").read_text() == SPEC


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (["--record", "torch", "--validate", "x"], "--validate and --record"),
        (["--specs", "."], "--specs says where --record writes"),
        (["--record", "torch", "--specs", "nosuch"], "nosuch"),
    ],
)
def test_options_that_do_not_go_together_are_refused(
    given: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["specs", *given]) == 2
    assert says in capsys.readouterr().err
