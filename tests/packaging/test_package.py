"""`import lossproof` finds all rooms, however it is installed, and what others add to the package."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import lossproof

from .conftest import ROOMS, ROOT, started

ATTRIBUTES = """
import json, sys
import lossproof
before = sorted(name for name in sys.modules if name.startswith("lossproof."))
print(json.dumps([before, {room: getattr(lossproof, room).__file__ for room in sys.argv[1:]}]))
"""
ONE = "import importlib, sys; importlib.import_module('lossproof.' + sys.argv[1])"
INSTALLATIONS = ("editable", "installed", "alone")


@pytest.fixture(params=INSTALLATIONS)
def python(request: pytest.FixtureRequest) -> str:
    """The Python of one installation."""
    programs: Path = request.getfixturevalue(request.param)
    return str(programs / "python")


def test_every_room_is_an_attribute_loaded_when_it_is_used(python: str, tmp_path: Path) -> None:
    done = started([python, "-c", ATTRIBUTES, *ROOMS], tmp_path)
    assert done.returncode == 0, done.stderr
    before, files = json.loads(done.stdout)
    assert before == []
    environment = Path(python).parents[1]
    for room, file in files.items():
        home = ROOT / room if environment.name.startswith("editable") else environment
        assert Path(file).is_relative_to(home), f"{room} was found in another installation"
        assert file.endswith(f"/lossproof/{room}/__init__.py")


@pytest.mark.parametrize("room", ROOMS)
def test_every_room_is_imported_first(python: str, tmp_path: Path, room: str) -> None:
    done = started([python, "-c", ONE, room], tmp_path)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("installation", ["editable", "installed"])
def test_the_command_runs(request: pytest.FixtureRequest, tmp_path: Path, installation: str) -> None:
    programs: Path = request.getfixturevalue(installation)
    done = started([str(programs / "lossproof"), "specs"], tmp_path)
    assert done.returncode == 0, done.stderr
    assert "torch.nn.functional.cosine_similarity" in done.stdout


def test_another_distribution_adds_a_module(python: str, tmp_path: Path) -> None:
    guest = tmp_path / "site" / "lossproof"
    guest.mkdir(parents=True)
    (guest / "guest.py").write_text("ANSWER = 42\n")
    code = f"import sys; sys.path.append({str(guest.parent)!r}); from lossproof.guest import ANSWER; print(ANSWER)"
    assert started([python, "-c", code], tmp_path).stdout == "42\n"


def test_a_checkout_named_first_is_first_in_every_room(python: str, tmp_path: Path) -> None:
    """Even where the checkout has no `__init__` of its own, so that the one installed is read."""
    checkout = tmp_path / "checkout" / "lossproof" / "oracle"
    checkout.mkdir(parents=True)
    (checkout / "__init__.py").write_text("")
    path = str(checkout.parents[1])
    code = (
        f"import sys; sys.path.insert(1, {path!r}); import lossproof.oracle; print(lossproof.oracle.__file__)"
    )
    assert started([python, "-c", code], tmp_path).stdout == f"{checkout / '__init__.py'}\n"


def test_an_unknown_name_is_an_attribute_error() -> None:
    assert set(ROOMS) <= set(dir(lossproof))
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        lossproof.nothing  # noqa: B018
