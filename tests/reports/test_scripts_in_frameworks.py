"""Every script that can be written, run in its framework: 1 on a wrong API, 0 on a right one, never 1 by its own fault.

Each way to ask is put together with each way to judge; what cannot be asked so is a ValueError.
"""

from __future__ import annotations

import ast
import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from lossproof import reports
from lossproof.conformance.usercode.scripts import IN_NUMPY
from lossproof.specs.frameworks import load_frameworks

from . import make
from .standin import source

FRAMEWORKS = {"torch": "torch", "tensorflow": "tensorflow", "keras": "keras", "mlx": "mlx", "numpy": "numpy"}
"""By name, the module that must be there."""
A = {"values": [["0x1.8p+1", "0x1p+2"]], "dtype": "float32", "shape": [1, 2]}
B = {"values": [["0x1.8p+1", "0x0p+0"]], "dtype": "float32", "shape": [1, 2]}
PAIR = {"x1": A, "x2": B}
ROWS = {name: {**row, "values": row["values"] * 2, "shape": [2, 2]} for name, row in PAIR.items()}
TRAINED = {
    "inputs": {"values": [[1.0, 0.0], [0.0, 1.0]], "dtype": "float32", "shape": [2, 2]},
    "targets": {"values": [[1.0, 1.0], [1.0, -1.0]], "dtype": "float32", "shape": [2, 2]},
    "weights": {"values": [[1.0, 0.5], [0.5, 1.0]], "dtype": "float32", "shape": [2, 2]},
}
ORDER = {"predictions": "y_pred", "targets": "y_true"}
SEEN = {"outcome": "value", "value": ["-0x1.3p-1"], "dtype": "float32", "shape": [1]}
NEAR = {"value": ["0x1.3333333333333p-1"], "tolerance": ["0x1p-20"]}
SLOPE = {"value": [["0x1.0624dd2f1a9fcp-3", "-0x1.89374bc6a7efap-4"]], "tolerance": [["0x1p-20", "0x1p-20"]]}
"""d/dx1 of x1 x2 / (|x1| |x2|) at (3, 4), (3, 0): (16/125, -12/125)."""

WITNESSES: dict[str, dict[str, Any]] = {
    "call": {"arrays": PAIR},
    "positional": {"arrays": PAIR, "positional": True},
    "gradient": {"arrays": PAIR, "wrt": "x1"},
    "beside": {
        "arrays": ROWS, "probe": "beside",
        "arguments": {"other": PAIR, "row": 1, "axis": 0, "tolerance": ["0x1p-20"]},
    },
    "exists": {"api": "api.similarity", "arrays": {}},
    "resolve": {"arrays": {}, "probe": "resolve", "arguments": {"names": ["api.similarity"]}},
    "signature": {"arrays": {}, "probe": "signature"},
    "defaults": {"arrays": {}, "probe": "defaults"},
    "docstring": {"arrays": {}, "probe": "docstring"},
    "config": {"api": "api.Loss", "init": {"scale": 2.0}, "arrays": {}, "probe": "config"},
    "attribute": {
        "api": "api.Loss", "init": {}, "arrays": {}, "probe": "attribute", "arguments": {"name": "name"},
    },
    "bases": {"api": "api.Loss", "arrays": {}, "probe": "bases"},
    "descend": {"api": "api.distance", "arrays": PAIR, "probe": "descend", "arguments": {"wrt": "x1"}},
    "fit": {
        "api": "api.Loss", "init": {}, "arrays": TRAINED, "probe": "fit",
        "arguments": {"steps": 2, "rate": 0.1, "order": ORDER},
    },
    "strategy": {"arrays": PAIR, "probe": "strategy", "arguments": {"within": "scope"}},
    "replicas": {"arrays": PAIR, "probe": "strategy", "arguments": {"within": "run"}},
    "metric_in_compile": {"api": "api.metric", "arrays": TRAINED, "probe": "metric_in_compile"},
    "graph_script": {"arrays": PAIR, "probe": "graph_script"},
}  # fmt: skip
TENSORS = ("call", "positional", "gradient", "strategy", "replicas")
DATA: dict[str, tuple[Any, str]] = {
    "resolve": ([{"name": "api.similarity", "same": True, "error": None}], "aliases"),
    "signature": ([{"name": "x1"}, {"name": "x2"}, {"name": "scale", "default": 1.0}], "signature"),
    "defaults": ({"scale": 1.0}, "signature"),
    "docstring": ({"text": "A cosine as documented."}, "docstring"),
    "config": ({"scale": 2.0}, "config"),
    "attribute": ("loss", "attribute"),
    "bases": ("Base", "bases"),
    "graph_script": ({"as_given": {"shape": [1]}}, "shape"),
    "metric_in_compile": ({"values": [1.125, 2.25]}, "metric"),
}
"""The answer of each probe on the right API, and which wrong API gives something else."""


