"""docs/adding-an-api.md: its examples are good, its field reference is that of the models."""

import textwrap
from pathlib import Path

import pytest

from lossproof.specs import load_ledger, load_specs
from lossproof.specs.format import format_text
from lossproof.specs.lint import lint
from lossproof.specs.models import KnownFinding, Spec
from lossproof.specs.reference import BEGIN, END, main, with_reference

PAGE = Path(__file__).parents[2] / "docs" / "adding-an-api.md"


@pytest.fixture
def example(tmp_path):
    text = PAGE.read_text(encoding="utf-8").split("<!-- example: begin -->\n```yaml\n")[1].split("```")[0]
    path = tmp_path / "torch.cosine_similarity.yaml"
    path.write_text(text)
    return path


def test_the_example_is_valid_clean_and_canonical(example):
    assert [s.api for s in load_specs(example)] == ["torch.cosine_similarity"]
    assert lint([str(example)]) == []
    assert format_text(example.read_text()) == example.read_text()


def test_the_example_of_the_ledger_names_what_exists(tmp_path):
    page = PAGE.read_text(encoding="utf-8")
    block = page[page.index("    findings:\n") :].split("\n\n")[0]
    path = tmp_path / "torch.yaml"
    path.write_text(textwrap.dedent(block))
    assert len(load_ledger(path).findings) == 1
    assert lint([str(path)]) == []


def test_the_field_reference_is_that_of_the_models():
    page = PAGE.read_text(encoding="utf-8")
    assert page == with_reference(page), "run: python -m lossproof.specs.reference docs/adding-an-api.md"
    for field in (*Spec.model_fields, *KnownFinding.model_fields):
        assert f"| `{field}` |" in page


def test_every_field_says_what_it_means():
    page = PAGE.read_text(encoding="utf-8").split(BEGIN)[1].split(END)[0]
    assert [line for line in page.splitlines() if line.startswith("| `") and line.endswith("|  |")] == []


def test_the_command_checks_and_mends_the_page(tmp_path, capsys):
    page = tmp_path / "page.md"
    page.write_text(f"# Page\n{BEGIN}\nold\n{END}\nafter\n")
    assert main(["--check", str(page)]) == 1
    assert "old" in page.read_text()
    assert main([str(page)]) == 0
    assert main(["--check", str(page)]) == 0
    assert page.read_text().endswith(f"{END}\nafter\n")
    page.write_text("nothing to replace\n")
    assert main([str(page)]) == 2
    assert "no lines" in capsys.readouterr().err
