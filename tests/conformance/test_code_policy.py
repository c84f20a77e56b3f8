"""The cells that are asked of a user's code, and those that it lacks a documented parameter for."""

from __future__ import annotations

import pytest

from lossproof.conformance.cases.cases import case_keys
from lossproof.conformance.model.subject import CellKey, Subject, TargetInfo
from lossproof.conformance.usercode.fit import Signature, Takes
from lossproof.conformance.usercode.policy import _names
from lossproof.specs import load_specs

(SPEC,) = (s for s in load_specs() if s.api == "tf.keras.losses.CosineSimilarity")
SUBJECT = Subject(TargetInfo("t", "tensorflow", "1"), SPEC, SPEC.editions[-1])
CALL = SUBJECT.edition.call


def names_of(slug: str) -> list[str]:
    """The documented names that a case asks with."""
    case = SUBJECT.case(slug)
    assert any(key.variant.case == slug for key in case_keys(SUBJECT, case.property))
    return _names(CellKey(case.property), SUBJECT, case)


def test_the_arrays_of_a_layer_that_is_trained_are_no_parameters_of_the_code() -> None:
    case = SUBJECT.case("compile-and-fit")
    assert {"inputs", "targets"} <= set(case.arrays)
    assert not {"inputs", "targets", "weights"} & set(names_of("compile-and-fit"))
    pair = Signature.of([(name, "POSITIONAL_OR_KEYWORD", False) for name in ("y_true", "y_pred")])
    assert Takes(call=pair).lacks(SUBJECT, names_of("compile-and-fit")) == ""
    assert Takes(call=pair).lacks(SUBJECT, ["sample_weight"]) == "sample_weight"


@pytest.mark.parametrize("case", [c for c in SUBJECT.cases if c.ask == "call"], ids=lambda c: c.slug)
def test_a_call_asks_with_the_documented_parameters_that_it_gives(case: object) -> None:
    known = {*SUBJECT.roles, *(option.name for option in CALL.options)}
    given = {*case.options, *case.arrays}  # type: ignore[attr-defined]
    assert set(names_of(case.slug)) == given & known  # type: ignore[attr-defined]
