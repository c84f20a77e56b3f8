"""One standalone script per finding, in the framework's own words.

A script needs the framework and nothing else (not lossproof, and no Python newer than 3.7). It prints what the
documentation calls for and what comes back. It exits 1 while they differ, 0 once they agree, and 2 where the script
itself failed. It is put together from two small templates: how the question is asked (templates/reproducer/ask/, or a
snippet of the framework's for what it is asked in its own way) and how the answer is judged (judge/). Templates take
nothing but `Code`: numbers and texts come through `python` and `expression`, names through `identifier` and `dotted`,
and what is none of these becomes no script.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from lossproof.reports import words
from lossproof.reports.reproducers.choice import ask_of, judge_of, own_faults
from lossproof.reports.reproducers.head import comments
from lossproof.reports.reproducers.quoting import dotted, expression, identifier, python
from lossproof.reports.reproducers.statements import (
    array,
    beside,
    call,
    count,
    descend,
    gradient,
    imports,
    indented,
    keywords,
    order,
    render,
)
from lossproof.reports.reproducers.templating import Code, scripting

_MODULES = ("decimal", "importlib", "inspect", "math", "re", "subprocess")
"""of the standard library, imported where a template uses them"""
_TRAINED = ("inputs", "targets", "weights")
"""The arrays of a training; its loss gets every other one by its name."""


def reproducer(finding: Mapping[str, Any], snippets: Mapping[str, Any]) -> str:
    """The text of a script that shows `finding`.

    `finding` has the fields of findings.json; `snippets` are the framework's (`imports`, `seed`, `array`,
    `to_list`, `asks`, `imported_as`, `modes`). Values in the script are exact. The same finding gives the same
    text. Raises ValueError where the witness cannot be written as a script: a name that is no Python name, an
    unknown mode or probe, or a device that no snippet moves arrays to.
    """
    witness = finding["witness"]
    api = dotted(witness.get("api") or finding["apis"][0])
    mode = str(witness.get("mode") or "eager")
    modes = snippets.get("modes") or {"eager": {"call": "{{ function }}({{ arguments }})"}}
    if mode not in modes:
        raise ValueError(f"no snippet for mode {mode!r}; there are {', '.join(sorted(modes))}")
    if (device := witness.get("device") or "cpu") != "cpu":
        raise ValueError(f"no snippet for the device {device!r}")
    given_arrays = witness.get("arrays") or {}
    arrays: dict[str, Any] = {
        identifier(name): array(given, snippets) for name, given in given_arrays.items()
    }
    expected = words.expectation(finding["expected"])
    ask = ask_of(witness, expected, snippets)
    judge = judge_of(finding, expected, ask)
    if not ask.fits(judge):
        raise ValueError(
            f"the question {ask.name!r} cannot be judged by {judge!r}, so no script can be written"
        )
    options: dict[str, Any] = {
        identifier(name): value for name, value in (witness.get("options") or {}).items()
    }
    arguments = {**options, **(witness.get("arguments") or {})}
    init = witness.get("init")
    construct = None if init is None else Code(f"{api}({keywords(init)})")
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
        "order": order(arguments),
        "others": Code("".join(f", {name}={name}" for name in arrays if name not in _TRAINED)),
        "given": Code(", ".join([f"{name}={name}" for name in arrays] + [keywords(options)] * bool(options))),
        "initial": keywords(init or {}),
        "tensor": ask.answers == "tensor",
        "call": call(
            Code("loss") if init is not None or ask.name == "aliases" else api, arrays, witness, modes[mode]
        ),
        "to_list": Code(str(snippets["to_list"]).strip()),
        "fetched": lambda name: render(modes[mode].get("fetch") or "{{ array }}", array=identifier(name)),
        "own_faults": [Code(name) for name in own_faults(judge, finding["observed"])],
        "descend": descend(witness, snippets, modes[mode]) if ask.name == "descend" else None,
        "gradient": gradient(api, arrays, witness, modes[mode]) if ask.name == "gradient" else None,
        "beside": beside(witness, snippets) if ask.name == "beside" else None,
        "wrt": identifier(witness["wrt"]) if witness.get("wrt") else None,
        "recorded": finding.get("recorded"),
        "first": count(expected["first"]) if "first" in expected else None,
        "python": python,
        "values": expression,
    }
    if ask.body:
        context["own"] = indented(render(ask.body, **context))
    asked, judged = _part(ask.template, context), _part(f"judge/{judge}", context)
    dtypes = {str(a.get("dtype")) for a in given_arrays.values()}
    whole = {
        **context,
        "comments": comments(finding),
        "modules": [Code(name) for name in _MODULES if f"{name}." in asked + judged],
        "imports": imports(api, snippets, dtypes),
        "setup": Code(str(modes[mode].get("setup") or "").strip()),
        "asked": asked,
        "judged": judged,
        "say_expected": words.both(finding)[0] or "what the documentation says",
    }
    return re.sub(r"\n{4,}", "\n\n\n", _part("script", whole)).rstrip() + "\n"


def _part(name: str, context: Mapping[str, Any]) -> Code:
    """A template of templates/reproducer/, filled in."""
    return Code(scripting().get_template(f"reproducer/{name}.py.j2").render(context).strip())


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
