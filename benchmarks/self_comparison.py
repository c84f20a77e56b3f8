"""Compares releases with themselves: nothing may have changed.

    python -m benchmarks.self_comparison [TARGET ...] [--examples N] [--json FILE] [--forget]

Each target (all that are catalogued, if none is named) is started twice, each time in a worker of its own, and asked
the same questions; what `lossproof compare` makes of the two is printed. So that a hundred releases take an hour or
two, no causes are looked for, which tell only why what changed has changed, and what was judged once is not judged
again where question, answer and page are the same: a verdict is a function of these (see
lossproof.conformance.judging.memory). --json FILE keeps what was found after each target, and leaves out what it holds
already. --forget removes an environment again that had to be built.

Exits 1 where a release differs from itself, a cell is broken, or a target could not be had.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from lossproof.conformance.changes.bisect import side
from lossproof.conformance.changes.compare import compare
from lossproof.conformance.judging.memory import Memory
from lossproof.conformance.runs.policy import VERDICTS_ALONE
from lossproof.conformance.runs.run import Plan, judge_target
from lossproof.conformance.targets.environments import built, remove
from lossproof.conformance.targets.model import Target, TargetUnavailable
from lossproof.conformance.targets.parse import parse
from lossproof.specs.frameworks import load_catalogues


@dataclass(frozen=True)
class Found:
    """The differences between a target and itself."""

    target: str
    cells: int = 0
    questions: int = 0
    broken: int = 0
    changes: tuple[str, ...] = ()
    failed: str = ""
    seconds: float = 0.0

    @property
    def unchanged(self) -> bool:
        """Whether it was judged twice and nothing differs."""
        return self.cells > 0 and not (self.changes or self.broken or self.failed)

    @property
    def words(self) -> str:
        """One line."""
        said = self.failed or "; ".join(self.changes) or "nothing changed"
        lost = f", {self.broken} BROKEN" if self.broken else ""
        return f"{self.target}: {said} ({self.cells} cells, {self.questions} questions, {self.seconds:.0f} s{lost})"


def catalogued() -> Iterator[str]:
    """Every target that the catalogue names: each release on each of its backends."""
    for catalogue in load_catalogues().values():
        name = catalogue.name
        for backend in catalogue.backends or ("",):
            for release in catalogue.releases:
                yield f"{name}[{backend}]=={release}" if backend else f"{name}=={release}"


def compared(text: str, target: Target, plan: Plan) -> Found:
    """Judge a target twice and compare."""
    begun = time.perf_counter()
    results = [
        judge_target(target, plan, lambda *_: None, VERDICTS_ALONE, ledger=()) for _ in ("once", "again")
    ]
    failed = next((r.failed for r in results if r.failed), "")
    old, new = (side(text, r, plan) for r in results)
    return Found(
        target=text,
        cells=min(len(r.rows) for r in results),
        questions=sum(r.questions for r in results),
        broken=sum(row.verdict == "broken" for r in results for row in r.rows),
        changes=() if failed else tuple(f"{c.kind_of_change}: {c.title}" for c in compare(old, new)),
        failed=failed,
        seconds=round(time.perf_counter() - begun, 1),
    )


def all_compared(targets: list[str], examples: int, forget: bool) -> Iterator[Found]:
    """Each target with itself; judgements stay in memory while the next one has the same package and backend."""
    plan = Plan(examples=examples)
    memory, family = Memory(), ""
    for text in targets:
        if text.partition("==")[0] != family:
            memory, family = Memory(), text.partition("==")[0]
        before = {e.path for e in built()}
        try:
            (target,) = parse(text)
        except TargetUnavailable as error:
            yield Found(text, failed=str(error))
            continue
        with memory.in_use():
            yield compared(text, target, plan)
        for environment in built():  # others may be built meanwhile by somebody else
            if forget and environment.python == target.python and environment.path not in before:
                remove(environment)


def main(arguments: list[str] | None = None) -> int:
    """Compare, print, and keep."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("targets", nargs="*", metavar="TARGET")
    parser.add_argument("--examples", type=int, default=1)
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("--forget", action="store_true")
    options = parser.parse_args(arguments)
    kept: dict[str, Found] = {}
    if options.json and options.json.exists():
        kept = {d["target"]: Found(**d) for d in json.loads(options.json.read_text(encoding="utf-8"))}
    targets = options.targets or list(catalogued())
    for found in all_compared([t for t in targets if t not in kept], options.examples, options.forget):
        kept[found.target] = found
        print(found.words, flush=True)
        if options.json:
            options.json.write_text(
                json.dumps([asdict(f) for f in kept.values()], indent=1), encoding="utf-8"
            )
    done = [kept[t] for t in targets]
    print(f"{sum(f.unchanged for f in done)} of {len(done)} targets unchanged against themselves")
    return 0 if all(f.unchanged for f in done) else 1


if __name__ == "__main__":
    sys.exit(main())
