"""Loading: what a good file gives, and one readable problem for every fault of a bad one."""
# ruff: noqa: E501 - a planted fault reads best on one line

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from lossproof.specs import SpecError, ledger_digest, load_ledger, load_specs, specs_digest

LEDGER = """\
findings:
  - slug: {slug}
    title: eps floors the product of the norms
    framework: torch
    apis: [toy.similarity]
    package: toy
    versions: '>=1.0'
    kind: eps
    severity: S2
    behaves_as: {{parameters: {{norm_rule: floor_product}}}}
    witness: {{api: toy.similarity, case: right-angle, answer: {{value: [0x0p+0]}}}}
    reason: one floor in the place of two
"""


def error_of(path: Path) -> SpecError:
    with pytest.raises(SpecError) as caught:
        load_specs(path)
    return caught.value


def test_a_file_gives_its_spec_with_numbers_and_texts_as_written(miniature):
    (spec,) = load_specs(miniature)
    edition = spec.editions[0]
    assert spec.api == "toy.similarity"
    assert edition.call.option("eps").default == 1e-8
    assert edition.source.version == "1.4"
    assert spec.cases[0].arrays["x1"].values == [[1, 0]]
    assert spec.cases[0].arrays["x1"].dtype == "float32"


def test_a_folder_gives_every_spec_sorted_by_api(miniature):
    other = miniature.with_name("a.yaml")
    other.write_text(miniature.read_text().replace("api: toy.similarity", "api: a"))
    assert [s.api for s in load_specs(miniature.parent)] == ["a", "toy.similarity"]


