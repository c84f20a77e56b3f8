"""The tool's side of the pipe: starts a worker, puts questions, survives whatever happens to it.

A worker that dies or hangs costs one answer, `crash` or `hang`; the next question starts a new one. Nothing
of the framework is imported here. Needs POSIX process groups and poll (Linux, macOS).
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import signal
import struct
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from lossproof.conformance.targets.model import Target, TargetUnavailable
from lossproof.conformance.workers.process import GRACE, Died, Garbled, Late, Process
from lossproof.conformance.workers.protocol import READABLE, Answer, Array, Ending, ErrorInfo, Question
from lossproof.conformance.workers.scratch import Scratch

TAIL = 2000
"""Bytes of the log quoted in a note."""
TIMEOUT = 20.0
"""Seconds that a call may take."""
FIRST_CALLS = 12
"""How many times longer a first call may take: what compiles does so then."""

OURS = "lossproof: "
"""How a line of the log begins that the tool writes."""


class WorkerError(RuntimeError):
    """A target that cannot be asked (any more)."""


class CannotStart(WorkerError, TargetUnavailable):  # noqa: N818
    """The target did not start: its interpreter, adapter or framework failed. The message quotes the log."""


class TooManyRestarts(WorkerError):  # noqa: N818
    """The target crashed or hung more often than it may."""


class NoSuchMode(WorkerError):  # noqa: N818
    """The target has no mode of the name that is asked for."""


class WorkerClosed(WorkerError):  # noqa: N818
    """`close` was called while a question was under way, or before it."""


@dataclass(frozen=True)
class WorkerInfo:
    """A worker's account of itself; `modes` and `devices`: the default first; `companions`: versions by package."""

    framework: str
    version: str
    companions: Mapping[str, str]
    backend: str
    python: str
    numpy: str
    modes: tuple[str, ...]
    devices: tuple[str, ...]


