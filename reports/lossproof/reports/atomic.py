"""Files and folders that appear whole or not at all.

A folder is built beside its place under a hidden name, flushed to the disk, and renamed. What was there is
exchanged with it in one step where the system can (Linux), else moved aside first and put back on failure.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import secrets
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

_AT_FDCWD = -100
_RENAME_EXCHANGE = 2


@contextlib.contextmanager
def new_folder(place: Path) -> Iterator[Path]:
    """An empty sibling of `place` to fill; on leaving it takes the place, on any exception it is removed.

    Parents of `place` are made. Raises OSError as the system does.
    """
    place.parent.mkdir(parents=True, exist_ok=True)
    draft = _sibling(place, "partial")
    draft.mkdir()
    try:
        yield draft
        _flush_tree(draft)
        _take_place(draft, place)
        _flush(place.parent)
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise


def try_folder(place: Path) -> None:
    """Make what `new_folder` would make beside or instead of `place`, and remove it. Raises OSError as the system does.

    What is missing above `place` is made under a hidden name, so that nothing is seen to come and go.
    """
    above = place.parent
    while not above.exists() and above != above.parent:
        above = above.parent
    trial = _sibling(above / "trial", "partial")
    trial.mkdir()
    try:
        (trial / place.relative_to(above)).mkdir(parents=True)
    finally:
        shutil.rmtree(trial, ignore_errors=True)


def write_file(path: Path, data: bytes, *, executable: bool = False) -> None:
    """A new file, flushed to the disk; the process' umask applies."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o777 if executable else 0o666)
    with os.fdopen(handle, "wb") as stream:
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())


def replace_file(path: Path, data: bytes) -> None:
    """`path` with new contents: a reader sees the old file or the new one, never a part."""
    draft = _sibling(path, "partial")
    try:
        write_file(draft, data)
        draft.replace(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
    _flush(path.parent)


def _sibling(path: Path, word: str) -> Path:
    """A hidden name beside `path`; short, since that of `path` may be as long as the system allows."""
    return path.with_name(f".lossproof-{word}-{secrets.token_hex(4)}")


def _take_place(draft: Path, place: Path) -> None:
    if not place.exists():
        draft.rename(place)
    elif _exchange(draft, place):
        shutil.rmtree(draft, ignore_errors=True)  # what was in the place before
    else:
        aside = _sibling(place, "old")
        place.rename(aside)
        try:
            draft.rename(place)
        except BaseException:
            aside.rename(place)
            raise
        shutil.rmtree(aside, ignore_errors=True)


def _exchange(one: Path, other: Path) -> bool:
    """Exchange two folders in one step; False where the system or the file system cannot."""
    if not sys.platform.startswith("linux"):
        return False
    try:
        renameat2 = ctypes.CDLL(None).renameat2
    except (OSError, AttributeError):
        return False
    names = (ctypes.c_char_p(os.fsencode(one)), ctypes.c_char_p(os.fsencode(other)))
    return bool(renameat2(_AT_FDCWD, names[0], _AT_FDCWD, names[1], ctypes.c_uint(_RENAME_EXCHANGE)) == 0)


def _flush_tree(folder: Path) -> None:
    for where, _, names in os.walk(folder):
        for name in names:
            _flush(Path(where, name))
        _flush(Path(where))


def _flush(path: Path) -> None:
    """fsync a file or a folder; a system that cannot flush folders is let be."""
    try:
        handle = os.open(path, os.O_RDONLY)
    except OSError:
        return
    try:
        with contextlib.suppress(OSError) if path.is_dir() else contextlib.nullcontext():
            os.fsync(handle)
    finally:
        os.close(handle)
