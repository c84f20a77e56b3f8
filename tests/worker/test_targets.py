"""How targets are written and found."""

from __future__ import annotations

import ast
import pickle
import subprocess
import sys
from pathlib import Path

import jinja2
import pytest

from lossproof.conformance.targets.model import NotInstalled, Target, UsageError, facts_of
from lossproof.conformance.targets.parse import installed, parse
from lossproof.conformance.workers.client import CannotStart
from lossproof.specs import frameworks
from lossproof.specs.frameworks import FrameworkFacts, adapter_folders, load_frameworks


def test_the_frameworks_are_torch_tensorflow_and_mlx_at_least() -> None:
    assert {"torch", "tensorflow", "mlx"} <= set(load_frameworks())


@pytest.mark.parametrize("facts", load_frameworks().values(), ids=lambda facts: facts.name)
def test_a_framework_has_an_adapter_in_its_folder(facts: FrameworkFacts) -> None:
    assert facts.adapter == adapter_folders()[facts.name] / "adapter.py"
    assert facts.adapter.is_file()


@pytest.mark.parametrize("file", sorted(Path(frameworks.__file__).parent.glob("*/*.py")), ids=str)
def test_a_file_of_a_worker_is_python_3_7_and_imports_nothing_of_lossproof(file: Path) -> None:
    tree = ast.parse(file.read_text("utf-8"), feature_version=(3, 7))
    imported = {a.name for node in ast.walk(tree) if isinstance(node, ast.Import) for a in node.names}
    imported |= {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert not [name for name in imported if name.split(".")[0] == "lossproof"]
    assert "lossproof_worker" in imported


@pytest.mark.parametrize("facts", load_frameworks().values(), ids=lambda facts: facts.name)
def test_the_snippets_of_a_framework_make_a_script(facts: FrameworkFacts) -> None:
    text = "[[float.fromhex('0x1.8p+0'), 2]]"
    words = {"values": text, "flat": text[1:-1], "dtype": "float32", "shape": "(1, 2)", "seed": 7}
    words["dtypes"] = ("float32",)
    words |= {"function": "f", "arguments": "x, axis=1"}
    snippets = facts.reproducer
    for mode in snippets.modes.values():
        parts = [
            snippets.imports,
            mode.setup,
            snippets.seed,
            f"x = {snippets.array}",
            f"result = {mode.call}",
        ]
        source = "\n".join([*parts, f"print({snippets.to_list})"])
        script = jinja2.Environment(undefined=jinja2.StrictUndefined).from_string(source).render(words)
        ast.parse(script)
        assert text in script


def test_names_belong_to_frameworks_and_are_spelled_in_their_way() -> None:
    keras, torch = facts_of("keras"), facts_of("torch")
    assert keras.has("tf.keras.losses.CosineSimilarity")
    assert not keras.has("tf.losses.cosine_distance")
    assert not torch.has("torchvision.ops.box_iou")
    assert keras.spell("tf.keras.losses.CosineSimilarity") == "keras.losses.CosineSimilarity"
    assert torch.spell("torch.nn.CosineSimilarity") == "torch.nn.CosineSimilarity"


def test_an_unknown_framework_is_a_usage_error_with_the_nearest_name() -> None:
    with pytest.raises(UsageError, match=r"unknown target 'pytorch'.*torch"):
        parse("pytorch")
    with pytest.raises(UsageError, match="tensorflow"):
        facts_of("tensorflwo")


def test_a_framework_that_is_not_installed_is_named_with_its_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [])
    with pytest.raises(NotInstalled, match=r"mlx is not installed here.*python -m pip install mlx"):
        parse("mlx")
    assert installed() == []


def test_finding_targets_imports_no_framework() -> None:
    code = (
        "import sys; from lossproof.conformance.targets.parse import installed; installed();"
        "print([n for n in ('torch', 'tensorflow', 'mlx.core', 'keras') if n in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_path_that_is_no_interpreter_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such file"):
        parse(str(tmp_path / "python"))
    script = tmp_path / "python"
    script.write_text("#!/bin/sh\necho nonsense\n")
    script.chmod(0o755)
    with pytest.raises(UsageError, match="does not work as a Python"):
        parse(str(script))


def fake_interpreter(tmp_path: Path, version: str, packages: str) -> str:
    script = tmp_path / "python"
    script.write_text(f'#!/bin/sh\necho \'{{"python": "{version}", "packages": {packages}}}\'\n')
    script.chmod(0o755)
    return str(script)


def test_an_interpreter_is_asked_for_its_frameworks(tmp_path: Path) -> None:
    path = fake_interpreter(
        tmp_path, "3.8.18", '{"tensorflow-cpu": "2.4.0", "torch": "1.12.1", "numpy": "1.19"}'
    )
    targets = parse(path)
    assert [target.name for target in targets] == ["tensorflow==2.4.0", "torch==1.12.1"]
    assert all(target.python == Path(path) for target in targets)


def test_an_interpreter_without_a_framework_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotInstalled, match="none of keras, mlx, tensorflow, torch"):
        parse(fake_interpreter(tmp_path, "3.12.0rc1", "{}"))


def test_an_interpreter_that_is_too_old_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"Python 3\.6\.15; workers need 3\.7"):
        parse(fake_interpreter(tmp_path, "3.6.15", '{"torch": "1.0"}'))


@pytest.mark.parametrize(
    ("log", "told"),
    [
        ("", "it died; install x"),
        ("no room", "it died; the log ends: no room; install x"),
        (
            "Traceback (most recent call last):\n  File x\nImportError: no y\n",
            "it died (ImportError: no y); install x",
        ),
    ],
)
def test_why_a_target_did_not_start_is_one_line(log: str, told: str) -> None:
    error = CannotStart("here: it died", log)
    target = Target("here", "torch", Path(sys.executable), facts_of("torch").adapter, remedy="install x")
    assert target.not_started(error) == told
    assert target.not_started(pickle.loads(pickle.dumps(error))) == told  # it crosses processes
