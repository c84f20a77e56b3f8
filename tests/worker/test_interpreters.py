"""The worker on old and new Pythons: those LOSSPROOF_TEST_PYTHONS names, and those uv can give a NumPy."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from lossproof.conformance.targets import interpreters
from lossproof.conformance.targets.environments import CannotBuild, Recipe, build
from lossproof.conformance.targets.model import Target
from lossproof.conformance.workers.client import Worker
from lossproof.conformance.workers.protocol import Question

NAMED = [Path(text) for text in os.environ.get("LOSSPROOF_TEST_PYTHONS", "").split(os.pathsep) if text]
PAIRS = [("3.7", "numpy==1.16.6"), ("3.8", "numpy==1.18.5"), ("3.13", "numpy>=2")]


def converse(worker: Worker, about: Callable[..., Question]) -> None:
    """A value, a change of inputs, a crash, an error and a probe."""
    right = worker.ask(about("cosine_similarity", layout="strided"))
    assert right.value is not None
    assert right.value.numpy().tolist() == np.array([36 / np.sqrt(42.0 * 38.0), -1], np.float32).tolist()
    assert worker.ask(about("changing")).changed == ("x1",)
    assert worker.ask(about("leaving")).outcome == "crash"
    raised = worker.ask(about("raising")).error
    assert raised is not None
    assert raised.where.startswith("fakes.py")
    for probe, expected in (("signature", "docstring"), ("docstring", "text")):
        assert expected in json.dumps(worker.ask(Question("fake.opaque", verb="probe", probe=probe)).data)


@pytest.mark.parametrize("python", [Path(sys.executable), *NAMED], ids=str)
def test_a_worker_runs_on_this_python_and_on_those_named(
    python: Path, fake_target: Callable[..., Target], about: Callable[..., Question], tmp_path: Path
) -> None:
    with Worker.start(fake_target(python=python), tmp_path / "log") as worker:
        converse(worker, about)


@pytest.mark.parametrize(("minor", "numpy"), PAIRS)
def test_a_worker_runs_from_the_oldest_to_the_newest(
    minor: str,
    numpy: str,
    fake_target: Callable[..., Target],
    about: Callable[..., Question],
    tmp_path: Path,
) -> None:
    if interpreters.here(minor) is None:
        pytest.skip(f"no Python {minor} on PATH or under pyenv")
    recipe = Recipe(
        target=f"{numpy} on Python {minor}",
        name="numpy",
        version=minor,
        backend="",
        framework="",
        python=(minor,),
        packages=(numpy, "setuptools<81"),
    )
    try:
        environment = build(recipe, root=tmp_path / "environments")
    except CannotBuild as error:
        pytest.skip(f"uv could not install it: {error}")
    with Worker.start(fake_target(python=environment.python), tmp_path / "log") as worker:
        assert worker.info.python.startswith(minor)
        assert worker.info.numpy == environment.packages["numpy"]
        converse(worker, about)
