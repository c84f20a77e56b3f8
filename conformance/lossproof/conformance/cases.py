"""Cases of a spec: given inputs with what the documentation lets one expect of them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lossproof import oracle
from lossproof.conformance.asker import Asker, Reply, question
from lossproof.conformance.batches import Batch
from lossproof.conformance.dtypes import FORMATS, numpy_dtype
from lossproof.conformance.expectation import Expected, Silent, expect
from lossproof.conformance.judge import NONE, NOTHING, Judged, judge, measured, reach, ulps
from lossproof.conformance.messages import Answer, Array, Question
from lossproof.conformance.property import Failure, Outcome
from lossproof.conformance.subject import Key, Subject
from lossproof.specs.models import ArrayValues, Case

STEP = 0.125
"""Length of a step down the loss, against vectors of norm near 1."""


FEW_ULPS = 4 * FORMATS["float32"].unit
"""For numbers that a probe computes, for which no bound is derived."""


def literal(given: ArrayValues) -> NDArray[Any]:
    """The array of a case; strings are hex floats, 'nan' or 'inf'."""

    def number(value: Any) -> Any:
        if isinstance(value, list | tuple):
            return [number(v) for v in value]
        return _parsed(value) if isinstance(value, str) else value

    values = np.asarray(number(given.values)).astype(numpy_dtype(given.dtype))
    return values.reshape(given.shape) if given.shape is not None else values


def _parsed(text: str) -> float:
    return float.fromhex(text) if "x" in text.lower() else float(text)


def case_keys(subject: Subject, name: str) -> list[Key]:
    """The cells of a property that come from the spec's cases."""
    return [Key(name, "-", _dtype(c), _variant(c)) for c in subject.cases if c.property == name]


def _variant(case: Case) -> Any:
    from lossproof.conformance.subject import Variant

    return Variant(case=case.slug)


def _dtype(case: Case) -> str:
    floats = [a.dtype for a in case.arrays.values() if a.dtype in FORMATS]
    return floats[0] if floats and case.ask == "call" else "-"


def judge_case(subject: Subject, key: Key, asker: Asker) -> Outcome:
    """Ask a case and judge what came back by the one thing that it expects."""
    case = subject.case(key.variant.case)
    outcome = ASKS.get(case.ask, _probed)(subject, case, asker)
    if subject.is_silent(key) and outcome.verdict == "diverges":
        return Outcome(
            "undocumented", observed=outcome.observed, expected=outcome.expected, rows=outcome.rows, case=case
        )
    return outcome


def batch_of(case: Case) -> Batch:
    """The arrays and options of a case."""
    return Batch(
        {n: literal(a) for n, a in case.arrays.items()}, dict(case.options), label=("case", case.slug)
    )


def packed(case: Case) -> dict[str, Array]:
    """The arrays of a case as they travel, lists as lists."""
    return {n: Array.of(literal(a), form=a.form) for n, a in case.arrays.items()}


def asked(subject: Subject, case: Case, **more: Any) -> Question:
    """The question of a case."""
    mode = case.mode or subject.facts.mode
    return question(subject, packed(case), case.options, mode=mode, positional=case.positional, **more)


# --- outcomes ---


def conforms(case: Case, expected: Any, observed: Any) -> Outcome:
    """The case gives what is documented."""
    return Outcome("conforms", expected=expected, observed=observed, rows=1, case=case)


def diverges(case: Case, kind: str, answer: Answer, expected: Any, observed: Any, says: str) -> Outcome:
    """The case gives something else."""
    judged = Judged(answer, None, answer.value.numpy() if answer.value else None, NONE, NONE, NOTHING)
    failure = Failure(Reply(batch_of(case), answer, judged), np.ones(1, dtype=np.bool_), kind, says)
    return Outcome("diverges", kind, (failure,), 1, expected=expected, observed=observed, case=case)


