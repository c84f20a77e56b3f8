"""The run folder: written whole or not at all, and read back."""

from __future__ import annotations

import errno
import json
import math
import os
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from lossproof.reports import stored, tables
from lossproof.reports.atomic import new_folder, replace_file, try_folder, write_file
from lossproof.reports.columns import CELL_KEY, CLAIM_COLUMNS, COLUMNS, FINDING_FIELDS, SEVERITIES, STATUSES
from lossproof.reports.errors import NoRun, NothingJudged, OutRefused, WriteFailed
from lossproof.reports.guarded import MAX_DEPTH, MAX_DIGITS, MAX_TEXT, Malformed, clean, parsed, read_file

if TYPE_CHECKING:
    import pandas as pd

FILES = (
    "results.parquet", "results.csv", "divergences.csv", "claims.csv", "findings.json", "report.md",
    "report.html", "run.json", "samples.json",
)  # fmt: skip
SAMPLES = "samples.json"
FOLDERS = ("reproducers", "logs")
T = TypeVar("T")
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

    @property
    def judged(self) -> int:
        """How many cells were judged: all but those that are broken or unsupported. A run may have none."""
        return int((~self.results["verdict"].isin(("broken", "unsupported"))).sum())


def check_out(out: Path) -> None:
    """Raise OutRefused if a run could not be written to `out`, or only over somebody's files.

    Ask before a run starts, so that five minutes of work are not lost at its end. A missing folder, an empty
    one and a run folder (which a new run replaces) are accepted. A folder is made beside it and removed, since
    nothing else tells whether the system would allow it.
    """
    out = real_place(out, "run")
    try_place(out, "run")
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


def real_place(out: Path, what: str) -> Path:
    """`out` with links followed. OutRefused for a link that leads nowhere: what it meant is not there now."""
    for place in (out, *out.parents):
        if os.path.islink(place) and not os.path.exists(place):  # noqa: PTH114, PTH110 - they raise nothing
            raise OutRefused(
                f"cannot write the {what} to {out}",
                f"{place} is a link that leads nowhere",
                "Name another folder with --out, or mend the link",
            )
    return Path(os.path.realpath(out))


def try_place(out: Path, what: str) -> None:
    """Raise OutRefused where the system would not let a folder take the place."""
    try:
        try_folder(out)
    except OSError as problem:
        raise OutRefused(
            f"cannot write the {what} to {out}",
            clean(problem.strerror or str(problem)).lower(),
            "Name another folder with --out",
        ) from problem


def room_or_place(problem: OSError) -> str:
    """What to do about a folder that could not be written."""
    full = problem.errno in (errno.ENOSPC, errno.EDQUOT)
    return "make room and run again" if full else "name another folder with --out and run again"


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
    step, but never by one in which nothing was judged.

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
        tuple(sort_findings(_finding(finding) for finding in findings)),
        _named(scripts, ".py"),
    )
    _keep_what_was_judged(finished)
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
            own = {"format": stored.FORMAT, "judged": finished.judged}
            facts = {n: value for n, value in sorted(finished.run.items()) if n not in ("complete", *own)}
            # last: it says that all is there
            write_file(draft / "run.json", _json({**own, **facts, "complete": True}))
    except OSError as problem:
        raise WriteFailed(
            f"cannot write the run to {out}",
            problem.strerror or str(problem),
            f"Nothing was left behind; {room_or_place(problem)}",
        ) from problem
    return out


def _keep_what_was_judged(new: Run) -> None:
    """Raise NothingJudged where the run would replace one that has what it lacks."""
    if new.judged or not new.path.is_dir() or not _says_complete(new.path / "run.json"):
        return
    try:
        kept = read_run(new.path).judged
    except NoRun:  # of another version, or damaged: whatever it holds is more than nothing
        kept = 1
    if kept:
        failed = [f"{t.get('name')}: {t['failed']}" for t in new.run.get("targets") or () if t.get("failed")]
        why = "; ".join(failed)[:2000] or f"{len(new.results)} cells are broken, none was judged"
        raise NothingJudged(
            f"nothing was judged, so the run in {new.path} stays as it was",
            why.rstrip("."),
            "Name another folder with --out to have this run's log",
        )


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
    if not os.path.isdir(path):  # noqa: PTH112 - a name that the system would not take raises nothing
        why = "it is not a folder" if os.path.lexists(path) else "there is no such folder"
        raise NoRun(what, why, todo)
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
    if missing := [name for name in needed if not os.path.lexists(path / name)]:
        raise NoRun(what, f"{', '.join(missing)} is missing", todo)
    try:
        facts = _read(path, "run.json", stored.facts)
        results = tables.read_parquet(path / "results.parquet", COLUMNS)
        claims = tables.read_csv(path / "claims.csv", CLAIM_COLUMNS)
        _read_rows(results, claims)
        found = _read(path, "findings.json", lambda data: stored.held(stored.FINDINGS, parsed(data)))
        return Run(path, facts, results, claims, tuple(map(_finding, found)), _read_scripts(path))
    except (
        ValueError,
        TypeError,
        OSError,
        OverflowError,
    ) as problem:  # pandas and pyarrow raise any of these
        why = clean(str(problem).partition("\n")[0])[:300]
        raise NoRun(what, f"its files cannot be read ({why})", todo) from problem


