"""A change is named by the semantic parameters behind both sides, found in findings, on pages and in the catalogue."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lossproof.conformance.changes import causes
from lossproof.conformance.changes.bisect import side
from lossproof.conformance.changes.compare import Change, compare
from lossproof.conformance.changes.model import Side
from lossproof.conformance.changes.naming import in_words
from lossproof.conformance.changes.redrawn import Put
from lossproof.conformance.changes.replay import replayed
from lossproof.conformance.judging.executor import Executor
from lossproof.conformance.judging.expectation import expect
from lossproof.conformance.model.dtypes import cast
from lossproof.conformance.runs.policy import Policy, no_witness
from lossproof.conformance.runs.run import Plan, judge_session, target_info
from lossproof.conformance.runs.session import Session, documented_here
from lossproof.conformance.targets.model import Target
from lossproof.conformance.workers.client import Worker

from .fake_sessions import DATA, DOCUMENTED, FAKES, documented

API = DOCUMENTED["function"]
PLAN = Plan(examples=1, specs=DATA, properties=("value", "sign", "eps", "zero_vector"))
Release = Callable[[str], Side]


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Release:
    """A release that has this fake behind the documented name, judged once."""
    folder = tmp_path_factory.mktemp("named")

    @cache
    def of(name: str) -> Side:
        adapter, env = FAKES / "compared_adapter.py", {"COMPARED_AS": name}
        target = Target(f"fake=={name}", "fake", Path(sys.executable), adapter, env=env)
        with Worker.start(target, folder / "log", timeout=20.0) as worker:
            facts, executor = target_info(target, worker.info), Executor(worker, PLAN.seed, PLAN.examples)
            subjects = documented_here(facts, [documented(DOCUMENTED["function"])])
            session = Session(facts, executor, subjects, policy=Policy(reduce=no_witness))
            return side(name, judge_session(session, PLAN, lambda *_: None), PLAN)

    return of


def relied_on(old: Side, new: Side) -> list[Change]:
    return [c for c in compare(old, new) if c.kind_of_change[:8] not in ("accuracy", "document")]


@pytest.mark.parametrize(
    ("before", "after", "class_", "severity", "title"),
    [
        ("careful", "floor_squared_norm", "newly diverging", "S2",
         "a floor of eps moves from the norm to the squared norm"),
        ("floor_product", "floor_squared_norm", "changed", "S2",
         "a floor of eps moves from the product of the norms to the squared norm"),
        ("eps_ignored", "careful", "fixed", "S2", "the floor on the norm changes from 1e-6 to eps"),
        ("eps_ignored", "floor_squared_product", "changed", "S2",
         "a floor of 1e-6 on the norm becomes a floor of eps on the product of the squared norms"),
        ("add_squared", "threshold", "changed", "S2",
         "now: treats a norm below eps as 1; before: adds to each squared norm: sum x^2 + eps"),
        ("nan_for_zero", "one_for_zero", "changed", "S2", "a zero vector gives 1 where it gave NaN"),
        ("wrong_sign", "distance", "changed", "S1",
         "now: returns the distance 1 - c; before: returns the negated similarity -c"),
    ],
)  # fmt: skip
def test_a_change_is_told_by_the_rules_behind_both_sides(
    release: Release, before: str, after: str, class_: str, severity: str, title: str
) -> None:
    changes = relied_on(release(before), release(after))
    found = [(c.kind_of_change, c.severity, c.title) for c in changes]
    assert found[0] == (class_, severity, title)
    assert {name for name, *_ in found[1:]} <= {"fixed"}  # cells in which the new rule is the documented one


def test_the_graver_of_two_mistakes_makes_the_kind_and_the_severity(release: Release) -> None:
    """A dot product that is normalised under another rule than documented changes on every input."""
    change = relied_on(release("unnormalised"), release("floor_product"))[0]
    assert (change.kind_of_change, change.kind, change.severity) == ("changed", "formula", "S1")
    assert "ordinary" in change.regions


def test_json_has_the_parameters_that_differ(release: Release) -> None:
    [change] = relied_on(release("eps_ignored"), release("floor_product"))
    assert change.old_behaves_as == {"parameters": {"norm_rule": "floor_norm", "eps": 1e-6}}
    assert change.new_behaves_as == {
        "parameters": {"norm_rule": "floor_product"}
    }  # with whichever eps is given


def test_cells_that_a_change_of_rule_puts_right_are_part_of_it(release: Release) -> None:
    old, new = release("floor_squared_norm"), release("floor_product")
    right = [key for key, row in new.rows.items() if row["verdict"] == "conforms"]
    fixed = [key for key in right if old.rows[key]["verdict"] == "diverges"]
    [change] = relied_on(old, new)
    assert fixed
    assert change.kind_of_change == "changed"
    assert change.cells > len(fixed)


def unnamed(side: Side) -> Side:
    """A side of which no finding is known."""
    return replace(side, findings={})


def test_the_catalogue_tells_what_no_finding_does(release: Release) -> None:
    [change] = relied_on(unnamed(release("floor_product")), unnamed(release("floor_squared_norm")))
    assert change.title == "a floor of eps moves from the product of the norms to the squared norm"


@pytest.fixture
def no_catalogue(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(causes, "hypotheses", lambda *_: iter(()))


@pytest.mark.usefixtures("no_catalogue")
def test_a_side_that_nothing_explains_is_said_to_be_so(release: Release) -> None:
    old, new = release("floor_product"), release("floor_squared_norm")
    titles = {c.title for c in relied_on(unnamed(old), new)}
    assert "now: floors each squared norm: max(sum x^2, eps); before: unexplained" in titles
    titles = {c.title for c in relied_on(old, unnamed(new))}
    assert "before: floors the product of the norms: max(|x| |y|, eps); now: unexplained" in titles


@pytest.mark.usefixtures("no_catalogue")
def test_what_no_ordinary_input_shows_is_not_s1_though_nothing_explains_it(release: Release) -> None:
    """Of float64 mixed_scale has norms of 2^-200, of float32 such as 5e-5."""
    old, new = unnamed(release("floor_product")), unnamed(release("floor_squared_norm"))
    found = {c.title: (c.severity, c.dtypes) for c in relied_on(old, new) if "mixed_scale" in c.regions}
    assert found == {
        "answers have other values": ("S1", ("float32", "float64")),
        "answers are one minus or plus what they were": ("S2", ("float64",)),
    }


@pytest.mark.usefixtures("no_catalogue")
def test_the_inputs_are_told_where_no_rule_is_known(release: Release) -> None:
    def silent(side: Side) -> Side:
        rows = {key: {**row, "verdict": "undocumented"} for key, row in side.rows.items()}
        return replace(unnamed(side), rows=rows)

    [change] = relied_on(silent(release("careful")), silent(release("overflowing")))
    assert change.title == (
        "NaN or infinity comes where a number came wherever a squared norm overflows in the dtype"
    )
    assert change.severity == "S3"


def test_runs_that_cannot_be_asked_again_are_compared_by_their_answers(release: Release) -> None:
    old, new = (replace(release(name), asking=None) for name in ("floor_product", "floor_squared_norm"))
    changed = [c for c in relied_on(old, new) if c.kind_of_change == "changed"]
    assert "answers have other values" in {c.title for c in changed}
    assert not any(c.old_behaves_as or c.new_behaves_as for c in changed)


def test_answers_that_no_such_batch_has_are_left_alone(release: Release) -> None:
    """A stored run may be a stranger's: more values than the inputs have, or a shape that no memory holds."""
    old, new = release("floor_product"), release("floor_squared_norm")

    def grown(sample: Mapping[str, Any], shape: list[int]) -> Mapping[str, Any]:
        return {**sample, "answers": [{**a, "shape": shape} for a in sample["answers"] if "values" in a]}

    for shape in ([10**12], [1]):
        sides = [
            replace(side, samples={key: grown(sample, shape) for key, sample in side.samples.items()})
            for side in (old, new)
        ]
        assert "answers have other values" in {c.title for c in relied_on(*sides)}


