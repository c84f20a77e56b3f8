"""Links between the documents lead somewhere, and nothing in them belongs to one machine."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from .conftest import ROOT

DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")])
LINK = re.compile(r"\[[^\]]*\]\((?!https?:)([^)#]*)(#[^)]*)?\)")


def anchors(document: Path) -> set[str]:
    """The anchors of a document's headings, as they are made for pages: lower case, spaces to hyphens."""
    headings = re.findall(r"^#+ +(.+)$", document.read_text(encoding="utf-8"), re.MULTILINE)
    return {"#" + re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_somewhere(document: Path) -> None:
    broken = []
    for target, anchor in LINK.findall(document.read_text(encoding="utf-8")):
        file = (document.parent / target).resolve() if target else document
        if not file.exists() or (anchor and file.suffix == ".md" and anchor not in anchors(file)):
            broken.append(target + anchor)
    assert broken == []


def test_the_readme_installs_and_tests_with_the_commands_that_exist() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert 'python -m pip install -e ".[frameworks]" -c constraints.txt && lossproof check' in text
    assert "python -m pip install tox && tox" in text
    assert "python -m pip install --quiet tox && tox" in (ROOT / ".ci" / "run").read_text(encoding="utf-8")
