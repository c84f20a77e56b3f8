"""Which edition holds for a version: ranges with local parts, pre-releases and other packages."""

import pytest

from lossproof.specs import covers, edition_for, load_specs


@pytest.mark.parametrize(
    ("versions", "version", "inside"),
    [
        (">=2.0", "2.13.0+cpu", True),
        ("==2.13.0", "2.13.0+cpu", True),
        ("<=2.13.0", "2.13.0+cpu", True),
        (">2.13.0", "2.13.0+cpu", False),
        ("==2.13.*", "2.13.1", True),
        (">=2.16", "2.16.0rc0", True),
        ("<2.16", "2.16.0rc0", False),
        (">=2.14", "2.14.0.dev20261101", True),
        (">=2.4,<2.16", "2.4.0.post1", True),
        (">=2.4,<2.16", "2.16.0", False),
        (">=2.0", "unknown", False),
    ],
)
def test_covers(versions, version, inside):
    assert covers(versions, version) is inside


def two_editions(miniature):
    spec = load_specs(miniature)[0]
    second = spec.editions[0].model_copy(update={"slug": "other-3", "package": "other", "versions": ">=3"})
    return spec.model_copy(update={"editions": (*spec.editions, second)})


@pytest.mark.parametrize(
    ("versions", "slug"),
    [
        ({"toy": "1.4+cpu"}, "toy-1"),
        ({"toy": "2.1", "other": "3.1"}, "other-3"),
        ({"other": "3.0.0rc1"}, "other-3"),
        ({"toy": "2.1"}, None),
        ({}, None),
    ],
)
def test_edition_for_asks_each_edition_for_its_own_package(miniature, versions, slug):
    edition = edition_for(two_editions(miniature), versions)
    assert (edition.slug if edition else None) == slug
