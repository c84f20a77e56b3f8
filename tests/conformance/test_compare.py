"""Two releases of a fake, judged by the real session through the real worker, and what compare says of them."""

from __future__ import annotations

import json
import re
import shutil
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from lossproof import reports
from lossproof.conformance.changes.compare import Change, compare
from lossproof.conformance.changes.model import CELL, Side
from lossproof.conformance.cli import main as cli
from lossproof.conformance.cli.commands.judging import write
from lossproof.conformance.judging.executor import Executor
from lossproof.conformance.runs.judgement import columns_of
from lossproof.conformance.runs.run import Plan, RunResult, TargetResult, judge_session, target_info
from lossproof.conformance.runs.session import Session, documented_here
from lossproof.conformance.targets.model import Target
from lossproof.conformance.workers.client import Worker

from .fake_sessions import DOCUMENTED, FAKES, documented

API = DOCUMENTED["function"]
PLAN = Plan(
    properties=("value", "sign", "zero_vector", "eps", "error", "dtype", "shape", "example"), examples=1
)
Judged = Callable[[str], TargetResult]


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> Judged:
    """A release that has this function of the fakes behind the documented name, judged once."""
    folder = tmp_path_factory.mktemp("compared")

    @cache
    def judge_release(name: str) -> TargetResult:
        target = Target(
            name=f"fake=={name or 'none'}",
            framework="fake",
            python=Path(sys.executable),
            adapter=FAKES / "compared_adapter.py",
            env={"COMPARED_AS": name},
        )
        with Worker.start(target, folder / "target.log", timeout=20.0) as worker:
            facts = target_info(target, worker.info)
            session = Session(facts, Executor(worker, 0, 1), documented_here(facts, [documented(API)]))
            return judge_session(session, PLAN, lambda *_: None)

    return judge_release


def side(result: TargetResult) -> Side:
    return Side(
        result.target,
        "1.0",
        {tuple(str(getattr(r, n)) for n in CELL): columns_of(r) for r in result.rows},
        {tuple(str(s[n]) for n in CELL): s for s in result.samples},
        {c.api: c.edition for c in result.claims},
        findings={f.slug: asdict(f) for f in result.findings},
    )


def changes(judged: Judged, old: str, new: str) -> list[Change]:
    return compare(side(judged(old)), side(judged(new)))


# --- one release against another ---


def test_the_same_answers_are_no_change(judged: Judged) -> None:
    assert changes(judged, "careful", "careful") == []


@pytest.mark.parametrize("other", ["pairwise", "cosine_similarity"])
def test_rounding_within_the_bound_is_no_change_of_behaviour(judged: Judged, other: str) -> None:
    assert {c.kind_of_change for c in changes(judged, "careful", other)} <= {
        "accuracy better",
        "accuracy worse",
    }


def test_a_change_of_sign_is_one_change_over_all_regions(judged: Judged) -> None:
    first = changes(judged, "careful", "wrong_sign")[0]
    assert (first.kind_of_change, first.kind, first.severity) == ("newly diverging", "sign", "S1")
    assert {"ordinary", "parallel", "opposite"} <= set(first.regions)
    assert [c.kind for c in changes(judged, "careful", "wrong_sign")].count("sign") == 1
    old, new = (float.fromhex(a["value"][0]) for a in (first.old, first.new))
    assert old == -new != 0


def test_both_answers_belong_to_the_witness(judged: Judged) -> None:
    first = changes(judged, "careful", "wrong_sign")[0]
    rows = [[float.fromhex(v) for v in a["values"][0]] for a in first.witness["arrays"].values()]
    dot = sum(a * b for a, b in zip(*rows, strict=True))
    norms = [sum(v * v for v in row) ** 0.5 for row in rows]
    assert float.fromhex(first.old["value"][0]) == pytest.approx(dot / norms[0] / norms[1], rel=1e-6)


def test_a_sign_that_is_put_right_is_fixed_and_not_relied_on(judged: Judged) -> None:
    found = changes(judged, "wrong_sign", "careful")
    assert {(c.kind_of_change, c.kind) for c in found} >= {("fixed", "sign")}
    assert not [c for c in found if c.kind_of_change in ("newly diverging", "changed")]


def test_a_change_of_eps_is_newly_diverging_only_where_eps_matters(judged: Judged) -> None:
    found = [c for c in changes(judged, "careful", "eps_default") if c.kind_of_change == "newly diverging"]
    assert found
    assert "ordinary" not in {region for c in found for region in c.regions}


