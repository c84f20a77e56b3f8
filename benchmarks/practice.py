"""What the customary ways to test a loss catch, on the mutants of the zoo and on right implementations.

    python -m benchmarks.practice [--only GLOB] [--lossproof FILE] [--json FILE] [--markdown PAGE]

A float64 reference in NumPy with numpy.testing.assert_allclose at its default tolerance and at 1e-5, with
torch.testing.assert_close at its defaults, and torch.autograd.gradcheck for what is written in PyTorch; all on ten
random normal samples, and each documented option once. --lossproof reads what `benchmarks.mutants --json` wrote, for
the column beside them. Exits 130 when interrupted.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from fnmatch import fnmatchcase
from pathlib import Path

import click
import numpy as np
import pandas as pd
from rich.console import Console
from rich.progress import track

from benchmarks.allowed.asking import documents
from benchmarks.allowed.tally import ruled
from benchmarks.allowed.ways import every
from benchmarks.practised.methods import METHODS, Values, Verdicts, gradchecked, judged
from benchmarks.practised.samples import Sample, samples
from benchmarks.zoo.bases import BASES
from benchmarks.zoo.catalogue import load
from benchmarks.zoo.model import Base, Mutant
from benchmarks.zoo.records import read
from lossproof.conformance.asker import question
from lossproof.conformance.own_code import Code, place
from lossproof.conformance.own_run import asked
from lossproof.conformance.subject import Subject
from lossproof.conformance.targets import UsageError

OURS = "lossproof"
BEGIN, END = "<!-- practice -->", "<!-- end of practice -->"


@dataclass(frozen=True)
class Tried:
    """One implementation and which methods accuse it; None where a method does not apply."""

    slug: str
    base: str
    category: str
    """"" for a right one"""
    accused: Verdicts


def answers(file: Path, base: Base) -> tuple[Subject, list[Sample], list[Values | None]]:
    """The answers of the code in a file to the samples of the API, each asked in a worker, as `lossproof try` asks."""
    code = Code(base.name, file, path=(str(file.parent),), folder=file.parent)
    chosen = place(code, base.api, arrays=base.arrays, edition=base.edition)
    with (
        tempfile.TemporaryDirectory(prefix="lossproof-practice-") as folder,
        asked(chosen, Path(folder) / "log.txt", examples=1) as session,
    ):
        (subject,) = session.subjects
        drawn = samples(subject)
        put = [session.own.put(question(subject, s.arrays, s.options)) for s in drawn]
    return subject, drawn, [a.value.numpy() if a.value is not None else None for a in put]


def tried(base: Base, mutants: Sequence[Mutant]) -> Iterator[Tried]:
    """The base and its mutants, by every method."""
    names: list[tuple[str, str]] = [(base.slug, ""), *((m.slug, m.category) for m in mutants)]
    with tempfile.TemporaryDirectory(prefix="lossproof-practice-") as folder:
        files = [base.file]
        for mutant in mutants:
            files.append(Path(folder) / mutant.slug / base.file.name)
            files[-1].parent.mkdir()
            files[-1].write_text(mutant.source(base), encoding="utf-8")
        subject, drawn, given = answers(base.file, base)
        everyone = [given]
        for file in files[1:]:
            try:
                everyone.append(answers(file, base)[2])
            except UsageError:  # it cannot even be imported: every method sees that
                everyone.append([None] * len(drawn))
        verdicts = judged(subject, drawn, everyone)
        gradients = gradchecked(subject, base, files, drawn)
        for (slug, category), verdict, gradient in zip(names, verdicts, gradients, strict=True):
            yield Tried(slug, base.slug, category, {**verdict, METHODS[3]: gradient})


def right_ones(apis: Iterable[str]) -> Iterator[Tried]:
    """The allowed implementations of these APIs, in the dtypes that the samples have."""
    for api in apis:
        subject = documents(api)[-1]
        drawn = samples(subject)
        computes = [subject.compute_dtype(_core(s)) for s in drawn]
        ways = {dtype: {w.name: w for w in every(dtype)} for dtype in set(computes)}
        names = [n for n in next(iter(ways.values())) if all(n in found for found in ways.values())]
        everyone: list[list[Values | None]] = [
            [
                np.asarray(ways[c][name].answer(subject, s.arrays, s.options))
                for s, c in zip(drawn, computes, strict=True)
            ]
            for name in names
        ]
        for name, verdict in zip(names, judged(subject, drawn, everyone), strict=True):
            yield Tried(name, api, "", verdict)


def _core(sample: Sample) -> str:
    return next(str(a.dtype) for a in sample.arrays.values() if a.dtype.kind == "f")


def table(mutants: Sequence[Tried]) -> pd.DataFrame:
    """Mutants killed by each method, by category and in all, as `killed of applicable`."""
    methods = list(mutants[0].accused)
    groups = {c: [m for m in mutants if m.category == c] for c in dict.fromkeys(m.category for m in mutants)}
    lines = []
    for name, group in (*groups.items(), ("in all", list(mutants))):
        line: dict[str, str | int] = {"category": name, "mutants": len(group)}
        line |= {method: _share(group, method, name == "in all") for method in methods}
        lines.append(line)
    return pd.DataFrame(lines)


def _share(group: Sequence[Tried], method: str, percent: bool) -> str:
    verdicts = [m.accused[method] for m in group if m.accused[method] is not None]
    if not verdicts:
        return "."
    killed = sum(bool(v) for v in verdicts)
    of = f" of {len(verdicts)}" if len(verdicts) < len(group) else ""
    return f"{killed}{of}" + (f" ({killed / len(verdicts):.0%})" if percent else "")


def with_ours(
    mutants: Sequence[Tried], right: Sequence[Tried], file: Path
) -> tuple[list[Tried], list[Tried]]:
    """The same with lossproof's own verdicts, from a run of the zoo."""
    run = read([file])
    ours = {r.slug: bool(r.diverging) for r in (*run.mutants, *run.bases)}
    return tuple(  # type: ignore[return-value]
        [Tried(t.slug, t.base, t.category, {OURS: ours.get(t.slug), **t.accused}) for t in part]
        for part in (mutants, right)
    )


