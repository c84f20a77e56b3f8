"""Data of a diagnosis: what reproduces wrong answers, the cause that this names, and the rows that share a cause."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from lossproof import oracle
from lossproof.conformance.judging.outcome import Failure, Mask
from lossproof.conformance.model.subject import Subject
from lossproof.reports import words
from lossproof.specs.models import KnownFinding


@dataclass(frozen=True)
class Behaviour:
    """A behaviour that reproduces wrong answers: other semantic parameters, a predicate on the inputs, or cases.

    False where nothing is known to.
    """

    settings: tuple[tuple[str, Any], ...] = ()
    """the parameters, sorted by name"""
    predicate: str = ""
    cases: tuple[str, ...] = ()
    says: str = ""
    """in words, what no parameter says"""

    @classmethod
    def of(
        cls, parameters: Mapping[str, Any] | None = None, predicate: str = "", cases: Sequence[str] = ()
    ) -> Behaviour:
        """The behaviour with these parameters, in whatever order."""
        return cls(tuple(sorted((parameters or {}).items())), predicate, tuple(cases))

    @property
    def parameters(self) -> dict[str, Any]:
        """The semantic parameters by name, in alphabetical order."""
        return dict(self.settings)

    def __bool__(self) -> bool:
        return bool(self.settings or self.predicate or self.cases or self.says)

    def as_json(self) -> dict[str, Any]:
        """The parts that say something, as findings and ledger entries hold them."""
        parts = {
            "cases": list(self.cases),
            "parameters": self.parameters,
            "predicate": self.predicate,
            "says": self.says,
        }
        return {name: part for name, part in parts.items() if part}


def in_words(parameters: Mapping[str, Any]) -> str:
    """The behaviour of code that follows these parameters, as a predicate of the code; "" for none."""
    rule = parameters.get("norm_rule")
    says = {"says": oracle.norm_rule(rule).says} if rule is not None else {}
    return words.behaves_as({"parameters": dict(parameters), **says})


@dataclass(frozen=True)
class Cause:
    """Why rows diverge; `known` is the ledger finding they belong to, with whether the version lies in its range."""

    kind: str
    severity: str
    behaves_as: Behaviour = Behaviour()
    words: str = ""
    known: KnownFinding | None = field(default=None, compare=False)
    slug: str = ""
    carried: bool = False
    weighed: bool = field(default=False, compare=False)
    """whether it was found over all answers of the API, so that no cell needs to tell it from others"""


class Explaining(Protocol):
    """A cause that tells which values it explains."""

    def explains(self, subject: Subject, failure: Failure) -> Mask:
        """The wrong values of a failure that come out as observed under it."""
        ...


@dataclass(frozen=True)
class Explained:
    """Failing rows of a cell that share a cause, and the first failure that holds some of them."""

    cause: Cause
    rows: int
    failure: Failure
    mask: Mask
    counted: bool = False
    """whether the rows are only counted under a cause that holds of their API, and not explained by it"""
    lead: Explaining | None = None
    """the leading cause of the API that explains the rows"""
