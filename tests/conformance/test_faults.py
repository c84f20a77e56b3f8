"""Faults around a run: a broken spec, a killed judge, what cannot be started; and runs that must not depend on jobs."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lossproof import reports
from lossproof.conformance.cli import main as cli
from lossproof.conformance.cli.commands.judging import write
from lossproof.conformance.runs import run
from lossproof.conformance.runs.run import Plan, RunResult, judge_targets
from lossproof.conformance.targets.model import Target
from lossproof.specs import SpecError

from .fake_sessions import DATA, target

mlx = pytest.mark.skipif(importlib.util.find_spec("mlx") is None, reason="MLX is not installed here")
proc = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="finds processes through /proc")
QUICK = ("dtype", "signature")


def plan(tmp_path: Path, **more: Any) -> Plan:
    """The documented fakes, without the ledger of the frameworks."""
    ledger = tmp_path / "ledger.yaml"
    ledger.write_text("findings: []\n")
    return replace(Plan(properties=QUICK, examples=1, specs=DATA, ledger=ledger), **more)


def named(name: str, **env: str) -> Target:
    return replace(target(**env), name=name)


def tables(result: RunResult) -> str:
    """All that a run says, but for times and process numbers, which no two runs share."""
    from dataclasses import asdict

    rows = [{**asdict(r), "seconds": 0, "companions": ""} for r in result.rows]
    rest = [asdict(x) for x in (*result.claims, *result.findings)]
    return json.dumps([rows, rest, dict(result.scripts)], sort_keys=True, default=str)


def test_the_tables_are_those_of_any_number_of_jobs(tmp_path: Path) -> None:
    asked = plan(tmp_path, apis=("faulty.CosineLoss",), properties=("dtype", "sign"))
    two = [named("first"), named("second")]
    alone = judge_targets(two, asked, 1, lambda *_: None)
    beside = judge_targets(two[::-1], asked, 2, lambda *_: None)
    assert [t.failed for t in alone.targets] == ["", ""]
    assert [t.target for t in beside.targets] == ["second", "first"]
    assert tables(replace(beside, targets=beside.targets[::-1])) == tables(alone)
    assert len(alone.rows) > 10


# --- a broken spec ---


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ("api: [broken", "broken.yaml"),
        ("api: faulty.x\nframework: fake\nfamily: cosin\nsummary: s\neditions: []\n", "family"),
    ],
)
@pytest.mark.parametrize("jobs", [1, 2])
def test_a_broken_spec_stops_before_any_target_starts(
    tmp_path: Path, spec: str, words: str, jobs: int
) -> None:
    folder = tmp_path / "apis"
    folder.mkdir()
    shutil.copy(DATA / "faulty.cosine_similarity.yaml", folder)
    (folder / "broken.yaml").write_text(spec)
    started: list[tuple[Any, ...]] = []
    with pytest.raises(SpecError, match=words):
        judge_targets(
            [named("a"), named("b")], plan(tmp_path, specs=folder), jobs, lambda *w: started.append(w)
        )
    assert not started


def test_a_broken_ledger_stops_before_any_target_starts(tmp_path: Path) -> None:
    asked = plan(tmp_path)
    assert asked.ledger is not None
    asked.ledger.write_text("findings: [{slug: x}]\n")
    started: list[tuple[Any, ...]] = []
    with pytest.raises(SpecError, match=r"ledger\.yaml"):
        judge_targets([named("a")], asked, 1, lambda *w: started.append(w))
    assert not started


@mlx
def test_the_command_names_file_and_field_of_a_broken_spec(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import lossproof.specs.load as load

    copy = tmp_path / "specs"
    shutil.copytree(Path(load.__file__).parent / "apis", copy / "apis")
    shutil.copytree(Path(load.__file__).parent / "ledger", copy / "ledger")
    spec = copy / "apis" / "torch.nn.CosineSimilarity.yaml"
    spec.write_text(spec.read_text().replace("family: cosine\n", "family: cosin\n", 1))
    monkeypatch.setattr(load.resources, "files", lambda _: copy)
    monkeypatch.setattr(run, "judge_targets", lambda *_: pytest.fail("a target was started"))
    out = tmp_path / "run"
    assert cli.run(["check", "--target", "mlx", "--out", str(out)]) == cli.USAGE
    error = capsys.readouterr().err
    assert "torch.nn.CosineSimilarity.yaml:" in error
    assert "family" in error
    assert "Traceback" not in error
    assert not out.exists()


# --- a judge that is killed ---


def judges(of: int) -> list[int]:
    """The judging processes of a process, through /proc."""
    found = []
    for pid in _children(of):
        with contextlib.suppress(OSError):
            line = Path(f"/proc/{pid}/cmdline").read_bytes()
            if b"multiprocessing" in line and b"spawn_main" in line:
                found.append(pid)
    return found


@proc
def test_a_killed_judge_fails_its_target_and_no_other(tmp_path: Path) -> None:
    """`slow` is killed while it starts; `quick` is complete, and what is written says so of each."""
    killed = threading.Event()

    def told(name: str, done: int, total: int, doing: str) -> None:
        if name == "slow" and not killed.is_set():
            killed.set()
            (only,) = [p for p in judges(os.getpid()) if _has_child(p, "FAKE_START=never")]
            os.kill(only, signal.SIGKILL)

    slow, quick = named("slow", FAKE_START="never"), named("quick")
    asked = plan(tmp_path)

    def when_started(name: str, done: int, total: int, doing: str) -> None:
        if name == "slow":
            threading.Thread(target=_later, args=(told, name), daemon=True).start()

    result = judge_targets([slow, quick], asked, 2, when_started)
    assert killed.is_set()
    lost, kept = result.targets
    assert "the judge's own process ended" in lost.failed
    assert (lost.rows, lost.findings, lost.claims) == ((), (), ())
    assert not kept.failed
    assert kept.rows
    out = write(tmp_path / "run", result, asked, "check")
    written = reports.read_run(out)
    assert written.run["complete"] is True
    assert [bool(t["failed"]) for t in written.run["targets"]] == [True, False]
    assert set(written.results["target"]) == {"quick"}
    assert [p.name for p in tmp_path.iterdir() if p.name not in ("run", "ledger.yaml")] == []


TOOL = """
import sys
from pathlib import Path
from lossproof.conformance.runs.run import Plan, judge_targets
from lossproof.conformance.targets.parse import Target
if __name__ == "__main__":
    adapter, specs, ledger = map(Path, sys.argv[1:])
    def fake(name):
        return Target(name, "fake", Path(sys.executable), adapter, env={"FAKE_START": "never"})
    judge_targets([fake("a"), fake("b")], Plan(specs=specs, ledger=ledger), 2, lambda *_: None)
