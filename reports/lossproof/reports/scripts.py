"""One standalone script per finding, in the framework's own words.

A script needs the framework and nothing else (not lossproof, and no Python newer than 3.7). It prints what the
documentation calls for and what comes back, and exits 1 while they differ, 0 once they agree. It is put together from
two small templates: how the question is asked (templates/reproducer/ask/) and how the answer is judged (judge/).
"""

from __future__ import annotations

import ast
import keyword
import re
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

from lossproof.reports import words
from lossproof.reports.numbers import expression, is_number, leaves, nested, number, pretty
from lossproof.reports.templating import environment

PROBES = (
    "signature", "defaults", "config", "attribute", "resolve", "bases", "docstring", "descend", "fit", "strategy",
    "metric_in_compile", "graph_script",
)  # fmt: skip
_SYNONYMS = {"alias": "resolve", "aliases": "resolve"}
_IMPORTED_AS = {"tfa": "import tensorflow_addons as tfa"}
_WIDTH = 100


def reproducer(finding: Mapping[str, Any], snippets: Mapping[str, Any]) -> str:
    """The text of a script that shows `finding`.

    `finding` has the fields of findings.json; `snippets` are the framework's (`imports`, `seed`, `array`,
    `to_list`, `modes`). Values in the script are exact. The same finding gives the same text. Raises ValueError where
    the witness cannot be written as a script (a name that is no Python name, an unknown mode).
    """
    witness = finding["witness"]
    api = _dotted(witness.get("api") or finding["apis"][0])
    mode = str(witness.get("mode") or "eager")
    modes = snippets.get("modes") or {"eager": {"call": "{{ function }}({{ arguments }})"}}
    if mode not in modes:
        raise ValueError(f"no snippet for mode {mode!r}; there are {', '.join(sorted(modes))}")
    arrays = {_name(name): _array(given, snippets) for name, given in (witness.get("arrays") or {}).items()}
    ask, judge = _ask(witness), _judge(finding)
    options = witness.get("options") or {}
    init = witness.get("init")
    context = {
        "finding": finding,
        "witness": witness,
        "expected": finding["expected"],
        "observed": finding["observed"],
        "comments": _comments(finding),
        "imports": _imports([api, *(options.get("names") or [])], snippets),
        "setup": str(modes[mode].get("setup") or "").strip(),
        "arrays": arrays,
        "api": api,
        "init": init,
        "construct": None if init is None else f"{api}({_keywords(init)})",
        "options": options,
        "option": lambda name, default=None: options.get(name, default),
        "call": _call(api, arrays, witness, modes[mode]),
        "to_list": str(snippets["to_list"]).strip(),
        "descend": _descend(witness, snippets, modes[mode]) if ask == "descend" else None,
        "say_expected": words.both(finding)[0] or "what the documentation says",
        "python": python,
        "values": expression,
        "ask": f"reproducer/ask/{ask}.py.j2",
        "judge": f"reproducer/judge/{judge}.py.j2",
    }
    body = environment(escape=False).get_template("reproducer/script.py.j2").render(context)
    return re.sub(r"\n{4,}", "\n\n\n", body).rstrip() + "\n"


def python(value: Any) -> str:
    """A JSON value as a Python expression: hex floats exact, {"$name": N} the object N, {"$tuple": [...]} a tuple."""
    if isinstance(value, Mapping):
        if set(value) == {"$name"}:
            return _dotted(value["$name"])
        if set(value) == {"$tuple"}:
            items = [python(item) for item in value["$tuple"]]
            return f"({', '.join(items)}{',' if len(items) == 1 else ''})"
        return f"{{{', '.join(f'{_quoted(str(k))}: {python(v)}' for k, v in value.items())}}}"
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(python(item) for item in value)}]"
    if isinstance(value, str):
        return (
            expression(value)
            if value.lower().lstrip("+-").startswith("0x") and is_number(value)
            else _quoted(value)
        )
    return expression(value)


def _quoted(text: str) -> str:
    """A string literal in double quotes where that needs no escapes."""
    return f'"{text}"' if text.isprintable() and '"' not in text and "\\" not in text else ascii(text)


def _ask(witness: Mapping[str, Any]) -> str:
    probe = str(witness.get("probe") or "")
    probe = _SYNONYMS.get(probe, probe)
    if not probe:
        return "call"
    if probe not in PROBES:
        raise ValueError(f"no script can be written for the probe {probe!r}; there are {', '.join(PROBES)}")
    return probe


def _judge(finding: Mapping[str, Any]) -> str:
    """How the answer is told right from wrong: by what was expected, and for some kinds by what happened."""
    expected, kind = finding["expected"], finding["kind"]
    if finding["observed"].get("outcome") in ("crash", "hang") or kind in ("crash", "hang"):
        return "survives"
    if kind in ("mutation", "nondeterminism"):
        return str(kind)
    if expected.get("error") is not None:
        return "error"
    for field in ("moves", "value", "data", "shape", "dtype"):
        if expected.get(field) is not None:
            return field
    if expected.get("runs") or finding["observed"].get("outcome") == "error":
        return "runs"
    return "pinned"


