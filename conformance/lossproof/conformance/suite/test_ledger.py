"""The ledger: every known finding's witness still answers as pinned, so that no expected failure outlives its cause."""

from __future__ import annotations

from lossproof.specs.models import KnownFinding


def test_known_finding(known: tuple[str, KnownFinding], status: str) -> None:
    """The witness answers as pinned; `fixed`: it leaves the ledger; `changed`: it is pinned anew."""
    _, finding = known
    assert status == "known", f"{finding.slug} is {status}"
