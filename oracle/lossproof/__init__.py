"""Conformance suite and exact oracle for the cosine and contrastive losses of machine-learning frameworks.

    import lossproof
    lossproof.oracle.cosine(x, y)

Importing this package imports nothing else: each room, and `strategies`, is loaded when it is first used. This file
lies in the oracle's root alone. It extends the package over the other roots, and over the folders that other
distributions add.
"""

from __future__ import annotations

import importlib
from pkgutil import extend_path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lossproof import conformance, oracle, reports, specs, strategies

__all__ = ["conformance", "oracle", "reports", "specs", "strategies"]

# The order is that of sys.path, as in any namespace package: a checkout named in PYTHONPATH comes before an installed
# one in all rooms, whichever of the two this file is read from. Where no path leads to its own folder, that is last.
__path__ = list(dict.fromkeys([*extend_path([], __name__), *__path__]))


def __getattr__(name: str) -> Any:
    """Load a room or module when it is first used (PEP 562)."""
    if name in __all__:
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