class Worker:
    """A target that answers questions, one at a time; a context manager, safe to use from several threads.

    `timeout` is the seconds that a call may take, `first_timeout` those of a first call, in which the target may
    compile, `start_timeout` those of a start; `memory` is bytes of address space above what the idle worker has
    (None: no limit), `restarts` how often a dead worker is replaced. Output of the target goes to `log`, and how each
    worker ended.
    """

    def __init__(
        self,
        target: Target,
        log: Path,
        *,
        timeout: float = TIMEOUT,
        first_timeout: float | None = None,
        start_timeout: float = 180.0,
        memory: int | None = 4 << 30,
        restarts: int = 50,
    ) -> None:
        self.target = target
        self.log = log
        self.timeout = timeout
        self.first_timeout = FIRST_CALLS * timeout if first_timeout is None else first_timeout
        self.start_timeout = start_timeout
        self.memory = memory
        self.limit = restarts
        self.restarts = 0
        self._lock = threading.Lock()
        self._closed = False
        self._process: Process | None = None
        self._scratch = Scratch("worker")
        self._info: WorkerInfo | None = None

    @classmethod
    def start(cls, target: Target, log: Path, **limits: Any) -> Worker:
        """A worker that is ready to answer; `limits` are those of the class. Raises `CannotStart`."""
        worker = cls(target, log, **limits)
        try:
            log.parent.mkdir(parents=True, exist_ok=True)
            worker._begin()
        except BaseException:
            worker.close()
            raise
        return worker

    @property
    def info(self) -> WorkerInfo:
        """The target's account of itself when it started."""
        assert self._info is not None, "a worker is made with Worker.start"
        return self._info

    def ask(self, question: Question, timeout: float | None = None, first: bool = False) -> Answer:
        """Put one question; every fault of the target is an answer. A `first` call may take `first_timeout`.

        Raises TooManyRestarts, CannotStart (a restart failed) or WorkerClosed.
        """
        usual = self.first_timeout if first else self.timeout
        seconds = usual if timeout is None else timeout
        with self._lock:
            if self._closed:
                raise WorkerClosed(f"the worker of {self.target.name} is closed")
            process = self._process or self._restart()
            begun, number = time.monotonic(), secrets.token_hex(8)
            try:
                message = self._encode(question, number, seconds)
                header, buffers = process.exchange(message, number, begun + seconds)
            except Late:
                return self._ended("hang", f"no answer within {seconds:g} s", begun)
            except Garbled:
                why = "something that the target ran wrote to the worker's own pipe"
                return self._ended("crash", f"the answer cannot be read: {why}", begun)
            except Died:
                note, tail = self._how_it_died(process.popen), self._tail()
                if self._closed:
                    self._stop()
                    raise WorkerClosed(f"the worker of {self.target.name} was closed") from None
                return self._ended("crash", note, begun, tail)
            except BaseException:  # Ctrl-C: the conversation is in an unknown state
                self._stop()
                raise
            return decode(header, buffers)

    def close(self) -> None:
        """End the worker, from any thread; a question under way raises WorkerClosed in its own."""
        self._closed = True
        process = self._process
        if process is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.popen.pid, signal.SIGKILL)
        with self._lock:
            self._stop()
        self._scratch.close()

    def _ended(self, outcome: Ending, note: str, begun: float, tail: str = "") -> Answer:
        """The answer where none came; the log says so too."""
        self._stop()
        with contextlib.suppress(OSError), self.log.open("a") as log:
            log.write(f"{OURS}{outcome}: {note}\n")
        return Answer(outcome, note=note, log=tail, seconds=time.monotonic() - begun)

    def __enter__(self) -> Worker:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _begin(self) -> Process:
        """Start the process and hear its introduction."""
        try:
            process = Process(self.target, self.log, self._scratch.path, self.start_timeout)
        except OSError as error:
            raise CannotStart(f"{self.target.name}: {self.target.python} cannot be run: {error}") from error
        self._process = process
        if self._closed:  # from another thread, meanwhile
            self._stop()
            raise WorkerClosed(f"the worker of {self.target.name} was closed")
        try:
            header, _ = process.exchange((), "", time.monotonic() + self.start_timeout)
        except Late:
            self._stop()
            raise CannotStart(
                f"{self.target.name}: not ready within {self.start_timeout:g} s", self._tail()
            ) from None
        except (Died, Garbled):
            note, tail = self._how_it_died(process.popen), self._tail()
            self._stop()
            raise CannotStart(f"{self.target.name}: {note}", tail) from None
        except BaseException:
            self._stop()
            raise
        if header["outcome"] != "value":
            self._stop()
            problem = header["error"]
            raise CannotStart(f"{self.target.name}: {problem['type']}: {problem['message']}", self._tail())
        info = header["info"]
        self._info = WorkerInfo(**(info | {name: tuple(info[name]) for name in ("modes", "devices")}))
        return process

    def _restart(self) -> Process:
        if self.restarts >= self.limit:
            raise TooManyRestarts(
                f"{self.target.name} was restarted {self.restarts} times and died again; see {self.log}"
            )
        self.restarts += 1
        return self._begin()

    def _stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process = None

    def _encode(self, question: Question, number: str, seconds: float) -> list[bytes]:
        header = {
            "number": number,
            "verb": question.verb,
            "api": question.api,
            "mode": question.mode,
            "device": question.device,
            "wrt": question.wrt,
            "probe": question.probe,
            "init": None if question.init is None else dict(question.init),
            "options": dict(question.options),
            "positional": question.positional,
            "arrays": [
                {"name": name, "dtype": a.dtype, "shape": a.shape, "form": a.form, "layout": a.layout}
                for name, a in question.arrays.items()
            ],
            "memory": self.memory,
            "seconds": seconds + GRACE,
            "buffers": [len(array.data) for array in question.arrays.values()],
        }
        text = json.dumps(header).encode("ascii")
        return [struct.pack("<Q", len(text)), text, *(array.data for array in question.arrays.values())]

    def _how_it_died(self, popen: subprocess.Popen[bytes]) -> str:
        """Signal or exit status of a dead worker."""
        try:
            status = popen.wait(timeout=2.0)
        except subprocess.TimeoutExpired:
            return "the worker closed its pipe"
        how = f"exit status {status}"
        if status < 0:
            name = signal.Signals(-status).name if -status in set(signal.Signals) else "unknown"
            how = f"signal {-status} ({name})"
        return f"the worker died: {how}"

    def _tail(self) -> str:
        """The last lines of the log, for a message."""
        try:
            with self.log.open("rb") as file:
                file.seek(max(0, file.seek(0, os.SEEK_END) - TAIL))
                lines = file.read().decode("utf-8", "replace").splitlines()
        except OSError:
            return ""
        return "\n".join(line for line in lines if not line.startswith(OURS)).strip()


def decode(header: Mapping[str, Any], buffers: Sequence[bytes]) -> Answer:
    """The answer in a header and its buffers."""
    value, error = header.get("value"), header.get("error")
    array = Array(buffers[0], value["dtype"], tuple(value["shape"])) if value else None
    unreadable = array.dtype if array is not None and array.dtype not in READABLE else ""
    note = f"returned an array of dtype {unreadable}" if unreadable else ""
    return Answer(
        outcome=header["outcome"],
        value=None if unreadable else array,
        unreadable=unreadable,
        data=header.get("data"),
        type=header.get("type", ""),
        bases=tuple(header.get("bases", ())),
        error=ErrorInfo(**(error | {"bases": tuple(error["bases"])})) if error else None,
        changed=tuple(header.get("changed", ())),
        printed=header.get("printed", ""),
        note=header.get("note", note),
        seconds=header.get("seconds", 0.0),
    )
