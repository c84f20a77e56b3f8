"""Workers of the fakes: every test goes through the real worker process and the real client."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lossproof.conformance.targets.model import Target
from lossproof.conformance.workers.client import Worker
from lossproof.conformance.workers.protocol import Answer, Array, Question

FAKES = Path(__file__).parents[1] / "fakes"
PAIR = {
    "x1": np.array([[1, 4, 5], [0, 3, -4]], np.float32),
    "x2": np.array([[3, 2, 5], [0, -3, 4]], np.float32),
}


@pytest.fixture(scope="session")
def fake_target() -> Callable[..., Target]:
    """Makes a target of the fakes: fake_target(python=..., FAKE_START=...)."""

    def make(python: Path = Path(sys.executable), **env: str) -> Target:
        return Target(
            name="fake", framework="fake", python=python, adapter=FAKES / "fake_adapter.py", env=env
        )

    return make


@pytest.fixture(scope="session")
def about() -> Callable[..., Question]:
    """Makes a question about the pair of the tests: about("wrong_sign", form="list", ...)."""

    def make(function: str, form: Any = "tensor", layout: Any = "C", **more: Any) -> Question:
        arrays = {name: Array.of(value, form=form, layout=layout) for name, value in PAIR.items()}
        return Question(**({"api": f"fake.{function}", "arrays": arrays} | more))

    return make


@pytest.fixture(scope="module")
def worker(fake_target: Callable[..., Target], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worker]:
    log = tmp_path_factory.mktemp("worker") / "target.log"
    with Worker.start(fake_target(), log, timeout=20.0) as started:
        yield started


@pytest.fixture
def ask(worker: Worker, about: Callable[..., Question]) -> Callable[..., Answer]:
    """Puts the pair to one function of the fakes: ask("wrong_sign", timeout=..., ...)."""

    def put(function: str, timeout: float | None = None, **more: Any) -> Answer:
        return worker.ask(about(function, **more), timeout=timeout)

    return put
