"""Standard output that fails plainly: a full device or a closed pipe ends a command with an exit code of its own.

rich and click end a program on a closed pipe by themselves, with exit code 1, which says "findings" here. The error
below is none that they know.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from typing import Any, TextIO


class OutputLost(Exception):  # noqa: N818 - named for what is the case
    """Standard output took no more; `why` is the system's reason."""

    def __init__(self, problem: OSError) -> None:
        self.why = problem.strerror or str(problem)
        super().__init__(self.why)


class _Output:
    """A text stream whose write errors are `OutputLost`; text that its encoding lacks is written as escapes."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        try:
            return self._stream.write(text)
        except UnicodeEncodeError:
            encoding = self._stream.encoding or "ascii"
            return self.write(text.encode(encoding, "backslashreplace").decode(encoding))
        except OSError as problem:
            raise OutputLost(problem) from problem

    def flush(self) -> None:
        try:
            self._stream.flush()
        except OSError as problem:
            raise OutputLost(problem) from problem


@contextlib.contextmanager
def watched_output() -> Iterator[None]:
    """Standard output with its errors told as `OutputLost`, those of a last flush among them."""
    stream = sys.stdout
    if stream is None:  # the program was started without one, on purpose
        yield
        return
    watched: Any = _Output(stream)
    sys.stdout = watched
    try:
        yield
        watched.flush()
    except OutputLost:
        _discard(stream)
        raise
    finally:
        sys.stdout = stream


def _discard(stream: TextIO) -> None:
    """Send what is still buffered nowhere: the interpreter flushes once more when it ends, and would complain."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)


def tell(line: str) -> None:
    """One line on standard error; where that is gone, too, the exit code alone has to do."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        sys.stderr.write(f"lossproof: {_plain(line)}\n")
        sys.stderr.flush()


def tell_with_code(text: str) -> None:
    """A first line as `tell` writes it, then lines of code to paste, with their spaces."""
    line, _, code = text.partition("\n")
    tell(line)
    with contextlib.suppress(OSError, ValueError, AttributeError):
        for part in code.splitlines():
            sys.stderr.write(f"{part[: len(part) - len(part.lstrip())]}{_plain(part)}\n")
        sys.stderr.flush()


def _plain(line: str) -> str:
    return " ".join("".join(c if c.isprintable() else " " for c in line).split())
