"""Judge the bases and their mutants, one process at a time or several."""

from __future__ import annotations

import multiprocessing
import platform
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from importlib import metadata
from pathlib import Path

from benchmarks.zoo.judging import JudgedFile, judge_file
from benchmarks.zoo.model import Base, Mutant
from benchmarks.zoo.records import Record, Run, record
from lossproof.conformance.judging.memory import Memory

PACKAGES = ("numpy", "torch", "tensorflow-cpu", "keras", "mlx")


def judged(
    base: Base, mutants: Sequence[Mutant], examples: int, properties: Sequence[str]
) -> Iterator[Record]:
    """The base, and after it each mutant. Where the base is accused nothing that follows could be believed: it ends."""
    memory = Memory()
    with memory.in_use(), tempfile.TemporaryDirectory(prefix="lossproof-zoo-") as folder:
        yield _one(base, None, base.file, examples, properties)
        for mutant in mutants:
            file = Path(folder) / mutant.slug / base.file.name
            file.parent.mkdir()
            file.write_text(mutant.source(base), encoding="utf-8")
            yield _one(base, mutant, file, examples, properties)


def _one(base: Base, mutant: Mutant | None, file: Path, examples: int, properties: Sequence[str]) -> Record:
    try:
        return record(base, mutant, judge_file(file, base, examples, properties))
    except Exception as error:
        return record(base, mutant, JudgedFile(), f"{type(error).__name__}: {error}")


def _all(base: Base, mutants: Sequence[Mutant], examples: int, properties: Sequence[str]) -> list[Record]:
    return list(judged(base, mutants, examples, properties))


def run(
    bases: Mapping[str, Base],
    mutants: Iterable[Mutant],
    examples: int,
    properties: Sequence[str] = (),
    jobs: int = 1,
    told: Callable[[Record], None] = lambda _: None,
    so_far: Callable[[Run], None] = lambda _: None,
) -> Run:
    """Judge mutants, and the bases that they were made of first.

    `told` is given each record as it comes, `so_far` what there is after each base.
    """
    wanted: dict[str, list[Mutant]] = {}
    for mutant in mutants:
        wanted.setdefault(mutant.base, []).append(mutant)
    order = [slug for slug in bases if slug in wanted]
    found: dict[str, list[Record]] = {}
    if jobs <= 1:
        for slug in order:
            found[slug] = []
            for item in judged(bases[slug], wanted[slug], examples, properties):
                told(item)
                found[slug].append(item)
            so_far(_gathered(found, order, examples, properties))
    else:
        with ProcessPoolExecutor(jobs, mp_context=multiprocessing.get_context("spawn")) as pool:
            futures = {pool.submit(_all, bases[s], wanted[s], examples, properties): s for s in order}
            for future in as_completed(futures):
                found[futures[future]] = future.result()
                for item in future.result():
                    told(item)
                so_far(_gathered(found, order, examples, properties))
    return _gathered(found, order, examples, properties)


def _gathered(
    found: Mapping[str, Sequence[Record]], order: Sequence[str], examples: int, properties: Sequence[str]
) -> Run:
    records = [item for slug in order for item in found.get(slug, ())]
    return Run(
        examples, tuple(properties), tuple(r for r in records if not r.kind), tuple(r for r in records if r.kind),
        f"{platform.platform()}, Python {platform.python_version()}", _versions(),
    )  # fmt: skip


def _versions() -> str:
    found = []
    for name in PACKAGES:
        try:
            found.append(f"{name} {metadata.version(name)}")
        except metadata.PackageNotFoundError:
            continue
    return ", ".join(found)