def test_another_answer_that_is_wrong_too_is_changed(judged: Judged) -> None:
    found = changes(judged, "wrong_sign", "distance")
    assert ("changed", "S1") in {(c.kind_of_change, c.severity) for c in found}


def test_nan_for_zero_vectors_shows_both_answers(judged: Judged) -> None:
    [found] = [c for c in changes(judged, "careful", "nan_for_zero") if c.kind == "zero_vector"]
    assert (found.kind_of_change, found.severity) == ("newly diverging", "S2")
    assert found.new["value"] == ["nan"]
    assert float.fromhex(found.old["value"][0]) == 0.0


def test_nan_on_both_sides_is_no_change(judged: Judged) -> None:
    assert changes(judged, "nan_for_zero", "nan_for_zero") == []


def test_a_dtype_that_changes_names_both(judged: Judged) -> None:
    found = [c for c in changes(judged, "careful", "always_float64") if c.kind == "dtype"]
    assert "answers are float64 where they were float32" in {c.title for c in found}


def test_a_shape_that_changes_is_newly_diverging(judged: Judged) -> None:
    kinds = {(c.kind_of_change, c.kind) for c in changes(judged, "careful", "keeping_dims")}
    assert ("newly diverging", "shape") in kinds


def test_an_error_that_appears_and_one_that_disappears(judged: Judged) -> None:
    appeared = changes(judged, "careful", "raising")[0]
    assert appeared.kind_of_change == "error appeared"
    assert appeared.title == "raises RuntimeError where an answer came back"
    lenient = changes(judged, "careful", "lenient")
    assert [c.title for c in lenient] == ["an answer comes where ValueError was raised"]
    assert lenient[0].kind_of_change == "newly diverging"  # the page says that it is refused


def test_an_api_that_goes_or_comes(judged: Judged) -> None:
    [gone] = changes(judged, "careful", "")
    assert (gone.kind_of_change, gone.severity, gone.apis) == ("API removed", "S1", (API,))
    [come] = changes(judged, "", "careful")
    assert (come.kind_of_change, come.severity) == ("API added", "S4")
    assert gone.witness == come.witness == {"api": API, "mode": "eager"}
    assert (gone.old, gone.new) == (come.new, come.old) == ({"runs": True}, {"error": "AttributeError"})


def test_accuracy_comes_with_its_distribution(judged: Judged) -> None:
    old = side(judged("careful"))
    worse = {k: {**r, "error_ulp": 5.0} if r["verdict"] == "conforms" else r for k, r in old.rows.items()}
    new = replace(old, rows=worse)
    found = compare(old, new)
    assert {c.kind_of_change for c in found} == {"accuracy worse"}
    assert found[0].new["median"] == found[0].new["largest"] == 5.0
    assert found[0].old["largest"] <= 0.51  # careful rounds once
    assert {c.kind_of_change for c in compare(new, old)} == {"accuracy better"}


def test_another_page_alone_is_a_change_of_documentation(judged: Judged) -> None:
    old = side(judged("careful"))
    assert [c.kind_of_change for c in compare(old, replace(old, editions={API: "fake-2"}))] == [
        "documentation changed"
    ]
    drifted = compare(old, replace(old, drifted=frozenset({API})))
    assert [(c.kind_of_change, c.severity) for c in drifted] == [("documentation changed", "S4")]


def test_what_users_rely_on_comes_first_worst_and_widest_first(judged: Judged) -> None:
    found = changes(judged, "wrong_sign", "raising")
    relied = [c for c in found if c.kind_of_change not in ("fixed", "error disappeared")]
    assert found[: len(relied)] == relied
    assert [(c.severity, -c.cells) for c in relied] == sorted((c.severity, -c.cells) for c in relied)


def test_an_entry_that_all_cases_lose_is_one_change() -> None:
    def configured(name: str, *configs: Mapping[str, Any]) -> Side:
        row = {"verdict": "conforms", "kind": "", "severity": "", "finding": "", "error_ulp": None}
        samples: dict[tuple[str, ...], Mapping[str, Any]] = {
            (API, "configuration", "-", "-", f"case={number}"): {"answers": [config]}
            for number, config in enumerate(configs)
        }
        return Side(name, name, dict.fromkeys(samples, row), samples)

    old = configured("1.0", {"axis": -1, "name": "loss"}, {"axis": -1, "name": "loss", "reduction": "sum"})
    new = configured("2.0", {"name": "loss"}, {"name": "loss", "reduction": "sum"})
    assert [(c.title, c.cells) for c in compare(old, new)] == [("configuration: without 'axis'", 2)]


