"""Exit codes: 1 means findings and nothing else, and whatever goes wrong is told in one line."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from lossproof import reports
from lossproof.conformance.cli import main as cli
from lossproof.conformance.cli.commands import judging
from lossproof.conformance.model.subject import TargetInfo
from lossproof.conformance.runs.run import Plan, RunResult, TargetResult

from ..reports import make

PROGRAM = "from lossproof.conformance.cli.main import main; main()"


def started(*arguments: str, **how: Any) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", PROGRAM, *arguments], stderr=subprocess.PIPE, **how)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return make.write(tmp_path / "run")


@pytest.mark.parametrize("what", [["--help"], ["--version"], ["report", "RUN"], ["report", "RUN", "--json"]])
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the system has no device that is always full")
def test_a_full_device_is_exit_5(what: list[str], run: Path) -> None:
    with Path("/dev/full").open("wb") as full:
        done = started(*(str(run) if word == "RUN" else word for word in what), stdout=full)
        told = done.communicate()[1].decode()
    assert done.returncode == cli.UNWRITTEN, told
    assert len(told.splitlines()) == 1
    assert "No space left on device" in told


@pytest.mark.parametrize("what", [["--help"], ["report", "RUN"], ["report", "RUN", "--json"]])
def test_a_closed_pipe_is_exit_5(what: list[str], run: Path) -> None:
    into, out_of = os.pipe()
    os.close(into)
    done = started(*(str(run) if word == "RUN" else word for word in what), stdout=out_of)
    os.close(out_of)
    told = done.communicate()[1].decode()
    assert done.returncode == cli.UNWRITTEN, told
    assert told.splitlines() == [
        "lossproof: standard output could not be written: Broken pipe; what was shown is not complete"
    ]


def test_an_output_that_cannot_spell_a_character_shows_its_escape(run: Path) -> None:
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    done = started("report", str(run), stdout=subprocess.PIPE, env=environment)
    shown, told = done.communicate()
    assert done.returncode == 0, told
    assert b"\\xfcml\\xe4ut" in shown


@pytest.mark.parametrize(
    "fault",
    [ZeroDivisionError("by nought"), RecursionError(), MemoryError(), SystemExit(1), KeyError("x\ny")],
)
def test_an_unforeseen_exception_is_exit_4_in_one_line(
    fault: BaseException, run: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    def faulty(*_: Any) -> None:
        raise fault

    monkeypatch.delenv(cli.TRACEBACK, raising=False)
    monkeypatch.setattr(reports, "render", faulty)
    assert cli.run(["report", str(run)]) == cli.FAULT
    told = capsys.readouterr().err
    assert len(told.splitlines()) == 1
    assert told.startswith(f"lossproof: a fault of lossproof: {type(fault).__name__}")
    assert cli.TRACEBACK in told


def test_the_traceback_of_a_fault_can_be_had(run: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    monkeypatch.setenv(cli.TRACEBACK, "1")
    monkeypatch.setattr(reports, "render", lambda _: 1 / 0)
    assert cli.run(["report", str(run)]) == cli.FAULT
    assert "Traceback (most recent call last)" in capsys.readouterr().err


FACTS = TargetInfo("torch", "torch", "2.13.0", "", "3.11", "torch", "eager")
FAILED = RunResult((TargetResult("mlx==9.9.9", failed="there is no such release"),))


def test_a_run_in_which_nothing_was_judged_replaces_none(
    run: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    before = {p: p.read_bytes() for p in run.rglob("*") if p.is_file()}
    monkeypatch.setattr("lossproof.conformance.cli.commands.check.find_targets", lambda *_: ([], {}))
    monkeypatch.setattr("lossproof.conformance.runs.run.judge_targets", lambda *_: FAILED)
    assert cli.run(["check", "--out", str(run)]) == cli.BROKEN
    shown, told = capsys.readouterr()
    assert {p: p.read_bytes() for p in run.rglob("*") if p.is_file()} == before
    assert len(told.splitlines()) == 1
    assert "stays as it was: mlx==9.9.9: there is no such release." in told
    assert not shown


def test_a_run_in_which_nothing_was_judged_reads_as_what_it_is(tmp_path: Path, capsys: Any) -> None:
    out = judging.write(tmp_path / "run", FAILED, Plan(), "check")
    assert cli.run(["report", str(out)]) == cli.BROKEN
    shown, told = capsys.readouterr()
    assert "nothing was judged" in shown
    assert "new       nothing" not in shown
    assert "mlx==9.9.9 could not be judged: there is no such release" in told
    assert '"judged": 0' in (out / "run.json").read_text()
    for page in ("report.md", "report.html"):
        text = (out / page).read_text()
        assert "Nothing was judged" in text
        assert "there is no such release" in text
        assert "new or changed" not in text.partition("legend")[0]
    judging.write(out, FAILED, Plan(), "check")  # nothing in the place of nothing


def test_a_run_of_broken_cells_replaces_no_judged_one(run: Path) -> None:
    with pytest.raises(reports.NothingJudged, match="1 cells are broken"):
        make.write(run, rows=[make.row(verdict="broken")])
    make.write(run, rows=[make.row(verdict="broken"), make.row(region="zero")])  # some judged: it is a run


def test_a_comparison_of_nothing_replaces_none_and_is_exit_3(tmp_path: Path, capsys: Any) -> None:
    empty = judging.write(
        tmp_path / "empty", RunResult((TargetResult("torch", facts=FACTS),)), Plan(), "check"
    )
    out = tmp_path / "out"
    out.mkdir()
    (out / "changes.json").write_text("an earlier one")
    assert cli.run(["compare", str(empty), str(empty), "--out", str(out)]) == cli.BROKEN
    shown, told = capsys.readouterr()
    assert (shown, len(told.splitlines())) == ("", 1)
    assert "nothing could be compared" in told
    assert [p.read_text() for p in out.iterdir()] == ["an earlier one"]


@pytest.mark.parametrize("failed", ["no such release", ""])
def test_a_history_of_nothing_replaces_none_and_is_exit_3(
    failed: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    def judge_targets(targets: list[str], *_: Any) -> RunResult:
        return RunResult(tuple(TargetResult(str(t), facts=FACTS, failed=failed) for t in targets))

    names = ["mlx==0.20.0", "mlx==0.21.0"]
    parsed = SimpleNamespace(targets=names, unavailable={})
    monkeypatch.setattr("lossproof.conformance.targets.parse.parse_all", lambda *_: parsed)
    monkeypatch.setattr("lossproof.conformance.runs.run.judge_targets", judge_targets)
    monkeypatch.setattr("lossproof.conformance.cli.commands.history.chosen", lambda *_: ["0.20.0", "0.21.0"])
    out = tmp_path / "out"
    out.mkdir()
    (out / "history.json").write_text("an earlier one")
    assert cli.run(["history", "mlx", "--out", str(out)]) == cli.BROKEN
    shown, told = capsys.readouterr()
    assert (shown, len(told.splitlines())) == ("", 1)
    assert "nothing could be compared" in told
    assert [p.read_text() for p in out.iterdir()] == ["an earlier one"]
