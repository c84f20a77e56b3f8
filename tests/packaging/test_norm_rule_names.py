"""No module asks for the name of a norm rule: the object answers."""

from __future__ import annotations

from pathlib import Path

import pytest

from lossproof import oracle

from .conftest import ROOMS, ROOT
from .test_names import compared

HOMES = {
    "oracle/lossproof/oracle/norm_rules/rules.py",
    "reports/lossproof/reports/words.py",  # it has the words of each, and reports know nothing of the oracle
}
FILES = sorted(
    file
    for root in (*ROOMS, "benchmarks")
    for file in (ROOT / root / ("lossproof" if root in ROOMS else "")).rglob("*.py")
    if file.relative_to(ROOT).as_posix() not in HOMES
)


def wrong(source: str) -> list[tuple[str, int]]:
    return [(text, line) for text, line in compared(source) if text in oracle.NORM_RULES]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.relative_to(ROOT).as_posix())
def test_no_module_asks_for_the_name_of_a_norm_rule(file: Path) -> None:
    assert wrong(file.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    "source",
    ['if rule == "raw": pass', 'one = rule in ("plain", "none")', 'floors = {"floor_norm": 1}[rule]'],
)
def test_a_question_for_a_name_is_seen(source: str) -> None:
    assert len(wrong(source)) == 1
