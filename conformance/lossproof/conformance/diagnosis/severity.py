"""How much a divergence matters, by its kind and by the cell that shows it."""

from __future__ import annotations

from lossproof.conformance.diagnosis.hypotheses import EXTREME
from lossproof.conformance.model.subject import CellKey

SPECIAL = ("zero", "below_eps", "tiny_norm", "nonfinite", "empty")
QUIET = (
    "zero_vector", "eps", "dtype", "error", "crash", "hang", "mutation", "nondeterminism", "configuration",
)  # fmt: skip


def severity(kind: str, key: CellKey) -> str:
    """How much a divergence of this kind matters in this cell (design, section 6)."""
    if kind in ("documentation", "range", "output"):
        return "S4"
    if kind in ("overflow", "underflow") or key.region in EXTREME:
        return "S3"
    return "S2" if kind in QUIET or key.region in SPECIAL else "S1"
