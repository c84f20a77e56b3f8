"""Temporary folders that outlive nobody: what a killed process leaves is removed when the next one starts."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
import weakref
from functools import cache
from pathlib import Path

PREFIX = "lossproof-"
LOCK = "lock"


class Scratch:
    """A temporary folder, `path`, that goes with `close`, with the object or, after a SIGKILL, with the next Scratch.

    A locked file beside it says that its process lives: the kernel unlocks the file when the process dies, however it
    does. Raises OSError where no folder can be made.
    """

    def __init__(self, purpose: str) -> None:
        sweep(Path(tempfile.gettempdir()))
        self._whole = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{purpose}-"))
        new = self._whole / f"{LOCK}.new"
        lock = os.open(new, os.O_CREAT | os.O_RDWR, 0o600)
        fcntl.flock(lock, fcntl.LOCK_EX)
        new.rename(self._whole / LOCK)  # locked from the first moment that a sweep can see it
        self._remove = weakref.finalize(self, _remove, self._whole, lock)
        self.path = self._whole / purpose
        self.path.mkdir()

    def close(self) -> None:
        """Remove the folder, once."""
        self._remove()

    def __enter__(self) -> Path:
        return self.path

    def __exit__(self, *_: object) -> None:
        self.close()


def _remove(folder: Path, lock: int) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    os.close(lock)


@cache
def sweep(folder: Path) -> None:
    """Remove the temporary folders in `folder` whose process has died; looked for once a process."""
    for found in folder.glob(f"{PREFIX}*/{LOCK}"):
        with contextlib.suppress(OSError):  # another user's, or gone meanwhile
            lock = os.open(found, os.O_RDWR | os.O_NOFOLLOW)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(found.parent, ignore_errors=True)
            finally:
                os.close(lock)