# --- the command ---


@pytest.fixture
def runs(judged: Judged, tmp_path: Path) -> Callable[..., str]:
    """A run folder of releases."""

    def written(*names: str, plan: Plan = PLAN) -> str:
        results = tuple(judged(name) for name in names)
        return str(write(tmp_path / f"run-{'-'.join(names)}-{plan.seed}", RunResult(results), plan, "check"))

    return written


def test_two_run_folders_fail_on_what_users_rely_on(
    runs: Callable[..., str], tmp_path: Path, capsys: Any
) -> None:
    out = tmp_path / "out"
    assert cli.run(["compare", runs("careful"), runs("wrong_sign"), "--out", str(out)]) == 1
    told = capsys.readouterr().out
    assert told.index("S1 newly diverging  sign") < told.index("changes ")
    assert sorted(p.name for p in out.iterdir()) == [
        "changes.csv", "changes.json", "compare.html", "compare.md", "scripts",
    ]  # fmt: skip
    assert "answers are the negative of what they were" in (out / "compare.html").read_text()


def test_exit_codes_follow_fail_on_and_severity(runs: Callable[..., str]) -> None:
    careful, wrong = runs("careful"), runs("wrong_sign")
    assert cli.run(["compare", careful, careful, "--fail-on", "any", "--severity", "S4"]) == 0
    assert cli.run(["compare", careful, wrong, "--fail-on", "never"]) == 0
    assert cli.run(["compare", wrong, careful]) == 0
    assert cli.run(["compare", wrong, careful, "--fail-on", "any"]) == 1
    zero = runs("nan_for_zero")
    assert cli.run(["compare", careful, zero]) == 1
    assert cli.run(["compare", careful, zero, "--severity", "S1"]) == 0


