"""Error-free transformations: a sum or a product of two floats as the rounded result and what was rounded away."""

from __future__ import annotations

from lossproof.oracle.formats import Float

SPLITTER = 2.0**27 + 1


def two_sum(a: Float, b: Float) -> tuple[Float, Float]:
    """a + b exactly (Knuth)."""
    s = a + b
    t = s - a
    return s, (a - (s - t)) + (b - t)


def fast_two_sum(a: Float, b: Float) -> tuple[Float, Float]:
    """a + b exactly for |a| >= |b| or a = 0 (Dekker)."""
    s = a + b
    return s, b - (s - a)


def two_prod(a: Float, b: Float) -> tuple[Float, Float]:
    """a b exactly (Dekker and Veltkamp: no fused operation is needed)."""
    p = a * b
    t, s = SPLITTER * a, SPLITTER * b
    ah, bh = t - (t - a), s - (s - b)
    al, bl = a - ah, b - bh
    return p, ((ah * bh - p) + ah * bl + al * bh) + al * bl