PLANTED = [
    ("family: cosine", "famly: cosine", "famly", "unknown field", "did you mean family?"),
    ("summary: Cosine of two tensors.", "summary: no", "summary", "unquoted no", "quote it ('no')"),
    ("summary: Cosine of two tensors.", "summary: 010", "summary", "unquoted 010", "quote it ('010')"),
    ("summary: Cosine of two tensors.", "summary: true", "summary", "text expected, not True", "quote it"),
    ("version: '1.4', section: formula}\n    sem", "version: 1.4, section: formula}\n    sem",
     "editions[0].source.version", "text expected, not 1.4", "quote it"),
    ("'>=1.0,<2.0'", "1.0 to 2.0", "editions[0].versions", "is no version range", ""),
    ("score: similarity", "half: true", "editions[0].semantics.half", "unknown field", "known here: score"),
    ("{name: x2, role: y}", "{name: x2, role: labels}", "editions[0].call.arrays[1].role",
     "'labels' is none of 'x', 'y' or 'weights'", ""),
    ("role: axis", "role: margin", "editions[0].call.options[0].role", "'margin' is none of 'axis'", ""),
    ("score: similarity", "score: similar", "editions[0].semantics.score", "is none of 'similarity'",
     "did you mean similarity?"),
    ("norm_rule: floor_norm", "norm_rule: floor_norm\n      §norm_rul: plain", "editions[0].semantics.norm_rul",
     "unknown field", "did you mean norm_rule?"),
    ("{name: x2, role: y}", "{name: x2, rol: y}", "editions[0].call.arrays[1].rol", "unknown field", "did you mean role?"),
    ("- slug: right-angle", "- slug: Right Angle", "cases[0].slug", "is no slug", "small letters"),
    ("expect: {value: [0]}", "expect: {value: [0], shape: [1]}", "cases[0].expect", "2 are given: value, shape", ""),
    ("expect: {value: [0]}", "expect: {}", "cases[0].expect", "0 are given: none", ""),
    ("- {case: right-angle}", "- {case: right-angle, property: value}", "claims[0].decided_by[1]",
     "name either a case or a property", ""),
    ("family: cosine", "family: cosine\n§family: cosine", "family", "key given twice", "the first one is on line 3"),
    ("options: {reduction: none}", "options: {null: none}", "cases[0].options.null", "is not text", "quote it: 'null'"),
    ("options: {reduction: none}", "options: {<<: {reduction: none}}", "cases[0].options.<<", "merge keys", ""),
    ("summary: Cosine of two tensors.", "summary: !!python/object/apply:os.system [ls]", "summary",
     "the tag 'tag:yaml.org,2002:python/object/apply:os.system' is not allowed", "plain data"),
    ("api: toy.similarity", "api: toy.'similarity", "api", "is no full name", ""),
    ("api: toy.similarity", "api: ../../toy.similarity", "api", "is no full name", ""),
    ("api: toy.similarity", "api: toy.similarity()", "api", "is no full name", ""),
    ("api: toy.similarity", 'api: "toy.similarity\\nimport os"', "api", "is no full name", ""),
    ("framework: toy", "framework: ../toy", "framework", "is no name", ""),
    ("{name: x2, role: y}", '{name: "x2=f(), y", role: y}', "editions[0].call.arrays[1].name", "is no name", ""),
    ("options: {reduction: none}", "options: {'a, b': none}", "cases[0].options.a, b", "is no name", ""),
    ("expect: {value: [0]}", "expect: {returns: 'a\"b'}", "cases[0].expect.returns", "is no full name", ""),
    ("expect: {value: [0]}", "expect: {aliases: ['../x']}", "cases[0].expect.aliases[0]", "is no full name", ""),
    ("expect: {value: [0]}", f"expect: {{value: {'9' * 100_000}}}", "cases[0].expect.value",
     "a number of 100,000 characters", "at most 64"),
    ("expect: {value: [0]}", f"expect: {{value: 0.{'9' * 100_000}}}", "cases[0].expect.value",
     "a number of 100,002 characters", "at most 64"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("old", "new", "field", "message", "hint"), PLANTED, ids=[p[2] + "-" + p[3][:12] for p in PLANTED]
)
def test_a_planted_fault_is_told_with_its_line_and_field(plant, old, new, field, message, hint):
    planted = plant(old, new)
    error = error_of(planted.path)
    assert error.file == str(planted.path)
    (problem,) = [p for p in error.problems if p.field == field and p.line == planted.line]
    assert message in problem.message
    assert hint in problem.hint
    assert str(problem) in str(error).splitlines()


def test_a_missing_field_is_told_at_the_line_of_its_parent(plant):
    planted = plant("- slug: right-angle\n    says: vectors at a right angle", "- slug: right-angle")
    error = error_of(planted.path)
    assert (error.line, error.field) == (planted.line, "cases[0].says")
    assert "required, but missing" in str(error)


def test_all_faults_of_a_file_are_told_at_once_in_order(miniature):
    text = (
        miniature.read_text()
        .replace("family: cosine", "family: sine")
        .replace("style: function", "style: func")
    )
    miniature.write_text(text.replace("role: axis", "role: axes"))
    assert [p.field for p in error_of(miniature).problems] == [
        "family", "editions[0].call.style", "editions[0].call.options[0].role",
    ]  # fmt: skip


def test_faults_of_all_files_of_a_folder_are_told_at_once(miniature):
    shutil.copy(miniature, miniature.with_name("b.yaml"))
    for file in miniature.parent.iterdir():
        file.write_text(file.read_text().replace("family: cosine", "family: sine"))
    assert [Path(p.file).name for p in error_of(miniature.parent).problems] == [
        "b.yaml",
        "toy.similarity.yaml",
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the file is empty"),
        ("a: [1", "not YAML: did not find expected"),
        ("a: b: c", "not YAML: mapping values are not allowed"),
        ("a: \x07", "not YAML"),
        ("- 1", "fields expected, not [1]"),
        ("a: &a [*a]", "an alias contains itself"),
        ("a: 1\n---\nb: 2", "not YAML: but found another document"),
    ],
)
def test_what_is_no_spec_at_all_is_told(tmp_path, text, message):
    path = tmp_path / "bad.yaml"
    path.write_text(text)
    assert message in str(error_of(path))


