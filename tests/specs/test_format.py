"""The canonical form: one layout for one content, comments kept, nothing lost."""

import pytest

from lossproof.specs import SpecError, load_specs, specs_digest
from lossproof.specs.format import WIDTH, format_text, main


def test_the_canonical_form_stays(miniature):
    assert format_text(miniature.read_text()) == miniature.read_text()


SHUFFLED = [
    (
        "  - slug: right-angle\n    says: vectors at a right angle\n",
        "  - says: vectors at a right angle\n    slug: right-angle\n",
    ),
    ("framework: toy\nfamily: cosine\n", "family: cosine\n\n\n\nframework: toy\n"),
    (
        "arrays: {x1: [[1, 0]], x2: [[0, 1]]}",
        "arrays:\n      x1:\n        - [1, 0]\n      x2:\n        - - 0\n          - 1",
    ),
    ("'>=1.0,<2.0'", '">=1.0,<2.0"'),
    ("summary: Cosine of two tensors.", 'summary: "Cosine of\n  two tensors."'),
    (
        "      - {property: value}\n      - {case: right-angle}",
        "    - property: value\n    - {case: right-angle, }",
    ),
    (
        "semantics:\n      score: similarity\n      norm_rule: floor_norm",
        "semantics: {norm_rule: floor_norm, score: similarity}",
    ),
]


@pytest.mark.parametrize(("old", "new"), SHUFFLED)
def test_any_layout_comes_to_the_canonical_form(miniature, old, new):
    canonical = miniature.read_text()
    assert old in canonical
    assert format_text(canonical.replace(old, new)) == canonical


def test_comments_are_kept(miniature):
    text = miniature.read_text()
    text = text.replace("family: cosine\n", "family: cosine  # of two vectors\n")
    text = text.replace(
        "      - {case: right-angle}", "      # the plainest case\n      - {case: right-angle}"
    )
    formatted = format_text("# head\n" + text)
    assert formatted.startswith("# head\n")
    assert "family: cosine  # of two vectors\n" in formatted
    assert "      # the plainest case\n      - {case: right-angle}\n" in formatted
    assert format_text(formatted) == formatted


def test_a_comment_keeps_what_stands_on_its_own_line_apart(miniature):
    options = "options: {reduction: none}"
    text = miniature.read_text().replace(
        options, "options:\n      reduction: none  # rows apart\n      dim: 1"
    )
    formatted = format_text(text)
    assert "reduction: none  # rows apart\n" in formatted
    assert format_text(formatted) == formatted


def test_long_texts_and_arrays_wrap(miniature):
    text = miniature.read_text().replace("Cosine of two tensors.", "word " * 60 + "end.")
    text = text.replace("x1: [[1, 0]]", f"x1: [{list(range(60))}]")
    formatted = format_text(text)
    assert max(map(len, formatted.splitlines())) <= WIDTH
    assert format_text(formatted) == formatted


@pytest.mark.parametrize("length", range(60, 90))
def test_what_fills_a_line_is_not_torn(miniature, length):
    text = miniature.read_text().replace(
        "{property: value}", f"{{property: value, variant: '*{'n' * (length - 20)}'}}"
    )
    text = text.replace("{reduction: none}", f"{{reduction: none, other: {'n' * (length - 20)}}}")
    formatted = format_text(text)
    lines = formatted.splitlines()
    assert max(map(len, lines)) <= WIDTH
    assert not [line for line in lines if line.strip() in ("]", "}")]
    assert format_text(formatted) == formatted


@pytest.mark.parametrize(
    "word", ["no", "on", "2.10", "1e-8", "010", "null", "true", "1:30", "a: b", "- a", "x #y", ""]
)
def test_a_text_stays_the_same_text(miniature, word):
    text = miniature.read_text().replace("summary: Cosine of two tensors.", f'summary: "{word}"')
    miniature.write_text(format_text(text))
    assert load_specs(miniature)[0].summary == word


def test_blank_lines_inside_a_text_are_content(miniature):
    code = "arguments:\n      code: |\n        import toy\n\n        toy.similarity()\n    expect"
    miniature.write_text(format_text(miniature.read_text().replace("expect", code)))
    assert load_specs(miniature)[0].cases[0].arguments["code"] == "import toy\n\ntoy.similarity()\n"


def test_formatting_never_changes_the_digest(miniature):
    before = specs_digest(load_specs(miniature))
    miniature.write_text(format_text(miniature.read_text().replace("1e-8", "1.0E-08")))
    assert specs_digest(load_specs(miniature)) == before


def test_what_cannot_be_read_is_not_formatted():
    with pytest.raises(SpecError, match="not YAML"):
        format_text("a: [", "bad.yaml")


def test_the_command_checks_and_mends(miniature, capsys):
    canonical = miniature.read_text()
    assert main(["--check", str(miniature)]) == 0
    miniature.write_text(canonical.replace("'>=1.0,<2.0'", '">=1.0,<2.0"'))
    assert main(["--check", str(miniature.parent)]) == 1
    assert "not canonical" in capsys.readouterr().out
    assert main([str(miniature.parent)]) == 0
    assert miniature.read_text() == canonical


def test_the_command_tells_a_wrong_path(tmp_path, capsys):
    assert main([str(tmp_path / "none.yaml")]) == 2
    assert "no such file or folder" in capsys.readouterr().err


def test_a_folder_without_yaml_is_told_and_not_taken_for_canonical(tmp_path, capsys):
    (tmp_path / "notes.txt").write_text("api: x")
    assert main(["--check", str(tmp_path)]) == 2
    error = capsys.readouterr().err
    assert f"{tmp_path}: the folder holds no YAML file" in error
    assert "a spec ends in .yaml" in error
