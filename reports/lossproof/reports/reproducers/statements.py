"""Inputs, calls and imports of a script, in the words of the framework's snippets."""

from __future__ import annotations

import ast
import textwrap
from collections.abc import Collection, Mapping
from typing import Any

from lossproof.reports import words
from lossproof.reports.numbers import is_number, leaves, nested, number, pretty
from lossproof.reports.reproducers.quoting import dotted, expression, identifier, plain, python
from lossproof.reports.reproducers.templating import Code, scripting
from lossproof.reports.stored import ARRAY_DTYPES

_WIDTH = 100
_CALLED = (None, "", "beside")
"""The probes whose options are those of the call."""


def array(given: Mapping[str, Any], snippets: Mapping[str, Any]) -> dict[str, Code]:
    """An input array as an expression of the framework, and in decimals where the expression is in hex."""
    values, dtype = given["values"], _dtype(given)
    if not all(is_number(leaf) for leaf in leaves(values)):
        raise ValueError("an array holds something else than numbers, so no script can be written with it")
    shape = _sizes(given["shape"] if given.get("shape") is not None else _shape(values))
    whole = dtype == "bool" or "int" in dtype
    text = Code(
        nested(values, lambda leaf: repr(bool(number(leaf)) if dtype == "bool" else int(number(leaf) or 0)))
        if whole
        else expression(values)
    )
    tensor = given.get("form") != "list"
    flat = expression(list(leaves(values)))
    code = render(snippets["array"], values=text, flat=flat, dtype=dtype, shape=shape) if tensor else text
    decimal = plain(pretty(values, dtype, most=12)) if "fromhex" in text else Code()
    return {"code": _wrapped(code), "decimal": decimal}


def _dtype(given: Mapping[str, Any]) -> Code:
    """The name of an array's dtype; ValueError for any other text."""
    dtype = str(given.get("dtype") or "float32")
    if dtype not in ARRAY_DTYPES:
        raise ValueError(f"{dtype[:40]!r} is no dtype of an array, so no script can be written with it")
    return Code(dtype)


def _sizes(shape: Any) -> Code:
    return Code(words.shape([count(size) for size in shape]))


def count(value: Any) -> int:
    """A number of values; ValueError for anything else."""
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ValueError(f"{value!r} is no number of values, so no script can be written")
    return value


def order(arguments: Mapping[str, Any]) -> dict[str, Code]:
    """Which parameters of the loss take predictions and targets of a training."""
    given = arguments.get("order") or {"predictions": "x1", "targets": "x2"}
    if not isinstance(given, Mapping) or set(given) != {"predictions", "targets"}:
        raise ValueError("order names the parameters for predictions and targets")
    return {part: identifier(name) for part, name in given.items()}


def descend(
    witness: Mapping[str, Any], snippets: Mapping[str, Any], mode: Mapping[str, Any]
) -> dict[str, Any]:
    """The values that a step of descent needs: the array that moves, flat, and the one it should approach.

    `wrt` of the witness names the array that moves, else it is the first; the target is the other one of the
    same shape. Without one (distances) nearness is minus the mean of the array itself.
    """
    arrays = witness["arrays"]
    moved = identifier(
        (witness.get("arguments") or {}).get("wrt") or witness.get("wrt") or next(iter(arrays))
    )
    given = arrays[moved]
    shape = list(given.get("shape") or _shape(given["values"]))
    alike = [
        given["values"] for n, given in arrays.items() if n != moved and _shape(given["values"]) == shape
    ]
    labels = len(shape) < 2 and bool(alike) and {number(leaf) for leaf in leaves(alike[0])} <= {0, 1}
    target = None if labels or not alike or not shape else list(leaves(alike[0]))
    function = dotted(witness["api"]) if witness.get("init") is None else Code("loss")
    given_as = Code("values")
    array = render(
        snippets["array"], values=given_as, flat=given_as, dtype=_dtype(given), shape=_sizes(shape)
    )
    return {
        "moved": moved,
        "start": list(leaves(given["values"])),
        "target": target,
        "width": count(shape[-1]) if shape else 1,
        "array": array,
        "call": call(function, arrays, {**witness, "probe": ""}, mode),
    }


