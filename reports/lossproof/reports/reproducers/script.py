"""One standalone script per finding, in the framework's own words.

A script needs the framework and nothing else (not lossproof, and no Python newer than 3.7). It prints what the
documentation calls for and what comes back. It exits 1 while they differ, 0 once they agree, and 2 where the script
itself failed. It is put together from two small templates: how the question is asked (templates/reproducer/ask/) and
how the answer is judged (judge/). Templates take nothing but `Code`: numbers and texts come through `python` and
`expression`, names through `identifier` and `dotted`, and what is none of these becomes no script.
"""

from __future__ import annotations

import ast
import re
import textwrap
from collections.abc import Collection, Mapping
from typing import Any

from lossproof.reports import words
from lossproof.reports.numbers import is_number, leaves, nested, number, pretty
from lossproof.reports.reproducers.quoting import dotted, expression, identifier, plain, python
from lossproof.reports.reproducers.templating import Code, scripting
from lossproof.reports.stored import ARRAY_DTYPES

PROBES = (
    "signature", "defaults", "config", "attribute", "resolve", "bases", "docstring", "descend", "fit",
    "strategy", "metric_in_compile", "graph_script",
)  # fmt: skip
_OF_FRAMEWORKS = ("fit", "strategy", "metric_in_compile", "graph_script")
"""Probes that a framework is asked in its own way: its snippets say which it has."""
_TENSORS = ("call", "gradient", "strategy")
"""Questions whose answer is a tensor; that of the others is data."""
_JUDGED = {
    **dict.fromkeys(("value", "shape", "dtype", "returns"), _TENSORS),
    **dict.fromkeys(("mutation", "nondeterminism", "output"), ("call",)),
    "moves": ("descend", "fit"), "aliases": ("aliases",), "config": ("config",), "bases": ("bases",),
}  # fmt: skip
"""To which questions a judge fits; one that is not here fits to all."""
_SYNONYMS = {"alias": "resolve", "aliases": "resolve"}
_MODULES = ("decimal", "importlib", "inspect", "math", "re", "subprocess")
"""of the standard library, imported where a template uses them"""
_IMPORTED_AS = {"tfa": "import tensorflow_addons as tfa"}
_WIDTH = 100


