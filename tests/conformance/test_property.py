"""A property's cells: none of an API that lacks what the property needs, and rows with a value each elsewhere."""

from __future__ import annotations

from typing import Any

import pytest

from lossproof.conformance.judging.outcome import FLOATS, Outcome, Property, nowhere, row_wise
from lossproof.conformance.model.subject import CellKey, Subject, TargetInfo
from lossproof.conformance.properties.registry import cells, properties
from lossproof.specs import load_specs

SUBJECTS = {
    spec.api: Subject(TargetInfo(spec.framework, spec.framework, "0"), spec, spec.editions[-1])
    for spec in load_specs()
}
PAIRS = SUBJECTS["torch.nn.functional.cosine_similarity"]
DISTANCES = SUBJECTS["tfa.losses.ContrastiveLoss"]


def asked(cells: Any, *needs: str) -> Property:
    """A property with these cells."""
    return Property("value", "formula", "", cells, lambda *_: Outcome("conforms"), needs)


@pytest.mark.parametrize("api", sorted(SUBJECTS))
@pytest.mark.parametrize("name", ["axis", "weights"])
def test_an_api_has_cells_where_it_has_what_is_needed(api: str, name: str) -> None:
    subject, known = SUBJECTS[api], properties()[name]
    assert known.needs == (name,)
    has = subject.has(name) or subject.option(name) is not None
    assert any(not key.variant.case for key in cells(subject, [name])) == has


def test_every_need_counts() -> None:
    one = [CellKey("value", "ordinary", "float32")]
    for needs, fits in (
        (("x", "y"), True),
        (("x", "eps"), True),
        (("x", "weights"), False),
        (("margin",), False),
    ):
        assert list(asked(lambda _: one, *needs).cells_of(PAIRS)) == (one if fits else [])
    assert list(asked(lambda _: one, "distances", "margin").cells_of(DISTANCES)) == one


def test_rows_are_asked_in_the_regions_that_exist() -> None:
    found = list(row_wise("nobody", "ordinary", "parallel", "tiny_norm", "ordinary")(PAIRS))
    assert all(key.variant == PAIRS.row_wise and key.property == "nobody" for key in found)
    regions = {dtype: [key.region for key in found if key.dtype == dtype] for dtype in FLOATS}
    everywhere = ["ordinary", "parallel", "tiny_norm"]
    assert regions == {**dict.fromkeys(FLOATS, everywhere), "float16": ["ordinary", "parallel"]}
    assert {key.region for key in row_wise("nobody", "ordinary", "parallel")(DISTANCES)} == {"ordinary"}


def test_regions_that_name_a_property_come_first() -> None:
    named = [
        key.region for key in row_wise("determinism", "parallel", "zero")(PAIRS) if key.dtype == "float32"
    ]
    own = [key.region for key in row_wise("determinism")(PAIRS) if key.dtype == "float32"]
    assert "zero" in own
    assert named == [*own, "parallel"]


def test_some_properties_have_cases_alone() -> None:
    assert list(nowhere(PAIRS)) == []
    for name in ("configuration", "example", "signature", "training"):
        assert list(properties()[name].cells_of(PAIRS)) == []
        assert all(key.variant.case for key in cells(PAIRS, [name]))
