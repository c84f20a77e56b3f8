"""Judges a zoo of wrong implementations, each one line away from a right one: the suite must catch them all.

    python -m benchmarks.mutants [--only GLOB] [--property NAME] [--examples N] [--jobs N] [--json FILE]

Judges every right implementation, then every mutant of it, as `lossproof try` does. Prints the kill matrix, survivors,
mutants found under another kind than they deserve, what each property alone kills, the share killed against time, how
many findings a mutant has, and for how many the first one names the line.
--markdown FILE writes the tables into a page, between its markers; --from FILE reads what --json wrote instead of
judging anything, and --budget FILE what it wrote with another --examples. Exits 1 where a right implementation is
accused, a mutant survives or is found under the wrong kind.
"""

from __future__ import annotations

import argparse
import sys
from fnmatch import fnmatchcase
from pathlib import Path

from benchmarks.zoo import tables
from benchmarks.zoo.bases import BASES
from benchmarks.zoo.catalogue import load
from benchmarks.zoo.records import Record, Run, read
from benchmarks.zoo.running import run
from lossproof.conformance.questions.schedule import asked_at


def told(item: Record) -> None:
    """One line a file on standard error."""
    first = item.first
    words = "right" if not item.kind else "survives"
    if first is not None:
        what = "" if item.right else f" WRONG KIND, {item.kind} wanted"
        words = (
            f"{first.property} ({first.region}, {first.dtype}) after {first.questions}: {item.causes}{what}"
        )
    if item.failed or item.broken:
        words = f"BROKEN {item.failed or item.broken[0].note}"
    print(f"{item.slug}: {words}", file=sys.stderr, flush=True)


def failures(found: Run) -> list[str]:
    """The reasons why the run fails: a right implementation is accused, or a mutant lives."""
    words = [
        f"accused although right: {b.slug} by {', '.join(b.killers) or b.failed or 'the harness'}"
        for b in found.accused
    ]
    words += [f"survives: {m.slug}{': ' + m.failed if m.failed else ''}" for m in found.survivors]
    words += [
        f"wrong kind: {m.slug} deserves {m.kind}, found as {', '.join(kind for _, kind in m.causes)}"
        for m in found.mistaken
    ]
    return words


def main(arguments: list[str] | None = None) -> int:
    """Judge the zoo, or read a run of it, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument(
        "--only", action="append", default=[], metavar="GLOB", help="only these mutants; repeatable"
    )
    parser.add_argument(
        "--property", action="append", default=[], metavar="NAME", help="only these; repeatable"
    )
    parser.add_argument("--examples", type=int, default=8)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write what was found")
    parser.add_argument("--from", dest="sources", type=Path, action="append", default=[], metavar="FILE",
        help="read what --json wrote; repeatable",
    )  # fmt: skip
    parser.add_argument("--budget", dest="budgets", type=Path, action="append", default=[], metavar="FILE",
        help="a run with another number of batches, for the table of budgets; repeatable",
    )  # fmt: skip
    parser.add_argument("--markdown", type=Path, metavar="PAGE", help="write the tables into a page")
    options = parser.parse_args(arguments)
    if options.sources:
        found = read(options.sources).of(load())
    else:
        chosen = [
            m
            for m in load().values()
            if not options.only or any(fnmatchcase(m.slug, g) for g in options.only)
        ]
        if not chosen:
            parser.error(f"no mutant is called {', '.join(options.only)}")

        def keep(part: Run) -> None:
            if options.json:
                part.write(options.json)

        properties = tuple(options.property)
        try:
            found = run(BASES, chosen, options.examples, properties, options.jobs, told, keep)
        except KeyboardInterrupt:
            print("interrupted", file=sys.stderr)
            return 130
    if options.json:
        found.write(options.json)
    found = found.in_order(asked_at)  # also what an older order had left
    others = [read([file]).of(load()) for file in options.budgets]
    if options.markdown:
        tables.into_page(found, options.markdown, others)
    print(tables.text(found))
    if others:
        print(f"\n{tables.budgets([found, *others]).to_string(index=False)}")
    said = failures(found)
    print("\n".join(said) or "every mutant is killed, under the kind that it deserves")
    return 1 if said else 0


if __name__ == "__main__":
    sys.exit(main())
