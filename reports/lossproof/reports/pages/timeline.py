"""Timelines: behaviours x releases of a framework, on the terminal and as a folder of tables and a page."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
from rich.table import Table

from lossproof.reports.atomic import new_folder, write_file
from lossproof.reports.errors import WriteFailed
from lossproof.reports.guarded import json_safe
from lossproof.reports.pages.comparison import refuse_foreign, shown
from lossproof.reports.pages.console import new_console
from lossproof.reports.pages.markdown import code, escape
from lossproof.reports.pages.templating import environment
from lossproof.reports.pages.terminal import plain
from lossproof.reports.places import real_place, room_or_place

FILES = ("history.json", "history.csv", "history.md", "history.html")


def check_out(out: Path) -> None:
    """Refuse a folder that holds something else than a history, or that cannot be written."""
    refuse_foreign(out, FILES, "history")


def changes(told: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Every change with the release it came with, in the order of releases."""
    return [
        {"release": step["after"], "since": step["before"], "exact": step["adjacent"], **shown(change)}
        for step in told["steps"]
        for change in step["changes"]
    ]


def write(out: Path, told: Mapping[str, Any]) -> Path:
    """Write the history, whole or not at all. Raises OutRefused, WriteFailed."""
    check_out(out)
    place, told = real_place(out, "history"), json_safe(told)
    found = changes(told)
    flat = [{n: "; ".join(v) if isinstance(v, list) else v for n, v in c.items()} for c in found]
    columns = [
        "release",
        "since",
        "exact",
        "class",
        "kind",
        "severity",
        "title",
        "apis",
        "cells",
        "before",
        "after",
    ]
    page = {**told, "changes": found}
    try:
        with new_folder(place) as draft:
            text = json.dumps(told, indent=1, ensure_ascii=False) + "\n"
            write_file(draft / "history.json", text.encode())
            table = pd.DataFrame(flat, columns=columns)
            write_file(draft / "history.csv", table.to_csv(index=False, lineterminator="\n").encode())
            for name, html in (("history.md", False), ("history.html", True)):
                body = environment(escape=html).get_template(f"{name}.j2").render(page, e=escape, code=code)
                write_file(draft / name, body.encode())
    except OSError as problem:
        raise WriteFailed(
            f"cannot write the history to {out}",
            problem.strerror or str(problem),
            f"Nothing was left behind; {room_or_place(problem)}",
        ) from problem
    return out


def show(told: Mapping[str, Any], out: Path | None) -> None:
    """The timeline on the terminal."""
    console = new_console()
    console.print(
        f"{told['framework']}: {told['releases'][0]} to {told['releases'][-1]}, looked at {', '.join(told['visited'])}"
    )
    for release, why in told["failed"].items():
        console.print(f"{release} could not be judged: {plain(why)[:160]}")
    table = Table("release", "what", "APIs", box=None, pad_edge=False)
    for change in changes(told):
        mark = "" if change["exact"] else f" (since {change['since']})"
        names = ", ".join(a.rsplit(".", 1)[-1] for a in change["apis"])
        table.add_row(
            change["release"] + mark,
            plain(f"{change['severity']} {change['class']}: {change['title']}"),
            names,
        )
    console.print(table if table.row_count else "no behaviour changed")
    if out is not None:
        console.print(f"report    {out / 'history.html'}")
