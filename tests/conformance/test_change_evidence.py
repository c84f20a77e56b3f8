"""A comparison shows each change by a question that both releases, asked again, answer as it says."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lossproof.conformance.changes.answers import difference
from lossproof.conformance.changes.bisect import side
from lossproof.conformance.changes.compare import Change, compare
from lossproof.conformance.changes.model import Side
from lossproof.conformance.changes.scripts import scripts_of
from lossproof.conformance.judging.executor import Executor
from lossproof.conformance.judging.serialize import literal, seen
from lossproof.conformance.runs.policy import Policy, no_witness
from lossproof.conformance.runs.run import Plan, judge_session, target_info
from lossproof.conformance.runs.session import Session, documented_here
from lossproof.conformance.targets.model import Target
from lossproof.conformance.workers.client import Worker
from lossproof.conformance.workers.protocol import Array, Question
from lossproof.specs.models import ArrayValues

from .fake_sessions import DATA, DOCUMENTED, FAKES, documented

PLAN = Plan(examples=1, specs=DATA)
PROPERTIES = {"function": ("value", "zero_vector", "gradient"), "class": ("reduction",)}
Release = tuple[Side, Worker]


UNREDUCED = Policy(reduce=no_witness)
"""A policy that reduces no witness: what shows a change is kept, or drawn again."""


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Release]]:
    """A release that has this fake behind the documented name: judged once, and still there to be asked."""
    folder, judged = tmp_path_factory.mktemp("shown"), dict[str, Release]()
    with ExitStack() as running:

        def of(name: str) -> Release:
            if name not in judged:
                style = "class" if name.endswith("Loss") else "function"
                plan = replace(PLAN, properties=PROPERTIES[style])
                adapter, env = FAKES / "compared_adapter.py", {"COMPARED_AS": name}
                target = Target(f"fake=={name}", "fake", Path(sys.executable), adapter, env=env)
                worker = running.enter_context(Worker.start(target, folder / "log", timeout=20.0))
                executor = Executor(worker, PLAN.seed, PLAN.examples)
                policy = UNREDUCED if style == "class" else Policy()
                facts = target_info(target, worker.info)
                subjects = documented_here(facts, [documented(DOCUMENTED[style])])
                session = Session(facts, executor, subjects, policy=policy)
                judged[name] = side(name, judge_session(session, plan, lambda *_: None), plan), worker
            return judged[name]

        yield of


def again(worker: Worker, witness: Mapping[str, Any]) -> Mapping[str, Any]:
    """A release's answer today to the question of a witness, as witnesses have it."""
    arrays = {
        n: Array.of(literal(ArrayValues(values=a["values"], dtype=a["dtype"], shape=a["shape"])))
        for n, a in witness["arrays"].items()
    }
    more = {"verb": "grad", "wrt": witness["wrt"]} if witness.get("wrt") else {}
    answer = worker.ask(
        Question(witness["api"], arrays, witness["init"], witness["options"], mode=witness["mode"], **more)
    )
    told = seen(answer)
    if answer.value is not None:
        flat = answer.value.numpy().ravel().astype(np.float64)
        told["value"] = [float(v).hex() for v in flat]
    return told


def confirmed(change: Change, old: Release, new: Release) -> bool:
    """Whether both releases still give the recorded answers, and these differ."""
    told = []
    for recorded, (_, worker) in ((change.old, old), (change.new, new)):
        now = dict(again(worker, change.witness))
        if "value" in recorded:
            now["value"] = now["value"][: recorded.get("first", len(now["value"]))]
        told.append(now)
        if difference([recorded], [now]) is not None:
            return False
    return difference(*([a] for a in told)) is not None


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("careful", "wrong_sign"), ("wrong_sign", "distance"), ("careful", "raising"), ("careful", "keeping_dims"),
        ("longer_off_by_one", "longer_off_by_three"), ("OffByOneLoss", "OffByTwoLoss"), ("CosineLoss", "OffByOneLoss"),
        ("CosineLoss", "MeanForSumLoss"), ("nan_for_zero", "one_for_zero"), ("first_axis", "last_axis"),
    ],
)  # fmt: skip
def test_every_change_is_shown_by_a_question_that_both_releases_answer_so(
    release: Callable[[str], Release], before: str, after: str
) -> None:
    old, new = release(before), release(after)
    changes = [c for c in compare(old[0], new[0]) if c.kind_of_change[:8] not in ("accuracy", "document")]
    assert changes
    for change in changes:
        assert change.witness, change
        assert confirmed(change, old, new), change


def test_what_no_short_row_shows_is_shown_by_a_batch(release: Callable[[str], Release]) -> None:
    """The kept question has three elements, and both releases are right there."""
    old, new = (release(name)[0] for name in ("longer_off_by_one", "longer_off_by_three"))
    change = compare(old, new)[0]
    x1, x2 = (a["values"] for a in change.witness["arrays"].values())
    assert np.shape(x1)[-1] == np.shape(x2)[-1] > 3
    assert change.old["first"] == change.new["first"] == len(change.old["value"]) < np.size(x1)
    moved = [
        float.fromhex(b) - float.fromhex(a)
        for a, b in zip(change.old["value"], change.new["value"], strict=True)
    ]
    assert moved == pytest.approx([2.0] * len(moved), abs=1e-2)


def test_a_reduced_value_is_shown_by_its_whole_batch(release: Callable[[str], Release]) -> None:
    """Rows alone do not show it: the mean of one row is right in both."""
    old, new = (release(name)[0] for name in ("OffByOneLoss", "OffByTwoLoss"))
    change = compare(old, new)[0]
    assert change.kind_of_change == "changed"
    assert max(np.shape(a["values"])[0] for a in change.witness["arrays"].values()) > 1
    assert np.shape(change.old["value"]) == ()


def test_of_a_run_asked_by_other_specs_nothing_is_drawn_again(release: Callable[[str], Release]) -> None:
    old, new = (replace(release(name)[0], asking=None) for name in ("OffByOneLoss", "OffByTwoLoss"))
    change = compare(old, new)[0]
    assert not change.witness
    assert scripts_of(change, old, new) == {}
