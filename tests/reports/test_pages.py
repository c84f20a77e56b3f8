"""report.html and report.md: everything said, nothing of others believed, nothing needed from elsewhere."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from lossproof import reports

from . import make

VOID = {"meta", "input", "wbr", "br", "link", "img"}


class Page(HTMLParser):
    """A page as a browser parses it: elements, attributes, and the text outside scripts and styles."""

    def __init__(self, source: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.words: list[str] = []
        self.feed(source)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] not in ("script", "style"):
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attrs for name, attrs in self.elements if name == tag]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make.write(tmp_path_factory.mktemp("pages") / "run")


@pytest.fixture(scope="module")
def page(folder: Path) -> Page:
    return Page((folder / "report.html").read_text("utf-8"))


@pytest.fixture(scope="module")
def markdown(folder: Path) -> str:
    return (folder / "report.md").read_text("utf-8")


def test_elements_are_closed_and_fragments_lead_somewhere_once(page: Page) -> None:
    assert page.open == []
    ids = [attrs["id"] for _, attrs in page.elements if "id" in attrs]
    assert len(ids) == len(set(ids))
    targets = {(attrs["href"] or "")[1:] for attrs in page.all("a") if (attrs["href"] or "").startswith("#")}
    assert "torch-zero-vector--torch" in targets
    assert targets <= set(ids)  # rows of tensorflow name a finding of torch, which has no card there


def test_nothing_is_loaded_from_elsewhere(page: Page, folder: Path) -> None:
    loading = {"img", "link", "iframe", "object", "embed", "video", "audio", "source", "base", "form"}
    assert not loading & {tag for tag, _ in page.elements}
    assert not [attrs for _, attrs in page.elements if "src" in attrs or "style" in attrs]
    assert "url(" not in (folder / "report.html").read_text("utf-8")


def test_hostile_text_is_shown_and_not_obeyed(page: Page) -> None:
    assert len(page.all("script")) == 1
    assert "<script>alert(1)</script>" in page.text
    assert "<script>alert(2)</script>" in page.text
    assert not [name for _, attrs in page.elements for name in attrs if name.startswith("on")]
    addresses = [attrs["href"] or "" for attrs in page.all("a")]
    local = {"results.csv", "results.parquet", "divergences.csv", "claims.csv", "findings.json"}
    assert not [
        a for a in addresses if not a.startswith(("#", "https://", "reproducers/")) and a not in local
    ]
    assert not [a for a in addresses if "javascript" in a]


def test_the_policy_allows_exactly_the_pages_own_style_and_script(folder: Path) -> None:
    import base64
    import hashlib

    source = (folder / "report.html").read_text("utf-8")
    (policy,) = re.findall(r'Content-Security-Policy" content="([^"]*)"', source)
    assert policy.startswith("default-src 'none';")
    for tag in ("style", "script"):
        (body,) = re.findall(f"<{tag}>(.*?)</{tag}>", source, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(body.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy.replace("&#39;", "'")


def test_tables_name_their_rows_and_columns(page: Page) -> None:
    heads = page.all("th")
    assert heads
    assert {attrs.get("scope") for attrs in heads} == {"row", "col"}
    assert page.all("html")[0]["lang"] == "en"
    assert [a for a in page.all("meta") if a.get("name") == "viewport"]


@pytest.mark.parametrize(
    "said",
    [
        "seed", "sha256:abc", "Linux-6.1-x86_64",  # facts
        "6 findings", "2 new or changed", "could not be judged",
        "The mean divides by the batch size, not by the sum of the weights",
        "raises ValueError", "no error; 1.0", "[0.5]", "[-0.5]",
        "x2 = [[0.1, 1.0]]", "0x1.99999ap-4",
        "off by 8.39e+06 ulp",
        "floors the product of the norms: max(|x| |y|, 1e-08)", "wherever a norm is zero",
        "The default is AUTO.", "The default is SUM_OVER_BATCH_SIZE.",
        "A weight must broadcast.", "tiny norm", "The documentation is silent here",
        "S1 silently wrong value", "changed", "carried", "fixed", "known", "new",
    ],
)  # fmt: skip
def test_the_page_says(page: Page, said: str) -> None:
    said = said.replace("8.39e+06", "8.4e+06")
    assert said in page.text


def test_a_matrix_names_every_verdict_in_words_and_signs(page: Page, folder: Path) -> None:
    source = (folder / "report.html").read_text("utf-8")
    run = reports.read_run(folder)
    squares = re.findall(r'<td class="(\w+)( fresh)?" title="([^"]+)">', source)
    pairs = run.results[["target", "api", "property"]].drop_duplicates()
    assert len(squares) == len(pairs)
    diverging = run.results[run.results["verdict"] == "diverges"]
    assert sum(" diverges" in title for *_, title in squares) == len(
        diverging[["target", "api", "property"]].drop_duplicates()
    )
    new = diverging[diverging["status"].isin(["new", "changed"])]
    assert sum(bool(fresh) for _, fresh, _ in squares) == len(
        new[["target", "api", "property"]].drop_duplicates()
    )


def test_findings_are_worst_first_on_both_pages(page: Page, markdown: str) -> None:
    titles = [
        "The mean divides",
        "A wrong weight shape",
        "A zero vector gives 0",
        "The page states",
        "Was wrong",
    ]
    for text in (page.text, markdown):
        places = [text.index(title) for title in titles]
        assert places == sorted(places)


def test_markdown_escapes_what_others_wrote(markdown: str) -> None:
    outside = re.sub(r"(`+).+?\1", "", markdown)
    assert "<script>" not in outside
    assert "@team" not in outside
    assert "](javascript" not in outside
    assert "\x1b" not in markdown
    assert r"\|\*\_\[x\]" in outside


def test_markdown_tables_have_one_width_each(markdown: str) -> None:
    without_escapes = markdown.replace(r"\|", "")
    blocks = re.findall(r"(?:^\|.*\n)+", without_escapes, re.MULTILINE)
    assert len(blocks) == 6  # verdicts, two matrices, broken cells, claims, undocumented
    for block in blocks:
        assert len({line.rstrip().count("|") for line in block.splitlines()}) == 1


def test_the_markdown_links_only_scripts_that_exist(markdown: str, folder: Path) -> None:
    linked = re.findall(r"\]\((reproducers/[^)]+)\)", markdown)
    assert linked
    assert all((folder / name).is_file() for name in linked)


def test_an_empty_run_has_pages(tmp_path: Path) -> None:
    run = make.write(tmp_path / "run", rows=[], claims=[], findings=[], run={}, scripts={})
    page = Page((run / "report.html").read_text("utf-8"))
    assert "Nothing was judged" in page.text
    assert "No API was judged" in page.text
    assert "None." in (run / "report.md").read_text()


def test_thousands_of_cells_stay_readable(tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = []
    for i in range(6000):
        observed = f'{{"outcome": "value", "value": ["{float(i).hex()}"], "dtype": "float32"}}'
        verdict = "undocumented" if i % 2 else "conforms"
        rows.append(
            make.row(region=make.REGIONS[i % 4], variant=f"v={i}", verdict=verdict, observed=observed)
        )
    run = make.write(tmp_path / "run", rows=rows)
    page = Page((run / "report.html").read_text("utf-8"))
    assert "and 1497 other answers" in page.text
    assert len(page.all("tr")) < 100


def test_a_finding_shows_the_claims_that_it_contradicts(tmp_path: Path) -> None:
    slug = "torch-zero-vector"
    claims = [
        make.claim(claim="a", says="First statement.", citation="elsewhere", findings=f"other;{slug}"),
        make.claim(claim="b", says="Second statement.", citation=make.finding()["citation"], findings=slug),
        make.claim(claim="c", says="Third statement.", findings="torch-zero-vector-too"),
        make.claim(claim="d", says="Fourth statement.", findings=slug, target="tensorflow"),
    ]
    run = make.write(tmp_path / "run", rows=[], claims=claims, findings=[make.finding()])
    for name in ("report.html", "report.md"):
        text = (run / name).read_text("utf-8")
        card = text[text.index("A zero vector gives 0") : text.index("Severities")].split("Claims</h2>")[0]
        card = card.split("## Claims")[0]
        assert 0 < card.index("Second statement.") < card.index("First statement.")
        assert "Third" not in card
        assert "Fourth" not in card
