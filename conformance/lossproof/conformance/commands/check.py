"""lossproof check: judge targets and write a run folder."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lossproof.conformance.cli import BROKEN, FINDINGS, OK, nearest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lossproof.conformance.results import Finding
    from lossproof.conformance.run import Plan, Progress, RunResult, TargetResult
    from lossproof.conformance.targets import Target, TargetUnavailable

SEVERITIES = ("S1", "S2", "S3", "S4")


def judging_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options that every judging command takes."""
    options = (
        click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Seed of the run."),
        click.option(
            "--fail-on", type=click.Choice(["never", "new", "any"]), default="new", show_default=True,
            help="Which findings make the exit code 1; new are those that the ledger does not know.",
        ),
        click.option(
            "--severity", type=click.Choice(SEVERITIES), default="S2", show_default=True,
            help="The lowest severity that counts for --fail-on.",
        ),
        click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON."),
    )  # fmt: skip
    for option in reversed(options):
        command = option(command)
    return command


@click.command("check")
@click.option(
    "--target", "targets", multiple=True, metavar="T", help="torch, or the path of a Python. Repeatable."
)
@click.option(
    "--api", "apis", multiple=True, metavar="GLOB", help="Only these APIs, by full name. Repeatable."
)
@click.option(
    "--property", "properties", multiple=True, metavar="NAME", help="Only these properties. Repeatable."
)
@click.option(
    "--examples",
    type=click.IntRange(1, 1000),
    default=8,
    show_default=True,
    help="Batches of 64 rows a cell.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=Path("lossproof-run"),
    show_default=True,
    help="Run folder.",
)
@click.option(
    "--jobs", type=click.IntRange(1), default=None, help="Targets at once.  [default: one for each core]"
)
@click.option(
    "--baseline",
    type=click.Path(path_type=Path),
    default=None,
    metavar="RUN",
    help="A run whose findings are accepted.",
)
@judging_options
def command(
    targets: tuple[str, ...],
    apis: tuple[str, ...],
    properties: tuple[str, ...],
    examples: int,
    out: Path,
    jobs: int | None,
    baseline: Path | None,
    seed: int,
    fail_on: str,
    severity: str,
    as_json: bool,
) -> int:
    """Judge every framework installed here, or the targets named, and write a run folder."""
    from lossproof import reports
    from lossproof.conformance.run import Plan, judge_targets

    plan = Plan(known_apis(apis), known_properties(properties), examples, seed)
    reports.check_out(out)
    accepted = {} if baseline is None else accepted_by(baseline)
    with progress_bar(quiet=as_json) as progress, ending_on_termination():
        chosen, missing = find_targets(targets, progress)
        result = judge_targets(chosen, plan, jobs or min(len(chosen), os.cpu_count() or 1), progress)
    failed = tuple(unavailable(name, why) for name, why in missing.items())
    result = replace(result, targets=(*result.targets, *failed))
    result = with_baseline(result, accepted)
    path = write(out, result, plan, "check")
    show(path, as_json)
    return exit_code(result, fail_on, severity)


def find_targets(
    names: Sequence[str], progress: Progress | None = None
) -> tuple[list[Target], dict[str, TargetUnavailable]]:
    """The targets meant, environments built where they are needed, and why others could not be had, by name.

    With no name, all that is installed beside the tool.
    """
    from lossproof.conformance.targets import installed, parse_all

    if not names:
        found = installed()
        if not found:
            raise click.UsageError(
                "no framework is installed here; get them with: pip install 'lossproof[frameworks]', "
                "or name a target: --target PATH"
            )
        return found, {}
    tell = None if progress is None else lambda text, words: progress(text, 0, 0, words)
    parsed = parse_all(names, tell)
    unique = {t.name: t for t in parsed.targets}
    return list(unique.values()), dict(parsed.unavailable)


def unavailable(name: str, why: TargetUnavailable) -> TargetResult:
    """The result of a target that could not be had."""
    from lossproof.conformance.run import TargetResult

    return TargetResult(name, failed=" ".join(str(why).split()))


def known_apis(globs: Sequence[str]) -> tuple[str, ...]:
    """The globs; exit 2 with the nearest names for one that matches no spec."""
    from fnmatch import fnmatchcase

    from lossproof.specs import load_specs

    names = [s.api for s in load_specs()]
    for glob in globs:
        if not any(fnmatchcase(name, glob) for name in names):
            raise click.UsageError(f"no spec of an API called {glob!r}; {nearest(glob, names)}")
    return tuple(globs)


def known_properties(names: Sequence[str]) -> tuple[str, ...]:
    """The names; exit 2 with the nearest ones for an unknown property."""
    if names:
        from lossproof.conformance.properties import properties

        for name in names:
            if name not in properties():
                raise click.UsageError(f"there is no property {name!r}; {nearest(name, list(properties()))}")
    return tuple(names)


@contextmanager
def progress_bar(quiet: bool = False) -> Iterator[Progress]:
    """Progress on a terminal, one line a target; nothing in a pipe."""
    if quiet or not sys.stderr.isatty():
        yield lambda *_: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
    from rich.progress import TaskID as Id

    columns = (
        TextColumn("{task.fields[target]}"), BarColumn(20), MofNCompleteColumn(), TimeElapsedColumn(),
        TextColumn("{task.description}", style="dim"),
    )  # fmt: skip
    bar = Progress(*columns, console=Console(stderr=True), transient=True)
    tasks: dict[str, Id] = {}

    def progress(target: str, done: int, total: int, doing: str) -> None:
        if target not in tasks:
            tasks[target] = bar.add_task("", target=target, total=None)
        bar.update(tasks[target], completed=done, total=total or None, description=doing[:60])

    with bar:
        yield progress


@contextmanager
def ending_on_termination() -> Iterator[None]:
    """SIGTERM ends a run as Ctrl-C does: workers are ended and nothing is written."""

    def end(*_: Any) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def accepted_by(baseline: Path) -> dict[tuple[str, str], Any]:
    """Findings of an earlier run by framework and slug."""
    from lossproof.reports import read_run

    return {(f["framework"], f["slug"]): f for f in read_run(baseline).findings}


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


def write(out: Path, result: RunResult, plan: Plan, name: str) -> Path:
    """Write the run folder."""
    from lossproof.conformance.run import described, file_name
    from lossproof.reports import write_run

    return write_run(
        out,
        [asdict(r) for r in result.rows],
        [asdict(c) for c in result.claims],
        [asdict(f) for f in result.findings],
        described(result, plan, name),
        result.scripts,
        {f"{file_name(t.target)}.log": t.log for t in result.targets if t.log},
        [s for t in result.targets for s in t.samples],
    )


def show(path: Path, as_json: bool) -> None:
    """The summary of a run folder on the terminal, or as JSON."""
    from lossproof import reports

    run = reports.read_run(path)
    if as_json:
        click.echo(json.dumps(reports.summary_json(run), indent=1, ensure_ascii=False))
        return
    for target in run.run["targets"]:
        if target["failed"]:
            click.echo(f"lossproof: {target['name']} could not be judged: {target['failed']}", err=True)
    reports.terminal.show(run)


def exit_code(result: RunResult, fail_on: str, severity: str) -> int:
    """3 where something could not be judged, 1 where findings count, else 0."""
    if any(t.failed for t in result.targets) or any(r.verdict == "broken" for r in result.rows):
        return BROKEN
    counting = {"never": (), "new": ("new", "changed"), "any": ("new", "changed", "known", "carried")}[
        fail_on
    ]
    return FINDINGS if any(f.status in counting and f.severity <= severity for f in result.findings) else OK
