"""The linter of specs and ledger files.

    python -m lossproof.specs.lint [--record] [--docstrings PYTHON] PATHS

What the models cannot say of one field is a rule here (`rules`), with the record of slugs (`record`)
and, where a Python with the documented releases is named, the words copied from their docstrings (`copied`).
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from lossproof.specs.copied import Docstrings, changed_docstrings, copied_sentences, read_docstrings
from lossproof.specs.families import root_model
from lossproof.specs.format import yaml_files
from lossproof.specs.load import load_specs
from lossproof.specs.models import Ledger, Spec
from lossproof.specs.nodes import Document, read_document
from lossproof.specs.problems import Problem, SpecError, field_path, nearest
from lossproof.specs.record import FILE, read_record, slugs_of, write_record
from lossproof.specs.rules import RULES, Fault
from lossproof.specs.validate import validate


@dataclass(frozen=True)
class _File:
    path: Path
    document: Document
    content: Spec | Ledger

    def problem(self, fault: Fault) -> Problem:
        at, message, hint = fault
        return Problem(self.document.file, self.document.line(at), field_path(at), message, hint)


def lint(paths: Sequence[str], python: str | None = None) -> list[Problem]:
    """Every problem of the files and folders in `paths`, in order of file and line.

    `python` names an interpreter that can import the documented frameworks: specs are then compared with the
    docstrings.

    Raises:
        SpecError: a path does not exist.
    """
    files: list[_File] = []
    problems: list[Problem] = []
    for path in yaml_files(paths):
        try:
            document = read_document(path.read_text(encoding="utf-8"), str(path))
            files.append(_File(path, document, validate(root_model(document.data), document)))
        except SpecError as error:
            problems.extend(error.problems)
    specs = [f.content for f in files if isinstance(f.content, Spec)]
    docstrings = read_docstrings(specs, python) if python else Docstrings()
    for file in files:
        spec = file.content
        if isinstance(spec, Ledger):
            problems.extend(map(file.problem, _ledger(spec, specs)))
            continue
        if file.path.stem != spec.api:
            problems.append(
                file.problem((("api",), f"{spec.api} is not the file's name", f"{spec.api}.yaml"))
            )
        faults = [fault for rule in RULES for fault in rule(spec)]
        faults += copied_sentences(spec, docstrings)
        faults += changed_docstrings(spec, docstrings)
        problems.extend(map(file.problem, faults))
    problems.extend(_unrecorded(files))
    return sorted(set(problems))


def record(paths: Sequence[str]) -> None:
    """Add the slugs of the specs in `paths` to the records of their folders; none is taken out.

    Raises:
        SpecError: a file cannot be read.
    """
    for folder in {p.parent for p in yaml_files(paths)}:
        if specs := _specs_in(folder):
            write_record(folder, read_record(folder) | slugs_of(specs))


def _specs_in(folder: Path) -> tuple[Spec, ...]:
    files = list(yaml_files([str(folder)]))
    data = {p: read_document(p.read_text(encoding="utf-8"), str(p)).data for p in files}
    return tuple(s for p in files if root_model(data[p]) is not Ledger for s in load_specs(p))


def _unrecorded(files: Sequence[_File]) -> Iterator[Problem]:
    """Slugs that are gone from a spec, and slugs that the record of the folder lacks; no record, no check."""
    by_folder: dict[Path, list[_File]] = {}
    for file in files:
        if isinstance(file.content, Spec):
            by_folder.setdefault(file.path.parent, []).append(file)
    for folder, group in by_folder.items():
        recorded = read_record(folder)
        if not recorded:
            continue
        for file in group:
            spec = file.content
            if not isinstance(spec, Spec):
                continue
            present = slugs_of([spec])
            for line in sorted({r for r in recorded if r.split()[0] == spec.api} - present):
                kind, slug = line.split()[1:]
                message, hint = f"the {kind} {slug} is gone", "slugs never change: give it its slug back"
                yield Problem(file.document.file, 0, "", message, hint)
            for line in sorted(present - recorded):
                kind, slug = line.split()[1:]
                hint = f"python -m lossproof.specs.lint --record {folder}"
                yield Problem(file.document.file, 0, "", f"the {kind} {slug} is not in {FILE}", hint)


def _ledger(ledger: Ledger, linted: Sequence[Spec]) -> Iterator[Fault]:
    """A finding names APIs and cases that exist."""
    specs = {s.api: s for s in (*load_specs(), *linted)}
    for i, finding in enumerate(ledger.findings):
        for j, api in enumerate(finding.apis):
            if api not in specs:
                yield ("findings", i, "apis", j), f"no spec of {api}", nearest(api, sorted(specs))
        if finding.witness.api not in finding.apis:
            yield ("findings", i, "witness", "api"), "the witness's API is not among the finding's", ""
        cases = {c.slug for api in finding.apis if api in specs for c in specs[api].cases}
        for j, slug in enumerate(finding.behaves_as.cases):
            if slug not in cases:
                yield (
                    ("findings", i, "behaves_as", "cases", j),
                    f"no case {slug}",
                    nearest(slug, sorted(cases)),
                )
        own = specs.get(finding.witness.api)
        if finding.witness.case and own and finding.witness.case not in {c.slug for c in own.cases}:
            yield ("findings", i, "witness", "case"), f"{own.api} has no case {finding.witness.case}", ""


def main(arguments: Sequence[str] | None = None) -> int:
    """Report every problem of the given files: returns 0 where there is none, else 1, 2 for a wrong path."""
    parser = argparse.ArgumentParser(
        prog="python -m lossproof.specs.lint", description="Lint specs and ledger."
    )
    parser.add_argument(
        "--record", action="store_true", help=f"add new slugs to {FILE} of the folder, then lint"
    )
    parser.add_argument(
        "--docstrings", metavar="PYTHON", help="compare with the docstrings that this Python can import"
    )
    parser.add_argument("paths", nargs="+", help="files, or folders with YAML files")
    given = parser.parse_args(arguments)
    try:
        if given.record:
            record(given.paths)
        problems = lint(given.paths, given.docstrings)
    except (SpecError, UnicodeDecodeError, OSError, RuntimeError) as error:
        print(error, file=sys.stderr)
        return 2
    for problem in problems:
        print(problem)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
