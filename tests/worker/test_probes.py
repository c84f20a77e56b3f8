"""The probes that every target answers: signature, docstring, bases, names, attributes, configuration."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import pytest

from lossproof.conformance.workers.client import Worker
from lossproof.conformance.workers.protocol import Answer, Question


@pytest.fixture
def probe(worker: Worker) -> Callable[..., Any]:
    """probe("signature", "fake.cosine_similarity", ...): the data of the answer."""

    def put(name: str, api: str, **more: Any) -> Any:
        answer = worker.ask(Question(api, verb="probe", probe=name, **more))
        assert answer.outcome == "value", answer
        return answer.data

    return put


def test_signature_has_names_kinds_and_defaults(probe: Callable[..., Any]) -> None:
    assert probe("signature", "fake.cosine_similarity") == {
        "source": "inspect",
        "parameters": [
            {"name": "x1", "kind": "POSITIONAL_OR_KEYWORD", "has_default": False},
            {"name": "x2", "kind": "POSITIONAL_OR_KEYWORD", "has_default": False},
            {
                "name": "axis",
                "kind": "POSITIONAL_OR_KEYWORD",
                "has_default": True,
                "default": -1,
                "repr": "-1",
            },
        ],
    }


def test_a_class_has_the_signature_of_its_constructor(probe: Callable[..., Any]) -> None:
    assert probe("defaults", "fake.CosineSimilarity") == {"axis": -1, "name": "cosine"}


def test_a_signature_that_tells_nothing_is_read_from_the_docstring(probe: Callable[..., Any]) -> None:
    found = probe("signature", "fake.opaque")
    assert found["source"] == "docstring"
    assert [(item["name"], item["kind"], item.get("default")) for item in found["parameters"]] == [
        ("first", "POSITIONAL_OR_KEYWORD", None),
        ("second", "POSITIONAL_OR_KEYWORD", 1e-8),
        ("third", "KEYWORD_ONLY", "mean"),
    ]


def test_the_digest_of_a_docstring_ignores_white_space(probe: Callable[..., Any]) -> None:
    found = probe("docstring", "fake.opaque")
    assert found["text"].startswith("opaque(first")
    assert "\n\nA function whose signature" in found["text"]
    words = (
        "opaque(first, second=1e-8, *, third='mean') -> array "
        "A function whose signature is told by its docstring only."
    )
    assert found["sha256"] == hashlib.sha256(words.encode()).hexdigest()


def test_bases_are_those_of_the_class(probe: Callable[..., Any]) -> None:
    expected = ["fakes.ForgetfulCosineSimilarity", "fakes.CosineSimilarity", "object"]
    assert probe("bases", "fake.ForgetfulCosineSimilarity") == expected


def test_names_are_resolved_and_compared_with_the_api(probe: Callable[..., Any]) -> None:
    names = ["fakes.wrong_sign", "fake.raising", "fake.gone"]
    first, second, third = probe("resolve", "fake.wrong_sign", options={"names": names})
    assert (first["object"], first["same"], first["error"]) == ("fakes.wrong_sign", True, None)
    assert (second["object"], second["same"]) == ("fakes.raising", False)
    assert (third["object"], third["same"]) == (None, False)
    assert "fake.gone does not exist" in third["error"]


def test_an_attribute_is_read_from_the_constructed_object(probe: Callable[..., Any]) -> None:
    asked = {"init": {"name": "mine"}, "options": {"name": "name"}}
    assert probe("attribute", "fake.CosineSimilarity", **asked) == {"value": "mine", "type": "str"}


def test_a_configuration_rebuilds_the_object(
    probe: Callable[..., Any], about: Callable[..., Question]
) -> None:
    arrays = about("").arrays
    found = probe("config", "fake.CosineSimilarity", init={"axis": 0}, arrays=arrays)
    assert found["config"] == found["rebuilt_config"] == {"axis": 0, "name": "cosine"}
    assert found["class"] == found["rebuilt_class"] == "fakes.CosineSimilarity"
    assert found["same"] is True


def test_a_configuration_that_forgets_shows_in_the_answers(
    probe: Callable[..., Any], about: Callable[..., Question]
) -> None:
    found = probe("config", "fake.ForgetfulCosineSimilarity", init={"axis": 0}, arrays=about("").arrays)
    assert found["config"] == found["rebuilt_config"] == {"name": "cosine"}
    assert found["same"] is False
    assert [answer["shape"] for answer in found["answers"]] == [[3], [2]]


def test_an_unknown_probe_is_unsupported(ask: Callable[..., Answer]) -> None:
    error = ask("cosine_similarity", verb="probe", probe="weather").error
    assert error is not None
    assert error.type == "lossproof_worker.Unsupported"
    assert "weather" in error.message
