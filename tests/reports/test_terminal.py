"""The terminal summary: verdicts, findings worst first, where the report is, what is new."""

from __future__ import annotations

import importlib
import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from lossproof import reports

from . import make


def shown(run: Any, width: int = 80, **how: Any) -> str:
    stream = io.StringIO()
    Console(file=stream, width=width, highlight=False, markup=False, **how).print(
        reports.terminal.summary(run)
    )
    return stream.getvalue()


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return reports.read_run(make.write(tmp_path_factory.mktemp("terminal") / "run"))


def test_it_fits_80_columns_with_the_longest_names(tmp_path: Path) -> None:
    api = "torch.nn.functional.cosine_embedding_loss"
    rows = [
        make.row(api=api, verdict=v, variant=v) for v in ("conforms", "diverges", "broken", "undocumented")
    ]
    text = shown(
        reports.read_run(make.write(tmp_path / "run", rows=[*rows, make.row(verdict="unsupported")]))
    )
    assert max(map(len, text.splitlines())) <= 80
    (line,) = [line for line in text.splitlines() if api in line]
    assert line.split() == [api, "1", "1", "1", ".", "1"]


def test_counts_by_target_and_api_are_those_of_the_table(run: Any) -> None:
    text = shown(run)
    summary = reports.summary_json(run)
    for target, apis in summary["verdicts"].items():
        for api, counts in apis.items():
            cells = run.results[(run.results["target"] == target) & (run.results["api"] == api)]
            assert counts == {v: int((cells["verdict"] == v).sum()) for v in counts}
            numbers = [str(n) if n else "." for n in counts.values()]
            assert [api, *numbers] in [line.split() for line in text.splitlines()]


def test_findings_are_worst_first_with_expected_and_observed(run: Any) -> None:
    text = shown(run, 200)
    slugs = [finding["slug"] for finding in run.findings]
    assert [text.index(f" {slug}") for slug in slugs if slug != "no-error"] == sorted(
        text.index(f" {slug}") for slug in slugs if slug != "no-error"
    )
    assert "A zero vector gives 0: expected [0.5], got [-0.5]" in text
    assert "A wrong weight shape is accepted: expected raises ValueError, got no error; 1.0" in text
    assert "S2 changed no-error  error" in text


def test_closing_lines_say_what_is_new_and_where_the_report_is(run: Any) -> None:
    lines = shown(run, 300).splitlines()
    assert lines[-2] == "new       2: keras-mean-over-batch, no-error"
    assert lines[-1] == f"report    {run.path / 'report.html'}"
    assert any(line.startswith("broken") and "could not be judged" in line for line in lines)


def test_nothing_new_is_said_so(tmp_path: Path) -> None:
    run = reports.read_run(make.write(tmp_path / "run", rows=[make.row()], findings=[make.finding()]))
    assert "new       nothing; every finding is in the ledger" in shown(run)


def test_at_most_15_findings_and_never_cells(tmp_path: Path) -> None:
    many = [make.finding(slug=f"finding-{i:02}", cells=100 - i) for i in range(20)]
    text = shown(reports.read_run(make.write(tmp_path / "run", findings=many)))
    assert sum("finding-" in line for line in text.splitlines()) == 15
    assert "and 5 findings more in the report" in text
    assert "tiny_norm" not in text


def test_one_finding_of_several_targets_is_listed_once(tmp_path: Path) -> None:
    both = [make.finding(target=target) for target in ("torch==2.12.1", "torch==2.13.0")]
    text = shown(reports.read_run(make.write(tmp_path / "run", findings=both)))
    assert text.count("torch-zero-vector") == 1
    assert "on torch==2.12.1, torch==2.13.0" in text
    assert "findings  1: 1 S2" in text


def test_text_of_others_cannot_steer_the_terminal(run: Any) -> None:
    text = shown(run, force_terminal=True, color_system="truecolor")
    assert "\x1b[31mnext" not in text.replace("\r", "")
    assert "[31m next & @team" in shown(run, 400)
    assert "\x1b" not in shown(run)


COMPARED = {
    "old": "torch==2.12.1", "new": "torch==2.13.0", "cells": 3, "broken": [],
    "changes": [], "apis": ["a.b"], "selection": "", "examples": 1, "seed": 0,
}  # fmt: skip
TIMELINE = {
    "framework": "torch", "releases": ["2.12.1", "2.13.0"], "visited": ["2.12.1", "2.13.0"], "failed": {},
    "steps": [],
}  # fmt: skip
SHOWS = {
    "summary": "from lossproof import reports; reports.terminal.show(reports.read_run({run!r}))",
    "comparison": f"from lossproof.reports.pages import comparison; comparison.show({COMPARED!r}, None)",
    "timeline": f"from lossproof.reports.pages import timeline; timeline.show({TIMELINE!r}, None)",
    "explanation": "from lossproof.conformance.cli.main import main; main(['explain', {api!r}])",
}


