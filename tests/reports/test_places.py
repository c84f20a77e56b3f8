"""Places of a run folder: one that cannot be written is refused before a run; links are followed with care."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from lossproof import reports
from lossproof.reports.pages import comparison, timeline

from . import make


def on_a_file(folder: Path) -> Path:
    (folder / "file").write_text("")
    return folder / "file" / "run"


def below_a_file(folder: Path) -> Path:
    return on_a_file(folder) / "a" / "run"


def dangling(folder: Path) -> Path:
    (folder / "link").symlink_to(folder / "unmounted")
    return folder / "link"


def below_dangling(folder: Path) -> Path:
    return dangling(folder) / "run"


def looping(folder: Path) -> Path:
    (folder / "link").symlink_to("link")
    return folder / "link" / "run"


IMPOSSIBLE = {
    "on a file": (on_a_file, "not a directory"),
    "below a file": (below_a_file, "not a directory"),
    "a file": (lambda folder: on_a_file(folder).parent, "a file of that name exists"),
    "a device": (lambda folder: Path("/dev/null"), "a file of that name exists"),
    "below a device": (lambda folder: Path("/dev/null/run"), "not a directory"),
    "a name too long": (lambda folder: folder / ("x" * 300), "file name too long"),
    "a parent's name too long": (lambda folder: folder / ("x" * 300) / "run", "file name too long"),
    "where nothing can be made": (lambda folder: Path("/proc/lossproof-run"), "no such file"),
    "a dangling link": (dangling, "a link that leads nowhere"),
    "below a dangling link": (below_dangling, "a link that leads nowhere"),
    "a link to itself": (looping, "a link that leads nowhere"),
}


@pytest.mark.parametrize("which", IMPOSSIBLE)
@pytest.mark.parametrize("check", [reports.check_out, comparison.check_out, timeline.check_out])
def test_a_place_that_cannot_be_written_is_refused_before_a_run(
    which: str, check: Callable[[Path], None], tmp_path: Path
) -> None:
    place, why = IMPOSSIBLE[which]
    out = place(tmp_path)
    if str(out).startswith("/proc") and not Path("/proc/self").exists():
        pytest.skip("the system has no /proc")
    before = sorted(tmp_path.rglob("*"))
    if check is not reports.check_out and "of that name" in why:
        why = "it holds files"
    with pytest.raises(reports.OutRefused, match=why) as refused:
        check(out)
    assert "--out" in refused.value.todo
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.skipif(os.geteuid() == 0, reason="a superuser may write anywhere")
def test_a_folder_without_permission_is_refused_before_a_run(tmp_path: Path) -> None:
    (tmp_path / "closed").mkdir(mode=0o500)
    with pytest.raises(reports.OutRefused, match="permission denied"):
        reports.check_out(tmp_path / "closed" / "run")


def test_looking_at_a_place_leaves_nothing_there(tmp_path: Path) -> None:
    for out in (tmp_path / "run", tmp_path / "a" / "b" / "run", tmp_path / ("x" * 255)):
        for check in (reports.check_out, comparison.check_out, timeline.check_out):
            check(out)
    assert list(tmp_path.iterdir()) == []
    assert make.write(tmp_path / ("x" * 255)).is_dir()


def test_a_link_to_a_folder_is_followed_when_a_run_is_written(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "link").symlink_to("elsewhere")
    make.write(tmp_path / "link")
    assert (tmp_path / "elsewhere" / "run.json").is_file()
    assert (tmp_path / "link").is_symlink()


def test_a_link_among_the_reproducers_is_not_followed(tmp_path: Path) -> None:
    run = make.write(tmp_path / "run")
    (tmp_path / "secret").write_text("root:x:0:0")
    (run / "reproducers" / "evil.py").symlink_to(tmp_path / "secret")
    with pytest.raises(reports.NoRun, match=r"evil\.py is a link"):
        reports.render(run)
    assert "root:x" not in (run / "report.html").read_text()
