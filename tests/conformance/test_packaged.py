"""The packaged specs and ledger, as the engine sees them; no worker is started."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from lossproof.conformance.families.regions.registry import of
from lossproof.conformance.judging.comparison import explains, judge_answer, measured
from lossproof.conformance.judging.expectation import expect
from lossproof.conformance.model.dtypes import FORMATS
from lossproof.conformance.model.subject import CellKey, Subject, TargetInfo, selects
from lossproof.conformance.properties.registry import cells, properties
from lossproof.conformance.questions.batches import batches
from lossproof.conformance.workers.protocol import Answer, Array
from lossproof.specs import load_ledger, load_specs
from lossproof.specs.models import KnownFinding

SPECS = load_specs()
LEDGER = load_ledger().findings
CELLS = 2500
"""At most so many cells a target (design, section 5)."""


def subjects() -> Iterator[Subject]:
    """Every edition of every packaged spec."""
    for spec in SPECS:
        for edition in spec.editions:
            facts = TargetInfo("test", spec.framework, "1", packages={edition.package: "1"})
            yield Subject(facts, spec, edition)


SUBJECTS = {f"{s.api}-{s.edition.slug}": s for s in subjects()}


@pytest.fixture(params=sorted(SUBJECTS))
def subject(request: pytest.FixtureRequest) -> Subject:
    found: Subject = SUBJECTS[request.param]
    return found


def test_every_claim_is_decided_by_a_cell(subject: Subject) -> None:
    keys = cells(subject)
    undecided = [
        claim.slug
        for claim in subject.claims
        if not any(selects(d, key) for d in claim.decided_by for key in keys)
    ]
    assert not undecided


def test_every_case_is_a_cell(subject: Subject) -> None:
    asked = {key.variant.case for key in cells(subject)} - {""}
    assert asked == {case.slug for case in subject.cases}


def test_cells_are_told_apart_and_sorted(subject: Subject) -> None:
    keys = cells(subject)
    assert len({key.sort for key in keys}) == len(keys)
    assert keys == sorted(keys, key=lambda key: key.sort)
    assert {key.property for key in keys} <= set(properties())


def test_a_selection_of_properties_selects_among_the_same_cells(subject: Subject) -> None:
    everything = cells(subject)
    for name in properties():
        assert cells(subject, [name]) == [key for key in everything if key.property == name]


@pytest.mark.parametrize("framework", sorted({spec.framework for spec in SPECS}))
def test_a_target_has_no_more_cells_than_allowed(framework: str) -> None:
    most: dict[str, int] = {}  # one edition of an API at a time
    for subject in SUBJECTS.values():
        if subject.spec.framework == framework:
            most[subject.api] = max(most.get(subject.api, 0), len(cells(subject)))
    assert 0 < sum(most.values()) <= CELLS, most


@pytest.mark.parametrize("known", LEDGER, ids=lambda known: known.slug)
def test_a_ledger_finding_is_about_what_exists(known: KnownFinding) -> None:
    specs = {spec.api: spec for spec in SPECS}
    assert set(known.apis) <= set(specs)
    assert known.witness.api in known.apis
    slugs = {case.slug for api in known.apis for case in specs[api].cases}
    assert set(known.behaves_as.cases) <= slugs
    assert {specs[api].framework for api in known.apis} == {known.framework}
    asked = specs[known.witness.api]
    if known.witness.case is not None:
        assert known.witness.case in {case.slug for case in asked.cases}
    else:
        names = {a.name for e in asked.editions for a in e.call.arrays}
        assert set(known.witness.arrays) <= names
    assert known.witness.answer or known.witness.case, "arrays without a pinned answer prove nothing"


# --- a bound that accepts everything proves nothing (design, section 4) ---


def value_cells(subject: Subject) -> Iterator[CellKey]:
    for key in properties()["value"].cells_of(subject):
        if not subject.is_silent(key) and not of(subject, key.region).refusable:
            yield key


def distinct() -> dict[str, Subject]:
    """One edition for each set of semantic parameters of a family: the bound depends on nothing else."""
    found: dict[str, Subject] = {}
    for _, subject in sorted(SUBJECTS.items()):
        eps = subject.option("eps")
        words = (subject.spec.family, subject.semantics.model_dump_json(), eps.default if eps else None)
        found.setdefault(str(words), subject)
    return {f"{s.api}-{s.edition.slug}": s for s in found.values()}


DISTINCT = distinct()


@pytest.mark.parametrize("name", sorted(n for n, s in DISTINCT.items() if any(value_cells(s))))
def test_no_value_cell_accepts_everything(name: str) -> None:
    """0, -c and 1 - c are rejected somewhere in every value cell, by the measure of the comparison.

    But for those that are right in the whole cell, to within 16 u: 0 and -c where the value is 0.
    """
    subject = DISTINCT[name]
    for key in value_cells(subject):
        rejected = {"zero": False, "negated": False, "complement": False}
        furthest = dict.fromkeys(rejected, 0.0)
        unit = 0.0
        for batch in batches(subject, key.region, key.dtype, key.variant, 8, 0):
            expected = expect(subject, batch.arrays, batch.options)
            unit = FORMATS[expected.compute].unit
            exact = (np.asarray(expected.value.lower) + np.asarray(expected.value.upper)) / 2
            wrongs = {"zero": np.zeros_like(exact), "negated": -exact, "complement": 1 - exact}
            for wrong, values in wrongs.items():
                if not rejected[wrong]:
                    mask, _ = measured(values, expected, flush=not of(subject, key.region).flush_counts)
                    rejected[wrong] = bool(mask.any())
                    furthest[wrong] = float(
                        np.fmax.reduce(np.abs(values - exact), None, initial=furthest[wrong])
                    )
            if all(rejected.values()):
                break
        accepted = {wrong for wrong, found in rejected.items() if not found}
        assert all(0 < furthest[wrong] <= 16 * unit or key.region == "orthogonal" for wrong in accepted), (
            str(key), accepted, furthest,
        )  # fmt: skip
        assert "complement" not in accepted, str(key)


def test_the_documented_rule_explains_itself() -> None:
    """The exact value, rounded, is right under the documented parameters and wrong under the negated ones."""
    subject = next(s for s in SUBJECTS.values() if s.semantics.fixed("score") == "similarity")
    (batch,) = batches(subject, "parallel", "float32", subject.row_wise, 1, 0)
    expected = expect(subject, batch.arrays, batch.options)
    answer = Answer("value", Array.of(expected.value.rounded("float32")))
    judged = judge_answer(subject, batch.arrays, batch.options, answer)
    assert not judged.wrong.any()
    assert explains(subject, batch.arrays, batch.options, judged, {"score": "similarity"}).all()
    assert not explains(subject, batch.arrays, batch.options, judged, {"score": "negated"}).any()
