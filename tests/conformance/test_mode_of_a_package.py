"""A mode of somebody else, as docs/adding-a-mode.md writes it, is asked in its own cells and judged as any other."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from lossproof.conformance.judging.executor import Executor
from lossproof.conformance.model.execution import Execution, mode_called
from lossproof.conformance.runs.run import Plan, TargetResult, judge_session, target_info
from lossproof.conformance.runs.session import Session, documented_here
from lossproof.conformance.targets.executed import read
from lossproof.conformance.workers.client import Worker
from lossproof.specs import extensions

from .fake_sessions import FAKES, in_place_of, target
from .test_ledger_status import FUNCTION

PAGE = (Path(__file__).parents[2] / "docs" / "adding-a-mode.md").read_text(encoding="utf-8")
FILES = dict(re.findall(r"`(\w+\.\w+)`[^`\n]*(?:`[^`]*`)?:\n\n```\w+\n(.*?)```", PAGE, re.DOTALL))
COUNTED = re.compile(r" *worker\.count_run\(\).*\n")


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The package of the page, as an installer leaves it."""
    info = tmp_path / "tiny_modes-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: tiny_modes\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(FILES["entry_points.txt"])
    (tmp_path / "tiny_modes.py").write_text(FILES["tiny_modes.py"])
    monkeypatch.syspath_prepend(str(tmp_path))
    caches = (extensions.names, extensions.objects)
    for cached in caches:
        cached.cache_clear()
    yield tmp_path
    for cached in caches:
        cached.cache_clear()
    sys.modules.pop("tiny_modes", None)


def judged(folder: Path, adapter: str) -> TargetResult:
    """The fakes through this adapter in the mode of the page."""
    place = folder / "adapter.py"
    place.write_text(f"import sys\nsys.path.insert(0, {str(FAKES)!r})\nfrom fake_adapter import *\n{adapter}")
    here = replace(target(), adapter=place).executed(Execution("recorded"))
    with Worker.start(here, folder / "log.txt") as worker:
        facts = target_info(here, worker.info)
        documents = [in_place_of(FUNCTION, "cosine_similarity")]
        session = Session(facts, Executor(worker, 0, 1), documented_here(facts, documents))
        return judge_session(session, Plan(), lambda *_: None)


def test_it_is_known_by_its_name(installed: Path) -> None:
    assert mode_called("recorded").words == "each call is recorded, and then run"
    assert read("fake:recorded").mode == "recorded"


def test_it_is_asked_in_its_own_cells_and_judged(installed: Path) -> None:
    result = judged(installed, FILES["adapter.py"])
    assert {row.target for row in result.rows} == {"fake:recorded"}
    assert {row.mode for row in result.rows} == {"recorded"}
    assert {(row.property, row.region) for row in result.rows} == {
        ("value", "ordinary"),
        ("zero_vector", "zero"),
    }
    assert {row.verdict for row in result.rows} == {"conforms"}


def test_an_adapter_that_cannot_prove_it_is_not_judged(installed: Path) -> None:
    silent, left_out = COUNTED.subn("", FILES["adapter.py"])
    assert left_out == 1
    result = judged(installed, silent)
    assert {row.verdict for row in result.rows} == {"unsupported"}
    assert "fell back" in result.declined
