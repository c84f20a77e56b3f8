"""The end of a target's text, its mode and device, and the options that say the same."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from lossproof.conformance.model.execution import Execution
from lossproof.conformance.targets import environments, parse
from lossproof.conformance.targets.executed import Written, executions, read, written
from lossproof.conformance.targets.model import Target, UsageError
from lossproof.specs.frameworks import load_frameworks

from .test_targets import fake_interpreter


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("torch", Written("torch")),
        ("torch:compiled", Written("torch", "compiled")),
        ("torch==2.13.0:compiled@cuda", Written("torch==2.13.0", "compiled", "cuda")),
        ("keras[jax]==3.0.0@mps", Written("keras[jax]==3.0.0", "", "mps")),
        (" torch@cpu ", Written("torch", "", "cpu")),
        ("/no/such@3.11/python", Written("/no/such@3.11/python")),
        ("/no/such/python:graph@cuda", Written("/no/such/python", "graph", "cuda")),
    ],
)
def test_a_text_has_a_place_and_may_have_a_mode_and_a_device(text: str, parts: Written) -> None:
    assert read(text) == parts
    assert str(parts) == text.strip()


def test_a_file_of_that_name_is_meant_as_it_stands(tmp_path: Path) -> None:
    (tmp_path / "python:graph").write_text("")
    assert read(str(tmp_path / "python:graph")).mode == ""
    assert read(str(tmp_path / "python:graph@cuda")) == Written(str(tmp_path / "python"), "graph", "cuda")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("torch:compild", "there is no mode 'compild'; did you mean compiled"),
        ("torch@cud", "there is no device 'cud'; did you mean cuda"),
        ("torch:", "there is no mode ''"),
        ("torch@cuda:compiled", "'torch@cuda:compiled' is no target"),
        ("torch:a:b", "'torch:a:b' is no target"),
        (":compiled", "':compiled' is no target"),
        ("", "'' is no target"),
    ],
)
def test_what_is_no_text_of_a_target_is_a_usage_error(text: str, told: str) -> None:
    with pytest.raises(UsageError) as caught:
        read(text)
    assert str(caught.value).startswith(told)


def test_options_multiply_the_targets_and_a_text_decides_for_itself() -> None:
    assert written(["mlx", "torch:compiled@cuda"], ["eager", "compiled"], "") == [
        "mlx:eager", "mlx:compiled", "torch:compiled@cuda",
    ]  # fmt: skip
    assert written(["mlx", "torch==2.0.1@cuda"], [], "cuda") == ["mlx@cuda", "torch==2.0.1@cuda"]
    assert written(["torch@cpu"], [], "") == ["torch@cpu"]
    assert executions(Written("torch"), (), "") == [Execution()]


@pytest.mark.parametrize(
    ("meant", "modes", "device", "told"),
    [
        (Written("torch", "graph"), ("eager", "compiled"), "", "--mode eager or compiled says another"),
        (
            Written("torch", "", "cpu"),
            (),
            "cuda",
            "torch@cpu says device cpu, and --device cuda says another",
        ),
    ],
)
def test_an_option_that_contradicts_the_text_is_a_usage_error(
    meant: Written, modes: tuple[str, ...], device: str, told: str
) -> None:
    with pytest.raises(UsageError) as caught:
        executions(meant, modes, device)
    assert told in str(caught.value)


def test_the_own_mode_of_a_target_is_not_written() -> None:
    eager = Target("torch", "torch", Path(sys.executable), Path())
    graph = Target("tensorflow==1.15.5", "tensorflow", Path(sys.executable), Path(), own_mode="graph")
    assert eager.executed(Execution("eager")) == eager
    assert eager.executed(Execution("graph", "cuda")).name == "torch:graph@cuda"
    assert graph.executed(Execution("graph")) == graph
    assert graph.executed(Execution("eager")).name == "tensorflow==1.15.5:eager"
    assert graph.executed(Execution("eager")).execution.mode == "eager"


def test_the_own_mode_goes_by_the_version() -> None:
    known = load_frameworks()
    versions = ("1.15.5", "2.0.0", "2.21.0", "2.22.0rc1")
    assert [known["tensorflow"].own_mode(v) for v in versions] == ["graph", "eager", "eager", "eager"]
    assert {known[name].own_mode("1.0.0") for name in ("torch", "mlx", "keras")} == {"eager"}


def test_every_framework_of_an_interpreter_is_asked_so(tmp_path: Path) -> None:
    path = fake_interpreter(tmp_path, "3.8.18", '{"tensorflow-cpu": "1.15.5", "torch": "1.12.1"}')
    assert [t.name for t in parse.parse(f"{path}:eager")] == ["tensorflow==1.15.5:eager", "torch==1.12.1"]
    assert [t.name for t in parse.parse(f"{path}:graph")] == ["tensorflow==1.15.5", "torch==1.12.1:graph"]
    chosen = parse.chosen([path], modes=("eager", "compiled"), device="cuda").targets
    assert [t.name for t in chosen] == [
        "tensorflow==1.15.5:eager@cuda", "torch==1.12.1@cuda", "tensorflow==1.15.5:compiled@cuda",
        "torch==1.12.1:compiled@cuda",
    ]  # fmt: skip
    assert all(target.python == Path(path) for target in chosen)


def test_what_is_installed_is_asked_in_each_mode_and_named_once(monkeypatch: pytest.MonkeyPatch) -> None:
    here = [Target(name, name, Path(sys.executable), Path()) for name in ("mlx", "torch")]
    monkeypatch.setattr(parse, "installed", lambda: here)
    names = [t.name for t in parse.chosen([], modes=("compiled", "eager", "compiled")).targets]
    assert names == ["mlx:compiled", "mlx", "torch:compiled", "torch"]
    assert [t.name for t in parse.chosen([]).targets] == ["mlx", "torch"]


def test_an_environment_is_built_once_for_several_modes(monkeypatch: pytest.MonkeyPatch) -> None:
    built: list[str] = []

    def build(recipe: environments.Recipe, *_: object) -> SimpleNamespace:
        built.append(recipe.target)
        if recipe.name == "mlx":
            raise environments.CannotBuild("no network")
        packages = {"torch": recipe.version}
        return SimpleNamespace(recipe=recipe, python=Path(sys.executable), packages=packages)

    monkeypatch.setattr(environments, "build", build)
    texts = ["torch==2.0.1", "mlx==0.27.1:compiled", "torch==2.0.1:compiled@cuda", "mlx==0.27.1"]
    parsed = parse.parse_all(texts)
    assert sorted(built) == ["mlx==0.27.1", "torch==2.0.1"]
    assert [target.name for target in parsed.targets] == ["torch==2.0.1", "torch==2.0.1:compiled@cuda"]
    assert list(parsed.unavailable) == ["mlx==0.27.1:compiled", "mlx==0.27.1"]
    assert parse.frameworks_of("torch==2.0.1:compiled") == {"torch"}
