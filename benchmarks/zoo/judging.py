"""Judges one file in the place of an API, as `lossproof try` does; keeps the cost of each cell, and the findings."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from benchmarks.zoo.model import Base
from lossproof.conformance.model.results import Finding
from lossproof.conformance.questions.schedule import asking_order, reporting_order
from lossproof.conformance.runs.findings import findings
from lossproof.conformance.runs.judgement import Judgement
from lossproof.conformance.runs.policy import no_witness
from lossproof.conformance.runs.session import Session
from lossproof.conformance.usercode.code import Code, place
from lossproof.conformance.usercode.run import asked
from lossproof.reports.run import sort_findings

Tell = Callable[[int, int, str], None]
"""Called with cells done, cells in all, and the cell that comes next."""


@dataclass(frozen=True)
class Cell:
    """One cell of a run: its verdict with the (severity, kind) of each cause, and what the run had cost by its end."""

    property: str
    region: str
    dtype: str
    variant: str
    verdict: str
    causes: tuple[tuple[str, str], ...]
    questions: int
    """asked so far"""
    seconds: float
    """that the target spent on them"""
    cost: float
    """processor seconds spent on judging so far, besides"""
    note: str = ""


@dataclass(frozen=True)
class Found:
    """A finding, with the title that a reader sees."""

    slug: str
    kind: str
    severity: str
    title: str


@dataclass(frozen=True)
class JudgedFile:
    """The cells of a file in the order of asking, and the findings of them all, worst first."""

    cells: tuple[Cell, ...] = ()
    findings: tuple[Found, ...] = ()


def judge_file(
    file: Path, base: Base, examples: int, properties: Sequence[str] = (), tell: Tell = lambda *_: None
) -> JudgedFile:
    """Every cell of the API for the code in a file, by the edition that documents what is installed.

    Cells that the base says no implementation can answer rightly are not asked.
    """
    code = Code(base.name, file, path=(str(file.parent),), folder=file.parent)
    chosen = place(code, base.api, arrays=base.arrays, edition=base.edition)
    found: list[Cell] = []
    judgements: list[Judgement] = []
    with (
        tempfile.TemporaryDirectory(prefix="lossproof-zoo-") as folder,
        asked(chosen, Path(folder) / "log.txt", examples=examples) as running,
    ):
        subject, executor = running.subject, running.executor
        policy = replace(running.session.policy, reduce=no_witness)
        session = Session(subject.facts, executor, [subject], policy=policy)
        keys = [k for k in session.cells(subject) if not properties or k.property in properties]
        keys = asking_order(
            k for k in keys if k.region not in base.flushed and k.variant.case not in base.disputed
        )
        begun = time.process_time()
        for number, key in enumerate(keys):
            tell(number, len(keys), str(key))
            judged = session.judge_cell(subject, key)
            judgements.append(judged)
            outcome = judged.outcome
            found.append(
                Cell(
                    property=key.property,
                    region=key.region,
                    dtype=key.dtype,
                    variant=key.variant.slug,
                    verdict=outcome.verdict,
                    causes=tuple((e.cause.severity, e.cause.kind) for e in judged.causes),
                    questions=executor.asked,
                    seconds=executor.seconds,
                    cost=time.process_time() - begun,
                    note=outcome.note if outcome.verdict == "broken" else "",
                )
            )
        judgements.sort(key=lambda j: reporting_order(j.key))
        return JudgedFile(tuple(found), _sorted(findings(session, judgements, partial=bool(properties))))


def _sorted(found: Sequence[Finding]) -> tuple[Found, ...]:
    """The findings in the order in which a report tells them."""
    fields = ("slug", "kind", "severity", "title")
    return tuple(Found(**{name: f[name] for name in fields}) for f in sort_findings(map(asdict, found)))
