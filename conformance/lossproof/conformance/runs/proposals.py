"""Asks the witness of each ledger entry again, and proposes the `behaves_as` that the diagnosis of today gives it.

    python -m lossproof.conformance.runs.proposals [--target T] [--slug GLOB] [--ledger PATH] [--json] [--write]

The diagnosis knows no ledger. Slugs stay; a person reads each proposal and every change that `--write` makes. Exits
with 1 where an entry no longer reproduces the answer to its witness.
"""

from __future__ import annotations

import argparse
import io
import json
import sys
import textwrap
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from lossproof import specs
from lossproof.conformance.diagnosis.model import Behaviour
from lossproof.conformance.judging.executor import Executor
from lossproof.conformance.runs.proposal import Proposal, proposals
from lossproof.conformance.runs.run import target_info
from lossproof.conformance.runs.session import Session, documented_here
from lossproof.conformance.targets.model import Target, TargetUnavailable, UsageError
from lossproof.conformance.targets.parse import chosen
from lossproof.conformance.workers.client import CannotStart, Worker, WorkerError
from lossproof.conformance.workers.scratch import Scratch
from lossproof.specs import load_ledger, load_specs
from lossproof.specs.format import format_text, yaml_files
from lossproof.specs.models import KnownFinding
from lossproof.specs.problems import SpecError

LEDGER = Path(specs.__file__).parent / "ledger"
"""The packaged ledger."""
WIDTH = 80
OK, OUTDATED, USAGE, BROKEN = 0, 1, 2, 3


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the proposals, and write them if asked.

    Returns 0; 1 where an entry no longer reproduces its answer; 2 for what is no target, slug or ledger; 3 where a
    target cannot be asked.
    """
    parser = argparse.ArgumentParser(
        prog="python -m lossproof.conformance.runs.proposals",
        description="Propose new causes for the ledger.",
    )
    parser.add_argument(
        "--target", action="append", default=[], help="a target; default: all that is installed here"
    )
    parser.add_argument("--slug", default="*", metavar="GLOB", help="the entries to ask; default: all")
    parser.add_argument(
        "--ledger",
        type=Path,
        default=LEDGER,
        metavar="PATH",
        help="a file or folder; default: the packaged one",
    )
    parser.add_argument("--json", action="store_true", help="print as JSON")
    parser.add_argument(
        "--write",
        action="store_true",
        help="write proposals into the ledger: where an entry differs, and for one that --slug names in full",
    )
    given = parser.parse_args(arguments)
    try:
        wanted = [f for f in load_ledger(given.ledger).findings if fnmatchcase(f.slug, given.slug)]
        if not wanted:
            raise UsageError(f"no entry of the ledger is called {given.slug!r}")
        found = [p for target in chosen(given.target).targets for p in ask(target, wanted)]
        print(json.dumps([p.as_json() for p in found], indent=1) if given.json else table(found))
        if given.write:
            for line in write(given.ledger, [p for p in found if p.outdated or p.slug == given.slug]):
                print(line, file=sys.stderr)  # what is printed stays JSON
    except (UsageError, SpecError) as error:
        print(f"proposals: {error}", file=sys.stderr)
        return USAGE
    except (TargetUnavailable, CannotStart, WorkerError) as error:
        print(f"proposals: {error}", file=sys.stderr)
        return BROKEN
    return OUTDATED if any(p.outdated for p in found) else OK


def ask(target: Target, wanted: Sequence[KnownFinding]) -> list[Proposal]:
    """The proposals of one target, in a worker of its own."""
    with Scratch("log") as folder, Worker.start(target, folder / "log.txt") as worker:
        facts = target_info(target, worker.info)
        session = Session(facts, Executor(worker), documented_here(facts, load_specs()), wanted)
        return list(proposals(session, wanted))


def table(found: Sequence[Proposal]) -> str:
    """The proposals as lines of at most 80 columns: what needs a look with both causes, the rest by slug alone."""
    lines = []
    for one in found:
        lines += _wrapped(f"{one.state:<12}", f"{one.slug} ({one.target})")
        if one.state in ("holds", "differs", "unexplained"):
            state = "reproduces it" if one.holds else "does not reproduce it"
            lines += _wrapped("  ledger    ", f"{one.kind}: {_words(one.says)} ({state})")
        if one.state in ("holds", "differs"):
            lines += _wrapped("  diagnosis ", f"{one.found_kind}: {_words(one.found)}")
        if one.note:
            lines += _wrapped("  ", one.note)
    states = Counter(one.state for one in found)
    lines.append(
        ", ".join(f"{count} {state}" for state, count in sorted(states.items())) or "nothing to ask here"
    )
    return "\n".join(lines)


def _wrapped(head: str, text: str) -> list[str]:
    return textwrap.wrap(
        head + " ".join(text.split()), WIDTH, subsequent_indent=" " * len(head), drop_whitespace=True,
        break_on_hyphens=False,
    )  # fmt: skip


def _words(behaves: Behaviour) -> str:
    parts = [f"{name}={value}" for name, value in behaves.settings]
    if behaves.predicate:
        parts.append(f"predicate {behaves.predicate}")
    if behaves.cases:
        parts.append(f"cases {', '.join(behaves.cases)}")
    return ", ".join(parts)


def write(ledger: Path, found: Sequence[Proposal]) -> list[str]:
    """Enter proposals into the files of a ledger, comments kept; a line for each entry.

    An entry of which two targets propose different rules stays as it is, and so does one without a proposal.
    """
    rules = _agreed(found)
    lines = [f"{slug}: targets disagree, left as it is" for slug, rule in rules.items() if rule is None]
    for file in yaml_files([str(ledger)]):
        before = file.read_text(encoding="utf-8")
        after, done = entered(before, {slug: rule for slug, rule in rules.items() if rule}, str(file))
        if done:
            file.write_text(after, encoding="utf-8")
            lines += [f"{slug}: written into {file.name}; read it, and its title and reason" for slug in done]
    return lines


def _agreed(found: Sequence[Proposal]) -> dict[str, dict[str, Any] | None]:
    """The new rule of each entry; None where targets disagree."""
    out: dict[str, dict[str, Any] | None] = {}
    for one in found:
        if one.found:
            rule = one.found.as_json()
            out[one.slug] = rule if out.get(one.slug, rule) == rule else None
    return out


def entered(text: str, rules: Mapping[str, Mapping[str, Any]], file: str = "<text>") -> tuple[str, list[str]]:
    """The text of a ledger file with new rules for some slugs, in its canonical form, and which slugs it has."""
    tool = YAML(typ="rt")
    tool.preserve_quotes = True
    content = tool.load(text)
    done = list(_put(content["findings"], rules))
    return (_dumped(tool, content, file), done) if done else (text, [])


def _put(entries: Sequence[Any], rules: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    for entry in entries:
        rule = rules.get(str(entry["slug"]))
        if rule is not None:
            entry["behaves_as"] = {name: dict(v) if isinstance(v, Mapping) else v for name, v in rule.items()}
            yield str(entry["slug"])


def _dumped(tool: YAML, content: Any, file: str) -> str:
    out = io.StringIO()
    tool.dump(content, out)
    return format_text(out.getvalue(), file)


if __name__ == "__main__":
    sys.exit(main())
