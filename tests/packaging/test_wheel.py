"""The contents of a wheel, and that lossproof works from it as it does here."""

from __future__ import annotations

import importlib.util
import json
import re
import zipfile
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

from .conftest import ROOMS, ROOT, Run, read_metadata

COMMAND = "from lossproof.conformance.cli.main import main; main(sys.argv[1:])"


def names(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return {name for name in archive.namelist() if not name.endswith("/")}


def on_disk(room: str) -> set[str]:
    folder = ROOT / room
    files = (path for path in (folder / "lossproof" / room).rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix() for path in files if "__pycache__" not in path.parts}


def test_nothing_but_lossproof_is_installed(wheel: Path) -> None:
    assert {name.split("/")[0].split("-")[0] for name in names(wheel)} == {"lossproof"}
    assert "lossproof/__init__.py" in names(wheel)


def test_every_file_above_the_rooms_is_installed(wheel: Path) -> None:
    above = {name for name in names(wheel) if re.fullmatch(r"lossproof/[^/]+", name)}
    assert above == {
        f"lossproof/{path.name}" for room in ROOMS for path in (ROOT / room / "lossproof").glob("*.*")
    }
    assert above >= {"lossproof/__init__.py", "lossproof/py.typed"}


def test_one_root_alone_has_the_init_that_extends_over_all() -> None:
    assert [room for room in ROOMS if (ROOT / room / "lossproof" / "__init__.py").exists()] == ["oracle"]


@pytest.mark.parametrize("room", ROOMS)
def test_every_file_of_a_room_is_installed(wheel: Path, room: str) -> None:
    installed = {name for name in names(wheel) if name.startswith(f"lossproof/{room}/")}
    assert installed == on_disk(room)
    assert f"lossproof/{room}/py.typed" in installed


@pytest.mark.parametrize(
    "needed",
    [
        "specs/apis/torch.nn.functional.cosine_similarity.yaml",
        "specs/frameworks/mlx/facts.yaml",
        "specs/frameworks/torch/catalogue.yaml",
        "specs/frameworks/tensorflow/adapter.py",
        "specs/frameworks/keras/probes.py",
        "specs/frameworks/jax/environment.yaml",
        "reports/templates/report.html.j2",
        "reports/templates/reproducer/script.py.j2",
        "conformance/workers/remote/worker.py",
        "conformance/workers/remote/usercode_adapter.py",
        "conformance/suite/conftest.py",
        "conformance/properties/value.py",
    ],
)
def test_data_worker_adapters_and_suite_are_installed(wheel: Path, needed: str) -> None:
    assert f"lossproof/{needed}" in names(wheel)


def test_tests_and_caches_are_not_installed(wheel: Path) -> None:
    strange = [n for n in names(wheel) if n.endswith((".pyc", ".so")) or "/fakes" in n or "slow" in n]
    assert strange == []


def test_the_version_is_the_same_everywhere(wheel: Path, pyproject: dict[str, Any], from_wheel: Run) -> None:
    version = pyproject["project"]["version"]
    assert read_metadata(wheel)["Version"] == version
    assert metadata.version("lossproof") == version
    assert from_wheel(COMMAND, "--version").stdout == f"lossproof {version}\n"


def test_a_wheel_lists_the_same_specs(from_wheel: Run, here: Run) -> None:
    code = "import sys\n" + COMMAND
    ours, theirs = here(code, "specs", "--json"), from_wheel(code, "specs", "--json")
    assert ours.returncode == theirs.returncode == 0, theirs.stderr
    assert len(json.loads(ours.stdout)) >= 11
    assert theirs.stdout == ours.stdout


@pytest.mark.skipif(importlib.util.find_spec("mlx") is None, reason="needs a framework: mlx is the smallest")
def test_a_wheel_gives_the_same_tables(from_wheel: Run, here: Run, tmp_path: Path) -> None:
    code = "import sys\n" + COMMAND
    chosen = (
        "--target",
        "mlx",
        "--property",
        "zero_vector",
        "--examples",
        "1",
        "--seed",
        "7",
        "--fail-on",
        "never",
    )
    for run, out in ((here, "editable"), (from_wheel, "wheel")):
        done = run(code, "check", *chosen, "--out", str(tmp_path / out))
        assert done.returncode == 0, done.stderr
    assert table(tmp_path / "wheel") == table(tmp_path / "editable")
    for name in ("claims.csv", "findings.json"):
        assert (tmp_path / "wheel" / name).read_bytes() == (tmp_path / "editable" / name).read_bytes()


def table(run: Path) -> Any:
    import pandas as pd

    rows = pd.read_csv(run / "results.csv", keep_default_na=False)
    assert len(rows) > 0
    return rows.drop(columns="seconds").to_dict("records")
