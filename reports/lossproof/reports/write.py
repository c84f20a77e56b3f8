"""A whole run folder, pages included: the one module that knows both how runs are stored and how they are shown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from lossproof.reports import tables
from lossproof.reports.atomic import new_folder, replace_file
from lossproof.reports.errors import WriteFailed
from lossproof.reports.guarded import json_safe
from lossproof.reports.pages.html import html
from lossproof.reports.pages.markdown import markdown
from lossproof.reports.places import check_out, real_place, room_or_place
from lossproof.reports.run import Run, sort_findings, whole_finding
from lossproof.reports.store import fill, keep_what_was_judged, named, read_run


def write_run(
    out: Path,
    rows: Iterable[Mapping[str, Any]],
    claims: Iterable[Mapping[str, Any]],
    findings: Iterable[Mapping[str, Any]],
    run: Mapping[str, Any],
    scripts: Mapping[str, str],
    logs: Mapping[str, str] | None = None,
    samples: Iterable[Mapping[str, Any]] = (),
) -> Path:
    """Write a run folder at `out`, complete or not at all, and return its path.

    `rows`, `claims`, `findings`: mappings with the fields of the result rows, in any order. `run`: facts
    for run.json (JSON data). `scripts`: file name -> text of a reproducer; `logs`: file name -> text of a
    target's log; `samples`: a few answers of each cell, for comparisons (samples.json). The same input gives
    the same bytes. A complete run that is there already is replaced in one step, but never by one in which
    nothing was judged.

    Raises OutRefused (see `check_out`), NothingJudged, WriteFailed (full disk, no permission), ValueError (wrong
    columns, a finding without a needed field, a file name that is none).
    """
    check_out(out)
    out = real_place(out, "run")
    results, claim_table = tables.results_frame(rows), tables.claims_frame(claims)
    finished = Run(
        out,
        json_safe(run),
        results,
        claim_table,
        tuple(sort_findings(whole_finding(finding) for finding in findings)),
        named(scripts, ".py"),
    )
    keep_what_was_judged(finished)
    logs = named(logs or {}, "")
    pages = _pages(finished)
    try:
        with new_folder(out) as draft:
            fill(draft, finished, pages, logs, samples)
    except OSError as problem:
        raise WriteFailed(
            f"cannot write the run to {out}",
            problem.strerror or str(problem),
            f"Nothing was left behind; {room_or_place(problem)}",
        ) from problem
    return out


def render(path: Path) -> tuple[Path, Path]:
    """Write report.md and report.html of a run folder again, each in one step. Raises NoRun, WriteFailed."""
    run = read_run(path)
    pages = _pages(run)
    try:
        for name, page in pages.items():
            replace_file(run.path / name, page)
    except OSError as problem:
        raise WriteFailed(
            f"cannot write the report in {path}",
            problem.strerror or str(problem),
            "The old report is as it was; make room or copy the run elsewhere, and try again",
        ) from problem
    return run.path / "report.md", run.path / "report.html"


def _pages(run: Run) -> dict[str, bytes]:
    return {"report.md": markdown(run).encode(), "report.html": html(run).encode()}
