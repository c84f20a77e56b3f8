"""Judges one file in the place of an API, as `lossproof try` does, and keeps the cost and causes of each cell."""

from __future__ import annotations

import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from pathlib import Path

from benchmarks.zoo.model import Base
from lossproof.conformance.diagnosis.causes import explain
from lossproof.conformance.diagnosis.effort import Budget
from lossproof.conformance.diagnosis.model import Explained
from lossproof.conformance.judging.outcome import Outcome
from lossproof.conformance.model.subject import CellKey, Subject
from lossproof.conformance.questions.schedule import asking_order
from lossproof.conformance.runs.policy import no_witness
from lossproof.conformance.runs.session import Session
from lossproof.conformance.usercode.code import Code, place
from lossproof.conformance.usercode.run import asked
from lossproof.specs.models import KnownFinding

WRONG = 8
"""Wrong values in which causes are looked for, and the rest of their batch: what is reduced has one in a batch."""
EXPLAINED = 1
"""Diverging cells of a property, and of a region, whose causes are looked for."""
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


class FewCauses:
    """Explains a few cells of each property and region: of a mutant that is wrong everywhere, the first failing
    batches of the first cells.
    """

    def __init__(self) -> None:
        self._explained: Counter[str] = Counter()

    def __call__(
        self,
        subject: Subject,
        key: CellKey,
        outcome: Outcome,
        ledger: Sequence[KnownFinding],
        budget: Budget,
    ) -> Sequence[Explained]:
        """The causes in the first failing batches, where they are looked for."""
        places = (key.property, key.region)
        enough = all(self._explained[place] >= EXPLAINED for place in places) and not key.variant.case
        self._explained.update(places)
        values = accumulate(int(f.wrong.sum()) for f in outcome.failures)
        enough_of_it = 1 + sum(n < WRONG for n in values)
        first = replace(outcome, failures=outcome.failures[:enough_of_it])
        return () if enough else explain(subject, key, first, ledger, budget)


def judge_file(
    file: Path, base: Base, examples: int, properties: Sequence[str] = (), tell: Tell = lambda *_: None
) -> tuple[Cell, ...]:
    """Every cell of the API for the code in a file, by the edition that documents what is installed."""
    code = Code(base.name, file, path=(str(file.parent),), folder=file.parent)
    chosen = place(code, base.api, arrays=base.arrays, edition=base.edition)
    found: list[Cell] = []
    with (
        tempfile.TemporaryDirectory(prefix="lossproof-zoo-") as folder,
        asked(chosen, Path(folder) / "log.txt", examples=examples) as running,
    ):
        subject, executor = running.subject, running.executor
        policy = replace(running.session.policy, explain=FewCauses(), reduce=no_witness)
        session = Session(subject.facts, executor, [subject], policy=policy)
        keys = [k for k in session.cells(subject) if not properties or k.property in properties]
        keys = asking_order(k for k in keys if k.region not in base.flushed)
        begun = time.process_time()
        for number, key in enumerate(keys):
            tell(number, len(keys), str(key))
            judged = session.judge_cell(subject, key)
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
    return tuple(found)
