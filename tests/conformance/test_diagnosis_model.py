"""A behaviour is the same whatever the order of its parameters, and false where it says nothing."""

from __future__ import annotations

from lossproof.conformance.diagnosis.model import Behaviour


def test_the_order_of_parameters_makes_no_other_behaviour() -> None:
    one, other = (
        Behaviour.of({"norm_rule": "plain", "eps": 1e-6}),
        Behaviour.of({"eps": 1e-6, "norm_rule": "plain"}),
    )
    assert (one, hash(one)) == (other, hash(other))
    assert list(one.parameters) == ["eps", "norm_rule"]
    assert one != Behaviour.of({"norm_rule": "plain"})


def test_only_what_is_said_becomes_json() -> None:
    assert Behaviour.of({"zero": None}).as_json() == {"parameters": {"zero": None}}
    assert Behaviour.of(predicate="zero_norm").as_json() == {"predicate": "zero_norm"}
    assert Behaviour.of(cases=("axis",)).as_json() == {"cases": ["axis"]}
    assert Behaviour().as_json() == {}


def test_a_behaviour_is_false_where_it_says_nothing() -> None:
    assert not Behaviour.of({}, "", ())
    assert all(
        (Behaviour.of({"zero": None}), Behaviour.of(predicate="zero_norm"), Behaviour.of(cases=["axis"]))
    )
