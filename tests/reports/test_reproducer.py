"""Reproducers: standalone scripts that exit 1 while the framework diverges and 0 once it is fixed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from lossproof import reports
from lossproof.reports.reproducers.script import recorded

from . import make

TOY = '''
"""A framework of one file: correct, or wrong in the way that TOY_WRONG names."""
import math
import os
import random
import time

WRONG = os.environ.get("TOY_WRONG", "")


class Tensor:
    def __init__(self, values, dtype="float32", shape=None):
        flat = shape is not None and len(shape) == 2 and not isinstance(values[0], list)
        self.values = [values[i : i + shape[1]] for i in range(0, len(values), shape[1])] if flat else values
        self.dtype, self.shape = "toy." + dtype, shape

    def tolist(self):
        return self.values


class Base:
    pass


class Loss(Base if WRONG != "bases" else object):
    def __init__(self, scale=1.0, name="loss"):
        self.scale, self.name = scale, "other" if WRONG == "attribute" else name

    def get_config(self):
        return {} if WRONG == "config" else {"scale": self.scale, "name": self.name}

    @classmethod
    def from_config(cls, config):
        return cls(**config)

    def __call__(self, a, b):
        return cosine(a, b, self.scale)


def cosine(a, b, scale=1.0 if WRONG != "signature" else 2.0):
    if scale < 0 and WRONG != "error":
        raise ValueError("scale must not be negative")
    if WRONG == "raises":
        raise RuntimeError("cannot")
    if WRONG == "crash":
        os.abort()
    if WRONG == "mutation":
        a.values[0][0] += 1.0
    rows = []
    for x, y in zip(a.values, b.values):
        dot = sum(p * q for p, q in zip(x, y))
        norms = math.sqrt(sum(p * p for p in x)) * math.sqrt(sum(q * q for q in y))
        rows.append((-scale if WRONG == "value" else scale) * dot / norms)
    if WRONG == "beside" and len(rows) > 1:
        rows[-1] += 2.0**-16
    if WRONG == "nondeterminism":
        rows[0] += random.random()
    if WRONG == "nan":
        rows[0] = math.nan
    if WRONG == "shape":
        return Tensor([rows], shape=(1, len(rows)))
    return Tensor(rows, "float64" if WRONG == "dtype" else "float32", (len(rows),))


def distance(a, b):
    sign = 1 if WRONG == "moves" else -1
    return Tensor([sign * v for v in cosine(a, b).values], shape=(len(a.values),))


if WRONG != "aliases":
    similarity = cosine
'''
SNIPPETS = {
    "imports": "import toy\n",
    "seed": "",
    "array": 'toy.Tensor({{ values }}, "{{ dtype }}", {{ shape }})',
    "to_list": "result.tolist()",
    "modes": {
        "eager": {"call": "{{ function }}({{ arguments }})"},
        "compiled": {
            "setup": "compile_it = lambda f: f\n",
            "call": "compile_it({{ function }})({{ arguments }})",
        },
    },
}
A = {"values": [["0x1.8p+1", "0x0p+0"]], "dtype": "float32", "shape": [1, 2]}
B = {"values": [["0x1.8p+1", "0x1p+2"]], "dtype": "float32", "shape": [1, 2]}
TWO = {
    name: {"values": given["values"] * 2, "dtype": "float32", "shape": [2, 2]}
    for name, given in {"a": A, "b": B}.items()
}
ALONE = {"other": {"a": A, "b": B}, "row": 1, "axis": 0, "tolerance": ["0x1p-20"]}
VALUE = {"value": ["0x1.3333333333333p-1"], "tolerance": ["0x1p-30"]}
SEEN = {"outcome": "value", "value": ["-0x1.3p-1"], "dtype": "float32", "shape": [1]}


def toy(**fields: Any) -> dict[str, Any]:
    """A finding of the toy framework."""
    asked = {"api": "toy.cosine", "init": None, "arrays": {"a": A, "b": B}, "options": {}, "mode": "eager"}
    fields["witness"] = asked | fields.get("witness", {})
    given = {
        "framework": "toy",
        "apis": ("toy.cosine",),
        "expected": VALUE,
        "observed": SEEN,
        "kind": "formula",
    }
    return make.finding(**(given | fields))


def probe(name: str, **witness: Any) -> dict[str, Any]:
    """The witness of a probe of the toy's class."""
    return {"api": "toy.Loss", "probe": name, "arrays": {}, "options": {}, "init": None} | witness


