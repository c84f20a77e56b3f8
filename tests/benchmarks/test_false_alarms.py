"""Right implementations are not accused, through the batches and through a whole session; a wrong one among them is."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from benchmarks import false_alarms
from benchmarks.allowed import asking, ways
from benchmarks.allowed.asking import asked, documents, groups
from benchmarks.allowed.cosines import Array, Cosine, Rule
from benchmarks.allowed.losses import Loss
from benchmarks.allowed.sums import ORDERS, dot2, fused
from benchmarks.allowed.ways import OWN, Way, every
from benchmarks.allowed.worker import InProcess
from lossproof.conformance.judging.comparison import accepted
from lossproof.conformance.judging.executor import Executor
from lossproof.conformance.model.subject import CellKey
from lossproof.conformance.properties.registry import judge_cell

SIMILARITY = "torch.nn.functional.cosine_similarity"
EMBEDDING = "torch.nn.functional.cosine_embedding_loss"


class Wrong(Cosine):
    """A thousandth too large."""

    def value(self, a: Array, b: Array, rule: Rule) -> Array:
        return super().value(a, b, rule) * (1 + 2.0**-10)


WRONG = Way("wrong", Loss(Wrong(ORDERS["forward"])))


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "bfloat16"])
def test_no_right_implementation_is_accused(dtype: str) -> None:
    tally = false_alarms.run(
        2_000, api=SIMILARITY, region="zero" if dtype == "float64" else "orthogonal", dtype=dtype
    )
    assert not tally.alarms
    assert tally.total >= 2_000
    names = {w.name for w in every(dtype)}
    assert {cell[0] for cell in tally.rows} == names
    assert all(0 <= margin <= 1 for margin in tally.margins.values())
    assert max(tally.margins.values()) > 0.01, "a margin of nothing measures nothing"


def test_every_family_and_reduction_is_among_the_cells() -> None:
    subjects = documents()
    assert {s.spec.family for s in subjects} == {"cosine", "cosine_embedding", "contrastive"}
    assert {s.semantics.fixed("norm_rule") for s in subjects if s.semantics.fixed("norm_rule")} == {
        "raw",
        "plain",
        "floor_norm",
        "floor_product",
    }
    keys = [k for s in subjects for k in groups(s)]
    assert {k.region for k in keys} >= {*asking.RANGES, *asking.ROOTS, "zero", "length_1", "orthogonal"}
    assert any(k.variant.weights and k.variant.wrt for k in keys)


@pytest.mark.parametrize("api", [EMBEDDING, "tf.keras.losses.CosineSimilarity", "tfa.losses.ContrastiveLoss"])
def test_losses_with_labels_weights_and_reductions(api: str) -> None:
    subject = documents(api)[-1]
    for key in groups(subject, "ordinary", "float32")[::4]:
        for measured in asked(subject, key, 3):
            assert measured.alarm is None


def test_a_session_gives_the_same_verdict_as_the_batches() -> None:
    subject = documents(SIMILARITY)[-1]
    for name in ("forward", "normalised first" + OWN):
        way = next(w for w in every("float16") if w.name == name)
        executor = Executor(InProcess(way, subject), 0, 1)
        for prop in ("value", "range", "symmetry", "permutation", "batch", "determinism", "gradient"):
            wrt = "x1" if prop == "gradient" else ""
            key = CellKey(prop, "ordinary", "float16", replace(subject.row_wise, wrt=wrt))
            outcome = judge_cell(subject, key, executor)
            assert outcome.verdict == "conforms", (name, prop, outcome)
        assert accepted("float16") == "G3"
    executor = Executor(InProcess(WRONG, subject), 0, 1)
    assert (
        judge_cell(subject, CellKey("value", "ordinary", "float32", subject.row_wise), executor).verdict
        == "diverges"
    )


def test_a_batch_is_judged_as_the_judge_judges_it() -> None:
    subject = documents(SIMILARITY)[-1]
    for region in ("ordinary", "underflow"):
        key = CellKey("value", region, "float32", subject.row_wise)
        for way in (*ways.ways(subject, region, "float32", subject.row_wise), WRONG):
            (reply,) = Executor(InProcess(way, subject), 0, 1).replies(subject, key)
            found = next(m for m in asked(subject, key, 0, [WRONG]) if m.way == way.name)
            assert bool(found.alarm) == bool(reply.judged.wrong.any())
            assert found.rows == int((~reply.judged.undefined).sum())


def command(*arguments: str, **more: Any) -> Any:
    return CliRunner().invoke(
        false_alarms.main, [*arguments, "--api", SIMILARITY, "--dtype", "float32"], **more
    )


def test_a_wrong_implementation_among_them_is_shown_and_fails_the_command(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(ways.LOSSES, "forward", WRONG.loss)
    result = command("--rows", "100", "--region", "length_1", "--json", str(tmp_path / "out.json"))
    assert result.exit_code == 1
    alarms = json.loads((tmp_path / "out.json").read_text())["alarms"]
    assert {a["way"] for a in alarms} == {"forward"}
    row = alarms[0]["row"]
    assert abs(float.fromhex(row["answer"]) - float.fromhex(row["upper"])) > float.fromhex(row["bound"])
    x1, x2 = (np.array([float.fromhex(v) for v in row[n]]) for n in ("x1", "x2"))
    c = x1 @ x2 / np.linalg.norm(x1) / np.linalg.norm(x2)
    assert c == pytest.approx(float.fromhex(row["upper"]), abs=1e-12)
    assert "ALARM forward" in result.output


def test_the_tables_go_into_a_page(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"before\n{false_alarms.BEGIN}\nold\n{false_alarms.END}\nafter\n")
    result = command(
        "--rows", "100", "--region", "zero", "--markdown", str(page), "--json", str(tmp_path / "out.json")
    )
    assert result.exit_code == 0, result.output
    text = page.read_text()
    assert text.startswith("before\n")
    assert text.endswith("after\n")
    assert "old" not in text
    assert "| correctly rounded |" in text
    again = tmp_path / "again.md"
    again.write_text(f"{false_alarms.BEGIN}\n{false_alarms.END}\n")
    result = command("--from", str(tmp_path / "out.json"), "--markdown", str(again))
    assert result.exit_code == 0, result.output
    assert again.read_text().strip() in text
    page.write_text("no marks")
    assert command("--rows", "100", "--region", "zero", "--markdown", str(page)).exit_code == 2


def test_nothing_that_matches_is_bad_usage() -> None:
    assert command("--region", "nowhere").exit_code == 2


def test_an_interrupted_run_says_what_it_had_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(false_alarms, "judge_rows", stop)
    result = command("--rows", "100")
    assert result.exit_code == 130
    assert "interrupted after 0 rows" in result.output


def test_the_same_seed_judges_the_same_rows() -> None:
    first, second = (false_alarms.run(500, 7, SIMILARITY, "zero", "bfloat16").frame() for _ in range(2))
    assert first.equals(second)


def test_fused_multiply_add_rounds_once() -> None:
    """1 + 2^-12 squared is 1 + 2^-11 + 2^-24: the last term is lost to a rounded product and not to a fused one."""
    a = np.array([[1.0], [1 + 2.0**-12]], np.float32)
    b = np.array([[-(1 + 2.0**-11)], [1 + 2.0**-12]], np.float32)
    assert fused(a, b)[0] == 2.0**-24
    assert ORDERS["forward"](a, b)[0] == 0


def test_dot2_is_as_if_in_twice_the_precision() -> None:
    for dtype in (np.float32, np.float64):
        x = np.array([[2.0**20], [1.0], [-(2.0**20)]], dtype)
        y = np.array([[2.0**20], [1.0], [2.0**20]], dtype)
        assert dot2(x, y)[0] == 1
    x = np.random.default_rng(0).standard_normal((50, 200)).astype(np.float32)
    y = np.random.default_rng(1).standard_normal((50, 200)).astype(np.float32)
    exact = np.einsum("dn,dn->n", x.astype(float), y.astype(float))
    for name, order in ORDERS.items():
        assert np.abs(order(x, y) - exact).max() < 50 * 2.0**-24 * np.abs(x * y).sum(0).max(), name
