"""The run folder: written whole or not at all, and read back."""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lossproof.reports import tables
from lossproof.reports.atomic import new_folder, replace_file, write_file
from lossproof.reports.columns import CELL_KEY, CLAIM_COLUMNS, COLUMNS, FINDING_FIELDS, SEVERITIES, STATUSES
from lossproof.reports.errors import NoRun, OutRefused, WriteFailed

if TYPE_CHECKING:
    import pandas as pd

FILES = (
    "results.parquet", "results.csv", "divergences.csv", "claims.csv", "findings.json", "report.md",
    "report.html", "run.json", "samples.json",
)  # fmt: skip
SAMPLES = "samples.json"
FOLDERS = ("reproducers", "logs")
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._+=-]{0,200}")


@dataclass(frozen=True)
class Run:
    """A complete run: its facts, its tables (DESIGN section 6) and its findings, worst first."""

    path: Path
    run: Mapping[str, Any]
    results: pd.DataFrame
    claims: pd.DataFrame
    findings: tuple[Mapping[str, Any], ...]
    scripts: Mapping[str, str] = field(default_factory=dict)
    """reproducers by file name"""


def check_out(out: Path) -> None:
    """Raise OutRefused if a run could not be written to `out` without deleting somebody's files.

    Ask before a run starts, so that five minutes of work are not lost at its end. A missing folder, an empty
    one and a run folder (which a new run replaces) are accepted.
    """
    out = Path(os.path.realpath(out))
    if not out.exists():
        return
    todo = "Name another folder with --out, or move this one away"
    if not out.is_dir():
        raise OutRefused(f"cannot write the run to {out}", "a file of that name exists", todo)
    names = sorted(entry.name for entry in out.iterdir())
    if not names:
        return
    if not _says_complete(out / "run.json"):
        raise OutRefused(
            f"cannot write the run to {out}", "the folder exists, is not empty and holds no run", todo
        )
    if foreign := [name for name in names if name not in FILES and name not in FOLDERS]:
        raise OutRefused(
            f"cannot replace the run in {out}",
            f"the folder also holds files that no run wrote ({', '.join(foreign[:3])})",
            todo,
        )


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
    the same bytes. A complete run that is there already is replaced in one
    step.

    Raises OutRefused (see `check_out`), WriteFailed (full disk, no permission), ValueError (wrong columns, a
    finding without a needed field, a file name that is none).
    """
    out = Path(os.path.realpath(out))
    check_out(out)
    results, claim_table = tables.results_frame(rows), tables.claims_frame(claims)
    finished = Run(
        out,
        _json_safe(run),
        results,
        claim_table,
        tuple(sort_findings(_finding(finding) for finding in findings)),
        _named(scripts, ".py"),
    )
    logs = _named(logs or {}, "")
    pages = _pages(finished)
    try:
        with new_folder(out) as draft:
            _write_tables(draft, finished)
            write_file(draft / SAMPLES, _lines(_sorted_samples(samples)))
            for name, page in pages.items():
                write_file(draft / name, page)
            for folder, texts in zip(FOLDERS, (finished.scripts, logs), strict=True):
                if texts or folder == "reproducers":
                    (draft / folder).mkdir()
                for name, text in sorted(texts.items()):
                    write_file(draft / folder / name, text.encode(), executable=folder == "reproducers")
            facts = {key: value for key, value in sorted(finished.run.items()) if key != "complete"}
            write_file(
                draft / "run.json", _json({**facts, "complete": True})
            )  # last: it says that all is there
    except OSError as problem:
        raise WriteFailed(
            f"cannot write the run to {out}",
            problem.strerror or str(problem),
            "Nothing was left behind; make room or name another folder with --out, and run again",
        ) from problem
    return out


def _write_tables(draft: Path, run: Run) -> None:
    tables.write_parquet(run.results, draft / "results.parquet")
    write_file(draft / "results.csv", tables.csv_bytes(run.results))
    write_file(draft / "divergences.csv", tables.csv_bytes(run.results[run.results["verdict"] == "diverges"]))
    write_file(draft / "claims.csv", tables.csv_bytes(run.claims))
    write_file(draft / "findings.json", _json(list(run.findings)))


def _pages(run: Run) -> dict[str, bytes]:
    from lossproof.reports.html import html
    from lossproof.reports.markdown import markdown

    return {"report.md": markdown(run).encode(), "report.html": html(run).encode()}


def read_run(path: Path) -> Run:
    """Read a complete run folder. Raises NoRun where there is none, saying what is missing and what to do."""
    path = Path(path)
    what, todo = f"{path} holds no complete run", "Write one with: lossproof check --out DIR"
    if not path.is_dir():
        raise NoRun(what, "there is no such folder" if not path.exists() else "it is not a folder", todo)
    if not _says_complete(path / "run.json"):
        why = (
            'run.json does not say "complete": true'
            if (path / "run.json").exists()
            else "run.json is missing"
        )
        raise NoRun(what, why, todo)
    needed = [
        name for name in FILES if not name.startswith("report.") and name != SAMPLES
    ]  # pages can be made again from the tables
    if missing := [name for name in needed if not (path / name).is_file()]:
        raise NoRun(what, f"{', '.join(missing)} is missing", todo)
    try:
        return Run(
            path,
            json.loads((path / "run.json").read_bytes()),
            tables.read_parquet(path / "results.parquet", COLUMNS),
            tables.read_csv(path / "claims.csv", CLAIM_COLUMNS),
            tuple(_finding(finding) for finding in json.loads((path / "findings.json").read_bytes())),
            {
                script.name: script.read_text("utf-8")
                for script in sorted((path / "reproducers").glob("*.py"))
            },
        )
    except (ValueError, TypeError, OSError) as problem:  # pyarrow's errors are ValueErrors or OSErrors
        raise NoRun(what, f"its files cannot be read ({problem})", todo) from problem


def read_samples(path: Path) -> dict[tuple[str, ...], Mapping[str, Any]]:
    """The sampled answers of a run folder by cell (CELL_KEY); empty for a run written without them."""
    try:
        found = json.loads((Path(path) / SAMPLES).read_bytes())
    except (OSError, ValueError):
        return {}
    return {tuple(str(sample[name]) for name in CELL_KEY): sample for sample in found}


def _sorted_samples(samples: Iterable[Mapping[str, Any]]) -> list[Any]:
    safe = [_json_safe(sample) for sample in samples]
    return sorted(safe, key=lambda sample: [str(sample.get(name)) for name in CELL_KEY])


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


def sort_findings(findings: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Worst first: by severity, the new before the known, by how many cells, by slug; fixed ones last."""

    def rank(values: tuple[str, ...], value: Any) -> int:
        return values.index(value) if value in values else len(values)

    return sorted(
        findings,
        key=lambda f: (
            f["status"] == "fixed",
            rank(SEVERITIES, f["severity"]),
            rank(STATUSES, f["status"]),
            -int(f["cells"]),
            str(f["slug"]),
            str(f["target"]),
        ),
    )


