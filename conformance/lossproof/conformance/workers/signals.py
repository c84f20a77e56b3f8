"""Ctrl-C and SIGTERM end a run, wherever Python happens to be when they come; so does the death of who began it."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

Progress = Callable[[str, int, int, str], None]
"""Called with target, cells done, cells in all, and what is being judged."""

DONE, FAILED = "done", "could not be started"
"""The activity of a target that has ended: its clock stops and, where lines are few, it is only counted."""
SIGNALS = (signal.SIGINT, signal.SIGTERM)
AGAIN = 5.0
"""Seconds that an orphaned process has for cleaning up before it is told to end once more."""


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


def end_with_parent() -> None:
    """Have this process, one that `multiprocessing` started, end with its parent, however that dies.

    It gets SIGTERM: the first interrupts what is `interruptible`, the next ends the process once that is over. Of
    a parent that is killed nothing else tells: a pool's idle process waits for ever, and so does a manager's.
    """
    parent = multiprocessing.parent_process()
    if parent is None:
        return

    def watch() -> None:
        parent.join()
        while True:
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(AGAIN)

    threading.Thread(target=watch, name="ends with its parent", daemon=True).start()
