"""The run folder without its pages: written into a draft, and read back."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from lossproof.reports import stored, tables
from lossproof.reports.atomic import write_file
from lossproof.reports.columns import CELL_KEY, CLAIM_COLUMNS, COLUMNS
from lossproof.reports.errors import NoRun, NothingJudged
from lossproof.reports.guarded import Malformed, clean, json_safe, parsed, read_file
from lossproof.reports.run import Run, whole_finding

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


def fill(
    draft: Path,
    run: Run,
    pages: Mapping[str, bytes],
    logs: Mapping[str, str],
    samples: Iterable[Mapping[str, Any]],
) -> None:
    """Write the files of a run into an empty folder, run.json last."""
    _write_tables(draft, run)
    write_file(draft / SAMPLES, _lines(_sorted_samples(samples)))
    for name, page in pages.items():
        write_file(draft / name, page)
    for folder, texts in zip(FOLDERS, (run.scripts, logs), strict=True):
        if texts or folder == "reproducers":
            (draft / folder).mkdir()
        for name, text in sorted(texts.items()):
            write_file(draft / folder / name, text.encode(), executable=folder == "reproducers")
    own = {"format": stored.FORMAT, "judged": run.judged}
    facts = {n: value for n, value in sorted(run.run.items()) if n not in ("complete", *own)}
    # last: it says that all is there
    write_file(draft / "run.json", _json({**own, **facts, "complete": True}))


def _write_tables(draft: Path, run: Run) -> None:
    tables.write_parquet(run.results, draft / "results.parquet")
    write_file(draft / "results.csv", tables.csv_bytes(run.results))
    write_file(draft / "divergences.csv", tables.csv_bytes(run.results[run.results["verdict"] == "diverges"]))
    write_file(draft / "claims.csv", tables.csv_bytes(run.claims))
    write_file(draft / "findings.json", _json(list(run.findings)))


def keep_what_was_judged(new: Run) -> None:
    """Raise NothingJudged where the run would replace one that has what it lacks."""
    if new.judged or not new.path.is_dir() or not says_complete(new.path / "run.json"):
        return
    try:
        kept = read_run(new.path).judged
    except NoRun:  # of another version, or damaged: whatever it holds is more than nothing
        kept = 1
    if kept:
        failed = [f"{t.get('name')}: {t['failed']}" for t in new.run.get("targets") or () if t.get("failed")]
        verdicts = " or ".join(sorted(set(new.results["verdict"])))
        why = "; ".join(failed)[:2000] or f"{len(new.results)} cells are {verdicts}, none was judged"
        raise NothingJudged(
            f"nothing was judged, so the run in {new.path} stays as it was",
            why.rstrip("."),
            "Name another folder with --out to have this run's log",
        )


def named(texts: Mapping[str, str], suffix: str) -> dict[str, str]:
    """Clean texts by file name, in order. Raises ValueError for a name that is none or ends otherwise."""
    for name in texts:
        if not _NAME.fullmatch(name) or not name.endswith(suffix):
            raise ValueError(
                f"{name!r} is no file name: letters, digits and . _ + = -, ending in {suffix or 'any'!r}"
            )
    return {name: clean(text) for name, text in sorted(texts.items())}


def read_run(path: Path) -> Run:
    """Read a complete run folder. Raises NoRun where there is none, saying what is missing and what to do."""
    path = Path(path)
    what, todo = f"{path} holds no complete run", "Write one with: lossproof check --out DIR"
    if not os.path.isdir(path):  # noqa: PTH112 - a name that the system would not take raises nothing
        why = "it is not a folder" if os.path.lexists(path) else "there is no such folder"
        raise NoRun(what, why, todo)
    if not says_complete(path / "run.json"):
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
        return Run(path, facts, results, claims, tuple(map(whole_finding, found)), _read_scripts(path))
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


def says_complete(path: Path) -> bool:
    """Whether a run.json says that all of its run was written; False for a file that cannot be read."""
    try:
        facts = parsed(read_file(path))
    except Malformed:
        return False
    return isinstance(facts, dict) and facts.get("complete") is True


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


def _lines(values: Iterable[Any]) -> bytes:
    """A JSON list with an item on each line."""
    items = (json.dumps(value, sort_keys=True, ensure_ascii=False, allow_nan=False) for value in values)
    return ("[\n" + ",\n".join(items) + "\n]\n").encode()


def _json(value: Any) -> bytes:
    return (json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode()
