"""A change in words: the semantic parameters behind the old answers beside those behind the new ones."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from lossproof import oracle
from lossproof.oracle.norm_rules.model import Eps, NormRule
from lossproof.reports import words

Parameters = Mapping[str, Any]
RULE: Final = "norm_rule"
EPS: Final = "eps"
ZERO: Final = "zero"
GIVEN: Final = "eps"
"""The eps of an API that takes it as an option: whichever is given."""
UNDEFINED: Final = "NaN"


def in_words(old: Parameters, new: Parameters) -> str:
    """How two sets of semantic parameters differ, in few words; "" where they do not."""
    parts = [_of_norms(old, new)] if RULE in {*old, *new} else []
    names = sorted({*old, *new} - {RULE, EPS})
    parts += [_of_one(name, old.get(name), new.get(name)) for name in names if old.get(name) != new.get(name)]
    return "; ".join(part for part in parts if part)


def of_one_side(found: Parameters, new: bool) -> str:
    """A change where parameters account for the answers of one side alone."""
    told = _behaves_as(found)
    return f"now: {told}; before: unexplained" if new else f"before: {told}; now: unexplained"


def on_inputs(predicate: str) -> str:
    """The inputs that a predicate holds of."""
    return words.behaves_as({"predicate": predicate})


def _behaves_as(parameters: Parameters) -> str:
    """Parameters in the words of a finding."""
    rest = {name: value for name, value in parameters.items() if name not in (RULE, EPS)}
    parts = [words.behaves_as({"parameters": rest})] if rest else []
    if rule := parameters.get(RULE):
        eps = parameters.get(EPS)
        parts.insert(0, oracle.norm_rule(rule).says.replace("{eps}", GIVEN if eps is None else number(eps)))
    return "; ".join(parts)


def _of_one(name: str, before: Any, after: Any) -> str:
    """How one parameter differs; None: the page does not have it, or of zero vectors, 0/0 comes."""
    if name == ZERO:
        a, b = (UNDEFINED if value is None else number(value) for value in (before, after))
        return f"a zero vector gives {b} where it gave {a}"
    if after is None:
        return _sentence("no longer", name, before)
    if before is None:
        return _sentence("now", name, after)
    return f"now: {_behaves_as({name: after})}; before: {_behaves_as({name: before})}"


def _sentence(when: str, name: str, value: Any) -> str:
    """A behaviour that comes or goes; one that has no verb of its own stands behind a colon."""
    told = _behaves_as({name: value})
    return f"{when}{':' if told.startswith(words.label(name)) else ''} {told}"


def _of_norms(old: Parameters, new: Parameters) -> str:
    """How the norm rule or its eps differs, told by how both rules use their eps."""
    if old.get(RULE) == new.get(RULE) and old.get(EPS) == new.get(EPS):
        return ""
    if not (old.get(RULE) and new.get(RULE)):  # the page of one side gives no formula
        return of_one_side(*((_norms(new), True) if new.get(RULE) else (_norms(old), False)))
    (a, before), (b, after) = ((oracle.norm_rule(side[RULE]), number(side.get(EPS))) for side in (old, new))
    if a is b:
        return f"the {_noun(a.eps)} {_place(a.eps)} changes from {before} to {after}"
    if a.norms and _told(b):
        return f"{_phrase(b.eps, after)} is new"
    if b.norms and _told(a):
        return f"{_phrase(a.eps, before)} is gone"
    if not (_told(a) and _told(b)) or (_noun(a.eps), _place(a.eps)) == (_noun(b.eps), _place(b.eps)):
        return f"now: {_behaves_as(_norms(new))}; before: {_behaves_as(_norms(old))}"
    if _noun(a.eps) == _noun(b.eps) and before == after:
        return f"{_article(a.eps)} of {before} moves {_moving(a.eps, b.eps)}"
    return f"{_phrase(a.eps, before)} becomes {_phrase(b.eps, after)}"


def _norms(parameters: Parameters) -> Parameters:
    return {name: parameters.get(name) for name in (RULE, EPS)}


def _told(rule: NormRule) -> bool:
    """Whether the place of its eps tells the rule."""
    return rule.eps is not None and not rule.eps.jump


def _noun(eps: Eps | None) -> str:
    """The word for the use that a rule makes of its eps."""
    assert eps is not None
    return "threshold" if eps.jump else "floor" if eps.kink else "eps"


def _article(eps: Eps | None) -> str:
    noun = _noun(eps)
    return f"an {noun}" if noun[0] in "aeiou" else f"a {noun}"


def _quantity(eps: Eps | None) -> str:
    """The quantity beside which an eps stands."""
    assert eps is not None
    norm = "squared norm" if eps.squared else "norm"
    return f"the product of the {norm}s" if eps.product else f"the {norm}"


def _place(eps: Eps | None) -> str:
    assert eps is not None
    return f"{'on' if eps.kink or eps.jump else 'added to'} {_quantity(eps)}"


def _moving(old: Eps | None, new: Eps | None) -> str:
    return f"from {_quantity(old)} to {_quantity(new)}"


def _phrase(eps: Eps | None, number: str) -> str:
    return f"{_article(eps)} of {number} {_place(eps)}"


def number(value: Any) -> str:
    """A number as a person writes it: 1e-7."""
    if not isinstance(value, int | float):
        return str(value)
    return re.sub(r"e([+-])0*", lambda found: f"e{found[1].strip('+')}", format(value, ".6g"))