def read_samples(path: Path) -> dict[tuple[str, ...], Mapping[str, Any]]:
    """The sampled answers of a run folder by cell (CELL_KEY); empty for a run written without them.

    Raises NoRun where the file is there and is not what it should be.
    """
    if not (Path(path) / SAMPLES).exists():
        return {}
    try:
        return _read(Path(path), SAMPLES, stored.samples)
    except Malformed as problem:
        raise NoRun(
            f"{path} holds no answers that can be compared",
            str(problem),
            "Write them anew with: lossproof check --out DIR",
        ) from problem


def _read(path: Path, name: str, reader: Callable[[bytes], T]) -> T:
    """A file of a run folder; Malformed names it."""
    data = read_file(path / name)
    try:
        return reader(data)
    except Malformed as problem:
        raise Malformed(f"{name}: {problem}") from problem


def _read_rows(results: pd.DataFrame, claims: pd.DataFrame) -> None:
    """Raise Malformed for a row that says what no run says."""
    rows = results.to_dict("records")
    stored.held(stored.ROWS, rows, "results.parquet")
    stored.held(stored.CLAIMS, claims.to_dict("records"), "claims.csv")
    if twice := results[results.duplicated(list(CELL_KEY))].to_dict("records"):
        raise Malformed(f"results.parquet has the cell {'/'.join(twice[0][n] for n in CELL_KEY)[:200]} twice")
    for row in rows:
        try:
            stored.question(row["witness"])
            stored.told(row["expected"], stored.EXPECTATION)
            stored.told(row["observed"], stored.ANSWER)
        except Malformed as problem:
            raise Malformed(
                f"results.parquet: {'/'.join(row[n] for n in CELL_KEY)[:200]}: {problem}"
            ) from problem


def _read_scripts(path: Path) -> dict[str, str]:
    """The reproducers; a link among them is refused, since what it leads to would be shown."""
    folder = path / "reproducers"
    if folder.is_symlink() or not folder.is_dir():
        if folder.is_symlink() or folder.exists():
            raise Malformed("reproducers is no folder")
        return {}
    names = sorted(entry.name for entry in folder.iterdir() if entry.name.endswith(".py"))
    return {name: clean(_read(folder, name, lambda data: data.decode("utf-8"))) for name in names}


def _sorted_samples(samples: Iterable[Mapping[str, Any]]) -> list[Any]:
    safe = [json_safe(sample) for sample in samples]
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
    safe: dict[str, Any] = json_safe({name: whole[name] for name in FINDING_FIELDS})
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
    return {name: clean(text) for name, text in sorted(texts.items())}


def _says_complete(path: Path) -> bool:
    try:
        facts = parsed(read_file(path))
    except Malformed:
        return False
    return isinstance(facts, dict) and facts.get("complete") is True


def json_safe(value: Any, room: int = MAX_DEPTH - 4) -> Any:
    """JSON data as it can be read back: clean text, and no deeper, longer or larger than a reader allows.

    Nonfinite floats, which JSON lacks, become "nan", "inf", "-inf"; beyond the limits, data becomes text.
    """
    if isinstance(value, (Mapping, list, tuple, set, frozenset)) and not room:
        return "..."
    if isinstance(value, Mapping):
        return {clean(str(key)): json_safe(item, room - 1) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        items = sorted(value) if isinstance(value, (set, frozenset)) else value
        return [json_safe(item, room - 1) for item in items]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) >= 10 ** (MAX_DIGITS - 1):
        return f"an integer of {value.bit_length()} bits"
    if value is None or isinstance(value, (bool, int, float)):
        return value
    text = clean(str(value))
    return text if len(text) <= MAX_TEXT else f"{text[: MAX_TEXT - 3]}..."


def _lines(values: Iterable[Any]) -> bytes:
    """A JSON list with an item on each line."""
    items = (json.dumps(value, sort_keys=True, ensure_ascii=False, allow_nan=False) for value in values)
    return ("[\n" + ",\n".join(items) + "\n]\n").encode()


def _json(value: Any) -> bytes:
    return (json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode()
