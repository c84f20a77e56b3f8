"""Run folders that tests damage or fill with hostile text: two that differ, and where to change them."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from lossproof import reports
from lossproof.specs import load_specs, specs_digest
from lossproof.specs.models import Spec

from ..reports import make

RUN_JSON, FINDINGS_JSON = "run.json", "findings.json"
VALUE = {"outcome": "value", "dtype": "float32", "shape": [1]}


@cache
def known_specs(path: Path | None = None) -> tuple[Spec, ...]:
    return load_specs(path)


@cache
def known_digest() -> str:
    return specs_digest()


def question(api: str = make.TORCH, **fields: Any) -> dict[str, Any]:
    return {**make.witness(api=api), "arguments": {}, "wrt": "", "positional": False, **fields}


def sample(value: str, **fields: Any) -> dict[str, Any]:
    """A cell whose answer was `value`, with a question that a script can ask."""
    batch = {**VALUE, "values": [value], "reach": ["0x1p-20"]}
    answer = {**VALUE, "value": [value], "tolerance": ["0x1p-20"]}
    key = {
        "target": "torch",
        "api": make.TORCH,
        "property": "value",
        "region": "ordinary",
        "dtype": "float32",
    }
    return {**key, "variant": "-", "answers": [batch], "question": question(), "answer": answer, **fields}


def written(out: Path, value: str = "0x1p-1", **parts: Any) -> Path:
    """A run whose one API answers `value`: comparing two of them finds a change, and writes scripts of it."""
    target = {
        "name": "torch", "failed": "", "questions": 3, "framework": "torch", "version": "2.13.0",
        "companions": "numpy=2.0", "python": "3.11", "backend": "torch", "mode": "eager", "device": "cpu",
        "documentation": [
            {"api": make.TORCH, "edition": "torch-2", "written_from": "2.12", "version": "2.13.0"}
        ],
    }  # fmt: skip
    run = {
        "lossproof": version("lossproof"), "command": "check", "seed": 0, "examples": 1,
        "specs_digest": known_digest(), "ledger_digest": "e3b0c442", "python": "3.11", "platform": "Linux",
        "targets": [target], "apis": [],
        "packages": {"numpy": "2.0"},
    }  # fmt: skip
    diverging = make.row(
        region="zero", verdict="diverges", kind="zero_vector", severity="S2", status="known",
        finding="torch-zero-vector", expected=json.dumps(make.finding()["expected"]),
        observed=json.dumps(make.finding()["observed"]), witness=json.dumps(question()),
        reproducer="reproducers/torch-zero-vector.py",
    )  # fmt: skip
    given: dict[str, Any] = {
        "rows": [make.row(), diverging], "claims": [make.claim()],
        "findings": [make.finding(witness=question(), statements=("one", "two"))], "run": run,
        "scripts": {"torch-zero-vector.py": "print(1)\n"},
        "samples": [sample(value), sample(value, region="zero")],
    }  # fmt: skip
    return reports.write_run(out, **(given | parts))


def in_table(change: Callable[[pd.DataFrame], pd.DataFrame]) -> Callable[[Path], object]:
    def damage(run: Path) -> None:
        frame = change(pd.read_parquet(run / "results.parquet"))
        frame.to_parquet(run / "results.parquet", index=False)

    return damage


def two_runs(folder: Path) -> tuple[Path, Path]:
    """Two runs that differ."""
    return written(folder / "old"), written(folder / "new", "-0x1p-1")


def judge_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fail where a target is looked for: a baseline is read before. The specs are read once for all tests."""
    monkeypatch.setattr("lossproof.specs.load_specs", known_specs)
    monkeypatch.setattr("lossproof.specs.specs_digest", known_digest)
    monkeypatch.setattr(
        "lossproof.conformance.cli.commands.check.find_targets",
        lambda *_: pytest.fail("a target was asked for"),
    )
