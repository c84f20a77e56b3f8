"""The wheel, built once, and lossproof run from it or from here."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import tomllib
import zipfile
from collections.abc import Callable
from email.message import Message
from email.parser import Parser
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("oracle", "specs", "conformance", "reports")
BASE = ("numpy", "ml_dtypes", "python-flint")
"""The packages that the oracle needs, and nothing else."""
FRAMEWORKS = ("torch", "tensorflow", "keras", "mlx", "jax", "tensorflow_addons")

Run = Callable[..., subprocess.CompletedProcess[str]]


def of_a_framework(file: Path) -> bool:
    """Whether a file lies in a framework's folder."""
    return file.parents[1] == ROOT / "specs" / "lossproof" / "specs" / "frameworks"


def runs_in_a_worker(file: Path) -> bool:
    """Whether the target's own Python runs a file: what that imports is not lossproof's own."""
    return "remote" in file.parts or of_a_framework(file)


@pytest.fixture(scope="session")
def pyproject() -> dict[str, Any]:
    """pyproject.toml."""
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this tree, built by the backend itself: no network, no isolated environment."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (built,) = folder.glob("*.whl")
    return built


def read_metadata(wheel: Path) -> Message:
    """The metadata of a wheel."""
    with zipfile.ZipFile(wheel) as archive:
        (found,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        return Parser().parsestr(archive.read(found).decode())


@pytest.fixture(scope="session")
def unpacked(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what the wheel installs."""
    folder = tmp_path_factory.mktemp("site-packages")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    return folder


@pytest.fixture(scope="session")
def alone(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of an environment with the wheel, the packages of the oracle, and nothing else."""
    environment, site = _environment(tmp_path_factory.mktemp("alone"))
    for name in BASE:
        for path in {Path(file.parts[0]) for file in metadata.files(name) or () if file.parts[0] != ".."}:
            (site / path).symlink_to(Path(str(metadata.distribution(name).locate_file(path))).resolve())
    return _with_lossproof(environment, str(wheel))


@pytest.fixture(scope="session")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of an environment with the wheel and the packages of this one."""
    return _with_lossproof(_beside_this_one(tmp_path_factory.mktemp("installed")), str(wheel))


@pytest.fixture(scope="session")
def editable(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of an environment with an editable install of this tree and the packages of this one."""
    environment = _beside_this_one(tmp_path_factory.mktemp("editable"))
    return _with_lossproof(environment, "--no-build-isolation", "--editable", str(ROOT))


def _environment(folder: Path) -> tuple[Path, Path]:
    """An empty environment and its folder of packages."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    (site,) = folder.glob("lib/python*/site-packages")
    return folder, site


def _beside_this_one(folder: Path) -> Path:
    """An environment that sees the packages of this one; a path in a .pth file leaves out the links that lie there."""
    environment, site = _environment(folder)
    (site / "tool.pth").write_text(f"{sysconfig.get_paths()['purelib']}\n", encoding="utf-8")
    return environment


def _with_lossproof(environment: Path, *what: str) -> Path:
    """The environment's programs after lossproof is installed there, without the network."""
    command = [sys.executable, "-m", "uv", "pip", "install", "--quiet", "--offline", "--no-deps"]
    python = ["--python", str(environment / "bin" / "python")]
    done = subprocess.run([*command, *python, *what], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return environment / "bin"


@pytest.fixture
def here(tmp_path: Path) -> Run:
    """Run Python code in a fresh process with lossproof as it is installed here."""

    def run(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        return _python(["-c", code, *arguments], tmp_path)

    return run


@pytest.fixture
def from_wheel(unpacked: Path, tmp_path: Path) -> Run:
    """Run Python code with lossproof from the wheel alone; -S leaves out the links of an editable install."""

    def run(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        packages = sysconfig.get_paths()
        paths = [str(unpacked), packages["purelib"], packages["platlib"]]
        start = f"import sys; sys.path[1:1] = {paths!r}\n"
        return _python(["-S", "-c", start + code, *arguments], tmp_path)

    return run


def _python(arguments: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    return started([sys.executable, *arguments], folder)


def started(command: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    """A program run in a folder, without the paths of this process."""
    clean = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return subprocess.run(command, cwd=folder, env=clean, capture_output=True, text=True, check=False)
