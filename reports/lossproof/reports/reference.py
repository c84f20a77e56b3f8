"""The tables of docs/columns.md, made from the columns in the code.

    python -m lossproof.reports.reference [--check] docs/columns.md

What stands between the two markers of the page is replaced, so that page and code cannot come apart.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from lossproof.reports.columns import CLAIM_TABLE, FINDING_TABLE, RESULT_COLUMNS, Column

BEGIN = "<!-- made by python -m lossproof.reports.reference: begin -->"
END = "<!-- made by python -m lossproof.reports.reference: end -->"
_TABLES = (
    ("results.parquet, results.csv, divergences.csv", "column", RESULT_COLUMNS),
    ("claims.csv", "column", CLAIM_TABLE),
    ("findings.json", "field", FINDING_TABLE),
)


def column_reference() -> str:
    """Markdown tables of all columns and fields."""
    return "\n\n".join(_table(*table) for table in _TABLES)


def with_reference(page: str) -> str:
    """The page with the part between its markers made anew. ValueError: it has no markers."""
    if BEGIN not in page or END not in page:
        raise ValueError(f"the page has no lines {BEGIN!r} and {END!r}")
    before, rest = page.split(BEGIN, 1)
    return f"{before}{BEGIN}\n\n{column_reference()}\n\n{END}{rest.split(END, 1)[1]}"


def _table(files: str, what: str, columns: Sequence[Column]) -> str:
    rows = [f"### {files}", "", f"| {what} | dtype | meaning | empty where |", "|---|---|---|---|"]
    rows += [f"| `{c.name}` | {c.dtype} | {c.says} | {c.empty or 'never'} |" for c in columns]
    return "\n".join(rows)


def main(arguments: Sequence[str] | None = None) -> int:
    """Bring the page up to date; with --check change nothing, and 1 if it is not. 2: no page."""
    parser = argparse.ArgumentParser(
        prog="python -m lossproof.reports.reference", description="Column reference."
    )
    parser.add_argument("--check", action="store_true", help="change nothing; exit 1 if it is out of date")
    parser.add_argument("page", type=Path, help="docs/columns.md")
    given = parser.parse_args(arguments)
    try:
        page = given.page.read_text(encoding="utf-8")
        made = with_reference(page)
    except (OSError, ValueError) as error:
        print(f"{given.page}: {error}", file=sys.stderr)
        return 2
    if made == page:
        return 0
    print(f"{'out of date' if given.check else 'made anew'}: {given.page}")
    if not given.check:
        given.page.write_text(made, encoding="utf-8")
    return 1 if given.check else 0


if __name__ == "__main__":
    sys.exit(main())
