"""Reproducible draws: Hypothesis strategies answered from a seed, and NumPy generators for the numbers.

Hypothesis mixes constants found in the imported modules into its draws, so the same seed gives other examples
when an unrelated module is loaded or the package is installed as a wheel. The provider below answers each choice
from the seed alone.
"""

from __future__ import annotations

import hashlib
import random
import threading
from collections.abc import Sequence
from typing import Any, TypeVar

import numpy as np
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.internal.conjecture.providers import AVAILABLE_PROVIDERS, PrimitiveProvider
from hypothesis.strategies import SearchStrategy

T = TypeVar("T")

BACKEND = "lossproof"
_LOCK = threading.Lock()  # Hypothesis keeps state per process while a test function runs


class SeededProvider(PrimitiveProvider):
    """Answers booleans and bounded integers uniformly from the test function's own seed."""

    lifetime = "test_case"

    def __init__(self, conjecturedata: Any, /) -> None:
        super().__init__(conjecturedata)
        source = getattr(conjecturedata, "_random", None)
        self._random: random.Random = source if source is not None else random.Random(0)

    def draw_boolean(self, p: float = 0.5, **_: Any) -> bool:
        """True with probability p."""
        return self._random.random() < p

    def draw_integer(self, min_value: int | None = None, max_value: int | None = None, **_: Any) -> int:
        """Uniform between both bounds, which every strategy used here gives."""
        if min_value is None or max_value is None:
            raise TypeError("a layout is drawn from bounded integers only: give min_value and max_value")
        return self._random.randint(min_value, max_value)

    def draw_float(self, **_: Any) -> float:
        """Refused: numbers come from NumPy generators."""
        raise TypeError("floats are drawn by `generator`, not by a strategy")

    def draw_string(self, *_: Any, **__: Any) -> str:
        """Refused: layouts hold no text."""
        raise TypeError("layouts hold no text")

    def draw_bytes(self, *_: Any, **__: Any) -> bytes:
        """Refused: layouts hold no bytes."""
        raise TypeError("layouts hold no bytes")


AVAILABLE_PROVIDERS[BACKEND] = SeededProvider


def digest(*words: object) -> int:
    """A 128-bit number that depends on the words alone, the same on every platform."""
    text = "\x1f".join(str(w) for w in words).encode()
    return int.from_bytes(hashlib.sha256(text).digest()[:16], "little")


def generator(run_seed: int, *words: object) -> np.random.Generator:
    """The NumPy generator of the numbers that belong to `words` in a run with this seed."""
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence([run_seed, digest(*words)])))


def draw(strategy: SearchStrategy[T], count: int, run_seed: int, *words: object) -> Sequence[T]:
    """`count` examples of a strategy, a function of the seed and the words alone."""
    examples: list[T] = []

    @seed(digest(run_seed, *words))
    @settings(
        backend=BACKEND,
        max_examples=count,
        phases=[Phase.generate],
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy)
    def collect(example: T) -> None:
        examples.append(example)

    with _LOCK:
        collect()
    if not examples:
        raise RuntimeError(f"the strategy {strategy!r} gave no example")
    # Hypothesis stops early where a strategy has few distinct examples: go round again.
    return [examples[i % len(examples)] for i in range(count)]