def _array(given: Mapping[str, Any], snippets: Mapping[str, Any]) -> dict[str, str]:
    """An input array as an expression of the framework, with a comment in decimals where the expression is not."""
    values, dtype = given["values"], str(given.get("dtype") or "float32")
    shape = words.shape(given["shape"]) if given.get("shape") is not None else words.shape(_shape(values))
    whole = dtype == "bool" or "int" in dtype
    text = (
        nested(values, lambda leaf: repr(bool(number(leaf)) if dtype == "bool" else int(number(leaf) or 0)))
        if whole
        else expression(values)
    )
    if given.get("form") == "list":
        code = text
    else:
        code = _render(snippets["array"], values=text, dtype=dtype, shape=shape)
    return {"code": _wrapped(code), "decimal": pretty(values, dtype, most=12) if "fromhex" in text else ""}


def _descend(
    witness: Mapping[str, Any], snippets: Mapping[str, Any], mode: Mapping[str, Any]
) -> dict[str, Any]:
    """What a step of descent needs: the array that moves, flat, and the one it should approach."""
    arrays = witness["arrays"]
    order = (witness.get("options") or {}).get("order") or {}
    names = list(arrays)
    moved = _name(order.get("predictions", names[min(1, len(names) - 1)]))
    target = _name(order.get("targets", names[0]))
    given = arrays[moved]
    shape = list(given.get("shape") or _shape(given["values"]))
    array = _render(
        snippets["array"], values="values", dtype=given.get("dtype") or "float32", shape=words.shape(shape)
    )
    extra = dict((witness.get("options") or {}).get("extra") or {})
    return {
        "moved": moved,
        "start": list(leaves(given["values"])),
        "target": list(leaves(arrays[target]["values"])),
        "width": shape[-1],
        "array": array,
        "call": _call(_dotted(witness["api"]), arrays, {**witness, "probe": "", "options": extra}, mode),
    }


def _shape(values: Any) -> list[int]:
    sizes: list[int] = []
    while isinstance(values, (list, tuple)):
        sizes.append(len(values))
        values = values[0] if values else None
    return sizes


def _call(
    api: str, arrays: Sequence[str] | Mapping[str, Any], witness: Mapping[str, Any], mode: Mapping[str, Any]
) -> str:
    parts = [name if witness.get("positional") else f"{name}={name}" for name in arrays]
    if options := _keywords(witness.get("options") or {}) if not witness.get("probe") else "":
        parts.append(options)
    function = api if witness.get("init") is None else "loss"
    return _render(mode["call"], function=function, arguments=", ".join(parts))


def _keywords(options: Mapping[str, Any]) -> str:
    return ", ".join(f"{_name(name)}={python(value)}" for name, value in options.items())


def _imports(names: Sequence[str], snippets: Mapping[str, Any]) -> str:
    """The framework's imports, and those of other first parts of the names used ("keras" beside "tf")."""
    text = str(snippets["imports"]).strip()
    bound = {
        (alias.asname or alias.name).split(".")[0]
        for node in ast.parse(text).body
        if isinstance(node, (ast.Import, ast.ImportFrom))
        for alias in node.names
    }
    lines = [text]
    for root in dict.fromkeys(_dotted(name).split(".")[0] for name in names):
        if root not in bound:
            lines.append(_IMPORTED_AS.get(root, f"import {root}"))
    return "\n".join(lines)


def _comments(finding: Mapping[str, Any]) -> list[str]:
    """The head of the script: what is wrong, what the documentation says and where, and what is known of it."""
    expected = finding["expected"]
    versions = f"{finding['framework']} {finding['version']}"
    lines = [f"{finding['slug']}: {finding['title']}", ""]
    if says := expected.get("says"):
        lines.append(f"The documentation says: {says}")
    lines += [f"The documentation also says: {statement}" for statement in finding.get("statements") or ()]
    lines += [
        f"{name}: {text}"
        for name, text in (
            ("Citation", finding["citation"]),
            ("It behaves so", words.behaves_as(finding["behaves_as"])),
            ("Reason", finding["reason"]),
            ("Upstream", finding["upstream"]),
        )
        if text
    ]
    lines.append(f"Seen with {versions} ({finding['severity']}, {words.label(finding['kind'])}).")
    lines += ["", f"Needs only {finding['framework']}. Prints what is expected and what is observed;"]
    lines.append("exits 1 while they differ and 0 once they agree.")
    return [piece for line in lines for piece in _comment(line)]


def _comment(text: str) -> list[str]:
    plain = "".join(c if c.isprintable() else " " for c in text)
    return textwrap.wrap(
        plain, _WIDTH - 2, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False
    ) or [""]


def _wrapped(code: str) -> str:
    """A long expression broken after commas, as a continued line inside its own brackets."""
    if len(code) <= _WIDTH:
        return code
    return "\n    ".join(textwrap.wrap(code, _WIDTH - 8, break_long_words=False, break_on_hyphens=False))


def _render(template: str, **variables: Any) -> str:
    return environment(escape=False).from_string(str(template)).render(variables).strip()


def _name(name: Any) -> str:
    if not str(name).isidentifier() or keyword.iskeyword(str(name)):
        raise ValueError(f"{name!r} is no Python name, so no script can be written with it")
    return str(name)


def _dotted(name: Any) -> str:
    return ".".join(_name(part) for part in str(name).split("."))
