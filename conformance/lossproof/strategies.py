"""Hypothesis strategies of the suite's inputs, for property tests of your own; docs/strategies.md shows them in use.

    from lossproof import strategies

    @given(strategies.vectors(region="tiny_norm", dtype="float32"))
    def test_of_mine(pair): ...

A run of the suite draws the same regions from its seed. Here Hypothesis draws, so it also shrinks and replays.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from lossproof.conformance.families.layouts import Layout, lengths
from lossproof.conformance.families.regions.model import ORDINARY, VECTORS, Shape
from lossproof.conformance.families.regions.registry import in_space
from lossproof.conformance.model.dtypes import FORMATS
from lossproof.conformance.model.subject import CellKey, Subject, TargetInfo
from lossproof.conformance.model.suggestions import nearest
from lossproof.conformance.properties.registry import cells
from lossproof.conformance.questions.batches import LONGEST, arrange, layouts
from lossproof.conformance.usercode.code import spec_of

__all__ = ["questions", "vectors"]

Vectors = tuple[NDArray[Any], NDArray[Any]]
Question = tuple[dict[str, NDArray[Any]], dict[str, Any]]

ASKED_OF = ("axis", "broadcasting", "eps", "reduction", "value", "weights")
"""The properties whose questions are documented calls; others ask for errors, or compare two calls."""
SEEDS = st.integers(0, 2**32 - 1)


def vectors(
    region: str = ORDINARY,
    dtype: str = "float32",
    *,
    rows: int = 16,
    length: int | None = None,
    eps: float = 1e-8,
    norm_rule: str = "plain",
) -> st.SearchStrategy[Vectors]:
    """Arrays (x, y) of a region, each of shape (n, d), with 1 to `rows` rows; no rows in the region `empty`.

    `length` fixes d; without it, d stays where the bound of the dtype rejects wrong answers. `eps` and `norm_rule`
    matter in the region `below_eps` alone.
    """
    places = {place.name: place for place in in_space(VECTORS)}
    if region not in places:
        raise ValueError(f"there is no region {region!r}; {nearest(region, places)}")
    if dtype not in FORMATS:
        raise ValueError(f"there is no dtype {dtype!r}; {nearest(dtype, FORMATS)}")
    place = places[region]
    if not place.exists(FORMATS[dtype]):
        raise ValueError(f"{dtype} has no room for the region {region!r}")
    if rows < 1:
        raise ValueError("rows is at least 1")
    d = st.sampled_from(lengths(place, LONGEST[dtype]) if length is None else (length,))
    n = st.just(0) if place.hollow else st.integers(1, min(rows, place.rows or rows))

    def drawn(n: int, d: int, seed: int) -> Vectors:
        x, y = place.arrays(np.random.default_rng(seed), Shape(n, d, FORMATS[dtype], eps, norm_rule))
        return x, y

    return st.builds(drawn, n, d, SEEDS)


def questions(
    api: str, *, region: str | None = None, dtype: str | None = None, edition: str | None = None
) -> st.SearchStrategy[Question]:
    """Documented calls of an API: its arrays by parameter name, and the options given.

    The calls are those of the suite's own cells, in every region and dtype or in those named. `edition` is the slug of
    an edition of the API's spec; the newest is the default. A parameter that the call leaves out has its default.
    """
    subject = _subject(api, edition)
    keys = [
        key
        for key in cells(subject, ASKED_OF)
        if not key.variant.case and region in (None, key.region) and dtype in (None, key.dtype)
    ]
    if not keys:
        raise ValueError(f"no cell of {api} asks in region {region or 'any'} and dtype {dtype or 'any'}")

    def of_key(key: CellKey) -> st.SearchStrategy[Question]:
        allowed = layouts(subject, key.region, key.dtype, key.variant)
        layout = st.builds(Layout, st.sampled_from(allowed.batches), st.sampled_from(allowed.lengths))
        return st.builds(_question, st.just(subject), st.just(key), layout, SEEDS)

    return st.sampled_from(keys).flatmap(of_key)


def _question(subject: Subject, key: CellKey, layout: Layout, seed: int) -> Question:
    arrays, _ = arrange(subject, key.region, key.dtype, key.variant, layout, np.random.default_rng(seed))
    return arrays, dict(key.variant.options)


def _subject(api: str, edition: str | None) -> Subject:
    spec = spec_of(api)
    slugs = {found.slug: found for found in spec.editions}
    if edition is not None and edition not in slugs:
        raise ValueError(f"{api} has no edition {edition!r}; {nearest(edition, slugs)}")
    return Subject(TargetInfo("", spec.framework, ""), spec, slugs[edition] if edition else spec.editions[-1])
