"""The linter: the miniature is clean, and every planted fault is reported at its line."""
# ruff: noqa: E501 - a planted fault reads best on one line

import sys
from pathlib import Path

import pytest

from lossproof.specs.copied import docstring_digest
from lossproof.specs.lint import lint, main
from lossproof.specs.rules import common_version


def test_a_clean_spec_has_no_problem(miniature):
    assert lint([str(miniature)]) == []
    assert main([str(miniature)]) == 0


SECOND = """\
  - slug: toy-2
    package: toy
    versions: '{versions}'
    source: {{document: docstring, where: toy.similarity, version: '2.0', section: formula}}
    semantics: {{score: negated}}
    call: {{style: function, arrays: [{{name: x1, role: x}}, {{name: x2, role: y}}], options: [{{name: reduction, role: other}}]}}

claims:
"""
CASE = "cases:\n  - slug: unused\n    says: nothing asks for it\n    arrays: {x1: [[1]], x2: [[1]]}\n    expect: {oracle: true}\n"

PLANTED = [
    ("api: toy.similarity", "api: toy.cosine", "api", "is not the file's name"),
    ("claims:\n", SECOND.format(versions=">=1.9"), "editions[1].versions", "lies in this range and in that of toy-1"),
    ("claims:\n  - slug: formula", SECOND.format(versions=">=2.0") + "  - slug: formula\n    editions: [toy-1]",
     "editions[1]", "no claim belongs to the edition toy-2"),
    ("- {property: value}", "- {property: weights}", "claims[0].decided_by[0]", "the API takes no weights"),
    ("- {property: value}", "- {property: error}", "claims[0].decided_by[0]", "the property error needs a case"),
    ("- {property: value}", "- {property: value, variant: 'keepdims=*'}", "claims[0].decided_by[0]", "asks for keepdims"),
    ("cases:\n", CASE, "cases[0]", "no claim is decided by the case unused"),
    ("where: toy.similarity, version: '1.4', section: formula}\n    sem", "where: toy page, version: '1.4', section: formula}\n    sem",
     "editions[0].source.where", "is no name of an object"),
    ("cite: {document: docstring, where: toy.similarity", "cite: {document: page, where: toy.similarity",
     "claims[0].cite.where", "is no address of a page"),
    ("where: toy.similarity, version: '1.4', section: formula}\n    dec", "where: toy.similarity, version: '1.4', section: ''}\n    dec",
     "claims[0].cite.section", "empty"),
    ("summary: Cosine of two tensors.", "summary: ''", "summary", "empty"),
    ("slug: formula\n", "slug: claim-1\n", "claims[0].slug", "only counts"),
    ("{name: x2, role: y}", "{name: x2, role: x}", "editions[0].call", "two parameters have the role 'x'"),
    ("{name: dim,", "{name: x1,", "editions[0].call", "'x1' names two parameters"),
    ("means: {none: none, mean: mean}", "means: {none: none}", "editions[0].call.options[2]", "the default 'mean'"),
    ("arrays: {x1: [[1, 0]], x2", "arrays: {x1: [[1, 0]], x3", "cases[0].arrays.x3", "the call has no 'x3'"),
    ("arrays: {x1: [[1, 0]], x2: [[0, 1]]}", "arrays: {x1: [[1, 0]]}", "cases[0].arrays", "x2 missing"),
    ("options: {reduction: none}", "options: {reduce: none}", "cases[0].options.reduce", "the call has no 'reduce'"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "field", "message"), PLANTED, ids=[p[3][:30] for p in PLANTED])
def test_a_planted_fault_is_reported(plant, old, new, field, message):
    planted = plant(old, new)
    found = [p for p in lint([str(planted.path)]) if p.field == field and message in p.message]
    assert len(found) == 1
    assert planted.path.read_text().splitlines()[found[0].line - 1].strip()
    if "\n" not in new:
        assert found[0].line == planted.line or field == "editions[0].call"


def test_a_claim_needs_a_decision_in_each_of_its_editions(plant):
    second = SECOND.format(versions=">=2.0").replace("claims:\n", "claims:\n  - slug: axis\n    says: dim is 1.\n"
        "    cite: {document: docstring, where: toy.similarity, version: '1.4', section: dim}\n"
        "    decided_by: [{property: axis}]\n")  # fmt: skip
    problems = lint([str(plant("claims:\n", second).path)])
    assert [(p.field, p.message) for p in problems] == [
        ("claims[0]", "nothing decides it in the edition toy-2")
    ]