def _finding(finding: Mapping[str, Any]) -> Mapping[str, Any]:
    missing = [name for name in FINDING_FIELDS[:19] if name not in finding]
    if missing:
        raise ValueError(f"finding {finding.get('slug', '?')!r} lacks {', '.join(missing)}")
    absent = {
        "properties": [],
        "regions": [],
        "dtypes": [],
        "statements": [],
        "reproducer": "",
        "cut_short": False,
    }
    whole = {**absent, **finding}
    safe: dict[str, Any] = _json_safe({name: whole[name] for name in FINDING_FIELDS})
    for name in ("error_ulp", "error_over_bound"):
        if isinstance(whole[name], float) and math.isnan(whole[name]):
            safe[name] = None
    return safe


def _named(texts: Mapping[str, str], suffix: str) -> dict[str, str]:
    for name in texts:
        if not _NAME.fullmatch(name) or not name.endswith(suffix):
            raise ValueError(
                f"{name!r} is no file name: letters, digits and . _ + = -, ending in {suffix or 'any'!r}"
            )
    return {name: tables.clean(text) for name, text in sorted(texts.items())}


def _says_complete(path: Path) -> bool:
    try:
        facts = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return False
    return isinstance(facts, dict) and facts.get("complete") is True


def _json_safe(value: Any) -> Any:
    """JSON data with clean text; nonfinite floats, which JSON lacks, become "nan", "inf", "-inf"."""
    if isinstance(value, Mapping):
        return {tables.clean(str(key)): _json_safe(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [
            _json_safe(item) for item in (sorted(value) if isinstance(value, (set, frozenset)) else value)
        ]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if value is None or isinstance(value, (bool, int, float)):
        return value
    return tables.clean(str(value))


def _lines(values: Iterable[Any]) -> bytes:
    """A JSON list with an item on each line."""
    items = (json.dumps(value, sort_keys=True, ensure_ascii=False, allow_nan=False) for value in values)
    return ("[\n" + ",\n".join(items) + "\n]\n").encode()


def _json(value: Any) -> bytes:
    return (json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode()
