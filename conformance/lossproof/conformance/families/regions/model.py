"""The definition of a region: how its rows are drawn, what lies in it, where it means something, and who asks it.

A region is one frozen object. No module but the one that defines it asks for its name: what the suite wants to know of
a region is a field here. Installed packages bring further regions; docs/adding-a-region.md does one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from lossproof.conformance.families.regions.held import Held
from lossproof.conformance.model.dtypes import FORMATS, Format, cast
from lossproof.conformance.model.subject import Subject

Numbers = NDArray[np.float64]
DrawnArrays = tuple[Numbers, ...]
"""The arrays of a region, on their way into a dtype: x and y of shape (n, d), or distances of shape (n,)."""

ORDINARY: Final = "ordinary"
"""The region that every kind of input has: options, shapes and dtypes are asked there."""
VECTORS: Final = "vectors"
GIVEN: Final = "given"
"""The spaces that there are: pairs of vectors, and numbers that are handed in."""
LAST: Final = 100
UNBOUNDED: Final = 1 << 30


@dataclass(frozen=True)
class Shape:
    """The facts a region may depend on: rows, length, format, and the documented eps, norm rule and margin."""

    n: int
    d: int
    format: Format
    eps: float = 0.0
    norm_rule: str = "plain"
    margin: float = 1.0


Draw = Callable[[np.random.Generator, Shape], DrawnArrays]


def in_every_dtype(*properties: str) -> dict[str, tuple[str, ...]]:
    """`asked_by` of properties that ask a region in every floating dtype."""
    return dict.fromkeys(properties, tuple(FORMATS))


def in_float32(*properties: str) -> dict[str, tuple[str, ...]]:
    """`asked_by` of properties that ask a region in float32 alone."""
    return dict.fromkeys(properties, ("float32",))


def anything(_: Held) -> bool:
    """Whatever is left of the arrays, it lies in the region."""
    return True


def always(*_: Any) -> bool:
    """The region means something for every API in every dtype."""
    return True


def unit(rows: Numbers) -> Numbers:
    """Rows scaled to norm 1 through their largest element, so that nothing overflows on the way."""
    rows = nonzero(rows)
    with np.errstate(invalid="ignore"):  # nonfinite rows stay nonfinite
        rows = rows / np.max(np.abs(rows), axis=-1, keepdims=True, initial=0.0)
        return np.asarray(rows / np.sqrt(np.sum(rows * rows, axis=-1, keepdims=True)))


def nonzero(rows: Numbers) -> Numbers:
    """Rows whose first element is 1 where all were 0; changed in place."""
    if rows.shape[-1]:
        rows[..., 0] = np.where(np.any(rows != 0, axis=-1), rows[..., 0], 1.0)
    return rows


@dataclass(frozen=True, eq=False, kw_only=True)
class Region:
    """A region of one kind of input, told by its space.

    Regions of one name that belong to different inputs agree in every field from `place` on.
    """

    name: str
    space: str = VECTORS
    """of the inputs whose region it is: that of a family's `Inputs`"""
    draw: Draw
    """arrays of a shape, in float64; adversarial rows among them, all inside the region"""
    contains: Callable[[Held], bool] = anything
    """whether the arrays of a reduced question still lie in it: a witness never leaves its region"""
    exists: Callable[[Format], bool] = always
    """whether a format has room for it"""
    applies: Callable[[Subject, str], bool] = always
    """whether it means something for an API in one of the API's dtypes"""
    of_unit_norm: bool = False
    """whether it has rows of norm 1: rows of other norms are outside the documentation that asks for norm 1"""
    asked_by: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """the properties that ask it, each with the dtypes in which it does"""
    with_margins: bool = False
    """whether its values are asked with each documented margin, too"""
    lengths: tuple[int, ...] = ()
    """the lengths of its rows, or of given distances their numbers; (): the usual ones"""
    longest: int = UNBOUNDED
    """rows longer than this are not asked"""
    rows: int = 0
    """rows that a batch has; 0: as many as elsewhere"""
    hollow: bool = False
    """whether its batches have no rows"""

    place: int = LAST
    """where it stands in the order of asking: first what finds most in a second (docs/detection.md)"""
    extreme: bool = False
    """whether squares leave the range of the dtype: what is wrong there alone is S3"""
    special: bool = False
    """whether few inputs lie there: what is wrong there alone is S2"""
    kind: str = "formula"
    """the kind of a difference that shows there and does not tell its own"""
    kinds: frozenset[str] = frozenset()
    """the kinds of findings that show only there and in other regions that name them"""
    plainest: bool = False
    """whether its rows show a change best"""
    plain: bool = False
    """whether its rows are ordinary but for their angle: a finding is shown there if it can be"""
    directed: bool = False
    """whether dot products are neither zero nor out of range: there `raw` gives what no other norm rule gives"""
    zero_rows: bool = False
    """whether each pair has a zero vector: a rule of its own may hold for those"""
    refusable: bool = False
    """whether no page says what such input gives: refusing it is no divergence, and two batches tell all"""
    flush_counts: bool = False
    """whether a product that is flushed to zero is wrong there; the allowance for it would accept anything"""
    costly: bool = False
    """whether most of its numbers are decided by exact arithmetic alone: a gradient has d of them for each row"""

    @property
    def gravest(self) -> str:
        """The severity of what is wrong there alone: S1 for ordinary input."""
        return "S3" if self.extreme else "S2" if self.special else "S1"

    def possible(self, subject: Subject, dtype: str) -> bool:
        """Whether the region means something for an API of its space in a dtype."""
        semantics = subject.semantics
        return (
            dtype in semantics.dtypes
            and self.exists(FORMATS[dtype])
            and (self.of_unit_norm or semantics.fixed("inputs") != "unit_norm")
            and self.applies(subject, dtype)
        )

    def arrays(
        self, rng: np.random.Generator, shape: Shape, unit_norm: bool = False
    ) -> tuple[NDArray[Any], ...]:
        """Arrays of the region in the dtype of `shape.format`; scaled to norm 1 where asked."""
        drawn = self.draw(rng, shape)
        if unit_norm and shape.n and shape.d:
            drawn = tuple(unit(rows) for rows in drawn)
        return tuple(cast(rows, shape.format.name) for rows in drawn)