"""
"""A tool whose targets never get ready."""


@proc
def test_a_tool_that_is_killed_takes_its_judges_and_their_workers_along(tmp_path: Path) -> None:
    asked, script = plan(tmp_path), tmp_path / "tool.py"
    script.write_text(TOOL)
    command = [sys.executable, str(script), str(target().adapter), str(DATA), str(asked.ledger)]
    scratch = tmp_path / ("longer than the path of a socket may be " * 3)
    scratch.mkdir()
    tool = subprocess.Popen(command, env={**os.environ, "TMPDIR": str(scratch)})
    try:
        assert _within(60, lambda: sum(_has_child(p, "FAKE_START=never") for p in judges(tool.pid)) == 2)
        helpers = judges(tool.pid)  # two judges, and the process that passes their news on
        started = [child for judge in helpers for child in _children(judge)]
        assert len(helpers) == 3
        assert len(started) == 2
    finally:
        tool.kill()
        tool.wait()
    assert _within(60, lambda: not any(map(_alive, helpers + started)))
    assert [p.name for p in scratch.iterdir() if p.name.startswith("lossproof")] == []


def _within(seconds: float, true: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + seconds
    while not (found := true()) and time.monotonic() < deadline:
        time.sleep(0.05)
    return found


def _alive(pid: int) -> bool:
    try:
        return ") Z " not in Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False


def _later(told: Any, name: str) -> None:
    if _within(30, lambda: any(_has_child(p, "FAKE_START=never") for p in judges(os.getpid()))):
        told(name, 0, 0, "")


def _children(pid: int) -> list[int]:
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            with contextlib.suppress(OSError):
                if f"\nPPid:\t{pid}\n" in (folder / "status").read_text():
                    found.append(int(folder.name))
    return found


def _has_child(pid: int, word: str) -> bool:
    """Whether a process has a child with this word in its environment."""
    with contextlib.suppress(OSError):
        return any(word.encode() in Path(f"/proc/{p}/environ").read_bytes() for p in _children(pid))
    return False


# --- what cannot be started or judged: exit code 3 ---


@pytest.mark.parametrize(("start", "words"), [("refuse", "too small for fakes"), ("exit", ""), ("die", "")])
def test_a_target_that_does_not_start_fails_alone(tmp_path: Path, start: str, words: str) -> None:
    result = judge_targets(
        [named("bad", FAKE_START=start), named("good")], plan(tmp_path), 1, lambda *_: None
    )
    bad, good = result.targets
    assert bad.failed
    assert words in bad.failed + bad.log
    assert not good.failed
    assert good.rows


@mlx
def test_exit_code_3_and_the_name_of_what_could_not_be_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from lossproof.conformance.cli.commands import check

    monkeypatch.setattr(
        check, "find_targets", lambda *_: ([named("bad", FAKE_START="refuse"), named("good")], {})
    )
    out = tmp_path / "run"
    assert cli.run(["check", "--out", str(out), "--jobs", "1", "--fail-on", "never"]) == cli.BROKEN
    error = capsys.readouterr().err
    assert "bad could not be judged" in error
    assert "too small for fakes" in error
    assert reports.read_run(out).run["complete"] is True


def test_a_framework_that_is_not_installed_is_named_with_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from lossproof.conformance.targets import parse as targets

    monkeypatch.setattr(targets, "_version_of", lambda _: None)
    out = tmp_path / "run"
    assert cli.run(["check", "--target", "torch", "--out", str(out)]) == cli.USAGE
    error = capsys.readouterr().err.strip()
    assert len(error.splitlines()) == 1
    assert "torch is not installed here" in error
    assert "python -m pip install 'torch>=" in error
    assert not out.exists()


def test_a_python_without_any_framework_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bare = tmp_path / "bare"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(bare)], check=True)
    assert (
        cli.run(["check", "--target", str(bare / "bin" / "python"), "--out", str(tmp_path / "run")])
        == cli.USAGE
    )
    error = capsys.readouterr().err
    assert "has none of" in error
    assert "torch" in error


def test_nothing_installed_at_all_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from lossproof.conformance.targets import parse as targets

    monkeypatch.setattr(targets, "installed", list)
    assert cli.run(["check", "--out", str(tmp_path / "run")]) == cli.USAGE
    assert "lossproof targets says how to get each" in capsys.readouterr().err


def test_a_folder_without_specs_is_told_by_the_command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for asked in (["--validate", str(tmp_path)], ["--record", "torch", "--specs", str(tmp_path)]):
        assert cli.run(["specs", *asked]) == cli.USAGE
        assert f"{tmp_path}: the folder holds no YAML file" in capsys.readouterr().err


def test_the_help_of_specs_says_how_to_record(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["specs", "--help"]) == cli.OK
    words = " ".join(capsys.readouterr().out.split())
    assert "--record TARGET" in words
    assert "--record is for after you have compared a changed page with the claims" in words
