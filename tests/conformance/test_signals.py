# ruff: noqa: PT012 - a signal comes from inside the block that it ends
"""A signal ends a run even where Python swallows the KeyboardInterrupt that it raises."""

from __future__ import annotations

import gc
import os
import signal
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from lossproof.conformance.workers.signals import SIGNALS, interruptible


def nothing(*_: Any) -> None:
    """A progress that shows nothing."""


@pytest.fixture(autouse=True)
def heeded() -> Iterator[None]:
    """Signals are heeded; a shell starts what runs in its background with SIGINT ignored."""
    handlers = {signal.SIGINT: signal.default_int_handler}
    before = {which: signal.signal(which, handlers.get(which, signal.SIG_DFL)) for which in SIGNALS}
    yield
    for which, handler in before.items():
        signal.signal(which, handler)


@pytest.mark.parametrize("which", SIGNALS)
def test_a_signal_raises_at_once(which: signal.Signals) -> None:
    with pytest.raises(KeyboardInterrupt), interruptible(nothing):
        os.kill(os.getpid(), which)
        raise AssertionError("the signal raised nothing")


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("which", SIGNALS)
def test_a_signal_swallowed_by_the_garbage_collector_raises_at_the_next_step(which: signal.Signals) -> None:
    def callback(phase: str, _: Any) -> None:
        if phase == "start":
            os.kill(os.getpid(), which)

    steps = []
    with pytest.raises(KeyboardInterrupt), interruptible(lambda *what: steps.append(what)) as progress:
        progress("t", 0, 2, "before")
        gc.callbacks.append(callback)
        try:
            gc.collect()
        finally:
            gc.callbacks.remove(callback)
        progress("t", 1, 2, "after")
    assert [step[3] for step in steps] == ["before"]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_one_swallowed_in_the_last_step_raises_at_the_end() -> None:
    class Last:
        def __del__(self) -> None:
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt), interruptible(nothing):
        last = Last()
        del last


def test_another_thread_only_reports() -> None:
    def elsewhere(progress: Callable[..., None], seen: list[BaseException]) -> None:
        try:
            progress("t", 0, 1, "")
        except BaseException as error:
            seen.append(error)

    seen: list[BaseException] = []
    with pytest.raises(KeyboardInterrupt), interruptible(nothing) as progress:
        try:
            os.kill(os.getpid(), signal.SIGINT)
        finally:
            thread = threading.Thread(target=elsewhere, args=(progress, seen))
            thread.start()
            thread.join()
    assert seen == []


def test_handlers_are_put_back_and_an_ignored_signal_stays_ignored() -> None:
    before = [signal.getsignal(which) for which in SIGNALS]
    ignoring = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with interruptible(nothing):
            os.kill(os.getpid(), signal.SIGINT)
    finally:
        signal.signal(signal.SIGINT, ignoring)
    assert [signal.getsignal(which) for which in SIGNALS] == before