def reproducer(finding: Mapping[str, Any], snippets: Mapping[str, Any]) -> str:
    """The text of a script that shows `finding`.

    `finding` has the fields of findings.json; `snippets` are the framework's (`imports`, `seed`, `array`,
    `to_list`, `modes`). Values in the script are exact. The same finding gives the same text. Raises
    ValueError where the witness cannot be written as a script: a name that is no Python name, an unknown
    mode or probe.
    """
    witness = finding["witness"]
    api = dotted(witness.get("api") or finding["apis"][0])
    mode = str(witness.get("mode") or "eager")
    modes = snippets.get("modes") or {"eager": {"call": "{{ function }}({{ arguments }})"}}
    if mode not in modes:
        raise ValueError(f"no snippet for mode {mode!r}; there are {', '.join(sorted(modes))}")
    given_arrays = witness.get("arrays") or {}
    arrays: dict[str, Any] = {
        identifier(name): _array(given, snippets) for name, given in given_arrays.items()
    }
    expected = words.expectation(finding["expected"])
    ask = "aliases" if expected.get("aliases") else _ask(witness)
    if ask in _OF_FRAMEWORKS and ask not in (snippets.get("asks") or ()):
        raise ValueError(
            f"no snippet says how the framework is asked for {ask!r}, so no script can be written"
        )
    judge = _judge(finding, expected, ask)
    if ask not in _JUDGED.get(judge, (ask,)) or (judge, ask) == ("data", "exists"):
        raise ValueError(f"the question {ask!r} cannot be judged by {judge!r}, so no script can be written")
    options: dict[str, Any] = {
        identifier(name): value for name, value in (witness.get("options") or {}).items()
    }
    arguments = {**options, **(witness.get("arguments") or {})}
    init = witness.get("init")
    construct = None if init is None else Code(f"{api}({_keywords(init)})")
    context: dict[str, Any] = {
        "finding": finding,
        "expected": expected,
        "observed": finding["observed"],
        "arrays": arrays,
        "array_names": Code(", ".join(arrays)),
        "api": api,
        "construct": construct,
        "constructed": construct or Code(f"{api}()"),
        "options": options,
        "option": lambda name, default=None: arguments.get(name, default),
        "order": _order(arguments),
        "given": Code(
            ", ".join([f"{name}={name}" for name in arrays] + [_keywords(options)] * bool(options))
        ),
        "initial": _keywords(init or {}),
        "tensor": ask in _TENSORS,
        "call": _call(
            Code("loss") if init is not None or ask == "aliases" else api, arrays, witness, modes[mode]
        ),
        "to_list": Code(str(snippets["to_list"]).strip()),
        "numpy": lambda name: _render(modes[mode].get("numpy") or "{{ array }}", array=identifier(name)),
        "keras": Code(str(snippets["keras"])) if snippets.get("keras") else None,
        "own_faults": [Code(name) for name in _own_faults(judge, finding["observed"])],
        "descend": _descend(witness, snippets, modes[mode]) if ask == "descend" else None,
        "gradient": _gradient(api, arrays, witness, modes[mode]) if ask == "gradient" else None,
        "wrt": identifier(witness["wrt"]) if witness.get("wrt") else None,
        "recorded": finding.get("recorded"),
        "first": _count(expected["first"]) if "first" in expected else None,
        "python": python,
        "values": expression,
    }
    asked, judged = _part(f"ask/{ask}", context), _part(f"judge/{judge}", context)
    dtypes = {str(a.get("dtype")) for a in given_arrays.values()}
    imports = _imports(api, snippets, dtypes)
    if "tf." in asked + judged and "tf" not in _bound(imports):
        raise ValueError("no snippet says how that is asked without TensorFlow")
    whole = {
        **context,
        "comments": _comments(finding),
        "modules": [Code(name) for name in _MODULES if f"{name}." in asked + judged],
        "imports": imports,
        "setup": Code(str(modes[mode].get("setup") or "").strip()),
        "asked": asked,
        "judged": judged,
        "say_expected": words.both(finding)[0] or "what the documentation says",
    }
    return re.sub(r"\n{4,}", "\n\n\n", _part("script", whole)).rstrip() + "\n"


def _part(name: str, context: Mapping[str, Any]) -> Code:
    """A template of templates/reproducer/, filled in."""
    return Code(scripting().get_template(f"reproducer/{name}.py.j2").render(context).strip())


def _order(arguments: Mapping[str, Any]) -> dict[str, Code]:
    """Which parameters of the loss take predictions and targets of a training."""
    given = arguments.get("order") or {"predictions": "x1", "targets": "x2"}
    if not isinstance(given, Mapping) or set(given) != {"predictions", "targets"}:
        raise ValueError("order names the parameters for predictions and targets")
    return {part: identifier(name) for part, name in given.items()}