def seen(answer: Answer) -> dict[str, Any]:
    """An answer as JSON, exact."""
    if answer.error is not None:
        return {"outcome": "error", "error": answer.error.type, "message": answer.error.message[:300]}
    if answer.value is not None:
        values = answer.value.numpy()
        shown: dict[str, Any] = {
            "outcome": "value",
            "dtype": answer.value.dtype,
            "shape": list(answer.value.shape),
        }
        if values.size <= 64:
            shown["value"] = hexed(values)
        return shown
    return {"outcome": answer.outcome, "type": answer.type, "data": answer.data, "note": answer.note}


def hexed(values: NDArray[Any]) -> Any:
    """Nested lists of exact values: hex floats, or integers."""
    if values.dtype.kind in "iub":
        return values.tolist()
    flat = [float(v).hex() for v in values.ravel().astype(np.float64)]
    return np.asarray(flat, dtype=object).reshape(values.shape).tolist()


KIND_OF = {
    "zero_vector": "zero_vector", "eps": "eps", "sign": "sign", "range": "range", "reduction": "reduction",
    "weights": "weights", "axis": "axis", "broadcasting": "broadcasting", "shape": "shape", "dtype": "dtype",
    "gradient": "gradient", "error": "error", "mutation": "mutation", "determinism": "nondeterminism",
    "configuration": "configuration", "signature": "configuration", "training": "training",
}  # fmt: skip


def kind_of(case: Case, otherwise: str = "formula") -> str:
    """The kind of a divergence of the case."""
    return case.kind or KIND_OF.get(case.property, otherwise)


# --- calls ---


def _called(subject: Subject, case: Case, asker: Asker) -> Outcome:
    answer = asker.put(asked(subject, case))
    expected = case.expect
    if "unrepeated" in answer.note:
        return Outcome("broken", note=answer.note, case=case)
    if expected.raises is not None:
        return _raised(case, answer)
    if expected.aliases is not None:
        return _aliases(subject, case, asker, answer)
    if answer.outcome != "value":
        kind = case.kind or ("error" if answer.outcome == "error" else answer.outcome)
        return diverges(case, kind, answer, _wanted(case), seen(answer), "no value comes back")
    if expected.runs is not None:
        return conforms(case, _wanted(case), seen(answer))
    if expected.returns is not None:
        names = (answer.type, *answer.bases)
        if any(_names(expected.returns, n) for n in names):
            return conforms(case, _wanted(case), {"type": answer.type})
        return diverges(
            case, kind_of(case), answer, _wanted(case), {"type": answer.type}, f"returns {answer.type}"
        )
    if answer.value is None:
        return diverges(case, case.kind or "shape", answer, _wanted(case), seen(answer), answer.note)
    if expected.shape is not None:
        ok = tuple(answer.value.shape) == tuple(expected.shape)
        says = f"shape {tuple(answer.value.shape)}"
        return conforms(case, _wanted(case), seen(answer)) if ok else diverges(
            case, kind_of(case, "shape"), answer, _wanted(case), seen(answer), says
        )  # fmt: skip
    if expected.dtype is not None:
        ok = answer.value.dtype == expected.dtype
        says = f"dtype {answer.value.dtype}"
        return conforms(case, _wanted(case), seen(answer)) if ok else diverges(
            case, kind_of(case, "dtype"), answer, _wanted(case), seen(answer), says
        )  # fmt: skip
    if expected.printed is not None:
        return _printed(subject, case, answer)
    if expected.value is not None:
        return _valued(subject, case, answer)
    if expected.data is not None:
        ok = answer.data == expected.data
        return conforms(case, expected.data, answer.data) if ok else diverges(
            case, kind_of(case), answer, _wanted(case), seen(answer), "another result"
        )  # fmt: skip
    return _by_oracle(subject, case, answer)


def _wanted(case: Case) -> dict[str, Any]:
    return {k: v for k, v in case.expect.model_dump(mode="json").items() if v is not None}


def _names(wanted: str, found: str) -> bool:
    """Whether a full or last name is the found class's."""
    return (
        found == wanted
        or found.endswith("." + wanted)
        or found.rsplit(".", 1)[-1] == wanted.rsplit(".", 1)[-1]
    )


