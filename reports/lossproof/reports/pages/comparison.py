"""Comparisons: what changed between two releases, on the terminal and as a folder of pages, tables and scripts."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from rich.console import Group, RenderableType
from rich.text import Text

from lossproof.reports import words
from lossproof.reports.atomic import new_folder, write_file
from lossproof.reports.errors import OutRefused, WriteFailed
from lossproof.reports.guarded import json_safe
from lossproof.reports.numbers import pretty
from lossproof.reports.pages.console import new_console
from lossproof.reports.pages.markdown import code, escape
from lossproof.reports.pages.templating import environment
from lossproof.reports.pages.terminal import plain
from lossproof.reports.places import real_place, room_or_place, try_place

FILES = ("changes.json", "changes.csv", "compare.md", "compare.html")
FOLDERS = ("scripts",)
MOST = 15
LONGEST = 100
"""Characters of a message."""
RELIED_ON = ("newly diverging", "changed", "changed but undocumented", "error appeared", "API removed")
"""The classes of change that a user relies on not to happen."""


def check_out(out: Path) -> None:
    """Refuse a folder that holds something else than a comparison, or that cannot be written."""
    refuse_foreign(out, (*FILES, *FOLDERS), "comparison")


def refuse_foreign(out: Path, names: tuple[str, ...], what: str) -> None:
    """Raise OutRefused where `out` holds files that no such output wrote, or the system lets nothing be written."""
    out = real_place(out, what)
    try_place(out, what)
    if not out.exists():
        return
    found = sorted(p.name for p in out.iterdir()) if out.is_dir() else [out.name]
    if foreign := [n for n in found if n not in names]:
        raise OutRefused(
            f"cannot write the {what} to {out}",
            f"it holds files that no {what} wrote ({', '.join(foreign[:3])})",
            "Name another folder with --out",
        )


def write(out: Path, told: Mapping[str, Any], scripts: Mapping[str, str]) -> Path:
    """Write the comparison, whole or not at all. Raises OutRefused, WriteFailed."""
    check_out(out)
    place, told = real_place(out, "comparison"), json_safe(told)
    changes = [shown(change) for change in told["changes"]]
    page = {
        "old": told["old"], "new": told["new"], "cells": told["cells"], "broken": len(told["broken"]),
        "asked": asked(told),
        "changes": changes, "relied_on": [c for c in changes if c["relied_on"]],
        "others": [c for c in changes if not c["relied_on"]],
    }  # fmt: skip
    flat = [{n: "; ".join(v) if isinstance(v, list | tuple) else v for n, v in c.items()} for c in changes]
    columns = (
        "class",
        "kind",
        "severity",
        "title",
        "apis",
        "cells",
        "properties",
        "regions",
        "dtypes",
        "before",
        "after",
    )
    table = pd.DataFrame(flat, columns=list(columns))
    try:
        with new_folder(place) as draft:
            write_file(
                draft / "changes.json", (json.dumps(told, indent=1, ensure_ascii=False) + "\n").encode()
            )
            write_file(draft / "changes.csv", table.to_csv(index=False, lineterminator="\n").encode())
            write_file(
                draft / "compare.md",
                environment(escape=False)
                .get_template("compare.md.j2")
                .render(page, e=escape, code=code)
                .encode(),
            )
            write_file(
                draft / "compare.html",
                environment(escape=True).get_template("compare.html.j2").render(page).encode(),
            )
            (draft / "scripts").mkdir()
            for name, text in sorted(scripts.items()):
                write_file(draft / "scripts" / name, text.encode())
    except OSError as problem:
        raise WriteFailed(
            f"cannot write the comparison to {out}",
            problem.strerror or str(problem),
            f"Nothing was left behind; {room_or_place(problem)}",
        ) from problem
    return out


def show(told: Mapping[str, Any], out: Path | None) -> None:
    """The comparison on the terminal: causes, worst first, at most 15."""
    lines: list[RenderableType] = [f"{plain(told['old'])}  ->  {plain(told['new'])}"]
    changes = [shown(c) for c in told["changes"]]
    for change in changes[:MOST]:
        lines += ["", _line(change), Text(f"   {plain(change['title'])}")]
        if change["before"] or change["after"]:
            lines.append(Text(f"   {plain(change['before'] or '?')}  ->  {plain(change['after'] or '?')}"))
        if change["documented"]:
            lines.append(Text(f"   documented: {plain(change['documented'])}"))
        lines.append(Text(f"   {_few(change['apis'])}", style="dim"))
    lines.append("")
    lines.append(f"asked     {plain(asked(told))}")
    if len(changes) > MOST:
        lines.append(f"and {words.count(len(changes) - MOST, 'change')} more")
    count = f"{words.count(len(changes), 'change')}, {sum(c['relied_on'] for c in changes)} relied on"
    lines.append(f"changes   {count if changes else 'none'}; {words.count(told['cells'], 'cell')} compared")
    if out is not None:
        lines.append(f"report    {out / 'compare.html'}")
    new_console(soft_wrap=True).print(Group(*lines))


def asked(told: Mapping[str, Any]) -> str:
    """The questions put to both sides, in one line."""
    apis = _few(told["apis"]) if told["selection"] or len(told["apis"]) < 3 else f"{len(told['apis'])} APIs"
    batches = f"{told['examples']} batch{'' if told['examples'] == 1 else 'es'}"
    narrowed = f", narrowed to {told['selection']}" if told["selection"] else ""
    return f"{apis or 'no API'}; {batches} a cell, seed {told['seed']}{narrowed}"


def _line(change: Mapping[str, Any]) -> RenderableType:
    style = {"S1": "bold red", "S2": "red", "S3": "yellow"}.get(change["severity"], "dim")
    cells = f", {words.count(change['cells'], 'cell')}" if change["cells"] else ""
    return Text(f"{change['severity']} {change['class']}  {plain(change['kind'])}{cells}", style=style)


def _few(names: Sequence[str], most: int = 3) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def shown(change: Mapping[str, Any]) -> dict[str, Any]:
    """A change in words."""
    old, new = change["old"], change["new"]
    part = change["kind"] if old.get(change["kind"]) != new.get(change["kind"]) else ""
    return {
        "class": change["kind_of_change"],
        "relied_on": change["kind_of_change"] in RELIED_ON,
        "slug": change["slug"],
        "title": change["title"],
        "kind": words.label(change["kind"]),
        "severity": change["severity"],
        "apis": list(change["apis"]),
        "cells": change["cells"],
        "properties": [words.label(p) for p in change["properties"]],
        "regions": [words.label(r) for r in change["regions"]],
        "dtypes": list(change["dtypes"]),
        "question": _question(change["witness"]),
        "witness": json.dumps(change["witness"], ensure_ascii=False) if change["witness"] else "",
        "before": _answer(old, part),
        "after": _answer(new, part),
        "documented": _answer(change.get("documented") or {}, part),
        "scripts": list(change["scripts"]),
    }


def _question(witness: Mapping[str, Any]) -> str:
    """A witness as a call, in decimals."""
    if not witness.get("api"):
        return ""
    arrays = [
        f"{name}={pretty(given['values'], str(given.get('dtype') or 'float64'), most=12)}"
        for name, given in (witness.get("arrays") or {}).items()
    ]
    options = [f"{name}={value!r}" for name, value in (witness.get("options") or {}).items()]
    made = witness.get("init")
    init = "" if made is None else f"({', '.join(f'{n}={v!r}' for n, v in made.items())})"
    call = f"{witness['api']}{init}({', '.join(arrays + options)})"
    return f"{witness['probe']} of {call}" if witness.get("probe") else call


def _answer(answer: Mapping[str, Any], part: str) -> str:
    """An answer in one line: its dtype or shape where that is the `part` that changed, else its values."""
    if not answer:
        return ""
    if "median" in answer:
        median, decile, largest = (f"{answer[name]:.3g}" for name in ("median", "decile", "largest"))
        cells = words.count(int(answer["cells"]), "cell")
        return f"median {median}, 90 % below {decile}, largest {largest} ulp ({cells})"
    if answer.get("error"):
        names = [answer["error"]] if isinstance(answer["error"], str) else answer["error"]
        told = {"outcome": "error", "error": " or ".join(str(name).rsplit(".", 1)[-1] for name in names)}
        return words.observed(
            {**told, "message": textwrap.shorten(str(answer.get("message") or ""), LONGEST)}
        )
    if answer.get("runs"):
        return "it is there"
    if part in ("dtype", "shape") and answer.get(part) is not None:
        return words.expected({part: answer[part]})
    given = dict(answer)
    if "values" in given:  # the first of a batch
        given["value"] = given.pop("values")
    return words.observed({name: v for name, v in given.items() if name not in ("reach", "tolerance")})
