"""The budget of a target: at most 2,500 cells and 60 seconds of questions at the default number of examples."""

from __future__ import annotations

import time

import pytest

from lossproof.conformance.runs.run import Plan, judge_target
from lossproof.conformance.targets.parse import installed

CELLS, SECONDS = 2500, 60.0


@pytest.mark.parametrize("target", installed(), ids=lambda target: target.name)
def test_a_target_keeps_to_the_budget(target):  # type: ignore[no-untyped-def]
    begun, worked = time.perf_counter(), time.process_time()
    result = judge_target(target, Plan(), lambda *_: None)
    assert not result.failed
    assert not [row for row in result.rows if row.verdict == "broken"]
    assert len(result.rows) <= CELLS
    # On a busy machine the target is slowed down as the judge is: by its time passed over its time at work.
    passed = time.perf_counter() - begun - result.seconds
    slower = max(1.0, passed / (time.process_time() - worked))
    assert result.seconds / slower <= SECONDS
