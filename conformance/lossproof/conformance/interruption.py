"""Ctrl-C and SIGTERM end a run, wherever Python happens to be when they come."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

Progress = Callable[[str, int, int, str], None]
"""Called with target, cells done, cells in all, and what is being judged."""

SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def interruptible(progress: Progress) -> Iterator[Progress]:
    """A progress that raises KeyboardInterrupt once one of the signals has come.

    The signal itself raises it too; but in a callback of the garbage collector (Hypothesis has one) or a destructor
    Python prints the exception and goes on, and the run with it. A signal that is ignored stays ignored. For the main
    thread only, the one that runs signal handlers; calls from others are passed on.
    """
    came = threading.Event()

    def end(*_: Any) -> None:
        came.set()
        raise KeyboardInterrupt

    def checked(target: str, done: int, total: int, doing: str) -> None:
        if came.is_set() and threading.current_thread() is threading.main_thread():
            raise KeyboardInterrupt
        progress(target, done, total, doing)

    before = {which: signal.getsignal(which) for which in SIGNALS}
    for which, handler in before.items():
        if handler is not signal.SIG_IGN:
            signal.signal(which, end)
    try:
        yield checked
        if came.is_set():
            raise KeyboardInterrupt
    finally:
        for which, handler in before.items():
            signal.signal(which, handler)
