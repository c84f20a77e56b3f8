"""Progress on a terminal, one line a target; numbers are never cut, whatever the width.

A line gives up what matters least first: the words, the bar, then the middle of the target's name.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from rich.cells import cell_len, chop_cells, set_cell_size
from rich.console import Console, ConsoleOptions, RenderResult
from rich.text import Text

from lossproof.conformance.workers.signals import DONE, FAILED
from lossproof.reports.pages.terminal import plain

HINT = "Ctrl-C ends the run and keeps nothing"
HINT_AFTER = 20.0
"""Seconds after which a run says what Ctrl-C would cost."""
SHORTEST_NAME = 12
BAR, SHORTEST_BAR = 20, 6
SHORTEST_WORDS = 12
SPARE_LINES = 2
"""Lines of the terminal that the progress leaves free: the hint's and the cursor's."""


@dataclass(frozen=True)
class Line:
    """How far one target is."""

    target: str
    done: int
    total: int
    """0 while it is not known"""
    words: str
    begun: float
    ended: float | None = None

    @property
    def count(self) -> str:
        """ " 23/348", as long as it will be at the end; "" while the total is not known."""
        return f"{self.done:>{len(str(self.total))}}/{self.total}" if self.total else ""

    def elapsed(self, now: float) -> str:
        """ "0:01:23"."""
        seconds = int((now if self.ended is None else self.ended) - self.begun)
        return f"{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}"


@dataclass(frozen=True)
class Widths:
    """Columns of every line; 0 for what has no room."""

    name: int
    bar: int
    count: int
    elapsed: int
    words: int


def widths(lines: Sequence[Line], room: int, now: float) -> Widths:
    """How `room` columns are shared: the numbers have what they need, then the names, the bar, the words."""
    count = max((len(line.count) for line in lines), default=0)
    elapsed = max((len(line.elapsed(now)) for line in lines), default=0)
    left = room - elapsed - (count + 1 if count else 0)
    name = min(max((cell_len(line.target) for line in lines), default=0), left - 1)
    left -= name + 1
    bar = min(BAR, left - 1) if count else 0
    if left - bar - 2 < SHORTEST_WORDS and left - SHORTEST_BAR - 2 >= SHORTEST_WORDS:
        bar = SHORTEST_BAR
    bar = bar if bar >= SHORTEST_BAR else 0
    left -= bar + 1 if bar else 0
    return Widths(max(name, 0), bar, count, elapsed, left - 1 if left - 1 >= SHORTEST_WORDS else 0)


def shortened(name: str, room: int) -> str:
    """The name, its middle left out where it takes more than `room` columns: framework and mode say most."""
    if cell_len(name) <= room:
        return name
    if room <= 1:
        return "…"[:room]
    end = (room - 1) // 2
    tail = chop_cells(name[::-1], end)[0][::-1] if end else ""
    return f"{chop_cells(name, room - 1 - end)[0]}…{tail}"


class Board:
    """The lines of all targets; made anew each time that it is drawn, so that it follows the window's width."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._begun = clock, clock()
        self._lines: dict[str, Line] = {}
        self._lock = threading.Lock()

    def tell(self, target: str, done: int, total: int, doing: str) -> None:
        """Take news of a target, from any thread."""
        now = self._clock()
        with self._lock:
            line = self._lines.get(target) or Line(plain(target), 0, 0, "", now)
            ended = now if doing in (DONE, FAILED) else None
            self._lines[target] = replace(line, done=done, total=total, words=plain(doing), ended=ended)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Yield the lines that rich prints."""
        now = self._clock()
        with self._lock:
            lines = list(self._lines.values())
        if len(lines) > (most := max(options.size.height - SPARE_LINES, 2)):
            running = [line for line in lines if line.ended is None][: most - 1]
            yield Text(f"{len(lines) - len(running)} targets more", style="dim", no_wrap=True)
            lines = running
        room = widths(lines, options.max_width, now)
        for line in lines:
            yield _drawn(line, room, now)
        if now - self._begun >= HINT_AFTER:
            yield Text(HINT, style="dim", overflow="fold")


def _drawn(line: Line, room: Widths, now: float) -> Text:
    parts = [Text(set_cell_size(shortened(line.target, room.name), room.name))]
    if room.bar:
        parts.append(_bar(line, room.bar))
    if room.count:
        parts.append(Text(line.count.rjust(room.count), style="green"))
    parts.append(Text(line.elapsed(now).rjust(room.elapsed), style="yellow"))
    if room.words:
        words = Text(line.words, style="dim")
        words.truncate(room.words, overflow="ellipsis")
        parts.append(words)
    return Text(" ", no_wrap=True, overflow="ignore").join(part for part in parts if part.plain)


def _bar(line: Line, room: int) -> Text:
    full = room * line.done // line.total if line.total else 0
    return Text("━" * full, style="magenta") + Text("─" * (room - full), style="dim")
