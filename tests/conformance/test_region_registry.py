"""The registries of regions and kinds: names, inputs, and what they refuse of installed packages."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest

from lossproof.conformance.families import kinds
from lossproof.conformance.families.regions import distances, registry, vectors
from lossproof.conformance.families.regions.held import Held
from lossproof.conformance.families.regions.model import Region, Shape
from lossproof.conformance.model.dtypes import FORMATS
from lossproof.conformance.properties.registry import properties
from lossproof.specs import SpecError, extensions, vocabulary

from .test_expectation import CONTRASTIVE, COSINE, documented

OWN = (*vectors.REGIONS, *distances.REGIONS)
PAIRS, ROWS = documented("contrastive", CONTRASTIVE, ()), documented(arrays=COSINE, options=())


@pytest.fixture
def brought(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, dict[str, Any]]]:
    """The objects of entry points by group; registries read them anew."""
    found: dict[str, dict[str, Any]] = {registry.GROUP: {}, kinds.GROUP: {}}
    objects = extensions.objects
    monkeypatch.setattr(
        extensions, "objects", lambda group: found[group] if group in found else objects(group)
    )
    caches = (registry.regions, registry.named, kinds.kinds)
    for cached in caches:
        cached.cache_clear()
    yield found
    for cached in caches:
        cached.cache_clear()


def test_the_words_of_specs_are_those_of_the_objects() -> None:
    assert {region.name for region in OWN} == set(vocabulary.REGIONS.built_in)
    assert [region.name for region in OWN if region.space == "vectors"] == [r.name for r in vectors.REGIONS]
    assert [kind.name for kind in kinds.BUILT_IN] == list(vocabulary.KINDS.built_in)
    assert vocabulary.REGIONS.group == registry.GROUP
    assert vocabulary.KINDS.group == kinds.GROUP


def test_regions_of_one_name_agree_and_have_places_of_their_own() -> None:
    for region in distances.REGIONS:
        twin = next(r for r in vectors.REGIONS if r.name == region.name)
        assert all(getattr(region, name) == getattr(twin, name) for name in registry.SHARED)
    assert sorted(region.place for region in vectors.REGIONS) == list(range(16))
    assert {"place", "gravest"} - set(registry.SHARED) == {"gravest"}
    assert set(registry.SHARED) < {field.name for field in fields(Region)}


def test_only_properties_that_there_are_ask_a_region() -> None:
    for region in OWN:
        assert set(region.asked_by) <= set(properties()), region.name
        assert all(set(dtypes) <= set(FORMATS) for dtypes in region.asked_by.values())
        assert region.asked_by, f"nothing asks {region.name}"


def test_a_region_belongs_to_the_arrays_that_an_api_takes() -> None:
    assert registry.of(PAIRS, "zero").space == "given"
    assert registry.of(ROWS, "zero").space == "vectors"
    assert registry.of(PAIRS, "parallel").space == "vectors"  # of its name there is no other
    assert registry.of(ROWS, "-") is registry.named("-") is registry.NOWHERE
    assert not registry.possible("parallel", PAIRS, "float32")
    assert registry.possible("parallel", ROWS, "float32")
    assert not registry.possible("parallel", ROWS, "int32")
    assert registry.asked("batch", PAIRS, "float32") == ("ordinary", "mixed_scale")


def test_a_region_may_depend_on_the_documentation() -> None:
    unit = documented(arrays=COSINE, options=(), norm_rule="raw", inputs="unit_norm")
    floored = documented(arrays=COSINE, options=(), norm_rule="floor_norm", eps=1e-8)
    assert registry.asked("eps", ROWS, "float32") == ()
    assert registry.asked("eps", floored, "float32") == ("below_eps",)
    assert registry.asked("scale", unit, "float32") == ("ordinary", "parallel", "nearly_orthogonal")
    assert not registry.possible("zero", unit, "float32")
    assert not registry.possible("tiny_norm", ROWS, "float16")
    assert registry.possible("long", ROWS, "float32")
    assert not registry.possible("long", ROWS, "float16")
    assert registry.possible(
        "long", documented(arrays=COSINE, options=(), compute_dtype="float32"), "float16"
    )
    for dtype, regions in (("float32", {"nonfinite", "empty"}), ("float64", set())):
        assert set(registry.asked("value", ROWS, dtype)) & {"nonfinite", "empty"} == regions


def test_kinds_know_where_they_show() -> None:
    assert registry.confined("overflow") == ("overflow",)
    assert set(registry.confined("underflow")) == {"tiny_norm", "underflow", "mixed_scale", "subnormal"}
    assert registry.confined("formula") == ()
    assert [registry.shows(kind).name for kind in ("underflow", "zero_vector", "formula", "sign")] == [
        "underflow", "zero", "ordinary", "ordinary",
    ]  # fmt: skip


@pytest.mark.parametrize("kind", kinds.BUILT_IN, ids=lambda kind: kind.name)
def test_a_region_never_makes_a_divergence_graver(kind: kinds.Kind) -> None:
    found = {region: kinds.severity(kind.name, region) for region in (*registry.names(), "-")}
    assert found["ordinary"] == found["-"] == kind.gravest
    assert found["zero"] == max(kind.gravest, "S2")
    assert found["overflow"] == max(kind.gravest, "S3")


@pytest.mark.parametrize("region", vectors.REGIONS, ids=lambda region: region.name)
@pytest.mark.parametrize("dtype", FORMATS)
def test_what_a_region_draws_lies_in_it(region: Region, dtype: str) -> None:
    if not region.exists(FORMATS[dtype]):
        return
    shape = Shape(16, 7, FORMATS[dtype], 1e-3, "floor_norm")
    assert region.contains(Held(region.arrays(np.random.default_rng(3), shape)))


@pytest.mark.parametrize("region", vectors.REGIONS, ids=lambda region: region.name)
def test_a_row_of_zeros_lies_in_no_region_but_its_own(region: Region) -> None:
    rows = np.array([[1.0, 2.0], [0.0, 0.0]])
    assert region.contains(Held((rows, rows))) == (region.name in ("zero", "empty"))


REGION = replace(vectors.PARALLEL, name="mine")


def test_a_package_brings_a_region_for_each_input(brought: dict[str, dict[str, Any]]) -> None:
    pairs = replace(distances.REGIONS[0], name="mine", **{n: getattr(REGION, n) for n in registry.SHARED})
    brought[registry.GROUP]["mine"] = (REGION, pairs)
    assert "mine" in registry.names()
    assert "mine" in registry.asked("sign", ROWS, "float16")
    assert registry.of(PAIRS, "mine") is pairs
    assert registry.of(ROWS, "mine") is REGION


@pytest.mark.parametrize(
    ("name", "region", "says"),
    [
        ("mine", "no region", "is no Region"),
        ("other", REGION, "whose name is 'other'"),
        ("zero", replace(vectors.ZERO), "is there already"),
        ("mine", (REGION, replace(REGION, space="given", extreme=True)), "differs in extreme"),
    ],
)
def test_a_region_that_does_not_fit_is_refused(
    brought: dict[str, dict[str, Any]], name: str, region: object, says: str
) -> None:
    brought[registry.GROUP][name] = region
    with pytest.raises(SpecError, match=says) as caught:
        registry.regions()
    assert len(str(caught.value).splitlines()) == 1


def test_a_package_brings_a_kind(brought: dict[str, dict[str, Any]]) -> None:
    brought[kinds.GROUP]["drift"] = kinds.Kind("drift", "S2")
    assert kinds.severity("drift", "ordinary") == "S2"
    assert set(kinds.kinds()) == {*vocabulary.KINDS.built_in, "drift"}