def test_an_api_that_goes_is_told_on_the_page_as_well(runs: Callable[..., str], tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert cli.run(["compare", runs("careful"), runs(""), "--out", str(out)]) == 1
    page = (out / "compare.md").read_text()
    assert "it is there" in page
    assert "AttributeError" in page


def test_a_comparison_without_changes_says_what_was_asked(runs: Callable[..., str], capsys: Any) -> None:
    same = runs("careful")
    assert cli.run(["compare", same, same]) == 0
    told = capsys.readouterr().out
    assert f"asked     {API}; 1 batch a cell, seed 0, narrowed to --property value --property sign" in told
    assert re.search(r"changes   none; \d+ cells compared", told)


def test_frameworks_with_no_api_in_common_are_refused_before_anything_is_built(
    monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.setattr("lossproof.conformance.cli.commands.compare.find_targets", pytest.fail)
    for names, more in (
        (("torch==2.12.1", "mlx==0.31.2"), ()),
        (("tensorflow==2.4.0", "torch==2.12.1"), ()),
        (("torch==2.12.1", "torch==2.6.0"), ("--api", "mlx*")),
    ):
        assert cli.run(["compare", *names, *more]) == 2
        told = capsys.readouterr().err
        assert "in common, so nothing can be compared; to see where a port of yours departs" in told
        assert len(told.splitlines()) == 1


def test_runs_with_no_api_in_common_are_refused(
    runs: Callable[..., str], tmp_path: Path, capsys: Any
) -> None:
    mine, other = runs("careful"), tmp_path / "other"
    shutil.copytree(mine, other)
    run = reports.read_run(other)
    renamed = run.results.assign(api="fake.other")
    shutil.rmtree(other)
    samples = [
        {
            **s,
            "api": "fake.other",
            **({"question": {**s["question"], "api": "fake.other"}} if "question" in s else {}),
        }
        for s in reports.read_samples(Path(mine)).values()
    ]
    reports.write_run(other, renamed.to_dict("records"), [], [], run.run, {}, {}, samples)
    assert cli.run(["compare", mine, str(other)]) == 2
    assert "have no documented API in common" in capsys.readouterr().err


def test_runs_that_were_narrowed_otherwise_are_refused(runs: Callable[..., str], capsys: Any) -> None:
    few = runs("careful", plan=replace(PLAN, seed=7, dtypes=("float32",)))
    assert cli.run(["compare", few, runs("wrong_sign", plan=replace(PLAN, seed=7))]) == 2
    assert "--dtype float32, and --property value" in capsys.readouterr().err


@pytest.mark.parametrize(("old", "new"), [("careful", "nan_for_zero"), ("nan_for_zero", "careful")])
def test_fixed_and_worse_show_the_documented_value_beside_both(
    old: str, new: str, runs: Callable[..., str], tmp_path: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    monkeypatch.setattr("lossproof.specs.load_specs", lambda *_: [documented(API)])  # the fakes' page
    cli.run(["compare", runs(old), runs(new), "--out", str(out)])
    told = [
        c for c in json.loads((out / "changes.json").read_text())["changes"] if c["kind"] == "zero_vector"
    ]
    assert told
    assert all(c["kind_of_change"] in ("fixed", "newly diverging") for c in told)
    for change in told:
        right = change["old"] if old == "careful" else change["new"]
        assert "value" in change["documented"], json.dumps(change)
        assert _flat(change["documented"]["value"]) == pytest.approx(_flat(right["value"]), rel=1e-6)
    shown = capsys.readouterr().out
    assert re.search(r"->.*\n   documented: .*0", shown), shown
    assert '<th scope="col">documented</th>' in (out / "compare.html").read_text()
    assert "- documented: `" in (out / "compare.md").read_text()


def _flat(values: Any) -> list[float]:
    if isinstance(values, list):
        return [number for part in values for number in _flat(part)]
    return [float.fromhex(values)]


def test_json_holds_every_change(runs: Callable[..., str], capsys: Any) -> None:
    cli.run(["compare", runs("careful"), runs("wrong_sign"), "--json"])
    told = json.loads(capsys.readouterr().out)
    assert told["changes"][0]["kind"] == "sign"
    assert told["failing"] >= 1
    assert told["broken"] == []


def test_runs_of_as_many_targets_are_compared_in_order(runs: Callable[..., str], capsys: Any) -> None:
    pairs = [runs("careful", "nan_for_zero"), runs("careful", "one_for_zero")]
    assert cli.run(["compare", *pairs, "--json"]) == 1
    assert {c["title"].split(":")[0] for c in json.loads(capsys.readouterr().out)["changes"]} == {
        "fake==one_for_zero"
    }
    assert cli.run(["compare", pairs[0], runs("careful")]) == 2
    assert "compare runs of as many targets each" in capsys.readouterr().err


def test_runs_that_were_asked_otherwise_are_refused(runs: Callable[..., str], capsys: Any) -> None:
    other = runs("careful", plan=replace(PLAN, seed=1))
    assert cli.run(["compare", runs("careful"), other]) == 2
    assert "the seed differ" in capsys.readouterr().err


def test_a_run_and_a_target_cannot_be_compared(runs: Callable[..., str], capsys: Any) -> None:
    assert cli.run(["compare", runs("careful"), "torch"]) == 2
    assert "compare two runs or two targets" in capsys.readouterr().err


def test_an_interrupted_comparison_writes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    def interrupted(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("lossproof.conformance.cli.commands.compare._run_folders", interrupted)
    assert cli.run(["compare", "a", "b", "--out", str(tmp_path / "out")]) == 130
    assert list(tmp_path.iterdir()) == []


def test_a_target_compared_with_itself_is_judged_twice(
    judged: Judged, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    """Answers compared with themselves would prove nothing: the second judging is what is compared."""
    results = [judged("careful"), judged("wrong_sign")]
    target = Target("fake==careful", "fake", Path(sys.executable), FAKES / "compared_adapter.py")
    put: list[Target] = []

    def judge_targets(targets: list[Target], *_: Any) -> RunResult:
        put.extend(targets)
        return RunResult(tuple(results))

    monkeypatch.setattr("lossproof.conformance.cli.commands.compare.find_targets", lambda *_: ([target], {}))
    monkeypatch.setattr("lossproof.conformance.cli.commands.compare._in_common", lambda *_: None)
    monkeypatch.setattr("lossproof.conformance.runs.run.judge_targets", judge_targets)
    assert cli.run(["compare", "fake==careful", "fake==careful"]) == 1
    assert put == [target, target]
    assert "API removed" not in (shown := capsys.readouterr().out)
    assert "sign" in shown