def output(run: Any, what: str, **env: str) -> str:
    """The output as printed on a terminal that has colours."""
    code = SHOWS[what].replace("{run!r}", repr(str(run.path))).replace("{api!r}", repr(make.TORCH))
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={"TERM": "xterm", "PYTHONPATH": os.environ.get("PYTHONPATH", ""), **env},
    )
    return done.stdout


@pytest.mark.parametrize("what", SHOWS)
def test_nothing_steers_the_terminal_where_no_colour_is_wanted(run: Any, what: str) -> None:
    text = output(run, what, FORCE_COLOR="1", NO_COLOR="1")
    assert text.strip()
    assert "\x1b" not in text  # not bold or dim either
    assert "\x1b" not in output(run, what)


@pytest.mark.parametrize("what", ["summary", "explanation"])
def test_colour_and_weight_are_there_where_they_are_wanted(run: Any, what: str) -> None:
    assert re.search(r"\x1b\[[0-9;]*1[;m]", output(run, what, FORCE_COLOR="1", NO_COLOR=""))


def test_every_console_is_made_in_one_place() -> None:
    made = []
    for package in ("lossproof.conformance", "lossproof.reports", "lossproof.specs", "lossproof.oracle"):
        for root in importlib.import_module(package).__path__:
            made += [p for p in Path(root).rglob("*.py") if re.search(r"\bConsole\(", p.read_text("utf-8"))]
    assert [path.name for path in made] == ["console.py"]


@pytest.mark.parametrize("width", [40, 60, 80, 120])
def test_nothing_vanishes_on_a_narrow_terminal(tmp_path: Path, width: int) -> None:
    api = "torch.nn.functional.cosine_embedding_loss"
    verdicts = ("conforms", "diverges", "broken", "undocumented", "unsupported")
    rows = [
        make.row(api=api, verdict=v, variant=f"{v}-{i}") for n, v in enumerate(verdicts) for i in range(n + 1)
    ]
    many = [
        make.finding(slug=f"a-finding-whose-slug-is-long-{i}", target=f"torch==2.{i}.0") for i in range(3)
    ]
    text = shown(reports.read_run(make.write(tmp_path / "run", rows=rows, findings=many)), width)
    assert max(map(len, text.splitlines())) <= width
    whole = "".join(text.split())
    assert api in whole
    counts = "".join(text[text.index(api[:40]) :].split("S2")[0].split())
    assert re.search(r"1\D*2\D*4\D*5\D*3", counts.removeprefix(api))
    assert all(finding["slug"] in whole for finding in many)
    assert "…" not in text


def test_a_finding_of_many_targets_names_the_first(tmp_path: Path) -> None:
    many = [make.finding(target=f"torch==2.{i}.0") for i in range(9)]
    text = shown(reports.read_run(make.write(tmp_path / "run", findings=many)), 300)
    assert "on torch==2.0.0, torch==2.1.0, torch==2.2.0, torch==2.3.0 and 5 more" in text


def test_an_empty_run_has_a_summary(tmp_path: Path) -> None:
    run = reports.read_run(make.write(tmp_path / "run", rows=[], claims=[], findings=[]))
    assert "No cell was judged." in shown(run)
    assert reports.summary_json(run)["cells"]["broken"] == 0


def test_the_summary_is_json(run: Any) -> None:
    summary = json.loads(json.dumps(reports.summary_json(run), allow_nan=False))
    assert summary["new"] == ["keras-mean-over-batch", "no-error"]
    assert summary["claims"] == {
        "conforms": 5,
        "diverges": 4,
        "undocumented": 4,
        "unsupported": 4,
        "broken": 4,
    }
    assert sum(summary["cells"].values()) == len(run.results)
    assert summary["run"]["complete"] is True


def test_importing_the_package_loads_nothing_heavy() -> None:
    code = (
        "import sys; from lossproof import reports; reports.COLUMNS, reports.NoRun;"
        "heavy = {'pandas', 'numpy', 'jinja2', 'rich', 'pyarrow', 'lossproof.specs'};"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