def test_aliases_cannot_blow_up(tmp_path):
    lines = ["a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 10)]
    path = tmp_path / "bomb.yaml"
    path.write_text("\n".join(lines))
    assert "more than" in str(error_of(path))


def test_text_that_is_not_utf8_is_told(tmp_path):
    path = tmp_path / "latin.yaml"
    path.write_bytes("summary: \xe9".encode("latin-1"))
    assert "not UTF-8" in str(error_of(path))


def test_a_wrong_path_is_told(tmp_path):
    assert "no such file or folder" in str(error_of(tmp_path / "none"))
    assert "holds no YAML file" in str(error_of(tmp_path))


def test_two_specs_of_one_api_are_told(miniature):
    shutil.copy(miniature, miniature.with_name("b.yaml"))
    assert "has a spec already" in str(error_of(miniature.parent))


def test_the_digest_sees_content_and_not_layout(miniature, plant):
    before = specs_digest(load_specs(miniature))
    text = miniature.read_text()
    assert re.fullmatch(r"[0-9a-f]{64}", before)
    miniature.write_text(
        "# a comment\n" + text.replace("framework: toy\nfamily: cosine", "family: cosine\nframework: toy")
    )
    assert specs_digest(load_specs(miniature)) == before
    assert specs_digest(load_specs(plant("default: 1e-8", "default: 1e-7").path)) != before


def test_the_digest_does_not_depend_on_the_order_of_specs():
    specs = load_specs()
    assert specs_digest(specs[::-1]) == specs_digest(specs) == specs_digest()


def test_the_ledger_is_the_files_of_a_folder_together(tmp_path):
    for slug in ("eps-b", "eps-a"):
        (tmp_path / f"{slug[::-1]}.yaml").write_text(LEDGER.format(slug=slug))
    ledger = load_ledger(tmp_path)
    assert [f.slug for f in ledger.findings] == ["eps-a", "eps-b"]
    assert ledger.findings[0].witness.answer["value"] == ["0x0p+0"]
    assert ledger_digest(ledger) != ledger_digest(load_ledger(tmp_path / "a-spe.yaml"))


def test_a_finding_given_twice_is_told(tmp_path):
    for name in ("a", "b"):
        (tmp_path / f"{name}.yaml").write_text(LEDGER.format(slug="eps-a"))
    with pytest.raises(SpecError, match=r"b\.yaml: eps-a: slug used already, in .*a\.yaml"):
        load_ledger(tmp_path)


def test_a_fault_of_a_ledger_is_told_with_its_line(tmp_path):
    path = tmp_path / "a.yaml"
    path.write_text(LEDGER.format(slug="eps-a").replace("severity: S2", "severity: S5"))
    with pytest.raises(SpecError) as caught:
        load_ledger(path)
    assert (caught.value.line, caught.value.field) == (9, "findings[0].severity")


@pytest.mark.parametrize(
    "text",
    ["[" * 100_000, "[" * 20_000 + "]" * 20_000, "- " * 100_000, "{a: " * 20_000, "? " * 20_000,
     "".join(f"{' ' * i}a:\n" for i in range(300))],
    ids=["open brackets", "brackets", "dashes", "braces", "question marks", "indents"],
)  # fmt: skip
def test_what_nests_deep_is_told_and_does_not_end_the_interpreter(miniature, text):
    miniature.write_text(text)
    code = f"from lossproof.specs import load_specs; load_specs({str(miniature)!r})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert "SpecError" in done.stderr.splitlines()[-1]
    assert "nested deeper than 48 levels" in done.stderr.splitlines()[-1]


def test_brackets_inside_of_a_text_nest_nothing(plant):
    planted = plant("summary: Cosine of two tensors.", f"summary: '{'[' * 100}'")
    assert load_specs(planted.path)[0].summary == "[" * 100