def _raised(case: Case, answer: Answer) -> Outcome:
    wanted = {"error": list(case.expect.raises or ())}
    if answer.outcome == "error" and answer.error is not None:
        names = (answer.error.type, *answer.error.bases)
        if not case.expect.raises or any(_names(w, n) for w in case.expect.raises for n in names):
            return conforms(case, wanted, seen(answer))
        return diverges(
            case, kind_of(case, "error"), answer, wanted, seen(answer), f"raises {answer.error.type} instead"
        )
    return diverges(case, kind_of(case, "error"), answer, wanted, seen(answer), "bad input is accepted")


def _judged(subject: Subject, case: Case, answer: Answer) -> Judged:
    batch = batch_of(case)
    return judge(subject, batch.arrays, batch.options, answer)


def documented(judged: Judged) -> dict[str, Any]:
    """What is documented for a judged question: values with the bound on each, shape and dtype."""
    expected = judged.expected
    if expected is None:
        return {}
    shown: dict[str, Any] = {"shape": list(expected.shape)}
    if expected.dtype:
        shown["dtype"] = expected.dtype
    if int(np.prod(expected.shape, dtype=np.int64)) <= 64:
        bound = reach(expected, judged.flush)
        shown["value"], shown["tolerance"] = enclosed(expected), hexed(np.asarray(bound))
    return shown


def _by_oracle(subject: Subject, case: Case, answer: Answer) -> Outcome:
    judged = _judged(subject, case, answer)
    if judged.expected is None:
        return Outcome("undocumented", observed=seen(answer), note=judged.silent, rows=1, case=case)
    wanted = documented(judged)
    if judged.undefined.all() and judged.undefined.size:
        return Outcome("undocumented", observed=seen(answer), rows=1, case=case)
    wrong = judged.wrong.any() or judged.size_differs
    if not wrong:
        return conforms(case, wanted, seen(answer))
    outcome = diverges(case, kind_of(case), answer, wanted, seen(answer), "another value")
    failure = Failure(Reply(batch_of(case), answer, judged), judged.wrong, kind_of(case))
    ratio = float(np.nanmax(judged.ratio, initial=0.0))
    error = None if judged.size_differs else float(np.nanmax(ulps(judged), initial=0.0))
    return Outcome(
        "diverges", outcome.kind, (failure,), 1, error, ratio, "none", wanted, seen(answer), case=case
    )


def enclosed(expected: Expected) -> Any:
    """The documented values as nested hex floats: the float64 in the middle of each enclosure (at most 2 ulp wide)."""
    lower, upper = np.asarray(expected.value.lower), np.asarray(expected.value.upper)
    return hexed(lower + (upper - lower) / 2)


def _valued(subject: Subject, case: Case, answer: Answer) -> Outcome:
    """Exact values: within the bound of the documented formula where there is one, else equal."""
    assert answer.value is not None
    values = case.expect.value
    wanted = literal(ArrayValues(values=values, dtype="float64"))
    observed = answer.value.numpy().astype(np.float64)
    if observed.size != wanted.size:
        return diverges(
            case, case.kind or "shape", answer, _wanted(case), seen(answer), "another number of values"
        )
    reach = _reach(subject, case, wanted.shape, answer.value.dtype)
    said = {"value": hexed(wanted), "tolerance": hexed(reach)}
    with np.errstate(all="ignore"):
        near = np.abs(observed.reshape(wanted.shape) - wanted) <= reach
    same = (
        near
        | (np.isnan(wanted) & np.isnan(observed.reshape(wanted.shape)))
        | (observed.reshape(wanted.shape) == wanted)
    )
    if same.all():
        return conforms(case, said, seen(answer))
    return diverges(case, kind_of(case), answer, said, seen(answer), "another value")


