"""Progress lines: every frame holds its numbers whole, whatever the width, the names and the news."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from rich.live import Live

from lossproof.conformance.cli.progress import DONE, FAILED, HINT, HINT_AFTER, Board
from lossproof.conformance.runs.run import Plan, judge_targets

from .fake_sessions import DATA, target

NAMES = (
    "keras[tensorflow]==3.15.1:graph",
    "mlx",
    "/home/somebody/environments/torch-1.12/bin/python",
    "漢字" * 20,
)
DOING = "mlx.nn.losses.cosine_similarity_loss gradient/nearly_orthogonal/float32/axis=0,reduction=sum,wrt=x1"
TOTAL = 54321


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def frame(board: Board, width: int, height: int = 25) -> list[str]:
    """The lines that one drawing of the board leaves on a terminal of this size, cropped as rich does it."""
    stream = io.StringIO()
    Console(file=stream, width=width, height=height, force_terminal=True, color_system=None).print(board)
    return stream.getvalue().splitlines()


def frames(width: int) -> Iterator[tuple[list[str], list[tuple[int, str]]]]:
    """Frames of a run of four targets, each with the (done, elapsed) that it must show."""
    clock = Clock()
    board = Board(clock)
    for done in (0, 1, 99, 1000, 12345, TOTAL - 1, TOTAL):
        told = []
        for number, name in enumerate(NAMES):
            board.tell(name, min(done + number, TOTAL), TOTAL, DOING)
            seconds = int(clock.now - 1000)
            elapsed = f"{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}"
            told.append((min(done + number, TOTAL), elapsed))
        yield frame(board, width), told
        clock.now += 1237.0


@pytest.mark.parametrize("width", [24, 40, 60, 80, 120])
def test_every_frame_holds_its_numbers_whole(width: int) -> None:
    seen = 0
    for lines, told in frames(width):
        for line, (done, elapsed) in zip(lines, told, strict=False):
            assert f"{done}/{TOTAL}" in line
            assert elapsed in line
            seen += 1
        assert len(lines) in (len(told), len(told) + 1, len(told) + 2)  # the hint may take two lines
    assert seen == 28


@pytest.mark.parametrize("width", [40, 60, 80, 120])
def test_no_line_is_wider_than_the_terminal_and_the_columns_stand_below_each_other(width: int) -> None:
    from rich.cells import cell_len

    for lines, told in frames(width):
        places = set()
        for line, (done, elapsed) in zip(lines, told, strict=False):
            assert cell_len(line) <= width
            places.add(cell_len(line[: line.index(elapsed)]))
            assert f"{done}/{TOTAL} {elapsed}" in line
        assert len(places) == 1


def one(width: int, name: str = NAMES[0]) -> str:
    board = Board(Clock())
    board.tell(name, 12345, TOTAL, DOING)
    (line,) = frame(board, width)
    return line


def test_words_go_first_then_the_bar_then_the_middle_of_the_name() -> None:
    wide, middle, narrow, least = one(120), one(80), one(60), one(40)
    assert all(part in wide for part in (NAMES[0], "━", "mlx.nn.losses"))
    assert all(part in middle for part in (NAMES[0], "━"))
    assert NAMES[0] in narrow
    assert "mlx" not in narrow
    assert "━" not in least
    assert least.startswith("keras[")
    assert ":graph" in least
    assert "…" in least


def test_a_bar_is_never_shorter_than_six() -> None:
    for width in range(25, 130):
        bar = re.findall("[━─]+", one(width))
        assert not bar or 6 <= len(bar[0]) <= 20
    assert re.findall("[━─]+", one(80, "mlx"))


def test_news_without_numbers_has_room_for_its_words() -> None:
    board = Board(Clock())
    board.tell(NAMES[0], 0, 0, "installing numpy")
    (line,) = frame(board, 60)
    assert "installing numpy" in line
    assert "0:00:00" in line
    assert "/" not in line


def test_the_hint_comes_once_the_run_is_long() -> None:
    clock = Clock()
    board = Board(clock)
    board.tell("mlx", 1, 348, DOING)
    clock.now += HINT_AFTER - 1
    assert HINT not in frame(board, 40)
    clock.now += 1
    assert frame(board, 40)[-1] == HINT


def test_the_clock_of_a_target_runs_until_it_is_done() -> None:
    clock = Clock()
    board = Board(clock)
    board.tell("mlx", 348, 348, "reducing witnesses")
    clock.now += 65
    assert "0:01:05" in frame(board, 80)[0]
    board.tell("mlx", 348, 348, DONE)
    clock.now += 65
    assert "0:01:05" in frame(board, 80)[0]


def test_more_targets_than_lines_are_counted() -> None:
    clock = Clock()
    board = Board(clock)
    for i in range(30):
        board.tell(f"torch=={i}", 1, TOTAL, DOING if i % 10 == 0 else DONE)
    lines = frame(board, 80, height=10)
    assert lines[0] == "27 targets more"
    assert [line.split()[0] for line in lines[1:]] == ["torch==0", "torch==10", "torch==20"]


def test_text_of_a_target_cannot_steer_the_terminal() -> None:
    board = Board(Clock())
    board.tell("evil\x1b[2J", 1, 10, "words\x1b[31m")
    assert "\x1b" not in "".join(frame(board, 120))


@pytest.mark.parametrize("no_color", [False, True])
def test_no_style_reaches_a_terminal_where_none_is_wanted(monkeypatch: Any, no_color: bool) -> None:
    from lossproof.reports.pages.console import new_console

    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("NO_COLOR", "1" if no_color else "")
    stream = io.StringIO()
    board = Board(Clock())
    with Live(board, console=new_console(stream), auto_refresh=False, transient=True) as live:
        board.tell("mlx", 1, 348, DOING)
        live.refresh()
    assert bool(re.search(r"\x1b\[[0-9;]*m", stream.getvalue())) is not no_color


def test_a_target_tells_when_it_is_done_and_when_it_did_not_start(tmp_path: Path) -> None:
    ledger = tmp_path / "ledger.yaml"
    ledger.write_text("findings: []\n")
    plan = Plan(("faulty.CosineLoss",), ("dtype",), 1, specs=DATA, ledger=ledger)
    news: list[tuple[str, int, int, str]] = []
    good, bad = target(), replace(target(FAKE_START="refuse"), name="bad")
    judge_targets([good, bad], plan, 1, lambda *told: news.append(told))
    of_good = [told for told in news if told[0] == good.name]
    assert of_good[-1] == (good.name, of_good[-2][2], of_good[-2][2], DONE)
    assert of_good[-1][2] > 0
    assert news[-1] == ("bad", 0, 0, FAILED)
