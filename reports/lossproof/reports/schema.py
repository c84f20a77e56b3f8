"""The JSON schemas of run.json and findings.json, made from the models by which they are read.

python -m lossproof.reports.schema [--check] FOLDER
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from lossproof.reports.stored import FACTS, FINDINGS, FORMAT


def schemas() -> dict[str, dict[str, Any]]:
    """File name -> schema (JSON Schema 2020-12)."""
    made: dict[str, TypeAdapter[Any]] = {"run": FACTS, "findings": FINDINGS}
    return {
        f"{name}.schema.json": {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "title": f"{name}.json of a lossproof run, format {FORMAT}",
            **{key: part for key, part in model.json_schema().items() if key != "title"},
        }
        for name, model in made.items()
    }


def texts() -> dict[str, str]:
    """File name -> the text of its schema."""
    return {
        name: json.dumps(schema, indent=2, ensure_ascii=False) + "\n" for name, schema in schemas().items()
    }


def main(arguments: Sequence[str]) -> int:
    """Write the schemas into a folder; with --check, only say which are out of date."""
    check, folder = "--check" in arguments, Path(next(a for a in arguments if a != "--check"))
    old = [
        name
        for name, text in texts().items()
        if not (folder / name).is_file() or (folder / name).read_text("utf-8") != text
    ]
    for name in old:
        print(f"{'out of date' if check else 'made anew'}: {folder / name}")
        if not check:
            folder.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(texts()[name], "utf-8")
    return 1 if check and old else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
