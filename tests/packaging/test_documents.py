"""Links between the documents lead somewhere, and nothing in them belongs to one machine."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from .conftest import ROOT

DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob(".github/**/*.md")])
LINK = re.compile(r"\[[^\]]*\]\((?!https?:)([^)#]*)(#[^)]*)?\)")


def anchors(document: Path) -> set[str]:
    """The anchors of a document's headings, as they are made for pages: lower case, spaces to hyphens."""
    headings = re.findall(r"^#+ +(.+)$", document.read_text(encoding="utf-8"), re.MULTILINE)
    return {"#" + re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
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


TOLD = [
    *DOCUMENTS, *ROOT.glob("docs/workflows/*"), *ROOT.glob("pyproject.toml"), *ROOT.glob("tox.ini"),
    *(f for room in ("conformance", "oracle", "reports", "specs") for f in (ROOT / room).rglob("*.*")),
]  # fmt: skip
FROM_AN_INDEX = re.compile(r"""pip3? install\s+(-\S+\s+)*["']?lossproof(?!\S* @ )""", re.IGNORECASE)


def test_nobody_is_told_to_install_lossproof_from_an_index() -> None:
    """Nothing of that name is on the package index; whoever takes it one day would run on our users' machines."""
    readable = [
        f for f in TOLD if f.suffix in (".md", ".py", ".yaml", ".yml", ".toml", ".ini", ".j2", ".html")
    ]
    assert len(readable) > 100
    told = [f.name for f in readable if FROM_AN_INDEX.search(f.read_text(encoding="utf-8"))]
    assert told == []


@pytest.mark.parametrize(
    ("text", "from_an_index"),
    [
        ("python -m pip install lossproof", True),
        ("pip install -q --upgrade 'lossproof[torch]'", True),
        ('pip install "lossproof[fast]"', True),
        ('pip install "lossproof[torch] @ git+URL"', False),
        ("python -m pip install -e '.[torch]'", False),
        ('python -m pip install "$LOSSPROOF"', False),
        ("pip install torch", False),
    ],
)
def test_an_installation_from_an_index_is_noticed(text: str, from_an_index: bool) -> None:
    assert bool(FROM_AN_INDEX.search(text)) == from_an_index