@pytest.mark.parametrize(
    ("a", "b", "common"),
    [
        (">=1.0,<2.0", ">=2.0", False),
        (">=1.0,<=2.0", ">=2.0", True),
        (">=1.0,<2.0", ">=1.5", True),
        (">1.0,<2.0", ">1.0,<1.1", True),
        ("==1.*", "<1.0", False),
        ("==1.*", ">=1.9", True),
        ("<1.0", "<0.5", True),
        (">=3", ">=4", True),
    ],
)
def test_common_version(a, b, common):
    assert (common_version(a, b) is not None) is common


def test_slugs_are_recorded_and_never_lost(miniature, plant, capsys):
    assert main(["--record", str(miniature)]) == 0
    record = (miniature.parent / "slugs.txt").read_text()
    assert "toy.similarity case right-angle\n" in record
    renamed = miniature.read_text().replace("right-angle", "square")
    miniature.write_text(renamed)
    messages = [p.message for p in lint([str(miniature)])]
    assert messages == ["the case right-angle is gone", "the case square is not in slugs.txt"]
    assert main(["--record", str(miniature)]) == 1
    assert [p.message for p in lint([str(miniature)])] == ["the case right-angle is gone"]
    assert "right-angle" in capsys.readouterr().out


def test_invalid_files_are_reported_with_the_others(plant, tmp_path):
    bad = tmp_path / "bad.yaml"
    bad.write_text("api: x\n")
    planted = plant("summary: Cosine of two tensors.", "summary: ''")
    files = {Path(p.file).name for p in lint([str(tmp_path)])}
    assert files == {"bad.yaml", planted.path.name}


LEDGER = """\
findings:
  - slug: one-floor
    title: one floor in the place of two
    framework: torch
    apis: [toy.similarity, toy.similarty]
    package: toy
    versions: '>=1.0'
    kind: eps
    severity: S2
    behaves_as: {cases: [right-angel]}
    witness: {api: toy.cosine, case: right-angle, answer: {value: [0]}}
    reason: the norms are multiplied first
"""


def test_a_ledger_names_what_exists(miniature):
    (miniature.parent / "ledger.yaml").write_text(LEDGER)
    found = {p.field: (p.line, p.hint) for p in lint([str(miniature.parent)])}
    assert found.pop("findings[0].apis[1]")[1].startswith("did you mean toy.similarity")
    assert found == {
        "findings[0].behaves_as.cases[0]": (10, "did you mean right-angle?"),
        "findings[0].witness.api": (11, ""),
    }


@pytest.fixture
def documented(miniature, monkeypatch):
    """A module `toy` with a docstring, importable by a new Python."""
    doc = (
        "The cosine is the quotient of the dot product and of the product of both the norms of its arguments."
    )
    (miniature.parent / "toy.py").write_text(f'def similarity():\n    """{doc}"""\n')
    monkeypatch.setenv("PYTHONPATH", str(miniature.parent))
    return doc


@pytest.mark.parametrize(("words", "copied"), [(7, True), (6, False)])
def test_seven_words_in_a_row_are_a_copy(miniature, documented, words, copied):
    said = "So: " + " ".join(documented.split()[:words])
    miniature.write_text(miniature.read_text().replace("vectors at a right angle", f"'{said}'"))
    problems = lint([str(miniature)], sys.executable)
    assert [p.field for p in problems] == (["cases[0].says"] if copied else [])


def test_without_docstrings_nothing_is_compared(miniature, documented):
    miniature.write_text(miniature.read_text().replace("vectors at a right angle", f"'{documented}'"))
    assert lint([str(miniature)]) == []


@pytest.mark.parametrize("same", [True, False])
def test_a_docstring_that_changed_is_reported(miniature, documented, same):
    folder = miniature.parent / "toy-1.4.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: toy\nVersion: 1.4\n")
    digest = docstring_digest(documented if same else "something else")
    recorded = f"\n    docstrings: {{'1.4': {digest}}}\n\nclaims:\n"
    miniature.write_text(miniature.read_text().replace("\n\nclaims:\n", recorded))
    problems = lint([str(miniature)], sys.executable)
    assert [p.field for p in problems] == ([] if same else ["editions[0].docstrings.1.4"])


def test_the_command_tells_a_wrong_path(tmp_path, capsys):
    assert main([str(tmp_path / "none.yaml")]) == 2
    assert "no such file or folder" in capsys.readouterr().err


def test_a_folder_without_yaml_is_told_and_not_taken_for_clean(tmp_path, capsys):
    assert main([str(tmp_path)]) == 2
    assert f"{tmp_path}: the folder holds no YAML file" in capsys.readouterr().err
    assert main(["--record", str(tmp_path)]) == 2
    assert list(tmp_path.iterdir()) == []
