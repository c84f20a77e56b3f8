"""Asks the customary ways to test a loss about the mutants of the zoo and about right implementations.

    python -m benchmarks.practice [--only GLOB] [--from FILE] [--lossproof FILE] [--json FILE] [--markdown PAGE]

A float64 reference in NumPy with numpy.testing.assert_allclose at its default tolerance and at 1e-5, with
torch.testing.assert_close at its defaults, and torch.autograd.gradcheck for what is written in PyTorch; all on ten
random normal samples, and each documented option once. --lossproof reads what `benchmarks.mutants --json` wrote, for
the column beside them. --json is written after each right implementation and its mutants, and --from reads it: what
it holds is not asked again. Exits 130 when interrupted.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import click
import numpy as np
import pandas as pd
from rich.console import Console
from rich.progress import track

from benchmarks.allowed.asking import documents
from benchmarks.allowed.tally import ruled
from benchmarks.allowed.ways import ways
from benchmarks.practised.methods import METHODS, Values, Verdicts, gradchecked, judged
from benchmarks.practised.samples import Sample, samples
from benchmarks.zoo.bases import BASES
from benchmarks.zoo.catalogue import load
from benchmarks.zoo.model import Base, Mutant
from benchmarks.zoo.records import read
from lossproof.conformance.judging.executor import question
from lossproof.conformance.model.subject import Subject
from lossproof.conformance.targets.model import UsageError
from lossproof.conformance.usercode.code import Code, place
from lossproof.conformance.usercode.run import asked

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


@dataclass
class Found:
    """Mutants and right implementations of the zoo, and the allowed ones, with the verdicts on them."""

    mutants: list[Tried] = field(default_factory=list)
    right: list[Tried] = field(default_factory=list)
    allowed: list[Tried] = field(default_factory=list)

    @classmethod
    def read(cls, file: Path) -> Found:
        """The verdicts that `write` wrote, without lossproof's own column."""
        raw = json.loads(file.read_text(encoding="utf-8"))

        def one(data: dict[str, Any]) -> Tried:
            accused = {m: v for m, v in data["accused"].items() if m != OURS}
            return Tried(data["slug"], data["base"], data["category"], accused)

        return cls(*([one(d) for d in raw[f.name]] for f in fields(cls)))

    def write(self, file: Path | None) -> None:
        """Write it as JSON, where a file is given."""
        if file:
            parts = {f.name: [asdict(t) for t in getattr(self, f.name)] for f in fields(self)}
            file.write_text(json.dumps(parts, indent=1) + "\n", encoding="utf-8")

    def add(self, items: Iterable[Tried]) -> None:
        """Add a right implementation of the zoo and its mutants."""
        for item in items:
            (self.mutants if item.category else self.right).append(item)


def answers(file: Path, base: Base) -> tuple[Subject, list[Sample], list[Values | None]]:
    """The answers of the code in a file to the samples of the API, each asked in a worker, as `lossproof try` asks."""
    code = Code(base.name, file, path=(str(file.parent),), folder=file.parent)
    chosen = place(code, base.api, arrays=base.arrays, edition=base.edition)
    with (
        tempfile.TemporaryDirectory(prefix="lossproof-practice-") as folder,
        asked(chosen, Path(folder) / "log.txt", examples=1) as running,
    ):
        subject = running.subject
        drawn = samples(subject)
        put = [running.executor.put(question(subject, s.arrays, s.options)) for s in drawn]
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
        found = {
            c: {w.name: w for w in ways(subject, "ordinary", c, subject.row_wise)} for c in set(computes)
        }
        names = [n for n in next(iter(found.values())) if all(n in known for known in found.values())]
        everyone: list[list[Values | None]] = [
            [
                np.asarray(found[c][name].answer(subject, s.arrays, s.options))
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


def with_ours(found: Found, file: Path) -> Found:
    """The same with lossproof's own verdicts, from a run of the zoo."""
    run = read([file])
    ours = {r.slug: bool(r.diverging) for r in (*run.mutants, *run.bases)}
    mutants, right = (
        [replace(t, accused={OURS: ours.get(t.slug), **t.accused}) for t in part]
        for part in (found.mutants, found.right)
    )
    allowed = [replace(t, accused={OURS: None, **t.accused}) for t in found.allowed]
    return Found(mutants, right, allowed)


def page(found: Found) -> str:
    """The tables in Markdown."""
    methods = list(found.mutants[0].accused)
    lines = []
    for name, group in (
        ("the zoo's right implementations", found.right),
        ("those of the section above", found.allowed),
    ):
        line: dict[str, str | int] = {"accused although right": name, "of": len(group)}
        lines.append(line | {m: _share(group, m, False) for m in methods})
    tables = [table(found.mutants), pd.DataFrame(lines)]
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


def ask(found: Found, chosen: Sequence[Mutant], json_file: Path | None) -> None:
    """Ask about the implementations that the file lacks, and write each result as it comes."""
    have = {t.slug for t in found.mutants}
    left = {slug: [m for m in chosen if m.base == slug and m.slug not in have] for slug in BASES}
    busy = [BASES[slug] for slug, mutants in left.items() if mutants]
    for base in track(busy, "bases", console=Console(stderr=True), transient=True):
        again = any(t.slug == base.slug for t in found.right)
        found.add(t for t in tried(base, left[base.slug]) if t.category or not again)
        found.write(json_file)
    asked_of = {t.base for t in found.allowed}
    apis = dict.fromkeys(b.api for b in BASES.values() if any(m.base == b.slug for m in chosen))
    found.allowed += right_ones(api for api in apis if api not in asked_of)
    found.write(json_file)


FILE = click.Path(path_type=Path, exists=True)


@click.command(help=__doc__)
@click.option("--only", default="*", help="Only mutants that match this pattern.")
@click.option("--from", "source", type=FILE, help="Verdicts that --json wrote.")
@click.option("--lossproof", "ours", type=FILE, help="A run of benchmarks.mutants.")
@click.option(
    "--json", "json_file", type=click.Path(path_type=Path), help="Write every verdict to this file."
)
@click.option("--markdown", "page_file", type=FILE, help="Put tables into a page.")
def main(
    only: str, source: Path | None, ours: Path | None, json_file: Path | None, page_file: Path | None
) -> None:
    chosen = [m for m in load().values() if fnmatchcase(m.slug, only)]
    if not chosen:
        raise click.UsageError(f"no mutant is called {only}")
    found = Found.read(source) if source else Found()
    try:
        ask(found, chosen, json_file)
    except KeyboardInterrupt:
        click.echo(f"interrupted after {len(found.mutants)} mutants", err=True)
        sys.exit(130)
    if ours:
        found = with_ours(found, ours)
        found.write(json_file)
    text = page(found)
    if page_file:
        put_into(page_file, text)
    click.echo(text)


if __name__ == "__main__":
    main()
