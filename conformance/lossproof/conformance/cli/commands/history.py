"""lossproof history: in which release did each behaviour change."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click
from packaging.version import InvalidVersion, Version

from lossproof.conformance.cli.commands.judging import Asked, judging, judging_options, unavailable
from lossproof.conformance.cli.console import tell
from lossproof.conformance.cli.main import BROKEN, FINDINGS, OK

if TYPE_CHECKING:
    from lossproof.conformance.changes.bisect import History
    from lossproof.conformance.runs.run import TargetResult


@click.command("history")
@click.argument("framework")
@click.option(
    "--from", "first", default=None, metavar="V", help="The oldest.  [default: the oldest catalogued]"
)
@click.option(
    "--to", "last", default=None, metavar="V", help="The newest release.  [default: the newest catalogued]"
)
@click.option("--every", is_flag=True, help="Visit every catalogued release in place of bisecting.")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=None,
    metavar="DIR",
    help="Folder for table and timeline.",
)
@judging_options(examples=1)
def command(
    framework: str,
    first: str | None,
    last: str | None,
    every: bool,
    out: Path | None,
    asked: Asked,
) -> int:
    """Find, for each behaviour of FRAMEWORK, the release in which it changed.

    FRAMEWORK is a catalogued package, with a backend where it has several: torch, tensorflow, keras, keras[jax],
    mlx, tensorflow-addons.
    """
    # late, so that --help waits for nothing
    from lossproof.conformance.changes.bisect import trace
    from lossproof.conformance.runs.run import Plan, judge_targets
    from lossproof.reports.pages import timeline

    releases = chosen(framework, first, last)
    if out is not None:
        timeline.check_out(out)
    plan = Plan(asked.apis, (), asked.examples, asked.seed)
    judged: list[str] = []
    with judging(quiet=asked.as_json) as progress:

        def visit(wanted: Sequence[str]) -> list[TargetResult]:
            # late, so that --help waits for nothing
            from lossproof.conformance.targets.parse import parse_all

            names = [f"{framework}=={release}" for release in wanted]
            parsed = parse_all(names, lambda text, words: progress(text, 0, 0, words))
            done = {t.target: t for t in judge_targets(parsed.targets, plan, 2, progress).targets}
            judged.extend(t.target for t in done.values() if any(r.verdict != "broken" for r in t.rows))
            done |= {text: unavailable(text, why) for text, why in parsed.unavailable.items()}
            return [done[name] for name in names]

        history = trace(framework, releases, visit, plan, every)
    if not (history.steps and judged):
        why = "; ".join(f"{release}: {reason}" for release, reason in history.failed.items())
        tell(
            f"nothing could be compared: fewer than two releases were judged ({why or 'none has such an API'})"
            + ("" if out is None else f"; {out} is left as it was")
        )
        return BROKEN
    told = asdict(history)
    if out is not None:
        timeline.write(out, told)
    if asked.as_json:
        click.echo(json.dumps(told, indent=1, ensure_ascii=False))
    else:
        timeline.show(told, out)
    return _exit_code(history, asked)


def chosen(name: str, first: str | None, last: str | None) -> list[str]:
    """The catalogued releases from `first` to `last`, oldest first; the two themselves included."""

    # late, so that --help waits for nothing
    from lossproof.conformance.targets.model import catalogue_of

    catalogue = catalogue_of(name.partition("[")[0])
    try:
        low = Version(first) if first else Version(catalogue.releases[0])
        high = Version(last) if last else Version(catalogue.releases[-1])
    except InvalidVersion as error:
        raise click.UsageError(f"{error}; catalogued releases: {', '.join(catalogue.releases)}") from error
    # Releases that the catalogue does not name can be had too, if one of its builds covers them.
    known = {*catalogue.releases, *(v for v in (first, last) if v)}
    releases = sorted((r for r in known if low <= Version(r) <= high), key=Version)
    if len(releases) < 2:
        raise click.UsageError(
            f"a history takes two releases at least; catalogued: {', '.join(catalogue.releases)}"
        )
    return releases


def _exit_code(history: History, asked: Asked) -> int:
    # late, so that --help waits for nothing
    from lossproof.conformance.changes.compare import RELIED_ON

    if history.failed:
        return BROKEN
    changes = [c for step in history.steps for c in step.changes if c.severity <= asked.severity]
    if asked.fail_on == "new":
        changes = [c for c in changes if c.kind_of_change in RELIED_ON]
    return FINDINGS if changes and asked.fail_on == "any" else OK
