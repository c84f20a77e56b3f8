"""Probes: what a case asks besides values: signatures, configuration, names, training."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from lossproof.conformance.cases.outcomes import (
    conforms,
    diverges,
    kind_of,
    no_answer,
    raised,
    same_class,
    wanted_of,
)
from lossproof.conformance.cases.values import last_digit
from lossproof.conformance.families.inputs import axis_of
from lossproof.conformance.families.registry import family_of
from lossproof.conformance.judging.executor import Executor, question
from lossproof.conformance.judging.outcome import Outcome
from lossproof.conformance.judging.serialize import literal, parsed, seen
from lossproof.conformance.model.dtypes import FORMATS
from lossproof.conformance.model.subject import Subject
from lossproof.conformance.workers.protocol import Answer, Array, Question
from lossproof.specs.models import Case

STEP = 0.125
"""Length of a step down the loss, against vectors of norm near 1."""
FEW_ULPS = 4 * FORMATS["float32"].unit
"""For numbers that a probe computes, for which no bound is derived."""


def packed(case: Case) -> dict[str, Array]:
    """The arrays of a case as they travel, lists as lists."""
    return {n: Array.of(literal(a), form=a.form) for n, a in case.arrays.items()}


def asked(subject: Subject, case: Case, **more: Any) -> Question:
    """The question of a case."""
    mode = case.mode or subject.facts.mode
    return question(subject, packed(case), case.options, mode=mode, positional=case.positional, **more)


def probed(subject: Subject, case: Case, executor: Executor) -> Outcome:
    """A probe whose data is compared with the expected entries."""
    if case.expect.aliases is not None:
        answer = executor.put(asked(subject, case)) if case.arrays else Answer("value")
        return aliases(subject, case, executor, answer)
    base = asked(subject, case)
    about_names = case.ask in ("attribute", "bases", "resolve", "signature")
    init = base.init if base.init else ({} if _constructs(subject, case) else None)
    name = str(case.arguments.get("probe", case.ask))
    arguments = {k: v for k, v in case.arguments.items() if k != "probe"}
    put = Question(
        api=base.api,
        arrays={} if about_names else base.arrays,
        init=init,
        options={**arguments, **base.options},
        verb="probe",
        mode=base.mode,
        device=base.device,
        probe=name,
    )
    answer = executor.put(put)
    return _judged(case, answer)


def _judged(case: Case, answer: Answer) -> Outcome:
    """The outcome of a probe: an error expected or not, data compared entry by entry."""
    wanted = wanted_of(case)
    if early := no_answer(case, answer):
        return early
    if case.expect.raises is not None:
        return raised(case, answer)
    if answer.outcome != "value":
        kind = answer.outcome if answer.outcome in ("crash", "hang") else kind_of(case, "error")
        return diverges(case, kind, answer, wanted, seen(answer), f"the probe {case.ask} does not succeed")
    if case.expect.runs is not None:
        return conforms(case, wanted, answer.data)
    if case.expect.moves is not None:
        return _moved(case, answer, answer.data["cosine_before"], answer.data["cosine_after"])
    if case.expect.printed is not None or case.expect.value is not None:
        return _numbers(case, answer)
    observed = VIEWS.get(case.ask, lambda data: data)(answer.data)
    if case.ask == "config" and answer.data.get("same") is False:
        return diverges(
            case,
            kind_of(case),
            answer,
            wanted,
            answer.data,
            "the object rebuilt from its configuration answers otherwise",
        )
    if case.ask == "bases":
        ok = any(same_class(str(case.expect.data), name) for name in observed)
    else:
        ok = matches(case.expect.data, observed)
    if ok:
        return conforms(case, wanted, observed)
    return diverges(case, kind_of(case, "configuration"), answer, wanted, observed, "other than documented")


def _numbers(case: Case, answer: Answer) -> Outcome:
    """Numbers that a probe returned, against printed digits or exact values."""
    digits = np.asarray(
        case.expect.printed if case.expect.printed is not None else case.expect.value, dtype=object
    )
    printed = np.vectorize(lambda t: parsed(str(t)), otypes=[float])(digits)
    unit = np.abs(printed) * FEW_ULPS
    if case.expect.printed is not None:
        unit = np.vectorize(last_digit, otypes=[float])(digits)
    data = answer.data.get("value", answer.data) if isinstance(answer.data, Mapping) else answer.data
    observed = np.asarray(data, dtype=np.float64)
    if (
        observed.size == printed.size
        and (np.abs(observed.reshape(printed.shape) - printed) <= unit * (1 + 1e-9)).all()
    ):
        return conforms(case, wanted_of(case), answer.data)
    return diverges(
        case,
        kind_of(case, "documentation"),
        answer,
        wanted_of(case),
        answer.data,
        "another value than printed",
    )


def _constructs(subject: Subject, case: Case) -> bool:
    return subject.edition.call.style == "class" and case.ask not in ("bases", "resolve", "signature")


def aliases(subject: Subject, case: Case, executor: Executor, answer: Answer) -> Outcome:
    """Every alias resolves and answers as the API does."""
    base = asked(subject, case)
    missing, others = [], []
    for alias in case.expect.aliases or ():
        found = executor.put(Question(subject.api, verb="probe", probe="resolve", options={"names": [alias]}))
        if found.data is None or found.data[0]["error"]:
            missing.append(alias)
        elif case.arrays:
            theirs = executor.put(replace(base, api=alias))
            if theirs.outcome != answer.outcome or theirs.value != answer.value:
                others.append(alias)
    observed = {"missing": missing, "answers otherwise": others}
    if not missing and not others:
        return conforms(case, wanted_of(case), observed)
    parts = [f"no such name: {', '.join(missing)}"] if missing else []
    parts += [f"answers otherwise: {', '.join(others)}"] if others else []
    return diverges(case, kind_of(case, "configuration"), answer, wanted_of(case), observed, "; ".join(parts))


def _signature(data: Mapping[str, Any]) -> Any:
    """Names and defaults in order."""
    shown = []
    for entry in data["parameters"]:
        one = {"name": entry["name"]}
        if entry["has_default"]:
            one["default"] = entry["default"]
        shown.append(one)
    return shown


VIEWS: dict[str, Callable[[Any], Any]] = {
    "signature": _signature,
    "attribute": lambda data: data["value"],
    "config": lambda data: data["config"],
}


def matches(wanted: Any, found: Any) -> bool:
    """Whether data has the wanted entries: of a mapping the named ones, of a list all in order, else equality."""
    if isinstance(wanted, Mapping):
        return isinstance(found, Mapping) and all(
            k in found and matches(v, found[k]) for k, v in wanted.items()
        )
    if isinstance(wanted, list | tuple):
        return (
            isinstance(found, list | tuple) and len(wanted) == len(found) and all(map(matches, wanted, found))
        )
    if isinstance(wanted, bool) or isinstance(found, bool) or wanted is None or found is None:
        return wanted is found
    return bool(wanted == found)


def descended(subject: Subject, case: Case, executor: Executor) -> Outcome:
    """One step of gradient descent on one array, and whether the pair comes closer or moves apart."""
    inputs = family_of(subject).inputs
    moving = str(case.arguments.get("wrt", subject.names.get(inputs.roles[0], "")))
    answer = executor.put(asked(subject, case, verb="grad", wrt=moving))
    if early := no_answer(case, answer):
        return early
    if answer.outcome != "value" or answer.value is None:
        return diverges(case, "training", answer, wanted_of(case), seen(answer), "no gradient comes back")
    arrays = {n: literal(a).astype(np.float64) for n, a in case.arrays.items()}
    step = float(case.arguments.get("rate", STEP))
    moved = {
        **arrays,
        moving: arrays[moving] - step * answer.value.numpy().astype(np.float64).reshape(arrays[moving].shape),
    }
    axis = axis_of(subject, case.options)
    before, after = (
        inputs.nearness({subject.roles[n]: a for n, a in given.items()}, axis) for given in (arrays, moved)
    )
    return _moved(case, answer, before, after)


def _moved(case: Case, answer: Answer, before: float, after: float) -> Outcome:
    """Nearness before and after: it must grow for `closer` and fall for `apart`."""
    wanted = {"moves": case.expect.moves}
    moves = "closer" if after > before else "apart" if after < before else "nowhere"
    observed = {"moves": moves, "before": before, "after": after}
    if moves == case.expect.moves:
        return conforms(case, wanted, observed)
    return diverges(
        case,
        kind_of(case, "training"),
        answer,
        wanted,
        observed,
        f"the pair moves {moves}, not {case.expect.moves}",
        of_value=True,
    )
