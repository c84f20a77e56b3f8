"""The words of a report: verdicts, severities, expectations, answers, and what answers behave as."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

from lossproof.reports.numbers import decimal, is_number, leaves, nested, number, pretty

VERDICT_SIGNS: Final = {
    "conforms": "✓", "diverges": "✗", "undocumented": "?", "unsupported": "–", "broken": "!",
}  # fmt: skip

VERDICT_WORDS: Final = {
    "conforms": "as documented",
    "diverges": "not as documented",
    "undocumented": "documentation is silent; recorded",
    "unsupported": "refused with a clear error",
    "broken": "could not be judged",
}

SEVERITY_WORDS: Final = {
    "S1": "silently wrong value, shape or gradient on ordinary input",
    "S2": "zero vectors, NaN, tiny norms, dtype, missing or wrong errors, nondeterminism, changed inputs",
    "S3": "only at the extremes of the dtype",
    "S4": "documentation, range excess, notes on accuracy",
}

STATUS_WORDS: Final = {
    "new": "not in the ledger",
    "known": "in the ledger, and it still answers as pinned there",
    "changed": "in the ledger, but its witness answers otherwise, still wrong",
    "fixed": "in the ledger, and no longer diverges",
    "carried": "explained by a ledger finding of another version",
}

NORM_RULES: Final = {
    "raw": "does not normalise: the plain dot product",
    "plain": "divides by |x| |y| without any floor",
    "floor_norm": "floors each norm: max(|x|, {eps})",
    "floor_squared_norm": "floors each squared norm: max(sum x^2, {eps})",
    "floor_product": "floors the product of the norms: max(|x| |y|, {eps})",
    "floor_squared_product": "floors the product of the squared norms: max(|x|^2 |y|^2, {eps})",
    "add_squared": "adds to each squared norm: sum x^2 + {eps}",
    "threshold": "treats a norm below {eps} as 1",
    "zero_as_one": "takes a norm of 0 as 1",
    "add_norm": "adds to each norm: |x| + {eps}",
    "add_product": "adds to the product of the norms: |x| |y| + {eps}",
    "floor_x_norm": "floors the norm of the first input alone: max(|x|, {eps}) |y|",
    "floor_y_norm": "floors the norm of the second input alone: |x| max(|y|, {eps})",
    "norm_of_x": "divides by the norm of the first input twice: |x|^2",
    "norm_of_y": "divides by the norm of the second input twice: |y|^2",
}
"""The built-in norm rules in words; a finding brings those of another."""
_PARAMETERS: Final[dict[str, dict[Any, str]]] = {
    "score": {
        "similarity": "returns the similarity c",
        "negated": "returns the negated similarity -c",
        "distance": "returns the distance 1 - c",
    },
    "reduction": {
        "none": "does not reduce",
        "sum": "sums",
        "mean": "divides the sum by the number of elements",
        "mean_by_weight": "divides the weighted sum by the sum of the weights",
        "mean_by_nonzero": "divides the weighted sum by the number of nonzero weights",
    },
    "weights": {
        "per_sample": "applies weights per sample, expanded to the right",
        "numpy": "broadcasts weights as NumPy does",
    },
    "broadcasting": {
        "expand": "broadcasts the inputs before it normalises them",
        "normalise": "normalises the inputs before it broadcasts them",
    },
    "compute_dtype": {"narrowest": "computes in the narrower of both dtypes"},
    "gradient_factor": {
        0.0: "gives a gradient of 0",
        0.5: "halves the gradient",
        2.0: "doubles the gradient",
        -1.0: "negates the gradient",
    },
    "gradient_of": {"other": "gives the gradient with respect to the other input"},
    "clamp": {"followed": "differentiates a norm that is held at its floor as if it were not"},
    "ignore_weights": {True: "ignores the weights"},
    "eps_dtype": {name: f"rounds eps to {name}" for name in ("float16", "bfloat16", "float32")},
    "subnormals": {"zero": "takes subnormal numbers for zero"},
    "keepdims": {True: "keeps the axis with length 1", False: "drops the axis"},
    "similar": {1: "label 1 means similar", 0: "label 0 means similar"},
    "squared": {True: "squares the terms", False: "does not square the terms"},
    "half": {True: "halves the terms", False: "does not halve the terms"},
}
_TEMPLATES: Final = {
    "axis": "always works along axis {}",
    "compute_dtype": "computes in {}",
    "result_dtype": "returns {}",
    "eps_dtype": "rounds eps to {}",
    "gradient_factor": "multiplies the gradient by {}",
    "subnormals": "takes subnormal numbers for {}",
}
_PREDICATES: Final = {
    "squared_norm_underflows": "wherever a squared norm underflows in the dtype",
    "squared_norm_overflows": "wherever a squared norm overflows in the dtype",
    "product_underflows": "wherever the product of the norms underflows in the dtype",
    "product_overflows": "wherever the product of the norms overflows in the dtype",
    "eps_vanishes": "wherever eps becomes 0 in the dtype",
    "squared_product_underflows": "wherever the product of the squared norms underflows in the dtype",
    "squared_product_overflows": "wherever the product of the squared norms overflows in the dtype",
    "cubed_product_overflows": "wherever the cube of the product of the norms overflows in the dtype",
    "zero_norm": "wherever a norm is zero",
    "integer_input": "for integer input",
    "empty": "for empty input",
    "nonfinite": "for NaN or infinite input",
}


_ANSWER: Final = frozenset({
    "outcome", "value", "error", "message", "shape", "dtype", "note", "type", "data", "says",
    "moves", "before", "after", "missing", "answers otherwise",
})  # fmt: skip
"""The fields that an answer may have."""


def label(name: str) -> str:
    """A property, region or kind as a word: "zero_vector" -> "zero vector"."""
    return name.replace("_", " ")


def behaves_as(behaviour: Mapping[str, Any]) -> str:
    """The behaviour that reproduces the wrong answers, in words; "" where nothing is known."""
    parts: list[str] = []
    parameters = dict(behaviour.get("parameters") or {})
    eps = parameters.pop("eps", None)
    if (rule := parameters.pop("norm_rule", None)) is not None:
        phrase = NORM_RULES.get(str(rule)) or str(behaviour.get("says") or f"norm rule {rule}")
        parts.append(phrase.replace("{eps}", "eps" if eps is None else _scalar(eps)))
    elif eps is not None:
        parts.append(f"eps is {_scalar(eps)}")
    if "zero" in parameters:
        zero = parameters.pop("zero")
        parts.append(
            "undefined for a zero vector" if zero is None else f"a zero vector gives {_scalar(zero)}"
        )
    for name, value in parameters.items():
        phrases = _PARAMETERS.get(str(name), {})
        known = isinstance(value, (str, bool, int, float)) and value in phrases
        template = _TEMPLATES.get(str(name), f"{label(str(name))} is {{}}")
        parts.append(phrases[value] if known else template.format(_scalar(value)))
    if predicate := behaviour.get("predicate"):
        parts.append(_PREDICATES.get(str(predicate), label(str(predicate))))
    if cases := behaviour.get("cases"):
        parts.append(f"shown by {'case' if len(cases) == 1 else 'cases'} {', '.join(map(str, cases))}")
    told = {"parameters", "predicate", "cases", "says"}
    parts += [f"{label(str(k))}: {_scalar(v)}" for k, v in behaviour.items() if k not in told and v]
    return "; ".join(parts)


def expectation(given: Mapping[str, Any]) -> dict[str, Any]:
    """An expectation with one name per meaning: `raises` of a spec's case is `error` of a finding."""
    found = dict(given)
    if "raises" in found and found.get("error") is None:
        found["error"] = found["raises"]
    return found


