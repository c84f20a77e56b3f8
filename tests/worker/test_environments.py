"""Environments of other releases: what is planned, built, kept, and never taken for finished."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from lossproof.conformance.runs.run import Plan, judge_target
from lossproof.conformance.targets import environments
from lossproof.conformance.targets.environments import (
    CannotBuild,
    Environment,
    Recipe,
    build,
    built,
    find,
    plan,
    remove,
)
from lossproof.conformance.targets.installer import Uv, pip_settings
from lossproof.conformance.targets.model import UsageError
from lossproof.conformance.targets.parse import of_environment, parse_all
from lossproof.specs.frameworks import Catalogue, load_catalogues, load_frameworks

HERE = f"{sys.version_info[0]}.{sys.version_info[1]}"
RECIPE = Recipe(
    "mlx==0.1", "mlx", "0.1", backend="", framework="mlx", python=(HERE,), packages=("mlx==0.1", "numpy==1")
)


class FakeUv:
    """A uv that needs no network, and what it was asked."""

    def __init__(self, folder: Path) -> None:
        self.log = folder / "uv.log"
        binary = folder / "uv"
        binary.write_text(f"#!{sys.executable}\n{Path(__file__).with_name('fake_uv.py').read_text()}")
        binary.chmod(0o755)
        self.uv = Uv(str(binary), {"FAKE_UV_LOG": str(self.log), "PATH": "/usr/bin:/bin"})

    def runs(self, what: str) -> list[list[str]]:
        lines = self.log.read_text().splitlines() if self.log.exists() else []
        return [run for run in map(json.loads, lines) if what in run]


def replace_releases(*releases: str) -> Catalogue:
    """MLX' catalogue with these releases."""
    return load_catalogues()["mlx"].model_copy(update={"releases": releases})


@pytest.fixture
def fake(tmp_path: Path) -> FakeUv:
    return FakeUv(tmp_path)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "cache"


ALL = [(name, v, b) for name, c in load_catalogues().items() for v in c.releases for b in c.backends or ("",)]


@pytest.mark.parametrize(("name", "version", "backend"), ALL)
def test_every_catalogued_release_has_a_recipe(name: str, version: str, backend: str) -> None:
    recipe = plan(name, version, backend)
    assert recipe.packages[0].startswith(name)
    assert f"=={version}" in recipe.packages[0]
    assert recipe.framework in load_frameworks()
    assert "{" not in "".join(recipe.packages)


def test_old_releases_get_their_interpreter_and_companions() -> None:
    assert plan("tensorflow", "1.15.5").python == ("3.7",)
    assert {"tensorflow-cpu==2.2.0", "protobuf<3.21", "numpy<1.24"} <= set(
        plan("tensorflow", "2.2.0").packages
    )
    assert "keras==2.6.*" in plan("tensorflow", "2.6.3").packages
    assert "tensorflow-cpu==2.5.0" in plan("tensorflow-addons", "0.14.0").packages


def test_keras_has_a_backend() -> None:
    assert plan("keras", "3.0.0").target == "keras==3.0.0"
    assert plan("keras", "3.0.0").framework == "tensorflow"
    assert plan("keras", "3.0.0", "jax").target == "keras[jax]==3.0.0"
    assert plan("keras", "3.0.0", "jax").framework == "keras"
    assert plan("keras", "3.0.0", "jax").key != plan("keras", "3.0.0", "numpy").key


