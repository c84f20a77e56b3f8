"""A region of somebody else, installed as docs/adding-a-region.md writes it, is asked and judged as any other."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from lossproof.reports import read_run
from lossproof.reports.run import Run

PAGE = (Path(__file__).parents[2] / "docs" / "adding-a-region.md").read_text(encoding="utf-8")
FILES = dict(re.findall(r"`(\w+\.\w+)`:\n\n```\w+\n(.*?)```", PAGE, re.DOTALL))
TORCH = "torch.nn.functional.cosine_similarity"
PROGRAM = "import sys; from lossproof.conformance.cli.main import run; sys.exit(run(sys.argv[1:]))"
GUARD = re.compile(r"    if x\.shape.*\n.*\n")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the package of the page installed."""
    package, folder = tmp_path_factory.mktemp("package"), tmp_path_factory.mktemp("site")
    for name in ("equal_elements.py", "pyproject.toml"):
        (package / name).write_text(FILES[name], encoding="utf-8")
    offline = ["--quiet", "--offline", "--no-deps", "--no-build-isolation", "--python", sys.executable]
    command = [sys.executable, "-m", "uv", "pip", "install", *offline, "--target", str(folder), str(package)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder


Judge = Callable[..., tuple[int, Run]]


@pytest.fixture
def judge(site: Path, tmp_path: Path) -> Judge:
    """Judges a file as the page does, with the package installed; the exit code and the run."""

    def judged(text: str, *words: str) -> tuple[int, Run]:
        (tmp_path / "mine.py").write_text(text, encoding="utf-8")
        path = os.pathsep.join(filter(None, (str(site), os.environ.get("PYTHONPATH"))))
        command = [
            sys.executable, "-c", PROGRAM, "try", f"{tmp_path / 'mine.py'}:cosine_similarity", "--as", TORCH,
            "--property", "value", *words, "--out", str(tmp_path / "run"),
        ]  # fmt: skip
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, env={**os.environ, "PYTHONPATH": path}
        )
        assert done.returncode in (0, 1), done.stdout + done.stderr
        return done.returncode, read_run(tmp_path / "run")

    return judged


def test_a_right_implementation_conforms_there_in_every_dtype(judge: Judge) -> None:
    right, left_out = GUARD.subn("", FILES["mine.py"])
    assert left_out == 1
    code, run = judge(right, "--region", "equal_elements")
    cells = run.results.set_index("dtype")["verdict"].to_dict()
    assert code == 0
    assert set(run.results["region"]) == {"equal_elements"}
    assert cells.pop("bfloat16") == "unsupported"  # NumPy has no such arrays
    assert cells == dict.fromkeys(("float16", "float32", "float64"), "conforms")


def test_one_that_is_wrong_only_there_diverges_there_alone(judge: Judge) -> None:
    code, run = judge(FILES["mine.py"], "--dtype", "float32")
    assert code == 1
    diverging = run.results[run.results["verdict"] == "diverges"]
    assert set(diverging["region"]) == {"equal_elements"}
    assert len(set(run.results["region"])) > 10
    (finding,) = run.findings
    assert (finding["regions"], finding["severity"]) == (["equal_elements"], "S2")
    for array in finding["witness"]["arrays"].values():
        rows = np.vectorize(float.fromhex)(np.array(array["values"]))
        assert rows.shape[1] == 8
        assert (np.ptp(rows, axis=1) == 0).all()
        assert rows.all()