def _reach(subject: Subject, case: Case, shape: tuple[int, ...], dtype: str) -> NDArray[np.float64]:
    """The bound of the documented formula on the case's inputs, a few ulps where there is no formula."""
    batch = batch_of(case)
    try:
        expected = expect(subject, batch.arrays, batch.options)
        reach = np.asarray(oracle.bound(expected.value, expected.compute, "G2"))
        return np.nan_to_num(reach.reshape(shape), nan=0.0, posinf=0.0)
    except (Silent, ValueError):
        return np.full(shape, 4 * FORMATS[dtype].unit if dtype in FORMATS else 0.0)


def _printed(subject: Subject, case: Case, answer: Answer) -> Outcome:
    """Digits as the document prints them, met within one unit of the last one or within the bound of the exact value.

    A printed number that is no rounding of the exact value, and farther from it than the bound, contradicts the
    formula.
    """
    assert answer.value is not None
    digits = np.asarray(case.expect.printed, dtype=object)
    printed = np.vectorize(lambda t: float(str(t)), otypes=[float])(digits)
    unit = np.vectorize(last_digit, otypes=[float])(digits)
    observed = answer.value.numpy().astype(np.float64)
    if observed.size != printed.size:
        return diverges(
            case, "shape", answer, _wanted(case), seen(answer), "another number of values than printed"
        )
    met = np.abs(observed.reshape(printed.shape) - printed) <= unit * (1 + 1e-9)
    contradicted = np.zeros(printed.shape, dtype=np.bool_)
    batch = batch_of(case)
    exact: Any = None
    try:
        expected = expect(subject, batch.arrays, batch.options)
    except (Silent, ValueError):
        expected = None
    if expected is not None and int(np.prod(expected.shape, dtype=np.int64)) == printed.size:
        wrong, _ = measured(
            observed.reshape(expected.shape).astype(numpy_dtype(answer.value.dtype)), expected
        )
        met = met | ~wrong.reshape(printed.shape)
        reach = np.maximum(
            np.asarray(oracle.bound(expected.value, expected.compute, "G2")).reshape(printed.shape), unit / 2
        )
        contradicted = ~np.asarray(
            oracle.within(printed.reshape(expected.shape), expected.value, reach.reshape(expected.shape))
        )
        contradicted = contradicted.reshape(printed.shape)
        exact = enclosed(expected)
    wanted = {"printed": case.expect.printed, **({"exact": exact} if exact is not None else {})}
    if not met.all():
        return diverges(
            case, kind_of(case), answer, wanted, seen(answer), "neither the printed nor the exact value"
        )
    if contradicted.any():
        return diverges(
            case,
            "documentation",
            answer,
            wanted,
            seen(answer),
            "the printed digits are not those of the documented formula",
        )
    return conforms(case, wanted, seen(answer))


def last_digit(text: Any) -> float:
    """One unit of the last digit of a printed number: 0.001 for -0.999."""
    try:
        exponent = Decimal(re.sub(r"\.$", "", str(text))).as_tuple().exponent
    except InvalidOperation:
        return 0.0
    return float(10.0**exponent) if isinstance(exponent, int) else 0.0


def _aliases(subject: Subject, case: Case, asker: Asker, answer: Answer) -> Outcome:
    """Every alias resolves and answers as the API does."""
    from dataclasses import replace

    base = asked(subject, case)
    missing, others = [], []
    for alias in case.expect.aliases or ():
        found = asker.put(Question(subject.api, verb="probe", probe="resolve", options={"names": [alias]}))
        if found.data is None or found.data[0]["error"]:
            missing.append(alias)
        elif case.arrays:
            theirs = asker.put(replace(base, api=alias))
            if theirs.outcome != answer.outcome or theirs.value != answer.value:
                others.append(alias)
    observed = {"missing": missing, "answers otherwise": others}
    if not missing and not others:
        return conforms(case, _wanted(case), observed)
    parts = [f"no such name: {', '.join(missing)}"] if missing else []
    parts += [f"answers otherwise: {', '.join(others)}"] if others else []
    return diverges(case, kind_of(case, "configuration"), answer, _wanted(case), observed, "; ".join(parts))


# --- probes ---