@pytest.mark.parametrize(
    ("name", "version", "told"),
    [
        ("torhc", "1.12.1", "did you mean torch"),
        ("torch", "0.1", r"no build for it; it reaches from 1\.12\.1"),
        ("torch", "newest", "'newest' is no version"),
    ],
)
def test_what_the_catalogue_does_not_know_is_a_usage_error(name: str, version: str, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        plan(name, version)


def test_an_environment_is_built_once(fake: FakeUv, root: Path) -> None:
    told: list[str] = []
    first = build(RECIPE, told.append, root, fake.uv)
    assert first.packages == {"mlx": "0.1", "numpy": "1"}
    assert first.interpreter == "3.8.18"
    assert "installing mlx==0.1 numpy==1" in told
    assert "Installed some packages" in told
    assert build(RECIPE, None, root, fake.uv) == first == find(RECIPE, root)
    assert len(fake.runs("venv")) == len(fake.runs("install")) == 1
    assert built(root) == [first]
    target = of_environment(first)
    assert (target.name, target.framework, target.python) == ("mlx==0.1", "mlx", first.python)


def test_a_failed_build_says_why_and_leaves_nothing(fake: FakeUv, root: Path) -> None:
    recipe = replace(RECIPE, packages=("broken==1",))
    with pytest.raises(CannotBuild, match=r"^mlx==0\.1: error: no solution found for broken$"):
        build(recipe, None, root, fake.uv)
    assert find(recipe, root) is None
    assert built(root) == []
    assert [path.name for path in root.rglob("python")] == []


def test_a_release_that_does_not_exist_is_told_with_the_nearest(
    fake: FakeUv, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for version, near in (("9.9.9", "0.3 and 0.10"), ("0.2.5", "0.2 and 0.3"), ("0.0.1", "0.1 and 0.2")):
        known = replace_releases("0.10", "0.1", "0.2", "0.3")
        monkeypatch.setattr(environments, "catalogue_of", lambda _, known=known: known)
        recipe = replace(RECIPE, name="absent", version=version, packages=(f"absent=={version}", "numpy==1"))
        told = f"^there is no absent {version}; the nearest that are catalogued are {near}$"
        with pytest.raises(CannotBuild, match=told):
            build(recipe, None, root, fake.uv)
    recipe = replace(RECIPE, packages=("mlx==0.1", "absent==0.1"))  # a companion of it
    with pytest.raises(CannotBuild, match="No solution found"):
        build(recipe, None, root, fake.uv)


def test_a_uv_that_floods_its_streams_does_not_block(fake: FakeUv, root: Path) -> None:
    uv = replace(fake.uv, variables={**fake.uv.variables, "FAKE_UV": "flood"})
    finished: list[Environment] = []
    building = threading.Thread(target=lambda: finished.append(build(RECIPE, None, root, uv)), daemon=True)
    building.start()
    building.join(60)
    assert [environment.recipe for environment in finished] == [RECIPE]
    done = uv.run(["python", "find"])
    assert done.returncode == 2
    assert done.last_words().endswith("error: no such Python and no network")
    assert len(done.output) <= 1 << 16
    assert done.output.endswith("y\n")


def test_a_damaged_environment_says_how_to_mend_it(fake: FakeUv, root: Path, tmp_path: Path) -> None:
    """Its Python is there and NumPy is not: one line with the error, and the command that makes room for a new one."""
    target = of_environment(build(RECIPE, None, root, fake.uv))
    bare = tmp_path / "bare"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(bare)], check=True)
    result = judge_target(replace(target, python=bare / "bin" / "python"), Plan(), lambda *_: None)
    assert "ModuleNotFoundError: No module named 'numpy'" in result.failed
    assert "lossproof targets --remove 'mlx==0.1'" in result.failed
    assert len(result.failed.splitlines()) == 1
    assert "Traceback" in result.log


def test_an_installation_without_the_package_is_no_success(fake: FakeUv, root: Path) -> None:
    with pytest.raises(CannotBuild, match="holds no mlx"):
        build(replace(RECIPE, packages=("torch>=1", "numpy==1")), None, root, fake.uv)


def test_what_an_interruption_left_is_never_taken_for_finished(fake: FakeUv, root: Path) -> None:
    other = root / ".building" / "torch-0.1"
    for rest in (root / RECIPE.key, root / ".building" / RECIPE.key, other):
        (rest / "bin").mkdir(parents=True)
        (rest / "bin" / "python").write_text("half")
    assert find(RECIPE, root) is None
    assert built(root) == []
    assert build(RECIPE, None, root, fake.uv).packages["mlx"] == "0.1"
    assert not other.exists()


