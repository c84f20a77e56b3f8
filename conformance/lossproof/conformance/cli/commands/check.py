"""lossproof check: judge targets and write a run folder."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lossproof import reports
from lossproof.conformance.cli.commands.judging import (
    Asked,
    executing_options,
    find_targets,
    judging,
    judging_options,
    none_selected,
    selecting_options,
    tell_declined,
    unavailable,
    write,
)
from lossproof.conformance.cli.commands.options import Whole
from lossproof.conformance.cli.console import tell
from lossproof.conformance.cli.main import BROKEN, FINDINGS, OK

if TYPE_CHECKING:
    from lossproof.conformance.model.results import Finding
    from lossproof.conformance.properties.selection import Selection
    from lossproof.conformance.runs.run import Plan, RunResult


@click.command("check")
@click.option(
    "--target",
    "targets",
    multiple=True,
    metavar="T",
    help="torch, torch==2.12.1, torch:compiled or the path of a Python. Repeatable.",
)
@executing_options("Each target in this mode: eager, compiled, ... Repeatable.  [default: its own]")
@selecting_options()
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    metavar="DIR",
    default=Path("lossproof-run"),
    show_default=True,
    help="Run folder.",
)
@click.option("--jobs", type=Whole(1), default=None, help="Targets at once.  [default: one for each core]")
@click.option(
    "--baseline",
    type=click.Path(path_type=Path),
    default=None,
    metavar="RUN",
    help="A run whose findings are accepted.",
)
@judging_options()
def command(
    targets: tuple[str, ...],
    modes: tuple[str, ...],
    device: str,
    selection: Selection,
    out: Path,
    jobs: int | None,
    baseline: Path | None,
    asked: Asked,
) -> int:
    """Judge every framework installed here, or the targets named, and write a run folder."""
    # late, so that --help waits for nothing
    from lossproof.conformance.runs.run import Plan, judge_targets

    plan = Plan(
        asked.apis, selection.properties, asked.examples, asked.seed,
        dtypes=selection.dtypes, regions=selection.regions,
    )  # fmt: skip
    reports.check_out(out)
    accepted = {} if baseline is None else accepted_by(baseline, plan)
    with judging(quiet=asked.as_json) as progress:
        chosen, missing = find_targets(targets, progress, modes, device)
        result = judge_targets(chosen, plan, jobs or min(len(chosen), os.cpu_count() or 1), progress)
    unheard = missing or any(t.failed for t in result.targets)
    if str(plan.selection) and not result.rows and not unheard:
        raise none_selected(plan, result)
    failed = tuple(unavailable(name, why) for name, why in missing.items())
    result = replace(result, targets=(*result.targets, *failed))
    result = with_baseline(result, accepted)
    tell_declined(result)
    path = write(out, result, plan, "check")
    show(path, asked.as_json)
    return exit_code(result, asked)


def accepted_by(baseline: Path, plan: Plan) -> dict[tuple[str, str], Any]:
    """Findings of an earlier run by framework and slug; a note on stderr where less was asked of it than is now."""
    # late, so that --help waits for nothing
    from lossproof.conformance.properties.selection import Selection

    run = reports.read_run(baseline)
    earlier = Selection.of_run(run.run)
    if not earlier.covers(plan.selection):
        click.echo(f"lossproof: {baseline} was asked {earlier} alone: all else counts as new", err=True)
    return {(f["framework"], f["slug"]): f for f in run.findings}


def with_baseline(result: RunResult, accepted: dict[tuple[str, str], Any]) -> RunResult:
    """New and changed findings that the baseline has, with the same behaviour, count as known."""

    def settled(finding: Finding) -> Finding:
        earlier = accepted.get((finding.framework, finding.slug))
        same = (
            earlier is not None
            and earlier["behaves_as"] == dict(finding.behaves_as)
            and earlier["kind"] == finding.kind
        )
        return replace(finding, status="known") if same and finding.status in ("new", "changed") else finding

    if not accepted:
        return result
    targets = []
    for target in result.targets:
        found = tuple(settled(f) for f in target.findings)
        status = {f.slug: f.status for f in found}
        rows = tuple(
            replace(r, status=status.get(r.finding.split(";")[0], r.status)) if r.finding else r
            for r in target.rows
        )
        targets.append(replace(target, findings=found, rows=rows))
    return replace(result, targets=tuple(targets))


def show(path: Path, as_json: bool) -> None:
    """The summary of a run folder on the terminal, or as JSON."""
    run = reports.read_run(path)
    if as_json:
        click.echo(json.dumps(reports.summary_json(run), indent=1, ensure_ascii=False))
        return
    for target in run.run.get("targets", ()):
        if target.get("failed"):
            tell(f"{target['name']} could not be judged: {target['failed']}")
    reports.terminal.show(run)


def exit_code(result: RunResult, asked: Asked) -> int:
    """3 where something could not be judged, or nothing of a target was, 1 where findings count, else 0."""
    broken = any(r.verdict == "broken" for r in result.rows)
    unheard = [target for target in result.targets if target.failed or target.declined]
    if broken or not result.rows or unheard:
        return BROKEN
    counting = {"never": (), "new": ("new", "changed"), "any": ("new", "changed", "known", "carried")}[
        asked.fail_on
    ]
    failing = any(f.status in counting and f.severity <= asked.severity for f in result.findings)
    return FINDINGS if failing else OK