def _count(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ValueError(f"{value!r} is no number of values")
    return value


def recorded(
    witness: Mapping[str, Any],
    answer: Mapping[str, Any],
    title: str,
    version: str,
    kind: str,
    snippets: Mapping[str, Any],
) -> str:
    """The text of a script that asks `witness` and exits 0 while the answer is the one given, else 1.

    `answer` is what `version` gave: an error, a value with the `tolerance` of each number (the `first` few in C order,
    where not all were recorded), or what a probe gives.
    Raises ValueError where no script can tell whether that answer still comes.
    """
    expected = _as_expected(answer, kind)
    finding = {
        "slug": title, "title": "", "framework": version, "version": "", "apis": [witness.get("api")],
        "kind": "" if kind in ("mutation", "nondeterminism") else kind, "severity": "", "behaves_as": {},
        "reason": "", "upstream": "", "citation": "", "statements": (), "witness": witness,
        "expected": expected, "observed": dict(answer), "recorded": version,
    }  # fmt: skip
    return reproducer(finding, snippets)


def _as_expected(answer: Mapping[str, Any], kind: str) -> dict[str, Any]:
    """The part of an answer that a script asks for."""
    if answer.get("error"):
        names = [answer["error"]] if isinstance(answer["error"], str) else answer["error"]
        return {"error": [str(name).rsplit(".", 1)[-1] for name in names]}
    if kind in ("shape", "dtype") and answer.get(kind) is not None:
        return {kind: answer[kind]}
    for names in (("value", "tolerance", "first"), ("moves",), ("data",), ("runs",)):
        if answer.get(names[0]) is not None:
            return {name: answer[name] for name in names if name in answer}
    raise ValueError("the answer is neither a value nor an error")


def _ask(witness: Mapping[str, Any]) -> str:
    probe = str(witness.get("probe") or "")
    probe = _SYNONYMS.get(probe, probe)
    if not probe and witness.get("wrt"):
        return "gradient"
    if not probe:
        return "call" if witness.get("arrays") or witness.get("init") is not None else "exists"
    if probe not in PROBES:
        raise ValueError(f"no script can be written for the probe {probe!r}; there are {', '.join(PROBES)}")
    return probe


def _judge(finding: Mapping[str, Any], expected: Mapping[str, Any], ask: str) -> str:
    """How the answer is told right from wrong: by what was expected, and for some kinds by what happened."""
    observed, kind = finding["observed"], str(finding["kind"])
    if observed.get("outcome") in ("crash", "hang") or kind in ("crash", "hang"):
        return "survives"
    if kind in ("mutation", "nondeterminism", "output") and ask == "call":
        return kind
    if finding.get("recorded") and "data" in expected:
        return "data"
    if ask == "config" and expected.get("error") is None:
        return "config"
    if ask == "bases" and isinstance(expected.get("data"), str):
        return "bases"
    if ask not in (*_TENSORS, "aliases", "descend", "fit", "exists") and isinstance(
        expected.get("value"), (list, str, int, float)
    ):
        return "printed"
    if (issue := words.at_issue(finding)) in ("shape", "dtype") and observed.get("outcome") != "error":
        return issue
    for field in ("error", "aliases", "moves", "printed", "value", "data", "shape", "dtype", "returns"):
        if expected.get(field) is not None:
            return field
    return (
        "runs" if ask == "exists" or expected.get("runs") or observed.get("outcome") == "error" else "pinned"
    )


def _own_faults(judge: str, observed: Mapping[str, Any]) -> list[str]:
    """Exceptions that are the script's own fault where it raises them itself, not an answer to the question.

    A compiled API has no lines of its own in a traceback: where an exception may come, its TypeError is an answer, and
    so is one of the class that was observed.
    """
    faults = ["ImportError", "NameError"]
    if observed.get("outcome") != "error" and judge not in ("error", "runs"):
        faults += ["AttributeError", "TypeError"]
    return [fault for fault in faults if fault != str(observed.get("error")).rpartition(".")[2]] or [
        "SyntaxError"
    ]


def _array(given: Mapping[str, Any], snippets: Mapping[str, Any]) -> dict[str, Code]:
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
    code = _render(snippets["array"], values=text, flat=flat, dtype=dtype, shape=shape) if tensor else text
    decimal = plain(pretty(values, dtype, most=12)) if "fromhex" in text else Code()
    return {"code": _wrapped(code), "decimal": decimal}


def _dtype(given: Mapping[str, Any]) -> Code:
    """The name of an array's dtype; ValueError for any other text."""
    dtype = str(given.get("dtype") or "float32")
    if dtype not in ARRAY_DTYPES:
        raise ValueError(f"{dtype[:40]!r} is no dtype of an array, so no script can be written with it")
    return Code(dtype)


def _sizes(shape: Any) -> Code:
    return Code(words.shape([_count(size) for size in shape]))


def _descend(
    witness: Mapping[str, Any], snippets: Mapping[str, Any], mode: Mapping[str, Any]
) -> dict[str, Any]:
    """What a step of descent needs: the array that moves, flat, and the one it should approach.

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
    array = _render(
        snippets["array"], values=given_as, flat=given_as, dtype=_dtype(given), shape=_sizes(shape)
    )
    return {
        "moved": moved,
        "start": list(leaves(given["values"])),
        "target": target,
        "width": _count(shape[-1]) if shape else 1,
        "array": array,
        "call": _call(function, arrays, {**witness, "probe": ""}, mode),
    }


def _shape(values: Any) -> list[int]:
    sizes: list[int] = []
    while isinstance(values, (list, tuple)):
        sizes.append(len(values))
        values = values[0] if values else None
    return sizes


def _call(
    function: Code, arrays: Mapping[str, Any], witness: Mapping[str, Any], mode: Mapping[str, Any]
) -> Code:
    """The call as an expression: `function` with the arrays and the options of the witness."""
    names = [identifier(name) for name in arrays]
    parts = [name if witness.get("positional") else f"{name}={name}" for name in names]
    if not witness.get("probe") and witness.get("options"):
        parts.append(_keywords(witness["options"]))
    return _render(mode["call"], function=function, arguments=Code(", ".join(parts)))


def _gradient(
    api: Code, arrays: Mapping[str, Any], witness: Mapping[str, Any], mode: Mapping[str, Any]
) -> Code:
    """The body of a function that returns the gradient; ValueError where the framework has no snippet for it."""
    if not mode.get("gradient"):
        raise ValueError("no snippet says how the framework is asked for a gradient")
    parts = [f"{name}={name}" for name in arrays]
    if witness.get("options"):
        parts.append(_keywords(witness["options"]))
    function = Code("loss") if witness.get("init") is not None else api
    arguments, wrt = Code(", ".join(parts)), identifier(witness["wrt"])
    body = _render(mode["gradient"], function=function, arguments=arguments, wrt=wrt)
    return Code(textwrap.indent(body, "    ").strip())


def _keywords(options: Mapping[str, Any]) -> Code:
    return Code(", ".join(f"{identifier(name)}={python(value)}" for name, value in options.items()))


def _imports(api: Code, snippets: Mapping[str, Any], dtypes: Collection[str]) -> Code:
    """The framework's imports, and that of the API's first part where they lack it ("keras" beside "tf")."""
    text = _render(snippets["imports"], dtypes=dtypes)
    root = api.split(".")[0]
    return text if root in _bound(text) else Code(f"{text}\n{_IMPORTED_AS.get(root, f'import {root}')}")


def _bound(imports: str) -> set[str]:
    """The names that import statements bind."""
    return {
        (alias.asname or alias.name).split(".")[0]
        for node in ast.parse(imports).body
        if isinstance(node, (ast.Import, ast.ImportFrom))
        for alias in node.names
    }


def _comments(finding: Mapping[str, Any]) -> list[Code]:
    """The head of the script: what is wrong, what the documentation says and where, what is known of it."""
    expected = finding["expected"]
    if version := finding.get("recorded"):
        lines = [
            finding["slug"], "", f"Asks for the answer that {version} gave when it was compared.", "",
            "Exits 0 while that answer comes, 1 once another one does, and 2 where the question could not be asked.",
        ]  # fmt: skip
        return [piece for line in lines for piece in _comment(line)]
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
    lines.append("exits 1 while they differ, 0 once they agree, and 2 where the question could not be asked.")
    return [piece for line in lines for piece in _comment(line)]


def _comment(text: str) -> list[Code]:
    lines = textwrap.wrap(
        plain(text), _WIDTH - 2, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False
    )
    return [Code(f"# {line}".rstrip()) for line in lines or [""]]


def _wrapped(code: Code) -> Code:
    """A long expression of numbers broken after commas, as a continued line inside its own brackets."""
    if len(code) <= _WIDTH:
        return code
    lines = textwrap.wrap(code, _WIDTH - 8, break_long_words=False, break_on_hyphens=False)
    return Code("\n    ".join(lines))


def _render(template: str, **variables: Any) -> Code:
    """A framework's snippet, filled in. `dtypes`, of all things, is only looked at."""
    return Code(scripting().from_string(str(template)).render(variables).strip())
