"""Scripts hold what they are made of as texts and numbers: nothing in a finding becomes code that runs."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Any

import pytest
from jinja2 import UndefinedError

from lossproof.reports.reproducers.quoting import expression, python
from lossproof.reports.reproducers.script import recorded, reproducer
from lossproof.reports.reproducers.templating import Code, Unquoted, scripting
from lossproof.specs.frameworks import load_frameworks

from . import make

TF = load_frameworks()["tensorflow"].reproducer.model_dump()
TORCH = load_frameworks()["torch"].reproducer.model_dump()
CALL = '__import__("os").system("PWNED")'
PAYLOADS = (
    CALL, f"3 + {CALL}", f"x\n{CALL}\n#", f"x\r{CALL}", f'"""\n{CALL}\n"""', f"'''\n{CALL}\n'''", f"' + {CALL} + '",
    f'" + {CALL} + "', f")]\n{CALL}\n([", f"\\\n{CALL}", f"\\\" + {CALL}", f"{{{{ {CALL} }}}}", f"x\u2028{CALL}",
    f"x\x0c{CALL}", f"0x1p3\n{CALL}", f"nan\n{CALL}",
)  # fmt: skip


def asked(api: str = make.KERAS, **fields: Any) -> dict[str, Any]:
    given = {
        "init": {"axis": -1},
        "options": {"name": "loss"},
        "arguments": {},
        "positional": False,
        "mode": "eager",
    }
    return {**make.witness(api=api), **given, **fields}


TRAINING = {
    name: {"values": [["0x1p+0", "0x1.8p+1"]], "dtype": "float32", "shape": [1, 2], "form": "tensor"}
    for name in ("inputs", "targets", "weights", "sample_weight")
}
VALUE = {"value": ["0x1p-1"], "tolerance": ["0x1p-20"], "says": "c"}
FINDINGS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "value": ({}, VALUE),
    "recorded": ({"recorded": "torch 2.13"}, {**VALUE, "first": 1}),
    "gradient": ({"witness": asked(wrt="x1")}, VALUE),
    "function": ({"witness": asked(make.TORCH, init=None)}, VALUE),
    "list": ({"witness": asked(arrays={"x1": {"values": [1, 2], "dtype": "int32", "form": "list"}})}, VALUE),
    "error": ({}, {"error": ["ValueError"]}),
    "shape": ({"kind": "shape"}, {"shape": [1, 2]}),
    "dtype": ({"kind": "dtype"}, {"dtype": "float16"}),
    "returns": ({}, {"returns": "tf.Tensor"}),
    "data": ({"recorded": "tf 2"}, {"data": {"a": [1, "b", None]}}),
    "aliases": ({}, {"aliases": ["tf.losses.CosineSimilarity"]}),
    "printed": ({}, {"printed": ["0.5", "0.25"]}),
    "moves": ({"witness": asked(probe="descend", arguments={"rate": 0.5, "wrt": "x1"})}, {"moves": "closer"}),
    "fit": (
        {"witness": asked(probe="fit", arrays=TRAINING, arguments={
            "steps": 3, "rate": 0.1, "loss": "cosine", "order": {"predictions": "y_pred", "targets": "y_true"}})},
        {"moves": "closer"},
    ),
    "metric": (
        {"witness": asked(probe="metric_in_compile", arrays=TRAINING, arguments={"metric": "m"})}, {"data": [1]},
    ),
    "config": ({"witness": asked(probe="config")}, {"data": {"axis": -1}}),
    "signature": ({"witness": asked(probe="signature")}, {"data": [{"name": "axis"}]}),
    "bases": ({"witness": asked(probe="bases")}, {"data": "Loss"}),
    "attribute": ({"witness": asked(probe="attribute", arguments={"name": "reduction"})}, {"data": "sum"}),
    "resolve": ({"witness": asked(probe="resolve", arguments={"names": ["tf.losses"]})}, {"data": [{"same": True}]}),
    "strategy": ({"witness": asked(probe="strategy", arguments={"within": "scope"})}, {"runs": True}),
    "graph": ({"witness": asked(probe="graph_script", arguments={"axis": 1}, options={"dim": 1})}, {"data": {"a": 1}}),
    "beside": (
        {"witness": asked(make.TORCH, init=None, probe="beside", arguments={
            "other": make.witness()["arrays"], "row": 0, "axis": 0, "tolerance": ["0x1p-20"]})},
        {"says": "the same value both times"},
    ),
    "crash": ({"observed": {"outcome": "crash", "note": "signal 11"}}, {"says": "an answer"}),
    "mutation": ({"kind": "mutation"}, VALUE),
    "nondeterminism": ({"kind": "nondeterminism"}, VALUE),
    "pinned": ({}, {"says": "something else"}),
}  # fmt: skip


def finding(which: str) -> dict[str, Any]:
    fields, expected = FINDINGS[which]
    return make.finding(witness=asked(), statements=["one"]) | fields | {"expected": expected}


def variants(value: Any, by: str) -> Iterator[Any]:
    """`value` with `by` in the place of each leaf and of each name in turn."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from ({**value, key: other} for other in variants(item, by))
            yield {by if k == key else k: v for k, v in value.items()}
    elif isinstance(value, list | tuple) and value:
        for i, item in enumerate(value):
            yield from ([*value[:i], other, *value[i + 1 :]] for other in variants(item, by))
    else:
        yield by


