"""The worker on every Python from 3.7 on that is here with NumPy; LOSSPROOF_TEST_PYTHONS names more."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from lossproof.conformance.client import Worker
from lossproof.conformance.messages import Question
from lossproof.conformance.targets import Target

ASK = "import json, sys, numpy; print(json.dumps([list(sys.version_info[:2]), numpy.__version__]))"


def candidates() -> list[Path]:
    """Interpreters on PATH, under pyenv, and those that LOSSPROOF_TEST_PYTHONS lists."""
    named = [Path(text) for text in os.environ.get("LOSSPROOF_TEST_PYTHONS", "").split(os.pathsep) if text]
    on_path = [shutil.which(f"python3.{minor}") for minor in range(7, 20)]
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    return [*named, *(Path(text) for text in on_path if text), *sorted(pyenv.glob("3.*/bin/python"))]


@cache
def usable() -> dict[str, Path]:
    """One interpreter for each pair of Python and NumPy versions."""
    found = {"this one": Path(sys.executable)}
    for python in candidates():
        done = subprocess.run([python, "-c", ASK], capture_output=True, check=False)
        if done.returncode == 0:
            version, release = json.loads(done.stdout)
            if tuple(version) >= (3, 7):
                found.setdefault(f"Python {version[0]}.{version[1]}, NumPy {release}", python)
    return found


NO_OTHER = "no other Python with NumPy on PATH, under pyenv or in LOSSPROOF_TEST_PYTHONS"
NAMES = [
    *usable(),
    *([] if len(usable()) > 1 else [pytest.param("another", marks=pytest.mark.skip(NO_OTHER))]),
]


@pytest.mark.parametrize("name", NAMES)
def test_a_worker_runs(
    name: str, fake_target: Callable[..., Target], about: Callable[..., Question], tmp_path: Path
) -> None:
    with Worker.start(fake_target(python=usable()[name]), tmp_path / "log") as worker:
        right = worker.ask(about("cosine_similarity", layout="strided"))
        assert right.value is not None
        assert right.value.numpy().tolist() == np.array([36 / np.sqrt(42.0 * 38.0), -1], np.float32).tolist()
        assert worker.ask(about("changing")).changed == ("x1",)
        assert worker.ask(about("leaving")).outcome == "crash"
        raised = worker.ask(about("raising")).error
        assert raised is not None
        assert raised.where.startswith("fakes.py")
        for probe, expected in (("signature", "docstring"), ("docstring", "text")):
            answer = worker.ask(Question("fake.opaque", verb="probe", probe=probe))
            assert expected in json.dumps(answer.data)