@pytest.mark.parametrize(("dtype", "held"), [("float16", True), ("float32", True), ("float64", False)])
def test_an_eps_held_in_the_dtype_of_the_inputs_is_the_same_eps(
    release: Release, dtype: str, held: bool
) -> None:
    """Rounded to float16, 1e-7 is 1.2e-7; rounded to float32 it is another number to float64 answers alone."""
    asking = release("careful").asking
    assert asking is not None
    replay = replayed(asking, (API, "value", "underflow", dtype, "-"), 1)
    assert replay is not None
    arrays = {"x1": cast(np.full((1, 16), 2.0**-14), dtype), "x2": cast(np.ones((1, 16)), dtype)}
    batch = replace(replay.batches[0], arrays=arrays)
    rule = {"norm_rule": "floor_squared_norm", "eps": 1e-7}
    rounded_to = "float32" if dtype == "float64" else dtype
    value = expect(replay.subject, arrays, batch.options, {**rule, "eps_dtype": rounded_to}).value
    answer = {"dtype": dtype, "shape": [1], "values": [float(value.rounded(dtype)[0]).hex()]}
    put = Put(replay.subject, replay.key, batch, answer, np.ones(1, dtype=bool))
    assert put.comes_out(rule, answer).all() == held
    assert not put.comes_out({**rule, "eps": 2e-7}, answer).any()


# --- words ---


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ({"norm_rule": "plain"}, {"norm_rule": "floor_norm", "eps": 1e-7}, "a floor of 1e-7 on the norm is new"),
        ({"norm_rule": "add_squared", "eps": 1e-12}, {"norm_rule": "plain"},
         "an eps of 1e-12 added to the squared norm is gone"),
        ({"norm_rule": "floor_norm", "eps": 1e-12}, {"norm_rule": "floor_norm", "eps": 1e-7},
         "the floor on the norm changes from 1e-12 to 1e-7"),
        ({"norm_rule": "floor_norm", "eps": 9.999999960041972e-13}, {"norm_rule": "add_squared", "eps": 0.5},
         "a floor of 1e-12 on the norm becomes an eps of 0.5 added to the squared norm"),
        ({"norm_rule": "plain"}, {"norm_rule": "raw"},
         "now: does not normalise: the plain dot product; before: divides by |x| |y| without any floor"),
        ({"norm_rule": "plain"}, {}, "before: divides by |x| |y| without any floor; now: unexplained"),
        ({}, {"norm_rule": "floor_norm", "eps": 1e-7, "score": "distance"},
         "now: floors each norm: max(|x|, 1e-7); before: unexplained; now returns the distance 1 - c"),
        ({"zero": 0.0}, {"zero": None}, "a zero vector gives NaN where it gave 0"),
        ({"eps_dtype": "float32"}, {}, "no longer rounds eps to float32"),
        ({}, {"axis": 1}, "now always works along axis 1"),
        ({"reduction": "mean"}, {"reduction": "sum"}, "now: sums; before: divides the sum by the number of elements"),
        ({"ignore_weights": True, "reduction": "sum"}, {"reduction": "sum"}, "no longer ignores the weights"),
        ({"reduction": "sum"}, {"reduction": "sum"}, ""),
    ],
)  # fmt: skip
def test_two_sets_of_parameters_are_told_apart_in_few_words(
    old: Mapping[str, Any], new: Mapping[str, Any], words: str
) -> None:
    assert in_words(old, new) == words
