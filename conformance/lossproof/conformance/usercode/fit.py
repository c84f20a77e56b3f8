"""Whether a user's code can be called as the API is, and the wrapper to paste where it cannot."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lossproof.conformance.model.subject import Subject
from lossproof.conformance.targets.model import UsageError

NAMED_ALIKE = (frozenset({"dim", "axis"}), frozenset({"eps", "epsilon"}))
"""Names under which frameworks know one option."""


@dataclass(frozen=True)
class Parameter:
    """A parameter of the code."""

    name: str
    kind: str
    optional: bool

    @property
    def named(self) -> bool:
        """Whether it is given by name."""
        return self.kind in ("POSITIONAL_OR_KEYWORD", "KEYWORD_ONLY")

    @property
    def must(self) -> bool:
        """Whether a call without it fails."""
        return not self.optional and self.kind not in ("VAR_POSITIONAL", "VAR_KEYWORD")


@dataclass(frozen=True)
class Signature:
    """The parameters of one call of the code; `parameters` is None where nothing says them: anything is let through."""

    parameters: tuple[Parameter, ...] | None = None

    @classmethod
    def of(cls, told: Sequence[Sequence[Any]] | None) -> Signature:
        """The signature that the worker tells."""
        return cls() if told is None else cls(tuple(Parameter(*item) for item in told))

    def takes(self, name: str) -> bool:
        """Whether it can be given by name."""
        if self.parameters is None:
            return True
        return any(p.kind == "VAR_KEYWORD" or (p.named and p.name == name) for p in self.parameters)

    def misfit(self, needed: Sequence[str], known: Sequence[str]) -> str:
        """Why a call that gives what is needed and sometimes what is known fails, or ""."""
        lacking = [name for name in needed if not self.takes(name)]
        if lacking:
            return f"has no {_words('parameter', lacking)} to be given by name"
        more = [p.name for p in self.parameters or () if p.must and p.name not in (*needed, *known)]
        if more:
            return f"needs {_and(more)}, which the API has not"
        unsure = [p.name for p in self.parameters or () if p.must and p.name not in needed]
        return f"has no default for {_and(unsure)}, which the API has" if unsure else ""

    def __str__(self) -> str:
        marks = {"VAR_POSITIONAL": "*", "VAR_KEYWORD": "**"}
        return f"({', '.join(marks.get(p.kind, '') + p.name for p in self.parameters or ())})"


@dataclass(frozen=True)
class Takes:
    """The signatures of the code: of its construction, if it is a class, and of its call, with the method called."""

    init: Signature = Signature()
    call: Signature = Signature()
    method: str = "__call__"

    @classmethod
    def of(cls, told: Mapping[str, Any]) -> Takes:
        """Return the code's signatures as the worker tells them."""
        return cls(Signature.of(told["init"]), Signature.of(told["call"]), told["method"])

    def at(self, place: str) -> Signature:
        """The signature that is given an option: `init` or `call`."""
        return self.init if place == "init" else self.call

    def lacks(self, subject: Subject, names: Sequence[str]) -> str:
        """The first of these options and arrays of the API that the code cannot be given, or ""."""
        places = {o.name: o.at for o in subject.edition.call.options}
        return next((n for n in names if not self.at(places.get(n, "call")).takes(n)), "")


def misfit(subject: Subject, takes: Takes, code: str, name: str, module: str) -> UsageError | None:
    """The error where the code cannot be called as the API is, with a wrapper to paste; None where it can.

    It must take the arrays that every call gives, and the options without which no cell can be asked: those that the
    API requires, and the reduction that leaves a value for each row. Other options it may lack.
    """
    call = subject.edition.call
    given = dict(subject.row_wise.options)
    for place in ("init", "call"):
        options = [o.name for o in call.options if o.at == place]
        arrays = [a for a in call.arrays if place == "call"]
        needed = [a.name for a in arrays if not a.optional] + [n for n in options if n in given]
        why = takes.at(place).misfit(needed, [*options, *(a.name for a in arrays)])
        if why:
            shown = f"{code}{takes.at(place)}"
            return UsageError(
                f"{shown} cannot be called as {subject.api} is: it {why}",
                f"Judge a wrapper in its place, for example\n\n{wrapper(subject, takes, name, module)}",
            )
    return None


