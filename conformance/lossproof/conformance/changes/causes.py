"""Why answers changed: for each side the semantic parameters under which its answers to the changed cells come out.

Those are the documented ones, those of a finding of the side, or those of the catalogue. One set of parameters that
accounts for the answers of many cells of an API goes before others that account for few.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from lossproof import oracle
from lossproof.conformance.changes.model import RowKey, Seen, Side
from lossproof.conformance.changes.naming import (
    EPS,
    GIVEN,
    RULE,
    Parameters,
    in_words,
    of_one_side,
    on_inputs,
)  # fmt: skip
from lossproof.conformance.changes.redrawn import Put, Puts, as_failure, puts_of
from lossproof.conformance.diagnosis.effort import Budget
from lossproof.conformance.diagnosis.hypotheses import hypotheses
from lossproof.conformance.families import kinds
from lossproof.conformance.families.formula import Chosen
from lossproof.conformance.families.regions.registry import of
from lossproof.conformance.judging import memory

Finding = Mapping[str, Any]
Question = tuple[str, ...]
"""A changed cell without its property: cells of several properties share their answers."""
NEW = "new"
"""The status of a finding that the ledger does not have."""
FIXED = "fixed"
BY_PAGE = ("newly diverging", FIXED)
"""The classes of change that are told by a finding of one side, which has a severity of its own."""
CALLS, ROWS = 1000, 64_000
"""Hypotheses of the catalogue that one comparison may try, and values that they may be worked out for."""


@dataclass(frozen=True)
class Known:
    """Semantic parameters, and the kind of divergence that they were found as; the documented ones have none."""

    parameters: Parameters
    kind: str = ""


@dataclass(frozen=True)
class Fit:
    """Parameters that account for a side's answers to a cell, and for how many values of these."""

    known: Known
    values: int


DOCUMENTED = Known({})
Behind = tuple[Known | None, Known | None]
"""The parameters behind the answers of the old and of the new side; None where none are known."""


def explained(old: Side, new: Side, seen: Sequence[Seen]) -> list[Seen]:
    """The changed cells, named by the parameters behind both sides where these are known, once for each cell."""
    asked = {question(one.key): one.key for one in reversed(seen) if _vague(one, old, new)}
    puts = {name: found for name, key in asked.items() if (found := puts_of(old, new, key))}
    budget, behind = Budget(CALLS, ROWS), dict[Question, Behind]()
    with memory.Memory().in_use():
        for api in sorted({name[0] for name in puts}):
            mine = {name: found for name, found in puts.items() if name[0] == api}
            sides = [_behind(side, api, mine, i, budget) for i, side in enumerate((old, new))]
            behind |= {name: (sides[0].get(name), sides[1].get(name)) for name in mine}
    named = [
        _named(one, puts[name], behind[name], _finding(one, old, new))
        if (name := question(one.key)) in puts and _vague(one, old, new)
        else one
        for one in seen
    ]
    named = [_adopted(one, named, behind, _finding(one, old, new)) for one in named]
    return list({(one.key, one.cause): one for one in reversed(named)}.values())[::-1]


def _finding(one: Seen, old: Side, new: Side) -> Finding:
    """The finding that tells of a cell which diverges on one side; nothing of other cells."""
    side = old if one.kind_of_change == FIXED else new
    return side.findings.get(one.cause[0], {}) if one.kind_of_change in BY_PAGE else {}


def _adopted(one: Seen, named: Sequence[Seen], behind: Mapping[Question, Behind], finding: Finding) -> Seen:
    """A cell that its finding alone tells of, named as the API's other cells are whose parameters are the finding's.

    The rows that diverge may be none of those whose values were kept.
    """
    known, wrong = _of_finding(finding), int(one.kind_of_change != FIXED)
    for other in named if known and not one.behaves else ():
        pair: Behind = behind.get(question(other.key), (None, None))
        if other.behaves and other.key[0] == one.key[0] and all(pair) and pair[wrong] == known:
            return replace(one, cause=other.cause, title=other.title, behaves=other.behaves)
    return one


