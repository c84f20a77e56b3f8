"""What the oracle raises."""

from __future__ import annotations

from collections.abc import Iterable


class UnsupportedInput(ValueError):  # noqa: N818 (named for what it says, like a verdict)
    """The arrays or options are of a kind that the oracle does not judge: the message says what it takes."""


def choice(name: str, given: object, allowed: Iterable[str]) -> str:
    """`given` if it is one of `allowed`; else ValueError naming both."""
    allowed = tuple(allowed)
    if not isinstance(given, str) or given not in allowed:
        raise ValueError(f"{name}={given!r} is not known; allowed: {', '.join(allowed)}")
    return given
