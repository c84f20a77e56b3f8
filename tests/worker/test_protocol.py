"""A target's disturbances of the conversation itself: false frames, words that fail, limits, and a tool that dies."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from lossproof.conformance.targets.model import Target
from lossproof.conformance.workers.client import Worker
from lossproof.conformance.workers.protocol import Answer, Array, Question
from lossproof.conformance.workers.scratch import LOCK, Scratch, sweep

from .test_faults import TOOL, alive

Ask = Callable[..., Answer]
About = Callable[..., Question]
MakeTarget = Callable[..., Target]
LINUX = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="asks the Linux kernel")


def test_a_forged_answer_is_none_and_shifts_no_other(ask: Ask) -> None:
    right = ask("cosine_similarity")
    for _ in range(2):
        assert ask("forging").value == right.value
    assert ask("cosine_similarity").value == right.value


def test_noise_on_the_pipe_ends_the_worker_and_says_why(ask: Ask) -> None:
    answer = ask("garbling")
    assert answer.outcome == "crash"
    assert "wrote to the worker's own pipe" in answer.note
    assert ask("cosine_similarity").outcome == "value"


def test_an_exception_without_words_is_an_error_all_the_same(worker: Worker, ask: Ask) -> None:
    before = worker.restarts
    error = ask("unspeakable").error
    assert error is not None
    assert (error.type, error.message) == (
        "an exception without a name",
        "(the exception cannot be printed)",
    )
    assert "Exception" in error.bases
    assert worker.restarts == before


def test_what_cannot_be_told_is_told_as_far_as_it_goes(worker: Worker, ask: Ask) -> None:
    before = worker.restarts
    answer = ask("untold")
    assert (answer.outcome, answer.note) == ("value", "returned a dict, not an array")
    assert answer.data["long"] == "(an integer of 100001 bits)"
    assert answer.data["mute"][2] == "<object object>"
    assert worker.restarts == before


def test_a_long_answer_that_is_no_array_is_told_by_its_type(ask: Ask) -> None:
    answer = ask("endless_list")
    assert (answer.outcome, answer.data, answer.note) == ("value", None, "returned a list, not an array")


@LINUX
def test_code_that_lowers_its_own_limit_does_not_end_the_worker(
    fake_target: MakeTarget, about: About, tmp_path: Path
) -> None:
    with Worker.start(fake_target(), tmp_path / "log") as worker:
        outcomes = [worker.ask(about(name)).outcome for name in ("lowering", *["cosine_similarity"] * 20)]
        assert outcomes == ["value"] * 21
        assert worker.restarts == 0


def test_a_worker_lives_through_thousands_of_questions(worker: Worker) -> None:
    """SIGIO of the question's own write(2) ended one of some six thousand, on machines where it did."""
    question = Question("fake.echo", {name: Array.of(np.ones(64)) for name in ("x", "y", "z")})
    before = worker.restarts
    for _ in range(3000):
        assert worker.ask(question).outcome == "error"  # echo takes one array
    assert worker.restarts == before


@LINUX
@pytest.mark.parametrize("function", ["hanging", "spinning"])
def test_a_tool_that_is_killed_takes_its_workers_along_at_once(
    fake_target: MakeTarget, tmp_path: Path, function: str
) -> None:
    code = TOOL.replace("fake.hanging", f"fake.{function}")
    command = [sys.executable, "-c", code, str(fake_target().adapter), str(tmp_path / "log"), "60"]
    tool = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert tool.stdout is not None
    with tool.stdout:
        pid = int(tool.stdout.readline())
    time.sleep(0.5)
    assert alive(pid)
    tool.kill()
    tool.wait(20)
    limit = time.monotonic() + 5
    while alive(pid) and time.monotonic() < limit:
        time.sleep(0.02)
    assert not alive(pid)


def test_folders_of_killed_processes_go_with_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    mine = Scratch("mine")
    code = f"""
import os, tempfile
tempfile.tempdir = {str(tmp_path)!r}
from lossproof.conformance.workers.scratch import Scratch
kept = Scratch("theirs")
os.kill(os.getpid(), {int(signal.SIGKILL)})
"""
    subprocess.run([sys.executable, "-c", code], check=False)
    assert {folder.name.split("-")[1] for folder in tmp_path.iterdir()} == {"mine", "theirs"}
    (tmp_path / "lossproof-run").mkdir()  # somebody's own, without a lock
    sweep.cache_clear()
    sweep(tmp_path)
    assert {folder.name.split("-")[1] for folder in tmp_path.iterdir()} == {"mine", "run"}
    assert mine.path.is_dir()
    mine.close()
    assert not list(tmp_path.glob(f"*/{LOCK}"))
    assert [folder.name for folder in tmp_path.iterdir()] == ["lossproof-run"]
