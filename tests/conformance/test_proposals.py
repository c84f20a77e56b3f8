"""Proposals for the ledger: each entry's witness is asked again, and its rule compared with the diagnosis of today."""

from __future__ import annotations

from typing import Any

from lossproof.conformance.runs.proposal import proposal
from lossproof.conformance.runs.proposals import entered, table
from lossproof.specs.models import KnownFinding

from .fake_sessions import in_place_of, session_of

WITNESS = {
    "api": "faulty.add_squared",
    "arrays": {
        "x1": {"values": [[0.0001220703125, 0.0]], "dtype": "float32"},
        "x2": {"values": [[1.0, 0.0]], "dtype": "float32"},
    },
    "answer": {"value": ["0x1.0p-1"], "dtype": "float32"},
}


def entry(**behaves: Any) -> KnownFinding:
    return KnownFinding.model_validate(
        {
            "slug": "fake-eps-added", "title": "adds eps", "framework": "fake", "package": "fake", "versions": ">=1",
            "apis": ["faulty.add_squared"], "kind": "eps", "severity": "S2", "behaves_as": behaves,
            "witness": WITNESS, "reason": "a fake adds eps to each squared norm, as the tests want it",
        }
    )  # fmt: skip


def proposed(worker: Any, known: KnownFinding) -> Any:
    session = session_of(worker, [in_place_of("faulty.cosine_similarity", "add_squared")], [known])
    return proposal(session, known)


def test_an_entry_that_the_diagnosis_confirms(worker: Any) -> None:
    found = proposed(worker, entry(parameters={"norm_rule": "add_squared"}))
    assert (found.state, found.holds) == ("same", True)
    assert not found.outdated


def test_an_entry_that_no_longer_reproduces_its_answer(worker: Any) -> None:
    found = proposed(worker, entry(parameters={"norm_rule": "raw"}))
    assert (found.state, found.holds) == ("differs", False)
    assert found.outdated
    assert found.found.parameters == {"norm_rule": "add_squared"}
    assert "does not reproduce it" in table([found])
    assert max(map(len, table([found]).splitlines())) <= 80


def test_a_proposal_is_entered_and_comments_stay() -> None:
    text = "findings:\n  # seen by hand\n  - slug: a\n    behaves_as:\n      predicate: empty\n  - slug: b\n"
    after, done = entered(text, {"a": {"parameters": {"norm_rule": "raw"}}})
    assert done == ["a"]
    assert "# seen by hand" in after
    assert "norm_rule: raw" in after
    assert "predicate" not in after
    assert entered(text, {"c": {}}) == (text, [])
