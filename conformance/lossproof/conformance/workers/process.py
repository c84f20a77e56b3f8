"""One run of a worker: its process, the pipes to it, and the messages on them."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import struct
import subprocess
import time
import weakref
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lossproof.conformance.targets.model import Target
from lossproof.conformance.workers.environment import environment
from lossproof.specs.frameworks import adapter_folders

WORKER = Path(__file__).with_name("remote") / "worker.py"
GRACE = 30.0
"""Seconds after its time limit at which the kernel ends a worker that nobody waits for any more."""
TICK = 0.1
"""Seconds between two looks at whether a silent worker still lives."""
LARGEST_HEADER = 1 << 26
"""Bytes; a longer header is none of the worker's."""


class Died(Exception):  # noqa: N818
    """The pipe broke: the worker has died."""


class Late(Exception):  # noqa: N818
    """No answer within the time limit."""


class Garbled(Exception):  # noqa: N818
    """The bytes that came through the pipe are no message: the target wrote to it."""


class Process:
    """One run of worker.py: a process in a session of its own, and our ends of the pipes to it.

    Nothing is written to the lifeline. It hangs up when this process ends, and the kernel then ends the worker.
    """

    def __init__(self, target: Target, log: Path, scratch: Path, start_timeout: float) -> None:
        questions_read, self.writing = os.pipe()
        self.reading, answers_write = os.pipe()
        lifeline_read, lifeline = os.pipe()
        theirs, ours = (questions_read, answers_write, lifeline_read), (self.reading, self.writing, lifeline)
        command = [str(target.python), str(WORKER), "--adapter", str(target.adapter)]
        folders = {name: str(folder) for name, folder in adapter_folders().items()}
        command += ["--frameworks", json.dumps(folders)]
        command += ["--read-fd", str(questions_read), "--write-fd", str(answers_write)]
        command += ["--lifeline-fd", str(lifeline_read), "--seconds", str(start_timeout + GRACE)]
        try:
            with log.open("ab") as output:
                self.popen = subprocess.Popen(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    cwd=scratch,
                    env=environment(target, scratch),
                    pass_fds=theirs,
                    start_new_session=True,
                )
        except BaseException:
            _close(ours)
            raise
        finally:
            _close(theirs)
        os.set_blocking(self.reading, False)
        os.set_blocking(self.writing, False)
        self.kill = weakref.finalize(self, _end, self.popen, ours)

    def exchange(
        self, message: Sequence[bytes], number: str, deadline: float
    ) -> tuple[dict[str, Any], list[bytes]]:
        """Send the parts of a message (none: only listen), return header and buffers of the answer with its number."""
        for part in message:
            view = memoryview(part)
            while view:
                self._wait(self.writing, select.POLLOUT, deadline)
                try:
                    view = view[os.write(self.writing, view[: 1 << 20]) :]
                except BlockingIOError:
                    continue
                except BrokenPipeError:
                    raise Died from None
        while True:
            header, buffers = self._message(deadline)
            if header.get("number", "") == number:
                return header, buffers
            if time.monotonic() > deadline:
                raise Late

    def _message(self, deadline: float) -> tuple[dict[str, Any], list[bytes]]:
        size = struct.unpack("<Q", self._read(8, deadline))[0]
        if size > LARGEST_HEADER:
            raise Garbled
        try:
            header = json.loads(self._read(size, deadline))
            counts = [int(count) for count in header["buffers"]]
        except (ValueError, TypeError, KeyError, RecursionError):
            raise Garbled from None
        return header, [self._read(count, deadline) for count in counts]

    def _read(self, count: int, deadline: float) -> bytes:
        parts = bytearray()
        while len(parts) < count:
            self._wait(self.reading, select.POLLIN, deadline)
            try:
                part = os.read(self.reading, min(count - len(parts), 1 << 20))
            except BlockingIOError:
                continue
            if not part:
                raise Died
            parts += part
        return bytes(parts)

    def _wait(self, descriptor: int, event: int, deadline: float) -> None:
        """Return when the descriptor is ready; its own children may keep a dead worker's pipe open."""
        poll = select.poll()
        poll.register(descriptor, event)
        while True:
            dead = self.popen.poll() is not None
            left = deadline - time.monotonic()
            if poll.poll(max(0.0, min(left, TICK)) * 1000 if not dead else 0):
                return
            if dead:
                raise Died
            if left <= 0:
                raise Late


def _end(popen: subprocess.Popen[bytes], descriptors: Sequence[int]) -> None:
    """Kill the worker with all its children, reap it and close the pipes."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(popen.pid, signal.SIGKILL)
    popen.wait()
    _close(descriptors)


def _close(descriptors: Sequence[int]) -> None:
    for descriptor in descriptors:
        os.close(descriptor)
