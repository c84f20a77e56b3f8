"""The seam of a family: its inputs, its formula, its range, its labels, and other formulas that explain wrong answers.

The oracle says what a formula comes to; a family says how an API's arrays, options and page fit into it. Spec side: the
semantic parameters, in `lossproof.specs.semantics`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from lossproof.conformance.families.formula import Arrays, Chosen, Formula
from lossproof.conformance.families.inputs import Inputs
from lossproof.conformance.families.lines.model import Line, Rows
from lossproof.conformance.model.dtypes import cast
from lossproof.conformance.model.subject import Subject
from lossproof.specs.semantics import Semantics

Hypothesis = tuple[str, dict[str, Any]]
"""The kind of a divergence, and the semantic parameters under which it would be right."""


@dataclass(frozen=True)
class Labels:
    """The labels that a formula has a term for, and some that it has none for: on both sides of them and between."""

    named: tuple[float, ...] = ()
    others: tuple[str, ...] = ()
    whole: bool = False
    """whether they are drawn as integers; else in the dtype of the inputs"""

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...], dtype: str) -> NDArray[Any]:
        """A label with a term for each row."""
        drawn = np.asarray(self.named)[rng.integers(0, len(self.named), shape)]
        return drawn.astype(np.int64) if self.whole else cast(drawn, dtype)


class Family(ABC):
    """A loss over a score, as the suite asks for it."""

    name: ClassVar[str]
    inputs: ClassVar[Inputs]
    labels: ClassVar[Labels] = Labels()
    follows_clamps: ClassVar[bool] = False
    """whether the oracle has the gradient of a clamp that is differentiated past its floor"""

    @abstractmethod
    def formula(self, chosen: Chosen, by_role: Arrays) -> Formula:
        """The documented formula of these arrays under these parameters.

        Raises:
            Undocumented: the page does not fix it.
        """

    @abstractmethod
    def interval(self, semantics: Semantics) -> tuple[float, float]:
        """The values that the documented formula can take."""

    def signed(self, semantics: Semantics) -> bool:
        """Whether the page fixes a sign that a value may have wrong."""
        return False

    def symmetric(self, semantics: Semantics) -> bool:
        """Whether two inputs can change places."""
        return False

    def scale_free(self, semantics: Semantics) -> bool:
        """Whether the scale of an input does not matter where no eps is near."""
        return False

    def broadcasts(self, semantics: Semantics) -> bool | None:
        """Whether inputs of different shapes have a documented value; None: the page is silent."""
        return False

    def mixes_dtypes(self, semantics: Semantics) -> bool:
        """Whether inputs of two dtypes, or of integers, are worth asking for."""
        return False

    def lone(self, subject: Subject) -> bool:
        """Whether one input without a batch is documented beside batches."""
        return False

    def other_scores(self, semantics: Semantics) -> Iterator[Hypothesis]:
        """Other scores that implementations mistake for the documented one."""
        return iter(())

    def other_terms(self, semantics: Semantics) -> Iterator[Hypothesis]:
        """Other terms of the loss that implementations mistake for the documented ones."""
        return iter(())

    def lines(self, semantics: Semantics, rows: Rows) -> Iterator[Line]:
        """Wrong lines that may have made the answers of these rows, the plainest first."""
        return iter(())