def expected(given: Mapping[str, Any], dtype: str = "float64") -> str:
    """The documented answer, in one line: a value, an error, a shape, a dtype, or a statement."""
    want = expectation(given)
    parts: list[str] = []
    if want.get("value") is not None:
        parts.append(pretty(want["value"], dtype))
    if want.get("printed") is not None:
        parts.append(f"{nested(want['printed'], str, 8)} as printed")
    if want.get("error") is not None:
        parts.append(_error_expected(want["error"]))
    if want.get("shape") is not None and want.get("value") is None:
        parts.append(f"shape {shape(want['shape'])}")
    if want.get("dtype") and want.get("value") is None:
        parts.append(f"dtype {want['dtype']}")
    if want.get("returns"):
        parts.append(f"an instance of {want['returns']}")
    if want.get("moves"):
        parts.append(f"moves the pair {want['moves']}")
    if want.get("aliases"):
        parts.append(f"the same under {', '.join(map(str, want['aliases']))}")
    if want.get("data") is not None:
        parts.append(data(want["data"]))
    if not parts and want.get("exact") is not None:
        parts.append(_scalar(want["exact"]))
    if not parts and want.get("says"):
        parts.append(str(want["says"]))
    if not parts and want.get("oracle"):
        parts.append("the value of the documented formula")
    if not parts and want.get("runs"):
        parts.append("no error")
    return ", ".join(parts)


def observed(answer: Mapping[str, Any], dtype: str = "float64") -> str:
    """The observed answer, in one line."""
    if "outcome" not in answer and not answer.keys() <= _ANSWER:
        return data(answer)  # what a probe returned
    outcome = str(answer.get("outcome") or "")
    if outcome == "error" or (not outcome and answer.get("error")):
        message = str(answer.get("message") or "").strip()
        return f"raises {answer.get('error') or 'an error'}{f': {_first_line(message)}' if message else ''}"
    if outcome in ("crash", "hang"):
        note = str(answer.get("note") or "").strip()
        return {"crash": "crashes", "hang": "hangs"}[outcome] + (f" ({_first_line(note)})" if note else "")
    parts: list[str] = []
    if answer.get("value") is not None:
        parts.append(pretty(answer["value"], str(answer.get("dtype") or dtype)))
    if "data" in answer and answer["data"] is not None:
        parts.append(data(answer["data"]))
    if answer.get("moves"):
        parts.append(f"moves the pair {answer['moves']}")
    for name in ("missing", "answers otherwise"):
        if answer.get(name):
            parts.append(f"{name}: {', '.join(map(str, answer[name]))}")
    if answer.get("shape") is not None and answer.get("value") is None:
        parts.append(f"shape {shape(answer['shape'])}")
    if answer.get("dtype") and answer.get("value") is None:
        parts.append(f"dtype {answer['dtype']}")
    if answer.get("type") and not parts:
        parts.append(f"an instance of {answer['type']}")
    if answer.get("note"):
        parts.append(_first_line(str(answer["note"])))
    if answer.get("says") and not parts:
        parts.append(_first_line(str(answer["says"])))
    return ", ".join(parts) or outcome


