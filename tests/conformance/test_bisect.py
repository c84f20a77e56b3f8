"""Histories: bisection finds the release in which answers changed, and says which releases it looked at."""

from __future__ import annotations

from collections.abc import Sequence

from lossproof.conformance.changes.bisect import trace
from lossproof.conformance.model.results import Row
from lossproof.conformance.model.subject import TargetInfo
from lossproof.conformance.runs.run import Plan, TargetResult

RELEASES = [f"1.{n}" for n in range(9)]


def answering(release: str, value: float) -> TargetResult:
    """A release with one cell whose answer is `value`."""
    row = Row(
        target=release, framework="fake", version=release, companions="", python="3", backend="", mode="eager",
        device="cpu", api="fake.loss", property="value", region="ordinary", dtype="float32", variant="-",
        verdict="conforms",
    )  # fmt: skip
    answer = {
        "outcome": "value",
        "dtype": "float32",
        "shape": [1],
        "values": [value.hex()],
        "reach": [(1e-6).hex()],
    }
    cell = {"target": release, "api": "fake.loss", "property": "value", "region": "ordinary"}
    sample = {**cell, "dtype": "float32", "variant": "-", "answers": [answer]}
    return TargetResult(release, TargetInfo(release, "fake", release), (row,), samples=(sample,))


def changing_in(release: str, asked: list[str], broken: Sequence[str] = ()):  # type: ignore[no-untyped-def]
    """Releases answer 0.5 until `release`, and -0.5 from then on."""

    def visit(wanted: Sequence[str]) -> list[TargetResult]:
        asked.extend(wanted)
        return [
            TargetResult(r, failed="no such build")
            if r in broken
            else answering(r, 0.5 if RELEASES.index(r) < RELEASES.index(release) else -0.5)
            for r in wanted
        ]

    return visit


def test_bisection_finds_the_release_and_visits_few() -> None:
    asked: list[str] = []
    history = trace("fake", RELEASES, changing_in("1.5", asked), Plan())
    (step,) = [s for s in history.steps if s.changes]
    assert (step.before, step.after, step.adjacent) == ("1.4", "1.5", True)
    assert step.changes[0].kind == "sign"
    assert len(asked) < len(RELEASES)
    assert len(set(asked)) == len(asked)


def test_releases_that_answer_alike_are_left_alone() -> None:
    asked: list[str] = []
    history = trace("fake", RELEASES, changing_in("1.0", asked), Plan())
    assert asked == [RELEASES[0], RELEASES[-1]]
    assert not any(step.changes for step in history.steps)


def test_every_release_can_be_visited() -> None:
    asked: list[str] = []
    history = trace("fake", RELEASES, changing_in("1.7", asked), Plan(), every=True)
    assert asked == RELEASES
    assert [s.after for s in history.steps if s.changes] == ["1.7"]


def test_a_release_that_cannot_be_had_is_told_and_stepped_over() -> None:
    history = trace("fake", RELEASES, changing_in("1.5", [], broken=["1.4"]), Plan())
    assert history.failed == {"1.4": "no such build"}
    (step,) = [s for s in history.steps if s.changes]
    assert (step.before, step.after, step.adjacent) == ("1.3", "1.5", False)
