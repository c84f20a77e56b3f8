"""Comparisons: what changed between two releases, on the terminal and as a folder of pages, tables and scripts."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lossproof.reports import words
from lossproof.reports.atomic import new_folder, write_file
from lossproof.reports.errors import OutRefused, WriteFailed
from lossproof.reports.templating import environment

if TYPE_CHECKING:
    from rich.console import RenderableType

FILES = ("changes.json", "changes.csv", "compare.md", "compare.html")
FOLDERS = ("scripts",)
MOST = 15


def check_out(out: Path) -> None:
    """Refuse a folder that holds something else than a comparison."""
    refuse_foreign(out, (*FILES, *FOLDERS), "comparison")


def refuse_foreign(out: Path, names: tuple[str, ...], what: str) -> None:
    """Raise OutRefused where `out` holds files that no such output wrote."""
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
    import pandas as pd

    check_out(out)
    changes = [shown(change) for change in told["changes"]]
    page = {"old": told["old"], "new": told["new"], "changes": changes, "scripts": sorted(scripts)}
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
        with new_folder(out) as draft:
            write_file(
                draft / "changes.json", (json.dumps(told, indent=1, ensure_ascii=False) + "\n").encode()
            )
            write_file(draft / "changes.csv", table.to_csv(index=False, lineterminator="\n").encode())
            write_file(
                draft / "compare.md",
                environment(escape=False).get_template("compare.md.j2").render(page).encode(),
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
            "Nothing was left behind",
        ) from problem
    return out


def show(told: Mapping[str, Any], out: Path | None) -> None:
    """The comparison on the terminal: causes, worst first, at most 15."""
    from rich.console import Console, Group

    lines: list[RenderableType] = [f"{told['old']}  ->  {told['new']}", ""]
    changes = [shown(c) for c in told["changes"]]
    for change in changes[:MOST]:
        lines.append(_line(change))
        lines.append(f"   {change['title']}  [{', '.join(change['apis'])}]")
        if change["before"] or change["after"]:
            lines.append(f"   {change['before']}  ->  {change['after']}")
    if len(changes) > MOST:
        lines.append(f"and {len(changes) - MOST} changes more")
    lines.append("" if changes else "nothing changed")
    if out is not None:
        lines.append(f"report    {out / 'compare.html'}")
    Console(highlight=False, markup=False, emoji=False).print(Group(*lines))


def _line(change: Mapping[str, Any]) -> RenderableType:
    from rich.text import Text

    style = {"S1": "bold red", "S2": "red", "S3": "yellow"}.get(change["severity"], "dim")
    return Text(
        f"{change['severity']} {change['class']}: {change['kind']}, {change['cells']} cells", style=style
    )


def shown(change: Mapping[str, Any]) -> dict[str, Any]:
    """A change in words."""
    return {
        "class": change["kind_of_change"],
        "slug": change["slug"],
        "title": change["title"],
        "kind": change["kind"].replace("_", " "),
        "severity": change["severity"],
        "apis": list(change["apis"]),
        "cells": change["cells"],
        "properties": list(change["properties"]),
        "regions": list(change["regions"]),
        "dtypes": list(change["dtypes"]),
        "witness": json.dumps(change["witness"], ensure_ascii=False) if change["witness"] else "",
        "before": _answer(change["old"]),
        "after": _answer(change["new"]),
    }


def _answer(answer: Mapping[str, Any]) -> str:
    if not answer:
        return ""
    if "median" in answer:
        return (
            f"median {answer['median']:.3g}, largest {answer['largest']:.3g} ulp of {answer['cells']} cells"
        )
    if answer.get("error"):
        return f"raises {str(answer['error']).rsplit('.', 1)[-1]}"
    given = {n: answer[n] for n in ("value", "shape", "dtype") if n in answer}
    if "value" in answer:
        return words.observed({"outcome": "value", **given}) or json.dumps(given)
    return json.dumps({n: v for n, v in answer.items() if n != "outcome"}, ensure_ascii=False)[:120]
