"""Judges right implementations that differ in every allowed way: the suite must accuse none of them.

python -m benchmarks.false_alarms --rows 10000000 [--seed S] [--json FILE] [--markdown FILE]

Every implementation of benchmarks/allowed is asked every cell in which the documentation fixes a value and rounding is
all that can go wrong; cells are asked in rounds until --rows rows are judged. Prints rows, alarms and the largest
error over bound by region and by implementation. Exits 1 on any alarm and shows the row, 130 when interrupted.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator, Sequence
from itertools import count
from pathlib import Path

import click
import pandas as pd
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from benchmarks.allowed.asking import SELDOM, asked, cells
from benchmarks.allowed.tally import Tally, markdown
from benchmarks.allowed.ways import Way
from lossproof.conformance.model.subject import CellKey, Subject
from lossproof.conformance.questions.batches import ROWS

Cell = tuple[Subject, CellKey, int]
LARGE = 1024
"""Rows of a batch after the first round."""
FEW = 6
"""The most costly cells are asked of one way in so many."""
SHOWN = 5
"""Alarms shown in full."""
BEGIN, END = "<!-- false_alarms -->", "<!-- end of false_alarms -->"
BRIEF = {"float": "f", "gradient ": "grad\n", "value ": "value\n"}
"""Headings of the margins on a terminal of 80 columns."""


def judge_rows(
    asked_of: Sequence[Cell], rows: int, seed: int, tally: Tally, more: Sequence[Way] = ()
) -> Iterator[int]:
    """Judge this many rows, every cell at least once; gives the total after each batch's answers.

    Cells are asked in rounds, each with another seed: first as the suite asks them, then in large batches. The most
    costly ones are asked of a few ways each, all in turn.
    """
    for number in count():
        for place, (subject, key, rarely) in enumerate(asked_of):
            if number % rarely or (number and tally.total >= rows):
                continue
            turn = slice(place % FEW, None, FEW) if rarely == SELDOM else slice(None)
            size = LARGE if number else ROWS
            for measured in asked(subject, key, seed + number, more, tally.known, size, turn):
                tally.add(measured)
            yield tally.total
        if tally.total >= rows:
            return


def run(
    rows: int,
    seed: int = 0,
    api: str = "*",
    region: str = "*",
    dtype: str = "*",
    more: Sequence[Way] = (),
    tally: Tally | None = None,
    minutes: float = float("inf"),
) -> Tally:
    """The tally of a run; with progress on a terminal. `more` are asked beside the allowed implementations."""
    tally = Tally() if tally is None else tally
    until = time.monotonic() + 60 * minutes
    chosen = cells(api, region, dtype)
    if not chosen:
        raise click.UsageError(
            f"nothing is documented for api {api!r}, region {region!r} and dtype {dtype!r}"
        )
    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("rows", total=rows, visible=sys.stderr.isatty())
        for total in judge_rows(chosen, rows, seed, tally, more):
            progress.update(task, completed=total)
            if time.monotonic() > until:
                break
    return tally


def shown(frame: pd.DataFrame, title: str) -> Table:
    """A frame for a terminal."""
    table = Table(title=title, padding=0)
    table.add_column(str(frame.index.name), no_wrap=True)
    for name in frame.columns:
        head = str(name)
        for long, brief in BRIEF.items():
            head = head.replace(long, brief)
        table.add_column(head, justify="right")
    for row, line in frame.iterrows():
        margins = ("." if pd.isna(v) else f"{v:.3f}" for v in line.iloc[2:])
        table.add_row(str(row), f"{int(line['rows']):,}", str(int(line["alarms"])), *margins)
    return table


def page(tally: Tally, command: str) -> str:
    """The tables in Markdown, with the command that made them."""
    head = f"`{command}` judged {tally.total:,} rows in {tally.seconds / 60:.0f} minutes: {len(tally.alarms)} alarms."
    return "\n\n".join(
        [
            head,
            markdown(tally.table("region"), "region"),
            markdown(tally.table("implementation"), "implementation"),
        ]
    )


def put_into(file: Path, text: str) -> None:
    """Write text between the two marks of a page; UsageError where it has none."""
    whole = file.read_text(encoding="utf-8")
    before, mark, rest = whole.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not mark or not end:
        raise click.UsageError(
            f"{file} has no place for the tables; write {BEGIN} and {END} where they belong"
        )
    file.write_text(f"{before}{BEGIN}\n\n{text}\n\n{END}{after}", encoding="utf-8")


@click.command(help=__doc__)
@click.option("--rows", default=200_000, show_default=True, help="Rows to judge at least.")
@click.option("--seed", default=0, show_default=True, help="Seed of the rows.")
@click.option("--minutes", default=float("inf"), help="Stop after so long, though fewer rows are judged.")
@click.option("--api", default="*", help="Only APIs that match this pattern.")
@click.option("--region", default="*", help="Only regions that match this pattern.")
@click.option("--dtype", default="*", help="Only dtypes that match this pattern.")
@click.option(
    "--from",
    "source",
    type=click.Path(path_type=Path, exists=True),
    help="Judge nothing: read what --json wrote.",
)
@click.option("--json", "json_file", type=click.Path(path_type=Path), help="Write every cell to this file.")
@click.option(
    "--markdown", "page_file", type=click.Path(path_type=Path, exists=True), help="Put tables into a page."
)
def main(
    rows: int,
    seed: int,
    minutes: float,
    api: str,
    region: str,
    dtype: str,
    source: Path | None,
    json_file: Path | None,
    page_file: Path | None,
) -> None:
    begun, console, tally = time.monotonic(), Console(), Tally()
    if source:
        raw = json.loads(source.read_text(encoding="utf-8"))
        tally, rows, seed = Tally.read(raw), raw.get("asked", rows), raw["seed"]
    else:
        try:
            run(rows, seed, api, region, dtype, tally=tally, minutes=minutes)
        except KeyboardInterrupt:
            click.echo(f"interrupted after {tally.total:,} rows, {len(tally.alarms)} alarms", err=True)
            sys.exit(130)
        tally.seconds = time.monotonic() - begun
    for by in ("region", "implementation"):
        console.print(shown(tally.table(by), f"largest error over bound, by {by}"))
    if json_file:
        whole = {"asked": rows, "seed": seed, **tally.written()}
        json_file.write_text(json.dumps(whole, indent=1) + "\n", encoding="utf-8")
    if page_file:
        put_into(page_file, page(tally, f"python -m benchmarks.false_alarms --rows {rows} --seed {seed}"))
    for alarm in tally.alarms[:SHOWN]:
        click.echo(
            f"ALARM {alarm.way}: {alarm.document} {' '.join(alarm.label)}: {alarm.says}\n  {json.dumps(alarm.row)}"
        )
    click.echo(f"{tally.total:,} rows judged, {len(tally.alarms)} alarms, {tally.seconds:.0f} s")
    sys.exit(1 if tally.alarms else 0)


if __name__ == "__main__":
    main()
