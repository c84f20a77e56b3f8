"""lossproof report: write the pages of a run folder anew."""

from __future__ import annotations

from pathlib import Path

import click

from lossproof import reports
from lossproof.conformance.cli.commands.check import show
from lossproof.conformance.cli.main import BROKEN, OK


@click.command("report")
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON.")
def command(run: Path, as_json: bool) -> int:
    """Write report.md and report.html of the folder RUN anew from its tables, and show its summary."""
    reports.render(run)
    show(run, as_json)
    return OK if reports.read_run(run).judged else BROKEN
