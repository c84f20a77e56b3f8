"""The built-in words of specs are the names of objects: no word without its object, and no object without its word."""

from __future__ import annotations

from lossproof import oracle
from lossproof.conformance.families.regions.registry import names
from lossproof.conformance.properties.registry import properties
from lossproof.reports import words
from lossproof.specs import vocabulary


def test_a_norm_rule_has_an_object() -> None:
    assert vocabulary.NORM_RULES.built_in == oracle.NORM_RULES
    assert all(oracle.norm_rule(name).name == name for name in vocabulary.NORM_RULES.built_in)
    assert {name: oracle.norm_rule(name).says for name in oracle.NORM_RULES} == words.NORM_RULES


def test_a_property_has_an_object() -> None:
    assert set(vocabulary.PROPERTIES.built_in) == set(properties())
    assert all(name == known.name for name, known in properties().items())
    assert {known.kind for known in properties().values()} <= set(vocabulary.KINDS.built_in)


def test_a_region_can_be_drawn() -> None:
    assert set(vocabulary.REGIONS.built_in) == set(names())