def _probed(subject: Subject, case: Case, asker: Asker) -> Outcome:
    """A probe whose data is compared with the expected entries."""
    if case.expect.aliases is not None:
        answer = asker.put(asked(subject, case)) if case.arrays else Answer("value")
        return _aliases(subject, case, asker, answer)
    base = asked(subject, case)
    about_names = case.ask in ("attribute", "bases", "resolve", "signature")
    init = base.init if base.init else ({} if _constructs(subject, case) else None)
    name = str(case.arguments.get("probe", case.ask))
    arguments = {k: v for k, v in case.arguments.items() if k != "probe"}
    put = Question(
        base.api,
        {} if about_names else base.arrays,
        init,
        {**arguments, **base.options},
        "probe",
        base.mode,
        probe=name,
    )
    answer = asker.put(put)
    return probed_outcome(case, answer)


def probed_outcome(case: Case, answer: Answer) -> Outcome:
    """The outcome of a probe: an error expected or not, data compared entry by entry."""
    wanted = _wanted(case)
    if case.expect.raises is not None:
        return _raised(case, answer)
    if answer.outcome != "value":
        kind = answer.outcome if answer.outcome in ("crash", "hang") else kind_of(case, "error")
        if answer.error is not None and answer.error.type.endswith("Unsupported"):
            return Outcome("unsupported", observed=seen(answer), note=answer.error.message, case=case)
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
        ok = any(_names(str(case.expect.data), name) for name in observed)
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
    printed = np.vectorize(lambda t: _parsed(str(t)), otypes=[float])(digits)
    unit = np.abs(printed) * FEW_ULPS
    if case.expect.printed is not None:
        unit = np.vectorize(last_digit, otypes=[float])(digits)
    data = answer.data.get("value", answer.data) if isinstance(answer.data, Mapping) else answer.data
    observed = np.asarray(data, dtype=np.float64)
    if (
        observed.size == printed.size
        and (np.abs(observed.reshape(printed.shape) - printed) <= unit * (1 + 1e-9)).all()
    ):
        return conforms(case, _wanted(case), answer.data)
    return diverges(
        case, kind_of(case, "documentation"), answer, _wanted(case), answer.data, "another value than printed"
    )


def _constructs(subject: Subject, case: Case) -> bool:
    return subject.edition.call.style == "class" and case.ask not in ("bases", "resolve", "signature")


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


# --- training ---


def _descended(subject: Subject, case: Case, asker: Asker) -> Outcome:
    """One step of gradient descent on one array, and whether the pair comes closer or moves apart."""
    roles = {a.role: a.name for a in subject.edition.call.arrays}
    moving = str(case.arguments.get("wrt", roles.get("x", roles.get("distances", ""))))
    answer = asker.put(asked(subject, case, verb="grad", wrt=moving))
    if answer.outcome != "value" or answer.value is None:
        return diverges(case, "training", answer, _wanted(case), seen(answer), "no gradient comes back")
    arrays = {n: literal(a).astype(np.float64) for n, a in case.arrays.items()}
    step = float(case.arguments.get("rate", STEP))
    moved = {
        **arrays,
        moving: arrays[moving] - step * answer.value.numpy().astype(np.float64).reshape(arrays[moving].shape),
    }
    if "x" not in roles:
        return _moved(case, answer, -float(np.mean(arrays[moving])), -float(np.mean(moved[moving])))
    option = subject.option("axis")
    axis = case.options.get(option.name, option.default) if option else -1
    axis = -1 if axis is None else int(axis)
    before, after = (_mean_cosine(a[roles["x"]], a[roles["y"]], axis) for a in (arrays, moved))
    return _moved(case, answer, before, after)


def _mean_cosine(x: NDArray[np.float64], y: NDArray[np.float64], axis: int) -> float:
    return float(np.mean((x * y).sum(axis) / np.sqrt((x * x).sum(axis) * (y * y).sum(axis))))


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
    )


ASKS: dict[str, Callable[[Subject, Case, Asker], Outcome]] = {"call": _called, "descend": _descended}