def finding(framework: str, **fields: Any) -> dict[str, Any]:
    asked = {"api": "api.cosine", "init": None, "arrays": {}, "options": {}, "mode": "eager"}
    fields["witness"] = asked | fields["witness"]
    given = {"framework": framework, "apis": ("api.cosine",), "observed": SEEN, "kind": "formula"}
    return make.finding(**(given | fields))


def expectations(ask: str, tensor: str = "Tensor") -> dict[str, tuple[dict[str, Any], str]]:
    """Of each way to judge the fields of a finding, and which wrong API it must tell from the right one."""
    value = SLOPE if ask == "gradient" else NEAR
    shape = [1, 2] if ask == "gradient" else [1]
    wrong = {"value": "value", "shape": "shape", "dtype": "dtype"}
    if ask == "gradient":  # of the shape and dtype of its array, whatever the API returns
        wrong = dict.fromkeys(wrong, "value")
    found: dict[str, tuple[dict[str, Any], str]] = {
        "value": ({"expected": value}, wrong["value"]),
        "raising": ({"expected": value}, "raises"),
        "raised": ({"expected": value, "observed": {"outcome": "error", "error": "RuntimeError"}}, "raises"),
        "shape": ({"expected": {"shape": shape}, "kind": "shape"}, wrong["shape"]),
        "dtype": ({"expected": {"dtype": "float32"}, "kind": "dtype"}, wrong["dtype"]),
        "printed": ({"expected": {"printed": ["0.6"]}, "kind": "documentation"}, "value"),
        "returns": ({"expected": {"returns": tensor}}, "returns"),
        "runs": (
            {"expected": {"runs": True}, "observed": {"outcome": "error", "error": "RuntimeError"}}, "raises",
        ),
        "pinned": (
            {"expected": {"says": "positive"}, "observed": {**SEEN, "value": ["-0x1.3333340000000p-1"]}}, "value",
        ),
        "moves": ({"expected": {"moves": "closer"}, "observed": {"moves": "apart"}}, "moves"),
        "mutation": ({"expected": {"says": "unchanged"}, "kind": "mutation"}, "mutation"),
        "nondeterminism": ({"expected": {"says": "the same"}, "kind": "nondeterminism"}, "nondeterminism"),
        "aliases": ({"expected": {"aliases": ["api.similarity"]}}, "aliases"),
        "error": ({"expected": {"error": ["ValueError"]}, "kind": "error"}, "error"),
        "any error": ({"expected": {"raises": []}, "kind": "error"}, "error"),
    }  # fmt: skip
    if ask == "beside":
        found["beside"] = ({"expected": {"says": "the same value both times"}, "kind": "batch"}, "beside")
    if ask in DATA:
        data, which = DATA[ask]
        found["data"] = ({"expected": {"data": data}, "observed": {"outcome": "value", "data": None}}, which)
    return found


MEANT = {
    "call": (
        "value", "raising", "raised", "shape", "dtype", "printed", "returns", "runs", "pinned", "mutation",
        "nondeterminism", "aliases", "error", "any error",
    ),
    "positional": ("value", "shape", "error"),
    "gradient": ("value", "raising", "raised", "runs", "error", "any error"),
    "beside": ("beside",),
    "exists": (),
    "resolve": ("data",), "signature": ("data",), "defaults": ("data",), "docstring": ("data",),
    "config": ("data",), "attribute": ("data",), "bases": ("data",),
    "descend": ("moves",), "fit": ("moves",),
    "strategy": ("value", "raising", "raised", "shape", "dtype", "printed", "runs"),
    "replicas": ("value", "raising", "raised", "shape", "dtype"),
    "metric_in_compile": ("data",), "graph_script": ("data",),
}  # fmt: skip
"""Ways to judge that tell the stand-in's right API from its wrong one, by ways to ask."""
ASKED = {
    "torch": {"fit"},
    "tensorflow": {"fit", "strategy", "replicas", "metric_in_compile", "graph_script"},
    "keras": {"fit", "metric_in_compile"},
    "mlx": {"fit"},
    "numpy": set(),
}
"""The probes that are asked in the framework's own way; the rest of these has no script there."""
OWN_WAYS = set.union(*ASKED.values())


