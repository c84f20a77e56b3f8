"""Fakes judged by the real session through the real worker."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from lossproof.conformance.runs.run import TargetResult
from lossproof.conformance.workers.client import Worker

from .fake_sessions import judged_by, running

Judging = Callable[..., TargetResult]


@pytest.fixture(scope="session")
def worker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worker]:
    """One worker for all fakes that leave it alive."""
    with running(tmp_path_factory.mktemp("fakes")) as started:
        yield started


@pytest.fixture
def judging(worker: Worker) -> Judging:
    """Judges a fake: judging("wrong_sign", "value", "sign", api=..., ledger=..., seed=..., examples=...)."""

    def judge_fakes(name: str, *properties: str, **more: object) -> TargetResult:
        return judged_by(worker, name, *properties, **more)  # type: ignore[arg-type]

    return judge_fakes
