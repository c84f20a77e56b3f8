"""lossproof compare: what changes from one release, or run, to another."""

from __future__ import annotations

import json
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lossproof.conformance.cli import BROKEN, FINDINGS, OK
from lossproof.conformance.commands.check import (
    ending_on_termination,
    find_targets,
    judging_options,
    known_apis,
    progress_bar,
    write,
)

if TYPE_CHECKING:
    from lossproof.conformance.comparing import Change, Side


@click.command("compare")
@click.argument("old")
@click.argument("new")
@click.option(
    "--api", "apis", multiple=True, metavar="GLOB", help="Only these APIs, by full name. Repeatable."
)
@click.option(
    "--examples",
    type=click.IntRange(1, 1000),
    default=8,
    show_default=True,
    help="Batches of 64 rows a cell.",
)
@click.option("--out", type=click.Path(path_type=Path), default=None, help="Folder for the comparison.")
@judging_options
def command(
    old: str,
    new: str,
    apis: tuple[str, ...],
    examples: int,
    out: Path | None,
    seed: int,
    fail_on: str,
    severity: str,
    as_json: bool,
) -> int:
    """Compare two targets, or two run folders: OLD and NEW. Exit code 1 where something a user relies on changed."""
    from lossproof.conformance.comparing import RELIED_ON, compare
    from lossproof.reports import comparison

    known_apis(apis)
    if out is not None:
        comparison.check_out(out)
    with tempfile.TemporaryDirectory(prefix="lossproof-compare-") as scratch:
        paths = _run_folders((old, new), Path(scratch), apis, examples, seed, as_json)
        sides = [_side(path, name) for path, name in zip(paths, (old, new), strict=True)]
    if any(not side.rows for side in sides):
        return BROKEN
    changes = compare(*sides)
    names = [f"{s.name} {s.version}" if s.version not in s.name else s.name for s in sides]
    told = {"old": names[0], "new": names[1], "seed": seed, "changes": [asdict(c) for c in changes]}
    scripts = _scripts(sides, changes)
    if out is not None:
        comparison.write(out, told, scripts)
    if as_json:
        click.echo(json.dumps(told, indent=1, ensure_ascii=False))
    else:
        comparison.show(told, out)
    counting = (
        () if fail_on == "never" else RELIED_ON if fail_on == "new" else {c.kind_of_change for c in changes}
    )
    return FINDINGS if any(c.kind_of_change in counting and c.severity <= severity for c in changes) else OK


def _run_folders(
    names: tuple[str, str], scratch: Path, apis: tuple[str, ...], examples: int, seed: int, quiet: bool
) -> list[Path]:
    """The run folders meant; targets are judged into new ones, side by side."""
    from lossproof.conformance.run import Plan, RunResult, judge_targets

    folders = [Path(n) for n in names if (Path(n) / "run.json").is_file()]
    if len(folders) == 2:
        return folders
    if folders:
        other = next(n for n in names if Path(n) not in folders)
        raise click.UsageError(
            f"{folders[0]} is a run folder and {other} is not: compare two runs or two targets"
        )
    targets = []
    for name in names:
        found, missing = find_targets([name])
        if missing:
            raise click.ClickException(f"{name} could not be had: {' '.join(str(missing[name]).split())}")
        if len(found) != 1:
            raise click.UsageError(
                f"{name} names {len(found)} targets ({', '.join(t.name for t in found)}); name one"
            )
        targets += found
    plan = Plan(apis, (), examples, seed)
    unique = list({t.name: t for t in targets}.values())
    with progress_bar(quiet) as progress, ending_on_termination():
        result = judge_targets(unique, plan, 2, progress)
    written: dict[str, Path] = {}
    for target in result.targets:
        if target.failed:
            click.echo(f"lossproof: {target.target} could not be judged: {target.failed}", err=True)
        written[target.target] = write(
            scratch / f"run-{len(written)}", RunResult((target,), {}), plan, "compare"
        )
    return [written[t.name] for t in targets]


def _side(path: Path, name: str) -> Side:
    """A run folder of one target as a side of a comparison."""
    from lossproof.conformance.comparing import CELL, Side
    from lossproof.reports import read_run, read_samples

    run = read_run(path)
    targets = [t for t in run.run["targets"] if not t["failed"]]
    if len(targets) > 1:
        raise click.UsageError(
            f"{path} holds {len(targets)} targets; a comparison takes runs of one target each"
        )
    rows = {tuple(str(r[n]) for n in CELL): r for r in _records(run.results)}
    samples = {key[1:]: sample for key, sample in read_samples(path).items()}
    editions = {str(c["api"]): str(c["edition"]) for c in _records(run.claims)}
    version = str(targets[0]["version"]) if targets else ""
    companions = str(targets[0]["companions"]) if targets else ""
    return Side(name, f"{version} ({companions})" if companions else version, rows, samples, editions)


def _records(frame: Any) -> list[dict[str, Any]]:
    records: list[dict[str, Any]] = frame.to_dict("records")
    return records


def _scripts(sides: list[Side], changes: list[Change]) -> dict[str, str]:
    """A script for each side of each change: it asks the witness and says whether the answer is that side's."""
    from lossproof.conformance.targets import facts_of
    from lossproof.reports import reproducer

    scripts = {}
    for change in changes:
        if not change.witness:
            continue
        for which, side, answer in (("old", sides[0], change.old), ("new", sides[1], change.new)):
            row = next(iter(side.rows.values()))
            finding = {
                "slug": f"{change.slug} ({which})", "title": change.title, "target": side.name,
                "framework": row["framework"], "version": row["version"], "apis": list(change.apis),
                "kind": change.kind, "severity": change.severity, "status": "new", "behaves_as": {}, "reason": "",
                "upstream": "", "citation": "", "witness": change.witness, "expected": _as_expected(answer),
                "observed": dict(answer), "error_ulp": None, "error_over_bound": None, "cells": change.cells,
                "properties": [], "regions": [], "dtypes": [], "statements": [], "reproducer": "",
            }  # fmt: skip
            try:
                text = reproducer(finding, facts_of(str(row["framework"])).reproducer.model_dump())
            except (ValueError, KeyError):
                continue
            scripts[f"{change.slug}-{which}.py"] = text
    return scripts


def _as_expected(answer: Any) -> dict[str, Any]:
    """The answer of a side as what its script expects."""
    if answer.get("error"):
        return {"error": [str(answer["error"]).rsplit(".", 1)[-1]]}
    return {name: answer[name] for name in ("value", "tolerance") if name in answer}