CASES: dict[str, dict[str, Any]] = {
    "value": toy(),
    "nan": toy(witness={"options": {"scale": 1.0}}),
    "compiled:value": toy(witness={"mode": "compiled"}),
    "instance:value": toy(witness={"api": "toy.Loss", "init": {"scale": 1.0}, "positional": True}),
    "raises": toy(observed={"outcome": "error", "error": "RuntimeError", "message": "cannot"}),
    "error": toy(kind="error", witness={"options": {"scale": -1.0}}, expected={"error": ["ValueError"]}),
    "any:error": toy(kind="error", witness={"options": {"scale": -1.0}}, expected={"raises": []}),
    "shape": toy(kind="shape", expected={"shape": [1]}),
    "dtype": toy(kind="dtype", expected={"dtype": "float32"}),
    "crash": toy(kind="crash", observed={"outcome": "crash", "note": "signal 6"}),
    "mutation": toy(kind="mutation", expected={"says": "inputs stay as they are"}),
    "nondeterminism": toy(kind="nondeterminism", expected={"says": "the same each time"}),
    "printed:value": toy(kind="documentation", expected={"printed": ["0.6"]}),
    "pinned:value": toy(expected={"says": "positive"}, observed={**SEEN, "value": ["-0x1.3333333333333p-1"]}),
    "signature": toy(
        witness={**probe("signature"), "api": "toy.cosine"},
        expected={"data": [{"name": "a"}, {"name": "b"}, {"name": "scale", "default": 1.0}]},
        observed={"outcome": "value", "data": []},
    ),
    "attribute": toy(
        witness=probe("attribute", init={}, options={"name": "name"}), expected={"data": "loss"}
    ),
    "config": toy(witness=probe("config", init={"scale": 2.0}), expected={"data": {"scale": 2.0}}),
    "rebuilt:config": toy(
        witness=probe("config", init={"scale": 2.0}, arrays={"a": A, "b": B}), expected={"data": {}}
    ),
    "bases": toy(witness=probe("bases"), expected={"data": "Base"}),
    "aliases": toy(
        witness={"arrays": {"a": A, "b": B}, "probe": "resolve"},
        expected={"aliases": ["toy.similarity"]},
        observed={"missing": ["toy.similarity"], "answers otherwise": []},
    ),
    "shape:shape": toy(kind="shape", expected={**VALUE, "shape": [1]}, observed={**SEEN, "shape": [1, 1]}),
    "dtype:dtype": toy(
        kind="dtype", expected={**VALUE, "dtype": "float32"}, observed={**SEEN, "dtype": "float64"}
    ),
    "whole:value": toy(expected={**VALUE, "shape": [1], "dtype": "float32"}),
    "absent:aliases": toy(
        kind="error",
        witness={"api": "toy.similarity", "arrays": {}},
        expected={"says": "the API exists"},
        observed={"says": "toy has no similarity"},
    ),
    "runs:raises": toy(
        kind="error", expected={"runs": True}, observed={"outcome": "error", "error": "RuntimeError"}
    ),
    "beside": toy(
        kind="batch",
        witness={"probe": "beside", "arrays": TWO, "options": {"scale": 1.0}, "arguments": ALONE},
        expected={"says": "the same value both times"},
        observed={"outcome": "value", "says": "a row depends on others"},
    ),
    "moves": toy(
        kind="training",
        witness={"api": "toy.distance", "probe": "descend", "arguments": {"wrt": "b"}},
        expected={"moves": "closer"},
        observed={"moves": "apart"},
    ),
}