def _of_finding(finding: Finding) -> Known | None:
    """The parameters that a finding names, if it does."""
    parameters = (finding.get("behaves_as") or {}).get("parameters")
    return Known(dict(parameters), str(finding.get("kind") or "")) if parameters else None


def _vague(one: Seen, old: Side, new: Side) -> bool:
    """Whether parameters may say more of a changed cell than is said of it.

    They may where values differ in some way, and where a finding has parameters: another tells of inputs or cases.
    """
    if one.moved is None:
        return False
    if finding := _finding(one, old, new):
        return _of_finding(finding) is not None
    kind = kinds.named(one.moved.kind)
    return kind.vague or kind.told_by_region


def question(key: RowKey) -> Question:
    """The question of a cell, of whichever property."""
    return (key[0], *key[2:])


def _behind(
    side: Side, api: str, puts: Mapping[Question, Puts], which: int, budget: Budget
) -> dict[Question, Known]:
    """The parameters behind a side's answers to the changed cells of an API, where some are known."""
    known = [DOCUMENTED]
    findings = [f for f in side.findings.values() if api in f.get("apis", ())]
    findings.sort(key=lambda f: -int(f.get("cells") or 0))  # of those that fit as well, the one seen most
    known += [found for finding in findings if (found := _of_finding(finding))]
    fits = {q: _fitting(asked, which, known) for q, asked in puts.items()}
    for name in puts:
        if not fits[name] and (found := _of_catalogue(puts[name], which, budget)):
            fits = {q: [*fitting, *_fitting(puts[q], which, [found])] for q, fitting in fits.items()}
    cells, values = Counter[int](), Counter[int]()
    for fit in (fit for fitting in fits.values() for fit in fitting):
        cells[id(fit.known)] += 1
        values[id(fit.known)] += fit.values

    def most(fit: Fit) -> tuple[int, int]:
        """The cells, and the values that were kept, for which parameters account in the whole API."""
        return cells[id(fit.known)], values[id(fit.known)]

    return {q: max(fitting, key=most).known for q, fitting in fits.items() if fitting}


def _fitting(puts: Puts, which: int, known: Sequence[Known]) -> list[Fit]:
    """Those that give what a side answered where both differ, and not what the other one did."""
    return [Fit(k, values) for k in known if (values := _accounted(puts, which, k))]


def _accounted(puts: Puts, which: int, known: Known) -> int:
    """The values of a side for which parameters account; 0 where they do not tell it from the other side."""
    values, other = 0, True
    for pair in puts:
        put = pair[which]
        mine = put.comes_out(known.parameters, put.answer)
        if not mine[put.differs].all():
            return 0
        values += int(mine.sum())
        other = other and bool(put.comes_out(known.parameters, pair[1 - which].answer)[put.differs].all())
    return 0 if other else values


def _of_catalogue(puts: Puts, which: int, budget: Budget) -> Known | None:
    """The first hypothesis of the catalogue that accounts for a side's answers to a cell."""
    put = puts[0][which]
    failure = None if of(put.subject, put.key.region).extreme else as_failure(put)
    if failure is None:
        return None  # at the extremes many a rule gives the 0 that underflow gives
    for kind, parameters in hypotheses(put.subject, put.key, failure):
        if not budget.spend(failure.wrong.size):
            return None
        if _accounted(puts, which, found := Known(parameters, kind)):
            return found
    return None


# --- named ---

WHERE = (
    "integer_input", "nonfinite", "zero_norm", "squared_norm_underflows", "squared_norm_overflows",
    "squared_product_underflows", "squared_product_overflows",
)  # fmt: skip
"""Predicates that may hold of all inputs whose answers changed, where no parameters tell why."""
ASKABLE = frozenset({"dtypes", "ranks", "inputs", "integers"})
"""The parameters that say what may be asked, and not what comes."""


