"""Reproducible draws: layouts and numbers are functions of the run's seed and of the words that name a question.

Hypothesis draws for users' own tests alone (`lossproof.strategies`). It mixes constants found in the imported modules
into its draws, so the same seed gives other examples when an unrelated module is loaded.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Sequence
from typing import Any

import numpy as np


def digest(*words: object) -> int:
    """A 128-bit number that depends on the words alone, the same on every platform."""
    text = "\x1f".join(str(w) for w in words).encode()
    return int.from_bytes(hashlib.sha256(text).digest()[:16], "little")


def generator(run_seed: int, *words: object) -> np.random.Generator:
    """The NumPy generator of the numbers that belong to `words` in a run with this seed."""
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence([run_seed, digest(*words)])))


def draw(
    choices: Sequence[Sequence[Any]], count: int, run_seed: int, *words: object
) -> list[tuple[Any, ...]]:
    """`count` tuples with one member of each sequence, a function of the seed and the words alone.

    The first tuple holds the first member of each, so that every cell is asked its simplest layout.
    """
    source = random.Random(digest(run_seed, *words))
    first = tuple(members[0] for members in choices)
    return [first, *(tuple(_pick(source, members) for members in choices) for _ in range(count - 1))]


def _pick(source: random.Random, members: Sequence[Any]) -> Any:
    """A member; the only one takes nothing from the source."""
    return members[source.randint(0, len(members) - 1)] if len(members) > 1 else members[0]
