"""One mistake is one finding, and its sentence says what is wrong with the line."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lossproof import oracle
from lossproof.conformance.cli.main import run
from lossproof.conformance.diagnosis.leading import Leading
from lossproof.conformance.families.lines import model, rules
from lossproof.conformance.families.lines.cosine import OverCosine
from lossproof.conformance.families.lines.model import Line, Rows, Wide, written
from lossproof.reports import read_run

CODE = Path(__file__).parents[1] / "fakes" / "own" / "wrong_lines.py"
COSINE = "torch.nn.functional.cosine_similarity"
LOSS = "torch.nn.functional.cosine_embedding_loss"


def tried(folder: Path, name: str, api: str = COSINE, *more: str) -> Any:
    run(
        [
            "try",
            f"{CODE}:{name}",
            "--as",
            api,
            "--arrays=numpy",
            "--examples=1",
            f"--out={folder / 'run'}",
            *more,
        ]
    )
    return read_run(folder / "run")


@pytest.mark.parametrize(
    ("name", "api", "severity", "words"),
    [
        ("added_to_each_norm", COSINE, "S1", "adds to each norm: |x| + 1e-06"),
        ("added_twice", COSINE, "S2", "adds 1e-08 to each squared norm and to the product of the norms"),
        ("under_the_norm_of_x", COSINE, "S1", "divides by |x|^2: y is divided by x's norm"),
        ("clipped", COSINE, "S1", "clips the cosine at 0"),
        ("centred", COSINE, "S1", "subtracts the mean of each vector first"),
        ("noisy", COSINE, "S2", "gives another answer when it is asked again"),
        ("cubed", COSINE, "S1", "gets the value wrong on ordinary input; no known cause explains it"),
        ("labels_0_and_1", LOSS, "S1", "gives no loss for label -1, as if labels were 0 and 1"),
        ("margin_added", LOSS, "S1", "adds the margin instead of subtracting it"),
    ],
)
def test_a_wrong_line_is_one_finding_or_two_and_the_first_names_it(
    tmp_path: Path, name: str, api: str, severity: str, words: str
) -> None:
    done = tried(tmp_path, name, api)
    found = sorted(done.findings, key=lambda f: (f["severity"], f["slug"]))
    assert words in found[0]["title"]
    assert found[0]["severity"] == severity
    assert len(found) <= 2, [f["title"] for f in found]


def test_an_api_that_the_pilot_finds_wrong_is_asked_one_batch_a_cell(tmp_path: Path) -> None:
    wrong = tried(tmp_path / "a", "clipped", COSINE, "--examples=4", "--property=value", "--property=sign")
    assert wrong.run["targets"][0]["suspected"] == [COSINE]
    rows = wrong.results[wrong.results.verdict == "diverges"]
    assert rows.rows.max() <= 64


def test_the_pilot_does_not_depend_on_what_is_selected(tmp_path: Path) -> None:
    every = tried(tmp_path / "a", "clipped")
    few = tried(tmp_path / "b", "clipped", COSINE, "--property=gradient", "--property=eps")
    assert few.run["targets"][0]["suspected"] == every.run["targets"][0]["suspected"]
    keys = ["property", "region", "dtype", "variant"]
    both = every.results.merge(few.results, on=keys, suffixes=("", "_few"))
    assert len(both) == len(few.results)
    assert (both.finding == both.finding_few).all()
    assert (both.verdict == both.verdict_few).all()
    assert json.dumps([f["title"] for f in few.findings])


def test_an_error_finding_counts_what_raises_and_what_is_accepted_apart(tmp_path: Path) -> None:
    done = tried(tmp_path, "checks_badly", LOSS, "--property=error", "--property=reduction")
    (found,) = [f for f in done.findings if f["kind"] == "error"]
    rows = done.results[done.results.kind == "error"]
    raised = int(rows.observed.str.contains("ZeroDivisionError").sum())
    assert 0 < raised < found["cells"]
    assert "raises" in found["title"]
    assert {f"{raised} cell", f"{found['cells'] - raised} cell"} & set(
        re.findall(r"\d+ cell", found["title"])
    )


# --- lines ---


def rows_of(x: Any, y: Any, observed: Any, eps: float = 1e-8, bound: float = 1e-6) -> Rows:
    """Rows that are all wrong, under the rule floor_norm."""
    x, y = (np.asarray(a, Wide) for a in (x, y))
    size = len(x)
    sums = {
        "p": (x * y).sum(-1), "q": (x * x).sum(-1), "r": (y * y).sum(-1), "s": np.abs(x * y).sum(-1),
        "length": np.full(size, x.shape[-1]), "eps": np.full(size, eps, Wide), "margin": np.zeros(size, Wide),
    }  # fmt: skip
    documented = sums["p"] / np.sqrt(sums["q"] * sums["r"])
    ones = np.ones(size, np.bool_)
    return Rows(
        sums,
        documented,
        np.asarray(observed, Wide),
        np.full(size, bound),
        np.full(size, 2.0**-24),
        ones,
        ~ones,
    )


@pytest.mark.parametrize("eps", [1e-12, 1e-8, 1e-6, 2e-3, 2.0**-23])
@pytest.mark.parametrize(
    "name", ["add_norm", "add_squared", "add_product", "floor_norm", "floor_squared_norm"]
)
def test_an_eps_is_fitted_from_the_answers(name: str, eps: float) -> None:
    rng = np.random.default_rng(7)
    rule = oracle.norm_rule(name)
    x, y = (rng.standard_normal((256, 5)) * np.exp2(rng.uniform(-50, 2, (256, 1))) for _ in range(2))
    whole = rows_of(x, y, np.zeros(256))
    answers = whole["p"] / rules.denominator(rule, whole, eps)
    rows = rows_of(x, y, answers)
    wrong = np.asarray(np.abs(answers - rows.documented) > rows.bound, dtype=bool)
    found = rules.fitted(rule, replace(rows, wrong=wrong), answers)
    assert eps in found


def test_an_eps_that_nobody_writes_is_not_fitted() -> None:
    assert written(np.array([3.3e-7, 3.31e-7])) == []
    assert written(np.array([])) == []
    assert written(np.array([np.nan, 1.01e-6, 0.99e-6]))[0] == 1e-6


def test_a_line_explains_what_it_gives_and_not_what_the_page_says() -> None:
    x, y = np.array([[3.0, 4.0], [1.0, 0.0]]), np.array([[4.0, 3.0], [1.0, 1.0]])
    doubled = Line("formula", "doubled", "doubles", lambda rows: (2 * rows.documented, np.ones(rows.size)))
    documented = rows_of(x, y, np.zeros(2)).documented
    assert model.explained(doubled, rows_of(x, y, 2 * documented)).all()
    assert not model.explained(doubled, rows_of(x, y, documented)).any()
    same = Line("formula", "same", "is right", lambda rows: (rows.documented, np.ones(rows.size)))
    # a little beside the page's value is no answer of a line that gives the page's
    assert not model.explained(same, rows_of(x, y, documented + 2e-6)).any()


def test_every_wrong_line_of_a_cosine_has_a_name_and_words_of_its_own() -> None:
    over = OverCosine(lambda c, _: c, lambda c, _: c, oracle.norm_rule("floor_norm"), None)
    rng = np.random.default_rng(3)
    x, y = rng.standard_normal((2, 16, 4))
    lines = list(over.lines(rows_of(x, y, np.full(16, 0.123))))
    assert len({line.name for line in lines}) == len(lines)
    assert all(line.says and "{" not in line.says for line in lines)


def test_a_cause_that_explains_nothing_marks_nothing() -> None:
    assert not Leading("formula").parameters
    assert Leading("formula").all == {}