def run(tmp_path: Path, text: str, wrong: str) -> subprocess.CompletedProcess[str]:
    (tmp_path / "toy.py").write_text(TOY)
    script = tmp_path / "script.py"
    script.write_text(text)
    command = [sys.executable, str(script)]
    env = {"TOY_WRONG": wrong, "PATH": ""}
    return subprocess.run(command, capture_output=True, text=True, timeout=60, env=env, check=False)


@pytest.mark.parametrize("name", CASES)
def test_a_script_exits_1_while_it_diverges_and_0_once_fixed(tmp_path: Path, name: str) -> None:
    text = reports.reproducer(CASES[name], SNIPPETS)
    wrong = run(tmp_path, text, name.split(":")[-1])
    assert wrong.returncode == 1, wrong.stderr
    assert wrong.stdout.splitlines()[0].startswith("expected:")
    assert wrong.stdout.splitlines()[-1].startswith("observed:")
    right = run(tmp_path, text, "")
    assert right.returncode == 0, right.stdout + right.stderr
    assert right.stdout.startswith("expected:")


@pytest.mark.parametrize("name", CASES)
def test_scripts_are_the_same_each_time_and_old_python_reads_them(name: str) -> None:
    import ast

    text = reports.reproducer(CASES[name], SNIPPETS)
    assert text == reports.reproducer(CASES[name], SNIPPETS)
    ast.parse(text, feature_version=(3, 7))
    assert "lossproof" not in text
    assert max(len(line) for line in text.splitlines()) <= 120


def test_inputs_are_exact_and_shown_in_decimals(tmp_path: Path) -> None:
    given = {"values": [["0x1.99999ap-4", "nan"], ["-inf", "0x1p-149"]], "dtype": "float32", "shape": [2, 2]}
    text = reports.reproducer(toy(witness={"arrays": {"a": given, "b": B}}), SNIPPETS)
    assert 'float.fromhex("0x1.99999ap-4"), float("nan")' in text
    assert "# a = [[0.1, nan], [-inf, 1e-45]]" in text
    scope: dict[str, Any] = {"__name__": "imported"}
    sys.modules["toy"] = type(sys)("toy")
    try:
        exec(TOY, sys.modules["toy"].__dict__)
        exec(text, scope)
    finally:
        del sys.modules["toy"]
    assert scope["a"].values[0][0] == float.fromhex("0x1.99999ap-4")
    assert scope["a"].values[1] == [float("-inf"), 2.0**-149]


def test_long_constant_rows_stay_short_and_empty_arrays_keep_their_shape() -> None:
    long = {"values": [["0x1p+0"] * 4096], "dtype": "bfloat16", "shape": [1, 4096]}
    none: dict[str, Any] = {"values": [], "dtype": "float32", "shape": [0, 3]}
    text = reports.reproducer(toy(witness={"arrays": {"a": long, "b": none}}), SNIPPETS)
    assert 'toy.Tensor([[1.0] * 4096], "bfloat16", (1, 4096))' in text
    assert 'toy.Tensor([], "float32", (0, 3))' in text


def test_lists_integers_names_and_tuples_are_written_as_such() -> None:
    arrays = {
        "a": {"values": [1, 0], "dtype": "int32", "shape": [2]},
        "b": {"values": [0.5], "dtype": "float32", "form": "list"},
        "c": {"values": [1, 0], "dtype": "bool", "shape": [2]},
    }
    options = {"kind": {"$name": "toy.Base"}, "shape": {"$tuple": [1]}, "scale": "0x1p-2", "word": 'a "b"'}
    text = reports.reproducer(toy(witness={"arrays": arrays, "options": options}), SNIPPETS)
    assert 'a = toy.Tensor([1, 0], "int32", (2,))' in text
    assert "b = [0.5]" in text
    assert "c = toy.Tensor([True, False]" in text
    assert "kind=toy.Base, shape=(1,), scale=0.25, word='a \"b\"'" in text


def test_the_head_says_what_is_documented_where_and_upstream() -> None:
    statements = ("The default is AUTO.", "The default is SUM.")
    text = reports.reproducer(toy(statements=statements), SNIPPETS)
    head = text[: text.index("import")]
    for part in (
        "torch-zero-vector",
        "A zero vector gives 0",
        "https://example.org/docs (docstring",
        *statements,
    ):
        assert part in head
    assert "https://example.org/issues/1" in head
    assert "floors the product of the norms" in head


