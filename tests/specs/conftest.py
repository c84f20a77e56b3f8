"""A small spec that is valid, canonical and clean, for tests that plant one fault in it."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

MINIATURE = """\
api: toy.similarity
framework: toy
family: cosine
summary: Cosine of two tensors.

editions:
  - slug: toy-1
    package: toy
    versions: '>=1.0,<2.0'
    source: {document: docstring, where: toy.similarity, version: '1.4', section: formula}
    semantics:
      score: similarity
      norm_rule: floor_norm
    call:
      style: function
      arrays:
        - {name: x1, role: x}
        - {name: x2, role: y}
      options:
        - {name: dim, role: axis, default: 1}
        - {name: eps, role: eps, default: 1e-8}
        - {name: reduction, role: reduction, default: mean, means: {none: none, mean: mean}}

claims:
  - slug: formula
    says: The cosine is the dot product over the product of the norms.
    cite: {document: docstring, where: toy.similarity, version: '1.4', section: formula}
    decided_by:
      - {property: value}
      - {case: right-angle}

cases:
  - slug: right-angle
    says: vectors at a right angle
    arrays: {x1: [[1, 0]], x2: [[0, 1]]}
    options: {reduction: none}
    expect: {value: [0]}
"""


@dataclass(frozen=True)
class Planted:
    """A file with a fault, and the line, from 1, where it was planted."""

    path: Path
    line: int


@pytest.fixture
def miniature(tmp_path: Path) -> Path:
    path = tmp_path / "toy.similarity.yaml"
    path.write_text(MINIATURE)
    return path


@pytest.fixture
def plant(tmp_path: Path) -> Callable[..., Planted]:
    """Puts `new` in the place of `old`, which stands once in the miniature; the fault is at '§' or `new`."""

    def planting(old: str, new: str) -> Planted:
        assert MINIATURE.count(old) == 1, old
        text = MINIATURE.replace(old, new if "§" in new else f"§{new}")
        path = tmp_path / "toy.similarity.yaml"
        path.write_text(text.replace("§", ""))
        return Planted(path, text[: text.index("§")].count("\n") + 1)

    return planting
