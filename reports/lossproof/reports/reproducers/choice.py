"""How a script asks and how it judges: the ways there are, and those that fit a finding."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lossproof.reports import words

_ANSWERS = {
    **dict.fromkeys(("call", "gradient"), "tensor"), "descend": "moves", "exists": "object", "aliases": "names",
    "beside": "pair",
    **dict.fromkeys(
        ("signature", "defaults", "config", "attribute", "resolve", "bases", "docstring"), "data"
    ),
}  # fmt: skip
"""The ways to ask that every framework has, and what kind of answer each gives."""
PROBES = tuple(name for name, kind in _ANSWERS.items() if kind in ("data", "moves", "pair"))
_JUDGED = {
    **dict.fromkeys(("value", "shape", "dtype", "returns"), "tensor"),
    **dict.fromkeys(("mutation", "nondeterminism", "output"), "call"),
    "moves": "moves", "aliases": "aliases", "config": "config", "bases": "bases", "beside": "beside",
}  # fmt: skip
"""Which question or which kind of answer a judge fits; one that is not here fits them all."""
_SYNONYMS = {"alias": "resolve", "aliases": "resolve"}


@dataclass(frozen=True)
class Ask:
    """A way to ask: its name, the kind of answer (tensor, data, moves, ...), and the body of a framework's own."""

    name: str
    answers: str
    body: str = ""

    @property
    def template(self) -> str:
        """The template that writes the question."""
        if not self.body:
            return f"ask/{self.name}"
        return "ask/own_moves" if self.answers == "moves" else "ask/own"

    def fits(self, judge: str) -> bool:
        """Whether the judge can tell a right answer to this question."""
        if judge == "data" and self.answers == "object":
            return False
        return _JUDGED.get(judge, self.name) in (self.name, self.answers)


def ask_of(witness: Mapping[str, Any], expected: Mapping[str, Any], snippets: Mapping[str, Any]) -> Ask:
    """How a witness is asked. Raises ValueError where neither we nor the framework's snippets can ask its probe."""
    own = snippets.get("asks") or {}
    probe = str(witness.get("probe") or "")
    probe = _SYNONYMS.get(probe, probe)
    if expected.get("aliases"):
        name = "aliases"
    elif not probe and witness.get("wrt"):
        name = "gradient"
    elif not probe:
        name = "call" if witness.get("arrays") or witness.get("init") is not None else "exists"
    elif probe in PROBES:
        name = probe
    elif probe in own:
        return Ask(probe, str(own[probe]["answers"]), str(own[probe]["body"]))
    else:
        known = ", ".join((*PROBES, *sorted(own)))
        raise ValueError(f"no script can be written for the probe {probe!r}; there are {known}")
    return Ask(name, _ANSWERS[name])


def judge_of(finding: Mapping[str, Any], expected: Mapping[str, Any], ask: Ask) -> str:
    """How the answer is told right from wrong: by what was expected, and for some kinds by what happened."""
    observed, kind = finding["observed"], str(finding["kind"])
    if observed.get("outcome") in ("crash", "hang") or kind in ("crash", "hang"):
        return "survives"
    if ask.name == "beside":
        return "beside"
    if kind in ("mutation", "nondeterminism", "output") and ask.name == "call":
        return kind
    if finding.get("recorded") and "data" in expected:
        return "data"
    if ask.name == "config" and expected.get("error") is None:
        return "config"
    if ask.name == "bases" and isinstance(expected.get("data"), str):
        return "bases"
    if ask.answers == "data" and isinstance(expected.get("value"), (list, str, int, float)):
        return "printed"
    if (issue := words.at_issue(finding)) in ("shape", "dtype") and observed.get("outcome") != "error":
        return issue
    for field in ("error", "aliases", "moves", "printed", "value", "data", "shape", "dtype", "returns"):
        if expected.get(field) is not None:
            return field
    return (
        "runs"
        if ask.name == "exists" or expected.get("runs") or observed.get("outcome") == "error"
        else "pinned"
    )


def own_faults(judge: str, observed: Mapping[str, Any]) -> list[str]:
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