def _named(one: Seen, puts: Puts, behind: Behind, finding: Finding) -> Seen:
    """A changed cell, named by the parameters behind both sides; it is not S1 where no input is of ordinary size."""
    gravest = "S1" if one.kind_of_change in BY_PAGE or any(put.ordinary() for put, _ in puts) else "S2"
    milder = replace(one, severity=max(one.severity, gravest))
    sides = _parameters(puts[0], behind)
    if sides is None:
        return _half_named(milder, puts, behind)
    if DOCUMENTED in behind and finding.get("status", NEW) != NEW:
        return replace(one, behaves=_kept(sides))  # a person named it, in the ledger
    words = in_words(*sides)
    if not words:
        return milder
    told = [k.kind for k in reversed(behind) if k and k.kind] or [one.kind]
    kind = min(told, key=lambda name: kinds.severity(name, one.key[2]))
    severity = one.severity
    if one.kind_of_change not in BY_PAGE:
        severity = max(kinds.severity(kind, one.key[2]), gravest)
    return replace(one, severity=severity, cause=(words,), kind=kind, title=words, behaves=_kept(sides))


def _half_named(one: Seen, puts: Puts, behind: Behind) -> Seen:
    """A changed cell of which another rule is known on one side alone, or the inputs on which answers changed."""
    if one.kind_of_change in BY_PAGE:
        return one
    known = [k for k in behind if k and k.parameters]
    if len(known) == 1:
        new = behind[1] is known[0]
        words = of_one_side(known[0].parameters, new)
        sides = ({}, known[0].parameters) if new else (known[0].parameters, {})
        return replace(one, cause=(words, one.key[0]), title=words, behaves=sides)
    where = next((name for name in WHERE if all(put.holds(name) for put, _ in puts)), "")
    return replace(one, title=f"{one.title} {on_inputs(where)}", cause=(*one.cause, where)) if where else one


def _kept(sides: Sequence[Parameters]) -> tuple[Parameters, ...]:
    """Parameters as findings have them: without an eps that is given, or that a rule does not have."""
    return tuple({n: v for n, v in side.items() if n != EPS or isinstance(v, int | float)} for side in sides)


def _parameters(pair: tuple[Put, Put], behind: Behind) -> tuple[Parameters, Parameters] | None:
    """The parameters that differ between both sides; None where those of a side are not known."""
    a, b = behind
    if a is None or b is None:
        return None
    for given in (True, False):  # the eps as an option, else the one that was asked with
        mine, theirs = (_whole(put, k.parameters, given) for put, k in zip(pair, (a, b), strict=True))
        names = {n for n in {*mine, *theirs} if mine.get(n) != theirs.get(n)}
        if names:
            break
    if names & {RULE, EPS}:
        names |= {RULE, EPS}
    old, new = ({n: side[n] for n in sorted(names) if n in side} for side in (mine, theirs))
    return old, new


def _whole(put: Put, found: Parameters, given: bool) -> dict[str, Any]:
    """The documented parameters of a side with those that were found in their place."""
    semantics, subject = put.subject.semantics, put.subject
    fields = set(type(semantics).model_fields) - ASKABLE
    own = {name: value for name, value in found.items() if name in fields}
    chosen = Chosen(subject, semantics.model_copy(update=own), put.batch.options, found)
    whole = {
        **{name: chosen.semantics.fixed(name) for name in fields},
        **found,
        "reduction": chosen.reduction(),
    }
    if whole.get(RULE) is None:
        return {name: value for name, value in whole.items() if name not in (RULE, EPS)}
    if oracle.norm_rule(whole[RULE]).eps is None:
        return {**whole, EPS: None}
    option = subject.option("eps") is not None and EPS not in found
    return {**whole, EPS: GIVEN if given and option else chosen.eps()}
