"""The seam of families: what every one must answer, and one that an installed package brings and that is judged."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lossproof.conformance.families.formula import Undocumented
from lossproof.conformance.families.registry import families, family_of
from lossproof.conformance.judging.expectation import expect
from lossproof.conformance.model.subject import Subject, TargetInfo
from lossproof.conformance.properties.symmetry import PROPERTY
from lossproof.conformance.questions.batches import batches
from lossproof.reports import read_run
from lossproof.specs import SpecError, load_specs
from lossproof.specs.semantics import families as documented_families

from .test_extensions import lossproof

TRIPLETS = Path(__file__).parents[1] / "third_party" / "triplets"
SUBJECTS = [Subject(TargetInfo("t", s.framework, "1"), s, s.editions[-1]) for s in load_specs()]


def test_each_family_has_parameters_and_an_object() -> None:
    assert tuple(families()) == documented_families()
    assert {family.name for family in families().values()} == set(families())


@pytest.mark.parametrize("subject", SUBJECTS, ids=lambda s: s.api)
def test_a_family_answers_for_its_subjects(subject: Subject) -> None:
    family = family_of(subject)
    assert set(family.inputs.roles) <= set(subject.semantics.roles)
    assert bool(family.labels.named) == ("labels" in subject.semantics.roles)
    low, high = family.interval(subject.semantics)
    assert low < high
    for batch in batches(subject, "ordinary", "float32", subject.row_wise, 2, 0):
        by_role = {subject.roles[name]: a for name, a in batch.arrays.items()}
        q, r = family.inputs.log2_squares(by_role, batch.axis)
        assert q.shape == r.shape == family.inputs.finite(by_role, batch.axis).shape
        assert family.inputs.ordinary(by_role, batch.axis).all()
        assert np.isfinite(
            family.inputs.nearness({n: a.astype(np.float64) for n, a in by_role.items()}, batch.axis)
        )
        try:
            value = expect(subject, batch.arrays, batch.options)
        except Undocumented:
            assert not subject.states_values
        else:
            assert (np.asarray(value.value.lower) >= low - 1e-6).all()
            assert (np.asarray(value.value.upper) <= high + 1e-6).all()
    for kind, parameters in (*family.other_scores(subject.semantics), *family.other_terms(subject.semantics)):
        assert kind in ("sign", "formula")
        assert set(parameters) <= set(type(subject.semantics).model_fields)


@pytest.mark.parametrize(
    ("api", "interval", "scale_free"),
    [
        ("torch.nn.functional.cosine_similarity", (-1.0, 1.0), True),
        ("torch.nn.CosineEmbeddingLoss", (0.0, 2.0), True),
        ("tf.compat.v1.losses.cosine_distance", (0.0, 2.0), False),  # of vectors of norm 1
        ("tfa.losses.contrastive_loss", (0.0, np.inf), False),
    ],
)
def test_the_range_and_the_scale_of_a_formula(
    api: str, interval: tuple[float, float], scale_free: bool
) -> None:
    (subject,) = (s for s in SUBJECTS if s.api == api)
    family = family_of(subject)
    assert family.interval(subject.semantics) == interval
    assert family.scale_free(subject.semantics) == scale_free


@pytest.mark.parametrize(
    ("rule", "symmetric"),
    [("floor_norm", True), ("add_norm", True), (None, True), ("norm_of_x", False), ("floor_y_norm", False)],
)
def test_a_cosine_is_symmetric_unless_its_norm_rule_is_not(rule: str | None, symmetric: bool) -> None:
    for api in ("torch.nn.functional.cosine_similarity", "torch.nn.CosineEmbeddingLoss"):
        (subject,) = (s for s in SUBJECTS if s.api == api)
        semantics = subject.semantics.model_copy(update={"norm_rule": rule})
        assert family_of(subject).symmetric(semantics) == symmetric
        edition = subject.edition.model_copy(update={"semantics": semantics})
        assert any(PROPERTY.cells(replace(subject, edition=edition))) == symmetric
    assert not any(family_of(s).symmetric(s.semantics) for s in SUBJECTS if "contrastive" in s.api)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the package of a family installed, as its users install it."""
    folder = tmp_path_factory.mktemp("site")
    offline = ["--quiet", "--offline", "--no-deps", "--no-build-isolation", "--python", sys.executable]
    command = [sys.executable, "-m", "uv", "pip", "install", *offline, "--target", str(folder), str(TRIPLETS)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="module")
def checked(site: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run folder of a check of all three of its APIs."""
    out = tmp_path_factory.mktemp("checked") / "run"
    done = lossproof(site, "check", "--target", "triplets", "--examples", "2", "--out", str(out))
    assert done.returncode == 1, done.stdout + done.stderr
    return out


def verdicts(run: Path, api: str) -> dict[str, set[str]]:
    """The verdicts on the cells of an API by property, those of its cases left out."""
    rows = read_run(run).results
    rows = rows[(rows["api"] == f"triplets.{api}") & ~rows["variant"].str.startswith("case=")]
    return {name: set(group["verdict"]) for name, group in rows.groupby("property")}


def test_a_right_implementation_of_an_installed_family_conforms(checked: Path) -> None:
    found = verdicts(checked, "triplet_loss")
    asked = {
        "value",
        "gradient",
        "reduction",
        "range",
        "batch",
        "permutation",
        "zero_vector",
        "shape",
        "determinism",
    }
    assert asked <= set(found)
    assert "conforms" in found["value"] & found["gradient"] & found["reduction"]
    assert set().union(*found.values()) <= {"conforms", "undocumented", "unsupported"}


def test_exchanged_arrays_diverge_in_values(checked: Path) -> None:
    found = verdicts(checked, "exchanged_loss")
    assert "diverges" in found["value"]
    assert "conforms" in found["determinism"]


def test_a_wrong_gradient_of_right_values_diverges_in_gradients_alone(checked: Path) -> None:
    found = verdicts(checked, "flat_loss")
    assert "diverges" in found.pop("gradient")
    assert set().union(*found.values()) <= {"conforms", "undocumented", "unsupported"}


def test_without_the_package_its_family_is_unknown() -> None:
    with pytest.raises(SpecError, match="'triplet' is none of 'cosine', 'cosine_embedding' or 'contrastive'"):
        load_specs(TRIPLETS / "src" / "triplets_lossproof" / "apis")