def test_ctrl_c_leaves_nothing_behind(fake: FakeUv, root: Path) -> None:
    def interrupt(words: str) -> None:
        if words.startswith("installing"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build(RECIPE, interrupt, root, fake.uv)
    assert find(RECIPE, root) is None
    assert list((root / ".building").iterdir()) == []


def test_two_builders_build_once(fake: FakeUv, root: Path) -> None:
    recipe, told = replace(RECIPE, packages=("mlx==0.1", "slow==1")), list[str]()
    threads = [threading.Thread(target=build, args=(recipe, told.append, root, fake.uv)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(fake.runs("install")) == 1
    assert told.count("waiting for another process that builds it") == 2


def test_an_environment_has_a_size_and_can_be_removed(fake: FakeUv, root: Path) -> None:
    environment = build(RECIPE, None, root, fake.uv)
    before = environment.size()
    assert before > 0
    (environment.path / "large").write_bytes(b"x" * (1 << 20))
    (environment.path / "linked").hardlink_to(environment.path / "large")
    assert environment.size() == pytest.approx(before + (1 << 20), rel=0.1)
    remove(environment)
    assert not environment.path.exists()
    assert built(root) == []


def test_options_that_fail_are_left_out(fake: FakeUv, root: Path) -> None:
    recipe = replace(RECIPE, prefer=("--torch-backend", "broken==cpu"))
    assert build(recipe, None, root, fake.uv).packages["mlx"] == "0.1"
    assert ["--torch-backend" in run for run in fake.runs("install")] == [True, False]


def test_a_python_that_cannot_be_had_is_named_with_its_remedy(
    fake: FakeUv, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(root))
    monkeypatch.setenv("PYENV_ROOT", str(root))
    recipe = replace(RECIPE, python=("3.5",))
    with pytest.raises(CannotBuild, match=r"Python 3\.5 is needed.*no network.*pyenv install 3\.5"):
        build(recipe, None, root, fake.uv)


def test_pyenv_is_searched_and_what_does_not_run_is_passed_over(
    fake: FakeUv, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for patch, text in (("9", "#!/bin/sh\necho 3.5\n"), ("10", "#!/bin/sh\nexit 127\n")):
        python = root / "versions" / f"3.5.{patch}" / "bin" / "python"
        python.parent.mkdir(parents=True)
        python.write_text(text)
        python.chmod(0o755)
    monkeypatch.setenv("PYENV_ROOT", str(root))
    build(replace(RECIPE, python=("3.5",)), None, root, fake.uv)
    assert str(root / "versions" / "3.5.9" / "bin" / "python") in fake.runs("venv")[0]


def test_a_cache_that_cannot_be_written_is_named(fake: FakeUv, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(CannotBuild, match="environments are kept in"):
        build(RECIPE, None, tmp_path / "file" / "cache", fake.uv)


def test_one_target_that_cannot_be_built_leaves_the_others_alone(
    fake: FakeUv, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def offline(cls: type[Uv]) -> Uv:
        return fake.uv

    monkeypatch.setenv("LOSSPROOF_CACHE", str(root))
    monkeypatch.setattr(Uv, "here", classmethod(offline))
    monkeypatch.setattr(
        environments,
        "plan",
        lambda name, version, backend="": replace(
            RECIPE,
            target=f"{name}=={version}",
            packages=("broken==1",) if version == "2.0.1" else RECIPE.packages,
        ),
    )
    told: list[tuple[str, str]] = []
    parsed = parse_all(["mlx==0.27.1", "torch==2.0.1"], lambda text, words: told.append((text, words)))
    assert [target.name for target in parsed.targets] == ["mlx==0.27.1"]
    assert list(parsed.unavailable) == ["torch==2.0.1"]
    assert "no solution found" in str(parsed.unavailable["torch==2.0.1"])
    assert ("mlx==0.27.1", "installing mlx==0.1 numpy==1") in told


def test_every_text_is_understood_before_anything_is_built(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environments, "build", pytest.fail)
    with pytest.raises(UsageError, match="unknown target 'nonsense'"):
        parse_all(["mlx==0.27.1", "nonsense==1"])
    with pytest.raises(UsageError, match=r"keras\[tf\].*one of tensorflow, torch, jax, numpy"):
        parse_all(["keras[tf]==3.0.0"])
    with pytest.raises(UsageError, match="no choice of backends"):
        parse_all(["torch[jax]==2.0.1"])


def test_uv_looks_where_pip_looks() -> None:
    listing = """global.extra-index-url='https://one.example/simple https://two.example/simple'
global.index-url='https://old.example/simple'
:env:.find-links='wheels'
user.index-url='https://pypi.example/simple'
:env:.cert='ca.pem'
:env:.default-timeout='180'
"""
    assert pip_settings(listing) == {
        "UV_FIND_LINKS": "wheels",
        "UV_DEFAULT_INDEX": "https://pypi.example/simple",
        "UV_INDEX": "https://one.example/simple https://two.example/simple",
        "UV_INDEX_STRATEGY": "unsafe-best-match",
        "SSL_CERT_FILE": "ca.pem",
    }
    assert pip_settings("") == {}
