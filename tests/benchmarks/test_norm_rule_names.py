"""Right implementations ask a norm rule for its facts and not for its name, as the roots do (tests/packaging)."""

from __future__ import annotations

from pathlib import Path

import pytest

from lossproof import oracle

from ..packaging.test_names import compared

ROOT = Path(__file__).parents[2]
FILES = sorted((ROOT / "benchmarks").rglob("*.py"))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.relative_to(ROOT).as_posix())
def test_no_benchmark_asks_for_the_name_of_a_norm_rule(file: Path) -> None:
    asked = [item for item in compared(file.read_text(encoding="utf-8")) if item[0] in oracle.NORM_RULES]
    assert asked == []
