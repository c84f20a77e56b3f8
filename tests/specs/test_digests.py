"""Digests of docstrings entered in spec files: in order of version, canonical, with every comment kept."""

import os
from pathlib import Path

import pytest

from lossproof.specs import SpecError, load_specs
from lossproof.specs.digests import record_digest, spec_files, with_digest
from lossproof.specs.format import format_text

from .conftest import MINIATURE

A, B, C = "a" * 64, "b" * 64, "c" * 64
SECOND = """\
  # The second edition is another page.
  - slug: toy-2
    package: toy
    versions: '>=2.0'
    source: {document: docstring, where: toy.similarity, version: '2.0', section: formula}
    semantics:
      score: similarity
      norm_rule: floor_norm
    call:
      style: function
      arrays:
        - {name: x1, role: x}
        - {name: x2, role: y}
        # weights came with 2.0
        - {name: weights, role: weights}

claims:"""


@pytest.fixture
def two_editions() -> str:
    return format_text(MINIATURE.replace("claims:", SECOND))


def recorded(file: Path, edition: int = 0) -> dict[str, str]:
    (spec,) = load_specs(file)
    return dict(spec.editions[edition].docstrings)


def test_versions_stand_in_their_order(miniature):
    for version in ("1.10.0", "1.2", "1.9.1", "1.9.0", "1.11"):
        record_digest(miniature, "toy.similarity", "toy-1", version, A)
    assert list(recorded(miniature)) == ["1.2", "1.9.0", "1.9.1", "1.10.0", "1.11"]


def test_it_says_what_it_did(miniature):
    done = [record_digest(miniature, "toy.similarity", "toy-1", "1.4", d) for d in (A, A, B)]
    assert [(d.state, d.replaced) for d in done] == [
        ("recorded", False),
        ("already recorded", False),
        ("recorded", True),
    ]
    assert recorded(miniature) == {"1.4": B}


def test_the_file_stays_canonical_and_changes_nowhere_else(two_editions):
    text = two_editions
    for edition, version in (("toy-1", "1.4"), ("toy-1", "1.5"), ("toy-2", "2.0"), ("toy-2", "2.1rc1")):
        text = with_digest(text, edition, version, A)
        assert format_text(text) == text
    left = [line for line in text.splitlines() if A not in line and line.strip() != "docstrings:"]
    assert left == two_editions.splitlines()


def test_comments_stay_where_they_stand(two_editions):
    for version in ("1.3", "1.4", "1.5"):
        two_editions = with_digest(two_editions, "toy-1", version, A)
    before = two_editions.split("  # The second edition is another page.\n  - slug: toy-2")
    assert len(before) == 2
    assert before[0].rstrip().endswith(f"'1.5': {A}")
    assert "# weights came with 2.0\n        - {name: weights" in two_editions


def test_a_comment_beside_a_digest_stays_there(miniature):
    lines = f"    docstrings:\n      '1.3': {A} # looked at twice\n\nclaims:"
    text = with_digest(format_text(MINIATURE.replace("claims:", lines)), "toy-1", "1.4", B)
    assert f"'1.3': {A} # looked at twice\n      '1.4': {B}\n\nclaims:" in text


def test_the_first_digest_comes_after_a_text_of_many_lines():
    cited = "    source: {document: docstring, where: toy.similarity, version: '1.4', section: formula}\n"
    moved = MINIATURE.replace(cited, "", 1)
    source = "    source:\n      document: docstring\n      where: toy.similarity\n      version: '1.4'\n"
    moved = moved.replace(
        "\nclaims:", source + "      section: |\n        formula\n        and note\n\nclaims:"
    )
    assert f"    docstrings: {{'1.4': {A}}}\n\nclaims:" in with_digest(moved, "toy-1", "1.4", A)


def test_files_are_found_by_api(miniature):
    assert spec_files(miniature) == spec_files(miniature.parent) == {"toy.similarity": miniature}


def test_a_file_that_cannot_be_written_is_named(miniature, monkeypatch):
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != miniature)  # root may write anywhere
    with pytest.raises(SpecError, match=r"toy\.similarity\.yaml: cannot be written \(hint: .*--specs"):
        spec_files(miniature.parent)


def test_the_specs_of_a_wheel_are_not_written(miniature, tmp_path, monkeypatch):
    wheel = tmp_path / "lib" / "site-packages" / "lossproof" / "specs"
    (wheel / "apis").mkdir(parents=True)
    (wheel / "apis" / miniature.name).write_text(MINIATURE)
    monkeypatch.setattr("lossproof.specs.digests.resources.files", lambda package: wheel)
    with pytest.raises(SpecError, match=r"came with an installed lossproof.*--specs"):
        spec_files()
    assert spec_files(wheel / "apis")  # a folder that a person names is that person's


def test_the_packaged_specs_of_a_checkout_can_be_recorded_in():
    files = spec_files()
    assert set(files) == {s.api for s in load_specs()}
    assert all(file.stem == api for api, file in files.items())