def page(mutants: Sequence[Tried], bases: Sequence[Tried], allowed: Sequence[Tried]) -> str:
    """The tables in Markdown."""
    methods = list(mutants[0].accused)
    lines = []
    for name, group in (("the zoo's right implementations", bases), ("those of the section above", allowed)):
        line: dict[str, str | int] = {"accused although right": name, "of": len(group)}
        lines.append(line | {m: _share(group, m, False) if m in group[0].accused else "." for m in methods})
    tables = [table(mutants), pd.DataFrame(lines)]
    return "\n\n".join(ruled(list(t.columns), t.astype(str).to_numpy().tolist()) for t in tables)


def put_into(file: Path, text: str) -> None:
    """Write text between the marks of a page; UsageError where it has none."""
    before, mark, rest = file.read_text(encoding="utf-8").partition(BEGIN)
    _, end, after = rest.partition(END)
    if not mark or not end:
        raise click.UsageError(
            f"{file} has no place for the tables; write {BEGIN} and {END} where they belong"
        )
    file.write_text(f"{before}{BEGIN}\n\n{text}\n\n{END}{after}", encoding="utf-8")


@click.command(help=__doc__)
@click.option("--only", default="*", help="Only mutants that match this pattern.")
@click.option(
    "--lossproof", "ours", type=click.Path(path_type=Path, exists=True), help="A run of benchmarks.mutants."
)
@click.option(
    "--json", "json_file", type=click.Path(path_type=Path), help="Write every verdict to this file."
)
@click.option(
    "--markdown", "page_file", type=click.Path(path_type=Path, exists=True), help="Put tables into a page."
)
def main(only: str, ours: Path | None, json_file: Path | None, page_file: Path | None) -> None:
    chosen = [m for m in load().values() if fnmatchcase(m.slug, only)]
    if not chosen:
        raise click.UsageError(f"no mutant is called {only}")
    of = {slug: [m for m in chosen if m.base == slug] for slug in BASES}
    busy = [BASES[slug] for slug, mutants in of.items() if mutants]
    found: list[Tried] = []
    try:
        for base in track(busy, "bases", console=Console(stderr=True), transient=True):
            found += tried(base, of[base.slug])
        allowed = list(right_ones(dict.fromkeys(b.api for b in busy)))
    except KeyboardInterrupt:
        click.echo(f"interrupted after {len(found)} implementations", err=True)
        sys.exit(130)
    mutants, bases = [t for t in found if t.category], [t for t in found if not t.category]
    if ours:
        mutants, bases = with_ours(mutants, bases, ours)
    if json_file:
        parts = {"mutants": mutants, "right": bases, "allowed": allowed}
        json_file.write_text(
            json.dumps({k: [asdict(t) for t in v] for k, v in parts.items()}, indent=1) + "\n",
            encoding="utf-8",
        )
    text = page(mutants, bases, allowed)
    if page_file:
        put_into(page_file, text)
    click.echo(text)


if __name__ == "__main__":
    main()
