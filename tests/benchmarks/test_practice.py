"""The customary methods: what they are asked with, what they accuse, and the tables of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from benchmarks import practice
from benchmarks.allowed.asking import documents
from benchmarks.practice import Tried, answers, table
from benchmarks.practised.methods import METHODS, REFERENCE, gradchecked, judged
from benchmarks.practised.samples import samples
from benchmarks.zoo.bases import BASES
from benchmarks.zoo.judging import Cell
from benchmarks.zoo.model import Mutant
from benchmarks.zoo.records import Record, Run
from lossproof.conformance.model.subject import Subject

NUMPY = BASES["numpy_cosine_similarity"]
TORCH = BASES["torch_cosine_similarity"]


def subject_of(api: str) -> Subject:
    return documents(api)[-1]


def test_ten_samples_with_the_defaults_and_each_option_once() -> None:
    subject = subject_of(NUMPY.api)
    drawn = samples(subject)
    assert sum(not s.options for s in drawn) == 10
    assert {s.arrays["x1"].ndim for s in drawn} == {2, 3}
    given = {(name, value) for s in drawn for name, value in s.options.items()}
    assert given == {(o.name, v) for o in subject.edition.call.options for v in o.ask if v != o.default}


@pytest.mark.parametrize("api", sorted({b.api for b in BASES.values()}))
def test_the_reference_answers_every_sample_of_every_api(api: str) -> None:
    subject = subject_of(api)
    for sample in samples(subject):
        value = REFERENCE.unrounded(subject, sample.arrays, sample.options)
        assert value.dtype == np.float64
        assert np.isfinite(value).all()


def test_what_the_methods_accuse() -> None:
    """Right to the last bit, off by 2^-21, of another sign, of another dtype, and no answer."""
    subject = subject_of(NUMPY.api)
    drawn = samples(subject)
    exact = [REFERENCE.unrounded(subject, s.arrays, s.options).astype(s.arrays["x1"].dtype) for s in drawn]
    everyone: list[list[Any]] = [
        exact,
        [(v * (1 + 2.0**-21)).astype(v.dtype) for v in exact],
        [-v for v in exact],
        [v.astype(np.float64) for v in exact],
        [None, *exact[1:]],
    ]
    found = [tuple(v[m] for m in METHODS[:3]) for v in judged(subject, drawn, everyone)]
    assert found == [
        (False, False, False),
        (True, False, True),  # in float64 assert_close has 1e-7
        (True, True, True),
        (False, False, True),
        (True, True, True),
    ]


def test_gradcheck_sees_a_detached_gradient_and_no_other_sign(tmp_path: Path) -> None:
    subject, drawn, _ = answers(TORCH.file, TORCH)
    files = [TORCH.file]
    for name, instead in (
        ("detached", "value = (a * b.detach()).sum(dim)"),
        ("turned", "value = -(a * b).sum(dim)"),
    ):
        files.append(tmp_path / f"{name}.py")
        files[-1].write_text(TORCH.source.replace("value = (a * b).sum(dim)", instead))
    assert gradchecked(subject, TORCH, files, drawn[:2]) == [False, True, False]
    assert gradchecked(subject, NUMPY, files, drawn[:2]) == [None] * 3


def test_the_table_counts_what_applies() -> None:
    methods: dict[str, bool | None] = {"a": True, "b": None}
    found = table([Tried("m", "x", "sign", methods), Tried("n", "x", "eps", {"a": False, "b": True})])
    assert found.to_dict("records") == [
        {"category": "sign", "mutants": 1, "a": "1", "b": "."},
        {"category": "eps", "mutants": 1, "a": "0", "b": "1"},
        {"category": "in all", "mutants": 2, "a": "1 (50%)", "b": "1 of 1 (100%)"},
    ]


def test_the_command_asks_mutants_in_workers_and_writes_json_and_a_page(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    line = "value = np.sum(a * b, axis=dim)"
    mutants = {
        "turned": Mutant(
            "turned", NUMPY.slug, "sign", "sign", "s", ("sign",), line, line.replace("= ", "= -")
        ),
        "ended": Mutant("ended", NUMPY.slug, "error", "crash", "s", ("raises",), line, "value = 1 / 0"),
    }
    monkeypatch.setattr(practice, "load", lambda: mutants)
    monkeypatch.setattr(
        practice, "right_ones", lambda _: [Tried("w", "x", "", dict.fromkeys(METHODS, False))]
    )
    page, out = tmp_path / "page.md", tmp_path / "out.json"
    page.write_text(f"{practice.BEGIN}\n{practice.END}\n")
    result = CliRunner().invoke(practice.main, ["--json", str(out), "--markdown", str(page)])
    assert result.exit_code == 0, result.output
    found = json.loads(out.read_text())
    assert [t["accused"][m] for t in found["mutants"] for m in METHODS] == [True, True, True, None] * 2
    assert [t["accused"][m] for t in found["right"] for m in METHODS] == [False, False, False, None]
    assert "| in all | 2 | 2 (100%) |" in page.read_text()
    assert CliRunner().invoke(practice.main, ["--only", "nothing"]).exit_code == 2

    def never(*_: Any) -> None:
        raise AssertionError("asked again")

    cells = (Cell("value", "ordinary", "float32", "-", "diverges", (), 1, 0.1, 0.1),)
    ours = [
        Record(slug, NUMPY.slug, NUMPY.api, "numpy", "", "sign", "", found)
        for slug, found in (("turned", cells), ("ended", ()))
    ]
    Run(1, (), (), tuple(ours)).write(tmp_path / "run.json")
    monkeypatch.setattr(practice, "tried", never)
    arguments = ["--from", str(out), "--lossproof", str(tmp_path / "run.json"), "--markdown", str(page)]
    result = CliRunner().invoke(practice.main, arguments)
    assert result.exit_code == 0, result.output
    assert "| category | mutants | lossproof | allclose" in page.read_text()
    assert "| in all | 2 | 1 (50%) | 2 (100%) |" in page.read_text()
