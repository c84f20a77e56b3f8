"""Where output may go: the checks of a place before hours of work, and the advice once writing failed."""

from __future__ import annotations

import errno
import os
from pathlib import Path

from lossproof.reports.atomic import try_folder
from lossproof.reports.errors import OutRefused
from lossproof.reports.guarded import clean
from lossproof.reports.store import FILES, FOLDERS, says_complete


def check_out(out: Path) -> None:
    """Raise OutRefused if a run could not be written to `out`, or only over somebody's files.

    Ask before a run starts, so that five minutes of work are not lost at its end. A missing folder, an empty
    one and a run folder (which a new run replaces) are accepted. A folder is made beside it and removed, since
    nothing else tells whether the system would allow it.
    """
    out = real_place(out, "run")
    try_place(out, "run")
    if not out.exists():
        return
    todo = "Name another folder with --out, or move this one away"
    if not out.is_dir():
        raise OutRefused(f"cannot write the run to {out}", "a file of that name exists", todo)
    names = sorted(entry.name for entry in out.iterdir())
    if not names:
        return
    if not says_complete(out / "run.json"):
        raise OutRefused(
            f"cannot write the run to {out}", "the folder exists, is not empty and holds no run", todo
        )
    if foreign := [name for name in names if name not in FILES and name not in FOLDERS]:
        raise OutRefused(
            f"cannot replace the run in {out}",
            f"the folder also holds files that no run wrote ({', '.join(foreign[:3])})",
            todo,
        )


def real_place(out: Path, what: str) -> Path:
    """`out` with links followed. OutRefused for a link that leads nowhere: what it meant is not there now."""
    for place in (out, *out.parents):
        if os.path.islink(place) and not os.path.exists(place):  # noqa: PTH114, PTH110 - they raise nothing
            raise OutRefused(
                f"cannot write the {what} to {out}",
                f"{place} is a link that leads nowhere",
                "Name another folder with --out, or mend the link",
            )
    return Path(os.path.realpath(out))


def try_place(out: Path, what: str) -> None:
    """Raise OutRefused where the system would not let a folder take the place."""
    try:
        try_folder(out)
    except OSError as problem:
        raise OutRefused(
            f"cannot write the {what} to {out}",
            clean(problem.strerror or str(problem)).lower(),
            "Name another folder with --out",
        ) from problem


def room_or_place(problem: OSError) -> str:
    """Advice for a folder that could not be written."""
    full = problem.errno in (errno.ENOSPC, errno.EDQUOT)
    return "make room and run again" if full else "name another folder with --out and run again"
