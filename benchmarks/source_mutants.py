"""Changes the source of the oracle and of what decides a verdict in small ways, and counts what tests notice.

    python -m benchmarks.source_mutants [--only GLOB] [--sample N] [--seed S] [--covering FOLDER] [--json FILE]

Draws N changes (see benchmarks/mutation/operators.py) from all the modules, and runs the tests that reach each,
quickest first and for --seconds at most: a limit that can only let more of them live. Printed are the share that the
tests kill and every survivor. Survivors that benchmarks/mutation/equivalent.yaml explains are told apart: no test can
notice those. Exit code 1 where fewer than 95% of the others are killed. Needs a POSIX system and
`pip install -e ".[fast,test,mutation]"`.
"""

from __future__ import annotations

import fnmatch
import json
import os
import random
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
import yaml

from benchmarks.mutation import covering, operators, trying

ROOT = Path(__file__).resolve().parent.parent
JUDGE = (
    "families.formula", "families.cosine", "families.cosine_embedding", "families.contrastive", "families.vectors",
    "families.given", "families.regions.held", "questions.batches", "cases.values", "cases.cases",
    "diagnosis.predicates", "judging.expectation", "judging.comparison", "cases.outcomes", "judging.outcome",
    "judging.relations",
)  # fmt: skip
TESTS = {
    "oracle": ["tests/oracle"],
    "conformance": [
        f"tests/conformance/test_{n}.py"
        for n in (
            "batches",
            "case_values",
            "cases",
            "predicates",
            "expectation",
            "expected_dtypes",
            "expected_gradients",
            "gradient",
            "comparison",
            "outcome",
            "regions",
            "relations",
            "training_cases",
            "verdicts",
        )
    ],
}
"""The tests that answer for the modules of a room."""
TARGET = 0.95
KERNELS = "kernels"
"""Folder of the machine code that the tests left when they ran unchanged."""
EQUIVALENT = ROOT / "benchmarks" / "mutation" / "equivalent.yaml"


def modules(only: str = "*") -> list[str]:
    """The modules that are changed: all of the oracle, and of the suite those that decide a verdict."""
    oracle = sorted((ROOT / "oracle/lossproof/oracle").rglob("[!_]*.py"))
    names = [covering.module_of(file, ROOT) for file in oracle]
    names += [f"lossproof.conformance.{n}" for n in JUDGE]
    return [n for n in names if fnmatch.fnmatch(n, only)]


def drawn(names: list[str], sample: int, seed: int) -> list[operators.Change]:
    """`sample` changes of all there are, by a seeded draw, in the order of the lines; all, where there are fewer."""
    every = [c for n in names for c in operators.changes(n, covering.file_of(n, ROOT).read_text())]
    if sample >= len(every):
        return every
    return [every[i] for i in sorted(random.Random(seed).sample(range(len(every)), sample))]


@click.command()
@click.option("--only", default="*", metavar="GLOB", help="Modules, by dotted name.")
@click.option("--sample", default=400, show_default=True, help="How many changes.")
@click.option("--seed", default=0, show_default=True)
@click.option(
    "--again", type=click.Path(path_type=Path, exists=True), default=None,
    help="Only the changes that survived in what --json wrote.",
)  # fmt: skip
@click.option(
    "--covering", "kept", type=click.Path(path_type=Path), default=Path("lossproof-covering"), show_default=True,
    help="Folder in which it is kept which test runs which line; delete it after a change of source or tests.",
)  # fmt: skip
@click.option(
    "--seconds", default=60.0, show_default=True, help="Of tests that a change is shown to, at most."
)
@click.option(
    "--json", "out", type=click.Path(path_type=Path), default=None, help="Where to write the result."
)
def main(
    only: str, sample: int, seed: int, again: Path | None, kept: Path, seconds: float, out: Path | None
) -> None:
    """Run the sample."""
    names = modules(only)
    covers = {room: _covering(room, kept) for room in sorted({_room(n) for n in names})}
    trying.preload()
    known: dict[str, str] = yaml.safe_load(EQUIVALENT.read_text()) or {}
    chosen, rows = drawn(names, sample, seed), list[dict[str, Any]]()
    if again is not None:
        lived = {r["key"] for r in json.loads(again.read_text()) if r["fate"] == "survived"}
        chosen = [c for c in drawn(names, sys.maxsize, seed) if c.key in lived]
    for i, change in enumerate(chosen):
        cover = covers[_room(change.module)]
        tests = cover.tests(change.module, change.line, seconds)
        needed = sum(cover.seconds[t] for t in tests)
        file = covering.file_of(change.module, ROOT)
        tree = operators.changed(file.read_text(), change.spot)
        tried = (
            trying.attempt(ROOT, change.module, file, tree, tests, needed, kept.resolve() / KERNELS)
            if tests
            else trying.Tried("survived", 0.0, 0)
        )
        rows.append(
            {"key": change.key, "line": change.line, **asdict(tried), "why": known.get(change.key, "")}
        )
        click.echo(f"[{i + 1}/{len(chosen)}] {tried.fate:8} {tried.seconds:7.1f} s  {change.key}", err=True)
        if out is not None:
            out.write_text(json.dumps(rows, indent=1))
    sys.exit(0 if report(rows) >= TARGET else 1)


def _room(module: str) -> str:
    return module.split(".")[1]


def _covering(room: str, folder: Path) -> covering.Covering:
    """Read, or measured in a process of its own: coverage must see lossproof being loaded."""
    path = (folder / f"{room}.json").resolve()
    if path.exists():
        return covering.load(path)
    folder.mkdir(parents=True, exist_ok=True)
    words = "import sys; from pathlib import Path; from benchmarks.mutation import covering as c; "
    words += "c.record(Path(sys.argv[1]), sys.argv[3:], Path(sys.argv[2]))"
    command = [sys.executable, "-c", words, str(ROOT), str(path), *TESTS[room]]
    machine_code = {"NUMBA_CACHE_DIR": str(folder.resolve() / KERNELS)}
    subprocess.run(command, cwd=ROOT, check=True, env={**os.environ, **machine_code})
    return covering.load(path)


def report(rows: list[dict[str, Any]]) -> float:
    """Print kills by module and the survivors; the share killed of those that can be."""
    tables: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        tables.setdefault(row["key"].partition(":")[0], []).append(row)
    for module, of_module in sorted(tables.items()):
        killed = sum(r["fate"] != "survived" for r in of_module)
        same = sum(r["fate"] == "survived" and bool(r["why"]) for r in of_module)
        click.echo(f"{module:45} {len(of_module):4} changes  {killed:4} killed  {same:3} equivalent")
    left = [r for r in rows if r["fate"] == "survived"]
    for row in left:
        click.echo(f"survived: {row['key']}\n    {row['why'] or 'UNEXPLAINED'}")
    killed, same = len(rows) - len(left), sum(bool(r["why"]) for r in left)
    share = killed / max(1, len(rows) - same)
    click.echo(
        f"{len(rows)} changes: {killed} killed, {same} equivalent, {len(left) - same} not: {share:.1%}"
    )
    return share


if __name__ == "__main__":
    main()
