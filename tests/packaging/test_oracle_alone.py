"""The wheel in an environment of the oracle's own packages: the oracle works, and the command says what it lacks."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lossproof.conformance.cli.entry import SUITE

from .conftest import BASE, started

INSTALLED = """
import json
from importlib import metadata
print(json.dumps(sorted(found.metadata["Name"].lower().replace("-", "_") for found in metadata.distributions())))
"""
COSINE = """
from lossproof import oracle
print(oracle.cosine([[3.0, 4.0]], [[4.0, 3.0]]).rounded("float32")[0])
"""


def test_the_environment_has_the_base_and_nothing_else(alone: Path, tmp_path: Path) -> None:
    done = started([str(alone / "python"), "-c", INSTALLED], tmp_path)
    assert json.loads(done.stdout) == sorted({"lossproof", *(name.replace("-", "_") for name in BASE)})


def test_the_oracle_works(alone: Path, tmp_path: Path) -> None:
    done = started([str(alone / "python"), "-c", COSINE], tmp_path)
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) == pytest.approx(0.96, abs=1e-7)


@pytest.mark.parametrize("words", [("check",), ("--help",), ()])
def test_the_command_says_in_one_line_what_to_install(
    alone: Path, tmp_path: Path, words: tuple[str, ...]
) -> None:
    done = started([str(alone / "lossproof"), *words], tmp_path)
    assert done.returncode == 2
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert line.endswith("python -m pip install " + " ".join(SUITE.values()))
    assert list(tmp_path.iterdir()) == []
