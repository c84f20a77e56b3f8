"""Pins the answers of today into a ledger file, after a person has looked at each.

    python -m lossproof.conformance.runs.pin FILE.yaml [SLUG ...]

Asks each finding's witness on the framework installed here, writes what came back under `answer`, and says how the
finding stands. Without slugs it pins those that have no answer yet.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from lossproof.conformance.judging.executor import Executor
from lossproof.conformance.runs.run import target_info
from lossproof.conformance.runs.session import Session, documented_here
from lossproof.conformance.targets.parse import parse
from lossproof.conformance.workers.client import Worker
from lossproof.specs import load_ledger, load_specs

KEPT = (
    "value",
    "dtype",
    "shape",
    "error",
    "data",
    "moves",
    "missing",
    "answers otherwise",
    "changed",
    "type",
    "config",
    "same",
)


def pin(path: Path, slugs: Sequence[str]) -> list[str]:
    """Pin the answers in a ledger file and return a line for each finding."""
    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = 100
    content = yaml.load(path)
    known = {f.slug: f for f in load_ledger(path).findings}
    lines = []
    for framework in sorted({f.framework for f in known.values()}):
        target = parse(framework)[0]
        with tempfile.TemporaryDirectory() as folder, Worker.start(target, Path(folder) / "log") as worker:
            facts = target_info(target, worker.info)
            session = Session(facts, Executor(worker), documented_here(facts, load_specs()), known.values())
            for entry in content["findings"]:
                finding = known[entry["slug"]]
                if finding.framework != framework or (
                    finding.slug not in slugs if slugs else finding.witness.answer
                ):
                    continue
                now = session.ledger.today(finding)
                answer = kept(now.shown.observed)
                entry["witness"]["answer"] = answer
                lines.append(f"{finding.slug}: {now.outcome.verdict}: {answer}")
    yaml.dump(content, path)
    return lines


def kept(observed: Mapping[str, Any]) -> dict[str, Any]:
    """The part of an answer that is pinned: not messages, which change with a release, and no timings."""
    return {name: observed[name] for name in KEPT if observed.get(name) not in (None, "")}


if __name__ == "__main__":
    print("\n".join(pin(Path(sys.argv[1]), sys.argv[2:])))