def beside(witness: Mapping[str, Any], snippets: Mapping[str, Any]) -> dict[str, Any]:
    """The second question of a witness, which is about one row of the first, and how far that row's values may differ.

    ValueError where the witness does not tell the row: then nothing says which values should be the same.
    """
    asked = witness.get("arguments") or {}
    if witness.get("wrt"):
        raise ValueError("the two answers are gradients, so no script can be written")
    if "row" not in asked or set(asked["other"]) != set(witness["arrays"]):
        raise ValueError(
            "the witness names no row whose values should be the same, so no script can be written"
        )
    names = {name: identifier(f"alone_{identifier(name)}") for name in witness["arrays"]}
    return {
        "arrays": {names[name]: array(given, snippets) for name, given in asked["other"].items()},
        "names": Code(", ".join(names.values())),
        "row": count(asked["row"]),
        "axis": count(asked["axis"]),
        "tolerance": asked["tolerance"],
    }


def _shape(values: Any) -> list[int]:
    sizes: list[int] = []
    while isinstance(values, (list, tuple)):
        sizes.append(len(values))
        values = values[0] if values else None
    return sizes


def call(
    function: Code, arrays: Mapping[str, Any], witness: Mapping[str, Any], mode: Mapping[str, Any]
) -> Code:
    """The call as an expression: `function` with the arrays and the options of the witness."""
    names = [identifier(name) for name in arrays]
    parts = [name if witness.get("positional") else f"{name}={name}" for name in names]
    if witness.get("probe") in _CALLED and witness.get("options"):
        parts.append(keywords(witness["options"]))
    return render(mode["call"], function=function, arguments=Code(", ".join(parts)))


def gradient(
    api: Code, arrays: Mapping[str, Any], witness: Mapping[str, Any], mode: Mapping[str, Any]
) -> Code:
    """The body of a function that returns the gradient; ValueError where the framework has no snippet for it."""
    if not mode.get("gradient"):
        raise ValueError("no snippet says how the framework is asked for a gradient")
    parts = [f"{name}={name}" for name in arrays]
    if witness.get("options"):
        parts.append(keywords(witness["options"]))
    function = Code("loss") if witness.get("init") is not None else api
    arguments, wrt = Code(", ".join(parts)), identifier(witness["wrt"])
    body = render(mode["gradient"], function=function, arguments=arguments, wrt=wrt)
    return indented(body)


def indented(body: str) -> Code:
    """The lines of a function's body, to stand after its first indent."""
    return Code(textwrap.indent(body, "    ").strip())


def keywords(options: Mapping[str, Any]) -> Code:
    """Options as keyword arguments."""
    return Code(", ".join(f"{identifier(name)}={python(value)}" for name, value in options.items()))


def imports(api: Code, snippets: Mapping[str, Any], dtypes: Collection[str]) -> Code:
    """The framework's imports, and that of the API's first part where they lack it."""
    text = render(snippets["imports"], dtypes=dtypes)
    root = api.split(".")[0]
    if root in _bound(text):
        return text
    return Code(f"{text}\n{(snippets.get('imported_as') or {}).get(root, f'import {root}')}")


def _bound(imports: str) -> set[str]:
    """The names that import statements bind."""
    return {
        (alias.asname or alias.name).split(".")[0]
        for node in ast.parse(imports).body
        if isinstance(node, (ast.Import, ast.ImportFrom))
        for alias in node.names
    }


def _wrapped(code: Code) -> Code:
    """A long expression of numbers broken after commas, as a continued line inside its own brackets."""
    if len(code) <= _WIDTH:
        return code
    lines = textwrap.wrap(code, _WIDTH - 8, break_long_words=False, break_on_hyphens=False)
    return Code("\n    ".join(lines))


def render(template: str, **variables: Any) -> Code:
    """A framework's snippet, filled in. `dtypes`, of all things, is only looked at."""
    return Code(scripting().from_string(str(template)).render(variables).strip())