def runs(source: str) -> str:
    """The part of a script that would run: its code without texts; comments are no part of it."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            node.value = ""
    return ast.unparse(tree)


@pytest.mark.parametrize("turn", range(2))
@pytest.mark.parametrize("which", FINDINGS)
def test_no_part_of_a_finding_becomes_code(which: str, turn: int) -> None:
    """Handed to the scripts as it is: whatever the models of a run folder would have refused comes here, too.

    Each part gets a few of the payloads, its neighbours others.
    """
    snippets = TORCH if which in ("function", "beside") else TF
    written = 0
    by_payload = [variants(finding(which), payload) for payload in PAYLOADS]
    for place, alike in enumerate(zip(*by_payload, strict=True)):
        hostile = alike[(place * 7 + turn * 5) % len(alike)]
        try:
            source = reproducer(hostile, snippets)
        except Unquoted:
            raise  # a hole in a template
        except (ValueError, KeyError, TypeError, AttributeError, UndefinedError):
            continue
        written += 1
        assert "__import__" not in runs(source)
        assert "system" not in runs(source)
    assert written > 10


@pytest.mark.parametrize("which", FINDINGS)
def test_the_plain_finding_gives_a_script(which: str) -> None:
    """Without it the test above could be passed by refusing everything."""
    source = reproducer(finding(which), TORCH if which in ("function", "beside") else TF)
    compile(source, which, "exec")
    assert "def main()" in source


@pytest.mark.parametrize(
    "value",
    [CALL, [CALL], {"a": CALL}, {CALL: 1}, [["0x1p0\n" + CALL]], {"$tuple": [CALL]}, {"$tuple": CALL}],
)
def test_the_quoting_function_gives_literals(value: Any) -> None:
    for quote in (python, expression):
        assert ast.literal_eval(quote(value)) is not None


@pytest.mark.parametrize("value", [object(), {"$name": CALL}, {"$name": "a.b c"}, {"a": object()}])
def test_the_quoting_function_refuses_what_is_no_data(value: Any) -> None:
    with pytest.raises(ValueError, match="no script can be written"):
        python(value)


def test_a_template_cannot_insert_text_that_nobody_quoted() -> None:
    template = scripting().from_string("x = {{ value }}")
    assert template.render(value=Code("f()")) == "x = f()"
    assert template.render(value=3) == "x = 3"
    for text in ("f()", "", None, ["f()"], 0.5):
        with pytest.raises(Unquoted):
            template.render(value=text)
    with pytest.raises(Unquoted):
        scripting().from_string("x = {{ value.upper() }}").render(value=Code("f()"))


@pytest.mark.parametrize("first", [f"3 + {CALL}", "3", 2.0, True, -1])
def test_a_number_of_values_is_a_number(first: Any) -> None:
    """As `"first": "3 + __import__(...)"` in samples.json once came into a script and ran."""
    answer = {"outcome": "value", **VALUE, "first": first}
    with pytest.raises(ValueError, match="no number of values"):
        recorded(asked(make.TORCH, init=None), answer, "title", "torch 2", "", TORCH)


@pytest.mark.parametrize("dtype", [f"float32).x({CALL}", "float33", "load", "float32, **f()"])
def test_a_dtype_is_one_of_those_that_are_asked_with(dtype: str) -> None:
    arrays = {"x1": {"values": ["0x1p0"], "dtype": dtype, "shape": [1]}}
    with pytest.raises(ValueError, match="is no dtype"):
        reproducer(make.finding(witness=asked(arrays=arrays)), TORCH)