def wrapper(subject: Subject, takes: Takes, name: str, module: str) -> str:
    """Code with the API's parameters that calls the user's code; it lies in the same folder."""
    call, mine = subject.edition.call, name.rpartition(".")[2]
    lines = [f"from {module} import {name.partition('.')[0]}", "", ""]
    api = subject.api.rpartition(".")[2]
    said = {n: f"={_default(subject, n)}" for n in _optional(subject)}
    arrays = [a.name for a in call.arrays]
    if call.style == "function":
        names = _ordered(subject, [*arrays, *(o.name for o in call.options)])
        head = ", ".join(n + said.get(n, "") for n in names)
        lines += [f"def {api}({head}):", f"    return {name}({_given(subject, takes.call, 'call')})"]
    else:
        options = ", ".join(o.name + said.get(o.name, "") for o in call.options if o.at == "init")
        head = ", ".join(n + said.get(n, "") for n in arrays)
        lines += [
            f"class {api if api != mine else 'Wrapped' + api}:",
            f"    def __init__(self{options and ', ' + options}):",
            f"        self.mine = {name}({_given(subject, takes.init, 'init')})",
            "",
            f"    def __call__(self, {head}):",
            f"        return self.mine({_given(subject, takes.call, 'call')})",
        ]
    return "\n".join(f"    {line}".rstrip() for line in lines)


def _given(subject: Subject, signature: Signature, place: str) -> str:
    """The arguments with which the wrapper calls the code: arrays in their order, then options by the code's names."""
    call = subject.edition.call
    arrays = [a.name for a in call.arrays if not a.optional] if place == "call" else []
    names = [o.name for o in call.options if o.at == place]
    names += [a.name for a in call.arrays if a.optional and place == "call"]
    mine = [p for p in signature.parameters or () if p.kind != "VAR_POSITIONAL"]
    first = [p for p in mine if p.kind != "KEYWORD_ONLY"][: len(arrays)]
    if {p.name for p in mine if p.named} >= set(arrays):
        written, first = [f"{n}={n}" for n in arrays], [p for p in mine if p.name in arrays]
    else:
        written = list(arrays)
    for parameter in (p for p in mine if p not in first):
        theirs = next((n for n in names if _alike(n, parameter.name)), "")
        if theirs:
            written.append(f"{parameter.name}={theirs}")
        elif parameter.must:
            written.append(f"{parameter.name}=...")
    return ", ".join(written)


def _alike(one: str, other: str) -> bool:
    return one == other or any({one, other} <= names for names in NAMED_ALIKE)


def _optional(subject: Subject) -> list[str]:
    call = subject.edition.call
    return [o.name for o in call.options if not o.required] + [a.name for a in call.arrays if a.optional]


def _default(subject: Subject, name: str) -> str:
    """The documented default of a parameter, as Python writes it."""
    option = next((o for o in subject.edition.call.options if o.name == name), None)
    return repr(option.default if option else _documented(subject).get(name))


def _documented(subject: Subject) -> dict[str, Any]:
    """Names and defaults of the parameters in their order, where a case documents them."""
    case = next((c for c in subject.cases if c.ask == "signature" and c.slug.startswith("signature")), None)
    told: Any = case.expect.data if case else ()
    return {entry["name"]: entry.get("default") for entry in told or ()}


def _ordered(subject: Subject, names: Sequence[str]) -> list[str]:
    """The names in the order of the signature, required ones first."""
    order, optional = list(_documented(subject)), _optional(subject)
    return sorted(names, key=lambda n: (n in optional, order.index(n) if n in order else len(order)))


def _words(word: str, names: Sequence[str]) -> str:
    return f"{word}{'s' if len(names) > 1 else ''} {_and(names)}"


def _and(names: Sequence[str]) -> str:
    return " and ".join((", ".join(names[:-1]), names[-1])) if len(names) > 1 else names[0]
