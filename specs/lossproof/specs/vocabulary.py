"""The words of specs that grow: properties, regions, kinds, norm rules and modes.

The built-in words stand here. An installed package brings its own as entry points of the vocabulary's group: the name
of an entry point is the word, and its value the object that gives the word its meaning.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from lossproof.specs import extensions
from lossproof.specs.problems import nearest


class UnknownWordError(ValueError):
    """A word that a vocabulary does not have, with the nearest ones in `hint`."""

    def __init__(self, message: str, hint: str) -> None:
        self.hint = hint
        super().__init__(message)


@dataclass(frozen=True)
class Vocabulary:
    """Words for one sort of thing, built in or brought by entry points of a group."""

    sort: str
    """of the things, as messages and tables say it: "norm rule"."""
    group: str
    built_in: tuple[str, ...]

    def __contains__(self, word: object) -> bool:
        return word in self.built_in or word in extensions.names(self.group)

    def words(self) -> tuple[str, ...]:
        """The words: those built in, in their order, then those of installed packages."""
        return tuple(dict.fromkeys((*self.built_in, *extensions.names(self.group))))

    def known(self, word: str) -> str:
        """The word itself.

        Raises:
            UnknownWordError: the vocabulary does not have it.
        """
        if word not in self:
            words = self.words()
            raise UnknownWordError(
                f"{word[:60]!r} is no {self.sort}", nearest(word, words, f"there are {', '.join(words)}")
            )
        return word


PROPERTIES: Final = Vocabulary(
    "property",
    "lossproof.properties",
    (
        "value", "zero_vector", "eps", "sign", "range", "reduction", "weights", "axis", "broadcasting", "shape",
        "dtype", "gradient", "error", "symmetry", "scale", "permutation", "batch", "determinism", "mutation",
        "configuration", "signature", "training", "example", "output",
    ),
)  # fmt: skip

REGIONS: Final = Vocabulary(
    "region",
    "lossproof.regions",
    (
        "ordinary", "parallel", "opposite", "orthogonal", "nearly_orthogonal", "zero", "below_eps", "tiny_norm",
        "underflow", "overflow", "mixed_scale", "subnormal", "nonfinite", "empty", "length_1", "long",
    ),
)  # fmt: skip

NEED_EPS: Final = frozenset({"below_eps"})
"""The regions that lie beside a documented eps, and are empty without one."""

KINDS: Final = Vocabulary(
    "kind",
    "lossproof.kinds",
    (
        "sign", "formula", "zero_vector", "eps", "reduction", "weights", "axis", "broadcasting", "shape", "dtype",
        "overflow", "underflow", "accuracy", "range", "gradient", "error", "crash", "hang", "mutation",
        "nondeterminism", "configuration", "training", "documentation", "output",
    ),
)  # fmt: skip

NORM_RULES: Final = Vocabulary(
    "norm rule",
    "lossproof.norm_rules",
    (
        "raw", "plain", "floor_norm", "floor_squared_norm", "floor_product", "floor_squared_product",
        "add_squared", "threshold", "zero_as_one", "add_norm", "add_product", "floor_x_norm", "floor_y_norm",
        "norm_of_x", "norm_of_y",
    ),
)  # fmt: skip

MODES: Final = Vocabulary(
    "mode",
    "lossproof.modes",
    ("eager", "graph", "compiled", "xla", "autocast", "vmap", "inference"),
)

VOCABULARIES: Final = (PROPERTIES, REGIONS, KINDS, NORM_RULES, MODES)
