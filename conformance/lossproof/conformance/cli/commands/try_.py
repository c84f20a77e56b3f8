"""lossproof try: judge a user's own function in the place of an API."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from lossproof import reports
from lossproof.conformance.cli.commands.judging import (
    Asked,
    executing_options,
    judging,
    judging_options,
    none_selected,
    selecting_options,
    tell_declined,
    write,
)
from lossproof.conformance.cli.commands.options import OneOf, Seconds

if TYPE_CHECKING:
    from lossproof.conformance.properties.selection import Selection
    from lossproof.conformance.usercode.code import ArrayKind

SECONDS = 10.0


@click.command("try")
@click.argument("code", metavar="FILE.py:FUNCTION|MODULE:FUNCTION")
@click.option("--as", "api", required=True, metavar="API", help="The API whose place it takes, by full name.")
@click.option(
    "--python",
    type=click.Path(path_type=Path),
    default=None,
    metavar="PATH",
    help="The Python that runs it, with NumPy and the framework.  [default: this one]",
)
@click.option(
    "--arrays",
    type=OneOf("auto", "framework", "numpy"),
    default="auto",
    show_default=True,
    help="What it is given; auto: NumPy arrays if it imports NumPy and not the framework, or there is none.",
)
@click.option(
    "--edition", default=None, metavar="SLUG",
    help="What the documentation said.  [default: of the installed version, else the newest]",
)  # fmt: skip
@executing_options("The mode that it runs in: eager, compiled, ...  [default: eager]", several=False)
@selecting_options()
@click.option(
    "--timeout",
    type=Seconds(0.1),
    default=SECONDS,
    show_default=True,
    help="Seconds that a call may take; a first call, which may compile, has 12 times as long.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    metavar="DIR",
    default=Path("lossproof-try"),
    show_default=True,
    help="Run folder.",
)
@judging_options(one_api=True)
def command(
    code: str,
    api: str,
    python: Path | None,
    arrays: ArrayKind,
    edition: str | None,
    modes: tuple[str, ...],
    device: str,
    selection: Selection,
    timeout: float,
    out: Path,
    asked: Asked,
) -> int:
    """Judge a function or class of your own in the place of an API, by every claim of its documentation.

    It runs in a process of its own. There is no ledger for it: whatever is found is new.
    """
    # late, so that --help waits for nothing
    from lossproof.conformance.cli.commands.check import exit_code, show
    from lossproof.conformance.model.execution import CPU, Execution
    from lossproof.conformance.runs.run import Plan
    from lossproof.conformance.usercode.code import described, parse_code, place
    from lossproof.conformance.usercode.run import try_code

    execution = Execution("".join(modes), device or CPU)
    chosen = place(
        parse_code(code), api, python=python, arrays=arrays, edition=edition, execution=execution
    )  # fmt: skip
    plan = Plan(
        (chosen.spec.api,), selection.properties, asked.examples, asked.seed,
        dtypes=selection.dtypes, regions=selection.regions,
    )  # fmt: skip
    reports.check_out(out)
    if chosen.note:
        click.echo(f"lossproof: {chosen.note}", err=True)
    with judging(quiet=asked.as_json) as progress:
        result, given = try_code(chosen, plan, progress, timeout)
    if not result.rows and not any(target.failed for target in result.targets):
        raise none_selected(plan, result)
    own = described(chosen, given)
    tell_declined(result)
    path = write(out, result, plan, "try", {"own": own})
    if given and not asked.as_json:
        click.echo(f"{own['code']} as {own['as']} ({own['edition']}), given {own['arrays']} arrays\n")
    show(path, asked.as_json)
    return exit_code(result, asked)