TENSOR = {"mlx": "array", "numpy": "ndarray"}
CANNOT = {("tensorflow", "mutation")}
"""The checks that no API of the framework can fail: tensors of TensorFlow never change."""


def snippets(framework: str) -> Mapping[str, Any]:
    facts = IN_NUMPY if framework == "numpy" else load_frameworks()[framework].reproducer
    return facts.model_dump()


@cache
def every(framework: str) -> dict[tuple[str, str], tuple[str, str]]:
    """Every script that can be written, by how it asks and how it judges, with the wrong API to tell."""
    found = {}
    for ask, witness in WITNESSES.items():
        for judge, (fields, wrong) in expectations(ask, TENSOR.get(framework, "Tensor")).items():
            put: dict[str, Any] = dict(witness)
            if judge.endswith("error") and ask in TENSORS:
                put["options"] = {"scale": -1.0}
            try:
                text = reports.reproducer(finding(framework, **fields, witness=put), snippets(framework))
            except ValueError:
                continue
            found[ask, judge] = (text, wrong)
    return found


@cache
def written(framework: str) -> dict[str, tuple[str, str]]:
    """The scripts whose way to judge tells the right API from the wrong one, and those of other modes."""
    found = {}
    for (ask, judge), script in every(framework).items():
        if judge in MEANT[ask] and (framework, judge) not in CANNOT:
            found[f"{ask}-{judge}".replace(" ", "-")] = script
    for mode in sorted(set(snippets(framework)["modes"]) - {"eager", "graph"}):
        for ask in ("call", "gradient"):
            expected = expectations(ask)["value"][0]
            put = {**WITNESSES[ask], "mode": mode}
            try:
                text = reports.reproducer(finding(framework, **expected, witness=put), snippets(framework))
            except ValueError:
                continue
            found[f"{mode}-{ask}"] = (text, "value")
    return found


def answers(
    framework: str, folder: Path, scripts: Mapping[str, tuple[str, str]]
) -> dict[tuple[str, str], tuple[int, str]]:
    """Exit status and output of every script on the right API and on the wrong one, from one process."""
    for name, (text, _) in scripts.items():
        (folder / f"{name}.py").write_text(text, "utf-8")
    asked = [(name, wrong) for name, (_, other) in scripts.items() for wrong in ("", other)]
    (folder / "asked.json").write_text(json.dumps(asked))
    runner = Path(__file__).with_name("script_runner.py")
    env = {k: v for k, v in os.environ.items() if k != "KERAS_BACKEND"} | {"TF_CPP_MIN_LOG_LEVEL": "3"}
    if framework == "keras":
        env["KERAS_BACKEND"] = "torch"
    command = [sys.executable, str(runner), framework, str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=500, env=env, check=False)
    assert done.returncode == 0, done.stderr
    answered = json.loads((folder / "answered.json").read_text())
    return {(name, wrong): tuple(answer) for (name, wrong), answer in zip(asked, answered, strict=True)}


