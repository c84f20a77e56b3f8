"""The ledger's causes: which of its findings may show in a cell, and which wrong values they explain."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from lossproof.conformance.diagnosis.matching import (
    Mask,
    explained,
    holding,
)
from lossproof.conformance.diagnosis.model import Behaviour, Cause
from lossproof.conformance.judging.outcome import Failure
from lossproof.conformance.model.subject import CellKey, Subject
from lossproof.specs import covers
from lossproof.specs.models import KnownFinding


def applicable(subject: Subject, key: CellKey, ledger: Sequence[KnownFinding]) -> Iterator[KnownFinding]:
    """The findings of the ledger that may show in a cell."""
    facts = subject.facts
    dtypes = (key.dtype, *key.variant.dtypes)
    for finding in ledger:
        if (
            subject.api in finding.apis
            and (not finding.properties or key.property in finding.properties)
            and (not finding.regions or key.region in finding.regions)
            and (not finding.dtypes or any(d in finding.dtypes for d in dtypes))
            and facts.may_show(finding)
            and finding.package in facts.packages
        ):
            yield finding


def in_range(finding: KnownFinding, packages: Mapping[str, str]) -> bool:
    """Whether the target's version lies in the range in which the finding was seen."""
    return finding.package in packages and covers(finding.versions, packages[finding.package])


def cause_of(subject: Subject, finding: KnownFinding) -> Cause:
    """A finding of the ledger as a cause."""
    behaves = finding.behaves_as
    carried = not in_range(finding, subject.facts.packages)
    return Cause(
        kind=finding.kind,
        severity=finding.severity,
        behaves_as=Behaviour.of(behaves.parameters, behaves.predicate or "", behaves.cases),
        words=finding.title,
        known=finding,
        slug=finding.slug,
        carried=carried,
    )


def matches(subject: Subject, key: CellKey, failure: Failure, finding: KnownFinding) -> Mask:
    """Which of the failing rows answer as the ledger finding says."""
    behaves = finding.behaves_as
    if key.variant.case:
        return np.full_like(failure.wrong, key.variant.case in behaves.cases)
    match = np.ones_like(failure.wrong)
    if not (behaves.parameters or behaves.predicate):
        return ~match
    if (
        failure.reply.judged.expected is None or failure.says
    ):  # an error, a crash, changed inputs: no value to explain
        if behaves.parameters or failure.kind != finding.kind or not behaves.predicate:
            return ~match
        return match & holding(subject, failure, behaves.predicate)
    if behaves.parameters:
        match = match & explained(subject, failure, behaves.parameters)
    if behaves.predicate:
        match = match & holding(subject, failure, behaves.predicate)
    return match


def known_to(subject: Subject, key: CellKey, failure: Failure, ledger: Sequence[KnownFinding]) -> Mask:
    """The wrong values of a failure that findings of the ledger explain."""
    found = np.zeros_like(failure.wrong)
    for finding in applicable(subject, key, ledger):
        found |= matches(subject, key, failure, finding)
    return found
