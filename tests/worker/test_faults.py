"""The client's handling of targets that raise, die, hang, shout or eat memory."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest

from lossproof.conformance.targets.model import Target
from lossproof.conformance.workers import process
from lossproof.conformance.workers.client import CannotStart, TooManyRestarts, Worker, WorkerClosed
from lossproof.conformance.workers.protocol import Answer, Array, Question

Ask = Callable[..., Answer]
About = Callable[..., Question]
MakeTarget = Callable[..., Target]


def descriptors_now() -> set[str]:
    """The open file descriptors of this process."""
    return {path.name for path in Path("/dev/fd").iterdir()}


def alive(pid: int) -> bool:
    """Whether a process exists and is no zombie."""
    with contextlib.suppress(OSError):
        return ") Z " not in Path(f"/proc/{pid}/stat").read_text()
    return False


def test_an_exception_is_an_answer_with_its_classes_and_place(ask: Ask) -> None:
    error = ask("raising").error
    assert error is not None
    assert error.type == "ValueError"
    assert "Exception" in error.bases
    assert error.message.startswith("rows must not be")
    assert error.where.startswith("fakes.py:")


@pytest.mark.parametrize(
    ("function", "kind"), [("exiting", "SystemExit"), ("interrupting", "KeyboardInterrupt")]
)
def test_exits_and_interrupts_of_the_target_are_answers(ask: Ask, function: str, kind: str) -> None:
    answer = ask(function)
    assert answer.outcome == "error"
    assert answer.error is not None
    assert answer.error.type == kind


def test_the_harness_names_its_own_errors(worker: Worker, ask: Ask) -> None:
    missing = ask("cosine_similarty").error
    assert missing is not None
    assert missing.type == "lossproof_worker.ApiMissing"
    assert "cosine_similarity" in missing.message
    array = Array.of(np.ones(2, ml_dtypes.bfloat16))
    unsupported = worker.ask(Question("fake.echo", {"x": array})).error
    assert unsupported is not None
    assert unsupported.type == "lossproof_worker.Unsupported"
    torn = worker.ask(Question("fake.echo", {"x": Array(b"123", "float32", (2,))})).error
    assert torn is not None
    assert torn.type == "lossproof_worker.HarnessError"


@pytest.mark.parametrize(("function", "told"), [("crashing", "SIGABRT"), ("leaving", "exit status 7")])
def test_a_crash_is_one_answer_and_the_next_question_is_answered(ask: Ask, function: str, told: str) -> None:
    answer = ask(function)
    assert answer.outcome == "crash"
    assert told in answer.note
    assert ask("cosine_similarity").outcome == "value"


def test_a_crash_quotes_the_log(ask: Ask) -> None:
    answer = ask("crashing")
    assert "in crashing" in answer.log  # the traceback of faulthandler


def test_a_hang_ends_at_the_time_limit_with_its_whole_process(worker: Worker, ask: Ask) -> None:
    pid = int(worker.info.companions["pid"])
    begun = time.monotonic()
    answer = ask("hanging", timeout=0.5)
    assert answer.outcome == "hang"
    assert "0.5 s" in answer.note
    assert time.monotonic() - begun < 15
    assert not alive(pid)
    assert ask("cosine_similarity").outcome == "value"


def test_output_of_the_target_goes_to_the_log_and_not_into_the_answer(worker: Worker, ask: Ask) -> None:
    assert ask("shouting").outcome == "value"
    assert worker.log.stat().st_size > 4 << 20


def test_a_target_that_forks_is_answered_once(ask: Ask) -> None:
    for _ in range(3):
        assert ask("forking").outcome == "value"
    assert ask("wrong_shape").value is not None


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="the memory limit needs /proc (Linux)")
def test_memory_beyond_the_limit_is_an_error_and_the_worker_lives(
    fake_target: MakeTarget, about: About, tmp_path: Path
) -> None:
    with Worker.start(fake_target(), tmp_path / "log", memory=32 << 20) as worker:
        for function in ("greedy", "leaking"):
            error = worker.ask(about(function)).error
            assert error is not None
            assert "MemoryError" in (error.type, *error.bases)
        assert worker.ask(about("cosine_similarity")).outcome == "value"
        assert worker.restarts == 0
    with Worker.start(fake_target(), tmp_path / "log", memory=256 << 20) as worker:
        assert [worker.ask(about("leaking")).outcome for _ in range(6)] == ["value"] * 6


def test_large_arrays_do_not_block_the_pipe(worker: Worker) -> None:
    large = Array.of(np.arange(1 << 23, dtype=np.float64))  # 64 MiB, both ways
    assert worker.ask(Question("fake.echo", {"x": large})).value == large


def test_a_worker_killed_from_outside_is_a_crash(worker: Worker, ask: Ask) -> None:
    assert ask("cosine_similarity").outcome == "value"
    os.kill(int(worker.info.companions["pid"]), signal.SIGKILL)
    answer = ask("cosine_similarity")
    assert answer.outcome == "crash"
    assert "SIGKILL" in answer.note


def test_restarts_are_counted_and_limited(fake_target: MakeTarget, about: About, tmp_path: Path) -> None:
    with Worker.start(fake_target(), tmp_path / "log", restarts=1) as worker:
        assert worker.ask(about("leaving")).outcome == "crash"
        assert worker.ask(about("leaving")).outcome == "crash"
        assert worker.restarts == 1
        with pytest.raises(TooManyRestarts, match="fake was restarted 1 times"):
            worker.ask(about("cosine_similarity"))


@pytest.mark.parametrize(
    ("start", "told"),
    [
        ("refuse", "ImportError: this machine is too small for fakes"),
        ("exit", "SystemExit"),
        ("die", "exit status 9"),
        ("never", "not ready within 1 s"),
    ],
)
def test_a_target_that_does_not_start_says_why(
    fake_target: MakeTarget, tmp_path: Path, start: str, told: str
) -> None:
    with pytest.raises(CannotStart, match=told):
        Worker.start(fake_target(FAKE_START=start), tmp_path / "log", start_timeout=1.0)


def test_an_interpreter_that_is_none_cannot_start(fake_target: MakeTarget, tmp_path: Path) -> None:
    with pytest.raises(CannotStart, match="cannot be run"):
        Worker.start(fake_target(python=tmp_path / "python"), tmp_path / "log")


def test_a_slow_start_is_waited_for(fake_target: MakeTarget, about: About, tmp_path: Path) -> None:
    with Worker.start(fake_target(FAKE_START="slow"), tmp_path / "log") as worker:
        assert worker.ask(about("leaving")).outcome == "crash"
        # Starting again takes a second, which is not counted against the question.
        assert worker.ask(about("cosine_similarity"), timeout=0.9).outcome == "value"


def test_nothing_is_left_behind(fake_target: MakeTarget, about: About, tmp_path: Path) -> None:
    descriptors = descriptors_now()
    with Worker.start(fake_target(), tmp_path / "log") as worker:
        pid = int(worker.info.companions["pid"])
        worker.ask(about("leaving"))
        worker.ask(about("hanging"), timeout=0.3)
        worker.ask(about("cosine_similarity"))
        second = int(worker.info.companions["pid"])
    assert not alive(pid)
    assert not alive(second)
    assert descriptors_now() == descriptors
    with pytest.raises(WorkerClosed):
        worker.ask(about("cosine_similarity"))


def test_a_worker_has_an_environment_of_its_own(
    fake_target: MakeTarget, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    monkeypatch.setenv("JAX_ENABLE_X64", "1")
    monkeypatch.setenv("OMP_NUM_THREADS", "8")
    monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", "0")
    with Worker.start(fake_target(MINE="yes"), tmp_path / "log") as worker:

        def variable(name: str) -> str | None:
            data: str | None = worker.ask(Question("os.getenv", options={"key": name})).data
            return data

        assert variable("KERAS_BACKEND") is None
        assert variable("JAX_ENABLE_X64") is None
        assert variable("TF_CPP_MIN_LOG_LEVEL") == "3"
        assert variable("OMP_NUM_THREADS") == "1"
        assert variable("PYTHONHASHSEED") == "0"
        assert variable("MINE") == "yes"
        folder = Path(str(variable("KERAS_HOME")))
        assert folder.is_dir()
        assert worker.ask(Question("os.getcwd")).data == str(folder)
    assert not folder.exists()


def test_the_tool_s_own_modules_shadow_none_of_the_target(
    fake_target: MakeTarget, about: About, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "house"
    folder.mkdir()
    for name in ("worker.py", "process.py", "telling.py", "arrays.py", "execution.py", "generic_probes.py"):
        shutil.copy(process.WORKER.parent / name, folder / name)
    for name in ("json", "numbers", "signal", "client"):
        (folder / f"{name}.py").write_text("raise SystemExit('the wrong module')\n")
    monkeypatch.setattr(process, "WORKER", folder / "worker.py")
    with Worker.start(fake_target(), tmp_path / "log") as worker:
        assert worker.ask(about("cosine_similarity")).outcome == "value"


def test_close_ends_a_question_of_another_thread(
    fake_target: MakeTarget, about: About, tmp_path: Path
) -> None:
    caught: list[type[Exception]] = []
    worker = Worker.start(fake_target(), tmp_path / "log", timeout=30)

    def wait() -> None:
        try:
            worker.ask(about("hanging"))
        except WorkerClosed as error:
            caught.append(type(error))

    thread = threading.Thread(target=wait)
    thread.start()
    time.sleep(0.3)
    worker.close()
    thread.join(10)
    assert caught == [WorkerClosed]


def test_many_workers_answer_side_by_side(fake_target: MakeTarget, about: About, tmp_path: Path) -> None:
    outcomes: dict[int, list[str]] = {}

    def talk(index: int) -> None:
        with Worker.start(fake_target(), tmp_path / f"{index}.log", timeout=20) as worker:
            functions = ("cosine_similarity", "leaving", "wrong_sign")
            outcomes[index] = [worker.ask(about(name)).outcome for name in functions]

    threads = [threading.Thread(target=talk, args=(index,)) for index in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outcomes == {index: ["value", "crash", "value"] for index in range(4)}


TOOL = """
import signal, sys, time
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job starts with it ignored
from pathlib import Path
from lossproof.conformance.workers.client import Worker
from lossproof.conformance.workers.protocol import Question
from lossproof.conformance.targets.parse import Target
worker = Worker.start(Target("fake", "fake", Path(sys.executable), Path(sys.argv[1])), Path(sys.argv[2]))
print(worker.info.companions["pid"], flush=True)
worker.ask(Question("fake.hanging", options={"x1": 1, "x2": 2}), timeout=float(sys.argv[3]))
"""


@pytest.mark.parametrize("blow", [signal.SIGINT, signal.SIGTERM])
def test_a_tool_that_is_stopped_takes_its_workers_along(
    fake_target: MakeTarget, tmp_path: Path, blow: signal.Signals
) -> None:
    command = [sys.executable, "-c", TOOL, str(fake_target().adapter), str(tmp_path / "log"), "60"]
    tool = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert tool.stdout is not None
    with tool.stdout:
        pid = int(tool.stdout.readline())
    time.sleep(0.3)
    assert alive(pid)
    tool.send_signal(blow)
    tool.wait(20)
    limit = time.monotonic() + 10
    while alive(pid) and time.monotonic() < limit:
        time.sleep(0.05)
    assert not alive(pid)
