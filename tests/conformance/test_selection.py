"""Selections: which cells they take, and which known findings they could show."""

from __future__ import annotations

import pytest

from lossproof.conformance.model.subject import CellKey, Subject, TargetInfo, Variant
from lossproof.conformance.properties.registry import cells
from lossproof.conformance.properties.selection import Selection, could_show
from lossproof.specs import load_ledger, load_specs
from lossproof.specs.models import KnownFinding

LEDGER = {known.slug: known for known in load_ledger().findings}


def subject_of(known: KnownFinding) -> Subject:
    """The API of a finding's witness, at the newest edition that has what it names."""
    spec = next(s for s in load_specs() if s.api == known.witness.api)
    subjects = [Subject(TargetInfo("t", spec.framework, ""), spec, e) for e in reversed(spec.editions)]
    return next(
        (s for s in subjects if known.witness.case in {c.slug for c in s.cases}),
        subjects[0],
    )


def shown(slug: str, **chosen: tuple[str, ...]) -> bool:
    known, selection = LEDGER[slug], Selection(**chosen)
    subject = subject_of(known)
    return could_show(known, subject, filter(selection.takes, cells(subject)))


@pytest.mark.parametrize("slug", LEDGER)
def test_all_cells_could_show_every_known_finding_and_none_could_show_any(slug: str) -> None:
    assert shown(slug)
    assert not could_show(LEDGER[slug], subject_of(LEDGER[slug]), [])


@pytest.mark.parametrize("slug", LEDGER)
def test_signs_show_nothing_of_gradients_ranges_errors_or_pages(slug: str) -> None:
    kind = LEDGER[slug].kind
    if kind in ("gradient", "overflow", "underflow", "error", "documentation", "zero_vector", "dtype", "eps"):
        assert not shown(slug, properties=("sign",))


@pytest.mark.parametrize(
    ("slug", "chosen", "expected"),
    [
        ("torch-similarity-gradient-ignores-the-floor", {"properties": ("gradient",)}, True),
        ("torch-similarity-gradient-ignores-the-floor", {"properties": ("value",)}, False),
        ("torch-squared-norm-overflows", {"properties": ("value",)}, True),
        ("torch-squared-norm-overflows", {"regions": ("ordinary",)}, False),
        ("torch-squared-norm-overflows", {"regions": ("overflow",)}, True),
        ("mlx-float16-eps-vanishes", {"dtypes": ("float32",)}, False),
        ("mlx-float16-eps-vanishes", {"dtypes": ("float16",)}, True),
        ("mlx-documented-as-a-class", {"regions": ("ordinary",)}, False),
        ("torch-embedding-broadcasts-silently", {"properties": ("error",)}, True),
    ],
)
def test_a_known_finding_is_listed_where_it_was_asked_for(
    slug: str, chosen: dict[str, tuple[str, ...]], expected: bool
) -> None:
    assert shown(slug, **chosen) == expected


def test_a_selection_takes_what_it_names() -> None:
    mixed = CellKey("dtype", "ordinary", "float16", Variant(dtypes=("float16", "float32")))
    assert Selection().takes(mixed)
    assert not Selection().partial
    assert Selection(dtypes=("float32",)).takes(mixed)
    assert not Selection(dtypes=("float64",)).takes(mixed)
    assert not Selection(regions=("zero",)).takes(mixed)
    assert Selection(("torch.*",)).takes_api("torch.nn.CosineSimilarity")
    assert not Selection(("torch.*",)).takes_api("mlx.nn.losses.cosine_similarity_loss")


def test_a_selection_covers_what_asks_no_more() -> None:
    few = Selection(properties=("sign",), dtypes=("float32",))
    assert Selection().covers(few)
    assert few.covers(few)
    assert Selection(properties=("sign", "value")).covers(few)
    assert not few.covers(Selection())
    assert not few.covers(Selection(properties=("sign", "value"), dtypes=("float32",)))
    assert Selection.of_run({"apis": ["a.*"], "dtypes": ["float32"]}) == Selection(("a.*",), (), ("float32",))