def needs(framework: str) -> None:
    modules = (FRAMEWORKS[framework], "torch") if framework == "keras" else (FRAMEWORKS[framework],)
    for module in modules:
        if importlib.util.find_spec(module) is None:
            pytest.skip(f"{module} is not installed")


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_what_cannot_be_asked_or_judged_so_has_no_script(framework: str) -> None:
    """Every other script is Python that the oldest supported release reads."""
    can = {ask for ask in WITNESSES if ask not in OWN_WAYS or ask in ASKED[framework]}
    if not snippets(framework)["modes"]["eager"]["gradient"]:
        can.remove("gradient")
    scripts = every(framework)
    for ask in WITNESSES:
        there = {judge for other, judge in scripts if other == ask}
        assert set(MEANT[ask]) <= there if ask in can else there <= {"aliases"}, ask
    for ask in ("fit", "descend", "signature", "exists", "docstring"):
        for judge in ("shape", "dtype", "returns"):
            assert (ask, judge) not in scripts
    for text, _ in scripts.values():
        ast.parse(text, feature_version=(3, 7))


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_each_script_exits_0_on_a_right_api_and_1_on_a_wrong_one(framework: str, tmp_path: Path) -> None:
    needs(framework)
    found = answers(framework, tmp_path, written(framework))
    faults = []
    for name, (_, wrong) in written(framework).items():
        for way, status in (("", 0), (wrong, 1)):
            given, heard = found[name, way]
            if given != status:
                faults.append(f"{name} on {way or 'a right API'}: {given}\n{heard}")
    assert not faults, "\n".join(faults)
    assert len(found) > 40


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("def ask():\n", "def ask():\n    no_such_name\n"),
        ("def ask():\n", "def ask():\n    import no_such_module\n"),
        ("import numpy as np\n", "import no_such_module\n"),
        ("import numpy as np\n", ""),
    ],
)
def test_no_script_takes_its_own_fault_for_a_divergence(old: str, new: str, tmp_path: Path) -> None:
    """Whatever is asked and however it is judged, on a right API and on a wrong one."""
    broken = {}
    for name, (text, wrong) in written("numpy").items():
        assert old in text
        if new or "np." in text:
            broken[name] = (text.replace(old, new, 1), wrong)
    for (name, wrong), (status, heard) in answers("numpy", tmp_path, broken).items():
        assert status == 2, f"{name} on {wrong or 'a right API'}: {status}\n{heard}"
        assert "Error: " in heard


def test_code_of_the_users_own_is_trained_in_the_framework_of_its_snippets() -> None:
    """Its finding is that of `file.py:loss and torch`, which is no framework's name."""
    expected = expectations("fit")["moves"][0]
    text = reports.reproducer(
        finding("loss.py:Loss and torch", **expected, witness=WITNESSES["fit"]), snippets("torch")
    )
    assert "torch.optim" in text
    assert "tf." not in text


# --- as processes of their own ---


def process(
    framework: str, folder: Path, text: str, wrong: str, **env: str
) -> subprocess.CompletedProcess[str]:
    """A script run as a user runs it, beside a module api.py."""
    (folder / "api.py").write_text(f"import os\nWRONG = os.environ['WRONG']\n{source(framework)}", "utf-8")
    script = folder / "script.py"
    script.write_text(text, "utf-8")
    given = {k: v for k, v in os.environ.items() if k != "KERAS_BACKEND"} | {"WRONG": wrong, **env}
    command = [sys.executable, str(script)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, env=given, check=False)


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_a_script_as_a_process_of_its_own(framework: str, tmp_path: Path) -> None:
    needs(framework)
    text, wrong = written(framework)["call-value"]
    assert process(framework, tmp_path, text, wrong).returncode == 1
    absent = process(framework, tmp_path, text.replace("import api\n", "import no_such_api\n"), "")
    assert (absent.returncode, absent.stdout) == (2, "")
    assert "No module named 'no_such_api'" in absent.stderr


@pytest.mark.parametrize(
    ("kind", "observed", "expected"),
    [("crash", {"outcome": "crash", "note": "signal 6"}, "an answer"), ("output", SEEN, "nothing printed")],
)
def test_a_question_in_a_process_of_its_own(
    kind: str, observed: dict[str, Any], expected: str, tmp_path: Path
) -> None:
    fields = {"kind": kind, "observed": observed, "expected": {"says": expected}}
    text = reports.reproducer(finding("numpy", **fields, witness=WITNESSES["call"]), snippets("numpy"))
    for wrong, status in (("", 0), (kind, 1)):
        done = process("numpy", tmp_path, text, wrong)
        assert done.returncode == status, done.stdout + done.stderr
    fault = text.replace("def ask():\n", "def ask():\n    no_such_name\n")
    for wrong in ("", kind):
        done = process("numpy", tmp_path, fault, wrong)
        assert done.returncode == 2, done.stdout + done.stderr
        assert "NameError" in done.stderr


def test_a_graph_is_asked_in_a_process_of_its_own(tmp_path: Path) -> None:
    """The mode turns eager execution off for good."""
    needs("tensorflow")
    put = {**WITNESSES["call"], "mode": "graph"}
    expected = expectations("call")["value"][0]
    text = reports.reproducer(finding("tensorflow", **expected, witness=put), snippets("tensorflow"))
    for wrong, status in (("", 0), ("value", 1)):
        done = process("tensorflow", tmp_path, text, wrong)
        assert done.returncode == status, done.stdout + done.stderr