def test_hostile_text_stays_in_comments_and_strings(tmp_path: Path) -> None:
    hostile = make.HOSTILE + '\nimport os; os._exit(7)\n"""\n\x0cos._exit(7)\u2028os._exit(7)\r'
    fields = dict.fromkeys(("title", "reason", "upstream", "citation"), hostile)
    expected = {"error": ["ValueError"], "says": hostile}
    finding = toy(
        **fields, kind="error", expected=expected, witness={"options": {"scale": -1.0, "name": hostile}}
    )
    text = reports.reproducer(finding, SNIPPETS)
    compile(text, "script", "exec")
    code = [line for line in text.splitlines() if not line.startswith("#")]
    assert not [line for line in code if line.startswith(("import os", "os._exit"))]
    assert "\x1b" not in text
    assert "\u2028" not in text


@pytest.mark.parametrize(
    "witness",
    [
        {"api": "toy.cosine; import os"},
        {"arrays": {"a b": A}},
        {"options": {"x=1, y": 2}},
        {"arrays": {"class": A}},
        {"mode": "warp"},
        {"probe": "mind-reading"},
        {"probe": "beside", "arguments": {"other": ALONE["other"]}},
        {"probe": "beside", "arguments": {**ALONE, "other": {"a": A}}},
        {"probe": "beside", "arguments": {**ALONE, "row": "0"}},
        {"probe": "beside", "arguments": ALONE, "wrt": "a"},
    ],
)
def test_what_no_script_can_say_is_an_error(witness: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"script|snippet"):
        reports.reproducer(toy(witness=witness), SNIPPETS)


# --- answers recorded in a comparison ---

RECORDED: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "value": ({}, VALUE),
    "first:value": ({"arrays": TWO}, {**VALUE, "first": 1}),
    "raises": ({}, VALUE),
    "error": ({"options": {"scale": -1.0}}, {"error": "builtins.ValueError"}),
    "exists:aliases": ({"api": "toy.similarity", "arrays": {}}, {"runs": True}),
    "moves": ({"api": "toy.distance", "probe": "descend", "arguments": {"wrt": "b"}}, {"moves": "closer"}),
    "bases": (probe("bases"), {"data": ["Loss", "Base", "object"]}),
    "config": (probe("config"), {"data": {"entries": ["name", "scale"], "config": {"scale": 1.0}}}),
    "rebuilt:config": (
        probe("config", init={"scale": 2.0}, arrays={"a": A, "b": B}),
        {"data": {"entries": ["name", "scale"], "config": {}, "alike": True}},
    ),
}
"""Witness and answer of a release that is right, by how another one is wrong."""


@pytest.mark.parametrize("name", RECORDED)
def test_a_recorded_answer_is_told_from_another_one(tmp_path: Path, name: str) -> None:
    witness, answer = RECORDED[name]
    text = recorded({**toy()["witness"], **witness}, answer, "a change", "toy 1.0", "", SNIPPETS)
    assert "toy 1.0" in text
    right = run(tmp_path, text, "")
    assert right.returncode == 0, right.stdout + right.stderr
    wrong = run(tmp_path, text, name.split(":")[-1])
    assert wrong.returncode == 1, wrong.stdout + wrong.stderr


def test_an_api_that_is_not_there_yet_is_told_from_one_that_is(tmp_path: Path) -> None:
    witness = {**toy()["witness"], "api": "toy.similarity", "arrays": {}}
    text = recorded(witness, {"error": "AttributeError"}, "a change", "toy 1.0", "error", SNIPPETS)
    assert run(tmp_path, text, "aliases").returncode == 0
    assert run(tmp_path, text, "").returncode == 1


def test_no_script_asks_for_an_answer_that_is_not_known() -> None:
    with pytest.raises(ValueError, match="neither a value nor an error"):
        recorded(toy()["witness"], {"outcome": "value", "dtype": "float32"}, "", "toy 1.0", "", SNIPPETS)