def at_issue(finding: Mapping[str, Any]) -> str:
    """Which part of an expectation is not met: "shape", "dtype", "error", "value", or "" for another."""
    want, got = expectation(finding["expected"]), finding["observed"]
    if want.get("error") is not None:
        return "error"
    for part in ("shape", "dtype"):
        asked = want.get(part) is not None and (finding["kind"] == part or want.get("value") is None)
        if asked and _plain(want[part]) != _plain(got.get(part)):
            return part
    return "value" if want.get("value") is not None else ""


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, (list, tuple)) else value


def both(finding: Mapping[str, Any]) -> tuple[str, str]:
    """Expected and observed of a finding: values, or the shape, dtype or error where that is at issue."""
    want, got, issue = expectation(finding["expected"]), finding["observed"], at_issue(finding)
    dtype = str(got.get("dtype") or "float64")
    if issue in ("shape", "dtype") and got.get(issue) is not None:
        return expected({issue: want[issue]}), expected({issue: got[issue]})
    if finding["witness"].get("probe") == "config" and got.get("same") is False:
        return "an equal object from its own configuration", f"another one from {data(got.get('config'))}"
    left, right = expected(want, dtype), observed(got, dtype)
    if issue == "error" and str(got.get("outcome") or "value") == "value":
        right = f"no error; {right}" if right and right != "value" else "no error"
    return left, right


def first_difference(finding: Mapping[str, Any], most: int = 4) -> tuple[str, str, str]:
    """Where the values of a witness differ, with the two numbers, for results of more than `most` numbers.

    ("[3]", "0.5", "nan") names the first place beyond its tolerance; ("", "", "") for short results, results
    of other lengths, and where values are not at issue.
    """
    want, got = finding["expected"], finding["observed"]
    if at_issue(finding) != "value" or got.get("value") is None:
        return "", "", ""
    left, right = list(leaves(want["value"])), list(leaves(got["value"]))
    allowed = list(leaves(want.get("tolerance") or 0.0))
    if len(left) != len(right) or len(left) <= most:
        return "", "", ""
    allowed = allowed if len(allowed) == len(left) else allowed[:1] * len(left)
    dtype = str(got.get("dtype") or "float64")
    for place, parts in enumerate(zip(left, right, allowed, strict=True)):
        a, b, tolerance = (number(part) for part in parts)
        if a is None or b is None or a == b or (math.isnan(a) and math.isnan(b)):
            continue
        if not abs(a - b) <= (tolerance or 0.0):
            return f"[{place}]", decimal(a, dtype), decimal(b, dtype)
    return "", "", ""


def cell_answer(text: str) -> str:
    """The `observed` or `expected` column of a row (JSON, or plain text) as one line."""
    try:
        answer = json.loads(text)
    except ValueError:
        return _first_line(text)
    if isinstance(answer, Mapping):
        is_answer = "outcome" in answer or "message" in answer
        return observed(answer) if is_answer else expected(answer) or data(answer)
    return pretty(answer) if isinstance(answer, list) or is_number(answer) else str(answer)


def broken_reason(text: str) -> str:
    """Why a cell could not be judged, from its `observed` column, in one line."""
    try:
        answer = json.loads(text)
    except ValueError:
        return _first_line(text) or "no reason was recorded"
    note = answer.get("note") if isinstance(answer, Mapping) else None
    return _first_line(str(note)) if note else cell_answer(text) or "no reason was recorded"


def shape(sizes: Sequence[Any]) -> str:
    """A shape as Python writes it: (), (3,), (2, 4)."""
    return f"({', '.join(map(str, sizes))}{',' if len(sizes) == 1 else ''})"


def data(value: Any) -> str:
    """The data that a probe returned, as compact JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def count(number: int, noun: str) -> str:
    """ "1 finding", "2 findings"."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _error_expected(names: Any) -> str:
    names = [names] if isinstance(names, str) else list(names)
    return f"raises {' or '.join(map(str, names))}" if names else "raises an error"


def _scalar(value: Any) -> str:
    if isinstance(value, (list, tuple)) or is_number(value):
        return pretty(value)
    return str(value) if isinstance(value, (str, bool)) or value is None else data(value)


def _first_line(text: str, most: int = 200) -> str:
    line = " ".join(text.split())
    return line if len(line) <= most else f"{line[: most - 3]}..."
