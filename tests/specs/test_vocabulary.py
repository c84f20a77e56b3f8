"""Words that grow: built-in ones, those of installed packages, and the error for a word that nobody brings."""

import subprocess
import sys
from pathlib import Path

import pytest

from lossproof.specs import SpecError, extensions, load_ledger, load_specs, vocabulary
from lossproof.specs.models import Case

from .test_load import LEDGER


def installed(site: Path, package: str, points: str, code: str = "") -> None:
    """A package with one module and its entry points, as an installer leaves it."""
    info = site / f"{package}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(points)
    (site / f"{package}.py").write_text(code)


@pytest.fixture
def site(tmp_path, monkeypatch):
    """A folder on the path whose packages are found, and forgotten afterwards."""
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))
    found = (extensions.names, extensions.objects)
    for cached in found:
        cached.cache_clear()
    yield folder
    for cached in found:
        cached.cache_clear()
    for module in [m for m in sys.modules if m.startswith("words_")]:
        del sys.modules[module]


THING = "import types\nTHING = types.SimpleNamespace(name='{}')\n"


def test_names_are_read_and_nothing_is_imported(site):
    installed(
        site, "words_a", "[lossproof.norm_rules]\nmine = words_a:THING\n", "raise SystemExit('imported')"
    )
    assert extensions.names("lossproof.norm_rules") == ("mine",)
    assert vocabulary.NORM_RULES.words() == (*vocabulary.NORM_RULES.built_in, "mine")
    assert "words_a" not in sys.modules


def test_an_object_is_found_by_its_name(site):
    installed(site, "words_a", "[lossproof.regions]\ncrowded = words_a:THING\n", THING.format("crowded"))
    assert extensions.objects("lossproof.regions")["crowded"].name == "crowded"
    assert extensions.objects("lossproof.properties") == {}


@pytest.mark.parametrize(
    ("value", "code", "reason"),
    [
        ("words_a:NONE", "", "'words_a:NONE' cannot be loaded: AttributeError: "),
        ("words_none:THING", "", "cannot be loaded: ModuleNotFoundError: "),
        ("words_a:THING", "raise RuntimeError('two\\nlines')", "cannot be loaded: RuntimeError: two lines"),
        ("words_a:THING", THING.format("other"), "'words_a:THING' is called 'other'"),
    ],
)
def test_an_object_that_cannot_be_taken_is_told_in_one_line(site, value, code, reason):
    installed(site, "words_a", f"[lossproof.regions]\nmine = {value}\n", code)
    with pytest.raises(SpecError) as caught:
        extensions.objects("lossproof.regions")
    (line,) = str(caught.value).splitlines()
    assert line.startswith("entry point mine of words_a: lossproof.regions: ")
    assert reason in line


def test_a_name_that_two_packages_bring_is_told(site):
    for package in ("words_a", "words_b"):
        installed(site, package, f"[lossproof.regions]\nmine = {package}:THING\n", THING.format("mine"))
    with pytest.raises(SpecError, match=r"entry point mine of words_.: .* another installed package brings"):
        extensions.objects("lossproof.regions")


WORDS = [
    ("norm_rule: floor_norm", "norm_rule: flor_norm", "editions[0].semantics.norm_rule",
     "'flor_norm' is no norm rule", "did you mean floor_norm"),
    ("norm_rule: floor_norm", "norm_rule: [floor_norm]", "editions[0].semantics.norm_rule",
     "input should be a valid string", ""),
    ("- {property: value}", "- {property: valeu}", "claims[0].decided_by[0].property",
     "'valeu' is no property", "did you mean value"),
    ("- {property: value}", "- {property: value, region: qqqq}", "claims[0].decided_by[0].region",
     "'qqqq' is no region", "there are ordinary, parallel, "),
    ("- slug: right-angle", "- slug: right-angle\n    §kind: formla", "cases[0].kind",
     "'formla' is no kind", "did you mean formula?"),
    ("    call:\n", "    §silent: [zeros]\n    call:\n", "editions[0].silent[0]",
     "'zeros' is no region", "did you mean zero?"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "field", "message", "hint"), WORDS, ids=[w[3] for w in WORDS])
def test_an_unknown_word_is_told_with_its_line_and_the_nearest_words(plant, old, new, field, message, hint):
    planted = plant(old, new)
    with pytest.raises(SpecError) as caught:
        load_specs(planted.path)
    told = [p for p in caught.value.problems if p.field == field and p.line == planted.line]
    (problem,) = [p for p in told if message in p.message]
    assert hint in problem.hint


def test_an_unknown_word_of_a_ledger_is_told(tmp_path):
    path = tmp_path / "a.yaml"
    path.write_text(LEDGER.format(slug="eps-a").replace("kind: eps", "kind: epz"))
    with pytest.raises(SpecError) as caught:
        load_ledger(path)
    assert (caught.value.line, caught.value.field, caught.value.hint) == (
        8,
        "findings[0].kind",
        "did you mean eps?",
    )


def test_the_word_of_an_installed_package_is_taken(site, plant):
    path = plant("norm_rule: floor_norm", "norm_rule: mine").path
    with pytest.raises(SpecError, match="'mine' is no norm rule"):
        load_specs(path)
    extensions.names.cache_clear()
    installed(site, "words_a", "[lossproof.norm_rules]\nmine = words_a:THING\n")
    assert load_specs(path)[0].editions[0].semantics.norm_rule == "mine"


@pytest.mark.parametrize("words", vocabulary.VOCABULARIES, ids=lambda words: words.sort)
def test_a_vocabulary_has_each_word_once(words):
    assert len(set(words.built_in)) == len(words.built_in)
    assert all(word in words and words.known(word) == word for word in words.built_in)
    with pytest.raises(vocabulary.UnknownWordError):
        words.known("no such word")


def test_the_default_of_a_field_is_a_word():
    assert Case.model_fields["property"].default in vocabulary.PROPERTIES


def test_specs_load_without_the_objects_of_any_package():
    code = (
        "from lossproof.specs import load_specs, extensions;"
        "load_specs(); print(extensions.objects.cache_info().misses)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "0"


def test_a_family_whose_parameters_are_no_semantics_is_named(site, plant):
    extensions.names.cache_clear()
    extensions.objects.cache_clear()
    installed(site, "words_b", "[lossproof.semantics]\nmine = os:sep\n")
    with pytest.raises(SpecError, match=r"entry point mine of words_b: .*it is no subclass of Semantics"):
        load_specs(plant("family: cosine", "family: mine").path)
