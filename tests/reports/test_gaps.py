"""The gaps of a run stand first: values that no formula judges, cells that could not be judged, and why."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from lossproof import reports
from lossproof.reports.pages import gaps, view

from . import make

SILENT = "tfa.losses.contrastive_loss"
DIED = "the worker died: signal 29 (SIGIO)"


def read(path: Path, **parts: Any) -> Any:
    return reports.read_run(make.write(path / "run", **parts))


def shown(run: Any, width: int = 200) -> str:
    stream = io.StringIO()
    Console(file=stream, width=width, highlight=False, markup=False).print(reports.terminal.summary(run))
    return stream.getvalue()


def silent_rows(**others: Any) -> list[dict[str, Any]]:
    """An API whose page states no formula: values are recorded, relations and examples judged."""
    undocumented = [
        make.row(api=SILENT, property=prop, region=region, verdict="undocumented")
        for prop, region in (("value", "ordinary"), ("value", "tiny_norm"), ("range", "ordinary"))
    ]
    judged = [make.row(api=SILENT, property=prop) for prop in ("permutation", "batch", "example")]
    return [*undocumented, *judged, make.row(**others)] if others else [*undocumented, *judged]


def broken_row(reason: str = DIED, **fields: Any) -> dict[str, Any]:
    return make.row(verdict="broken", observed=json.dumps({"note": reason}), **fields)


# --- no value was judged ---


def test_values_that_no_formula_judges_come_before_findings_and_new(tmp_path: Path) -> None:
    run = read(tmp_path, rows=silent_rows(), findings=[], claims=[])
    closing = shown(run).splitlines()[4:]
    assert closing[0] == f"no value  was judged by a formula: the page of {SILENT} states none"
    instead = "judged instead: permutation, batch, example (3 cells); 3 cells recorded"
    assert closing[1].strip() == instead
    assert closing[2].strip().startswith("what to do:")
    assert [line.split()[0] for line in closing[3:6]] == ["claims", "findings", "new"]
    assert "nothing in what was judged" in closing[5]


def test_the_pages_say_so_before_they_count_findings(tmp_path: Path) -> None:
    run = read(tmp_path, rows=silent_rows(), findings=[], claims=[])
    page = (run.path / "report.html").read_text("utf-8")
    assert 0 < page.index("was judged by a formula") < page.index("No findings")
    text = (run.path / "report.md").read_text("utf-8")
    assert 0 < text.index(f"**No value of `{SILENT}` was judged by a formula**") < text.index("0 findings")
    assert reports.summary_json(run)["unjudged"][0]["api"] == SILENT


@pytest.mark.parametrize("verdict", ["conforms", "diverges"])
def test_one_judged_value_is_enough(tmp_path: Path, verdict: str) -> None:
    judged = make.row(api=SILENT, property="gradient", verdict=verdict)
    run = read(tmp_path, rows=[*silent_rows(), judged], findings=[])
    assert gaps.unjudged(run) == ()
    assert "no value" not in shown(run)
    assert "was judged by a formula" not in (run.path / "report.html").read_text("utf-8")


def test_other_apis_and_targets_of_a_run_change_nothing(tmp_path: Path) -> None:
    run = read(tmp_path, rows=silent_rows(api=SILENT, target="keras"), findings=[])
    (found,) = gaps.unjudged(run)
    assert (found.target, found.api) == ("torch", SILENT)


def test_a_page_that_leaves_open_only_what_was_asked_is_not_said_to_have_no_formula(tmp_path: Path) -> None:
    rows = [make.row(property="value", region="nonfinite", verdict="undocumented")]
    (found,) = gaps.unjudged(read(tmp_path, rows=rows, findings=[]))
    assert "states none" not in found.why


@pytest.mark.parametrize(
    "rows", [[], [broken_row()], [make.row(verdict="unsupported")]], ids=["none", "broken", "unsupported"]
)
def test_a_run_that_judged_nothing_has_nothing_new_to_tell(
    tmp_path: Path, rows: list[dict[str, Any]]
) -> None:
    run = read(tmp_path, rows=rows, claims=[], findings=[])
    assert "new       unknown; nothing was judged" in shown(run)
    assert "Nothing was judged" in (run.path / "report.html").read_text("utf-8")
    assert "Nothing was judged" in (run.path / "report.md").read_text("utf-8")


def test_the_page_names_the_targets_that_did_not_start(tmp_path: Path) -> None:
    facts = {
        "targets": [{"name": "mlx==9.9.9", "failed": "no <such> release"}, {"name": "torch", "failed": ""}]
    }
    run = read(tmp_path, run=facts)
    assert gaps.failed(run) == [("mlx==9.9.9", "no <such> release")]
    page = (run.path / "report.html").read_text("utf-8")
    assert "<strong>mlx==9.9.9 could not be judged</strong>: no &lt;such&gt; release" in page


# --- broken cells ---


def mixed() -> list[dict[str, Any]]:
    """A square with broken and diverging cells, of two reasons and two findings."""
    diverging = {"verdict": "diverges", "status": "known"}
    return [
        broken_row(region="zero"),
        broken_row(region="tiny_norm"),
        broken_row("TypeError: <b>no</b>", region="overflow"),
        make.row(region="ordinary", finding="torch-zero-vector;no-error", **diverging),
        make.row(region="parallel", finding="torch-zero-vector", **diverging),
        make.row(region="long"),
        make.row(property="sign", finding="no-error", **diverging),
        broken_row(property="scale"),
    ]


def square(page: str, start: str) -> str:
    """The cell of the matrix whose title starts so."""
    (found,) = re.findall(rf'<td class="[^"]*" title="{start}[^"]*">.*?</td>', page)
    return str(found)


def test_a_square_shows_its_broken_and_its_diverging_cells(tmp_path: Path) -> None:
    run = read(tmp_path, rows=mixed())
    cell = square((run.path / "report.html").read_text("utf-8"), "6 cells")
    assert re.sub(r"<[^>]+>", " ", cell).split() == ["!", "broken", "3", "✗", "diverges", "2"]
    text = (run.path / "report.md").read_text("utf-8")
    assert "| ! 3 ✗ 2 | ✗ 1 | ! 1 |" in text


def test_a_square_leads_to_every_finding_and_every_reason_behind_it(tmp_path: Path) -> None:
    run = read(tmp_path, rows=mixed())
    (matrix,) = view.matrices(run)
    (several,) = matrix.behind
    assert several[:2] == (make.TORCH, "value")
    assert [(lead.text, lead.cells) for lead in several[2].leads] == [
        ("S2 A wrong weight shape is accepted", 1),
        ("S2 A zero vector gives 0", 2),
        (DIED, 2),
        ("TypeError: <b>no</b>", 1),
    ]
    page = (run.path / "report.html").read_text("utf-8")
    assert f'href="#{several[2].anchor}"' in square(page, "6 cells")
    (listed,) = re.findall(rf'<li id="{several[2].anchor}">(.*?)</ul></li>', page)
    for lead in several[2].leads:
        assert f'href="#{lead.anchor}"' in listed
        assert f'id="{lead.anchor}"' in page


def test_a_square_of_one_finding_or_one_reason_leads_straight_there(tmp_path: Path) -> None:
    run = read(tmp_path, rows=mixed())
    page = (run.path / "report.html").read_text("utf-8")
    assert f'href="#{view.anchor("no-error", "torch")}"' in square(page, "1 cell: 1 diverges")
    assert f'href="#{gaps.reason_anchor(DIED)}"' in square(page, "1 cell: 1 broken")


def test_every_reason_stands_on_the_pages_with_its_cells(tmp_path: Path) -> None:
    run = read(tmp_path, rows=mixed())
    page = (run.path / "report.html").read_text("utf-8")
    section = page[page.index('<section id="broken"') : page.index('<section id="claims"')]
    assert section.index(DIED) < section.index("TypeError: &lt;b&gt;no&lt;/b&gt;")
    for cell in ("zero/float32/-", "tiny_norm/float32/-", "overflow/float32/-"):
        assert f"<code>{cell}</code>" in section
    text = (run.path / "report.md").read_text("utf-8")
    section = text[text.index("## Could not be judged") : text.index("## Claims")]
    assert "`zero/float32/-`" in section
    assert r"TypeError: &lt;b&gt;no&lt;/b&gt;" in section


def test_the_terminal_names_the_most_frequent_reasons(tmp_path: Path) -> None:
    rows = [broken_row(f"reason {i}", variant=f"{i}-{j}") for i in range(8) for j in range(8 - i)]
    text = shown(read(tmp_path, rows=rows))
    lines = text[text.index("broken    36 cells could not be judged") :].splitlines()[1:7]
    assert [line.strip() for line in lines] == [
        *(f"{8 - i}: reason {i}" for i in range(5)),
        "and 3 reasons more in the report",
    ]


def test_a_broken_cell_without_a_reason_says_so(tmp_path: Path) -> None:
    run = read(tmp_path, rows=[make.row(verdict="broken", observed="")])
    assert "1: no reason was recorded" in shown(run)


def test_a_page_lists_thirty_cells_of_a_place_and_counts_the_others(tmp_path: Path) -> None:
    run = read(tmp_path, rows=[broken_row(variant=f"v={i}") for i in range(100)])
    for name in ("report.html", "report.md"):
        text = (run.path / name).read_text("utf-8")
        assert text.count("ordinary/float32/v=") == 30
        assert "and 70 more in results.csv" in text


# --- fragments ---


def test_fragments_differ_where_only_what_none_can_hold_does() -> None:
    names = ["a b", "a/b", "a:b", "a-b", "a[b]"]
    assert len({view.anchor("slug", name) for name in names}) == len(names)
    assert view.anchor("slug", "torch==2.13.0") == "slug--torch==2.13.0"


def test_a_finding_can_be_linked_to_by_its_slug_alone(tmp_path: Path) -> None:
    both = [make.finding(target=target) for target in ("torch==2.12.1", "torch==2.13.0")]
    reserved = make.finding(slug="claims")
    page = (read(tmp_path, findings=[*both, reserved]).path / "report.html").read_text("utf-8")
    assert page.count('id="torch-zero-vector"') == 1
    assert page.index('id="torch-zero-vector--torch==2.12.1"') < page.index('id="torch-zero-vector"')
    assert page.index('id="torch-zero-vector"') < page.index('id="torch-zero-vector--torch==2.13.0"')
    assert page.count('id="claims"') == 1
