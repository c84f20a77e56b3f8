"""The order in which cells are asked: first what finds most in a second. Tables have an order of their own.

Measured on a zoo of wrong implementations (docs/detection.md): the cases of a spec cost one small question each and
find most. Then come values, the region first that kills most of what is left in a second, which is a region at whose
end a rule of its own begins: what is wrong on ordinary rows the cases have found. Gradients cost most and find the
rest. No verdict depends on the order.
"""

from __future__ import annotations

from collections.abc import Iterable

from lossproof.conformance.families.regions.registry import named
from lossproof.conformance.model.subject import CellKey

DTYPES = ("float32", "float64", "float16", "bfloat16")


Place = tuple[bool | int | str, ...]


def asking_order(keys: Iterable[CellKey]) -> list[CellKey]:
    """Cells in the order in which they are asked; those of one group stand together, so that it is asked once."""
    return sorted(keys, key=lambda k: asked_at(k.property, k.region, k.dtype, k.variant.slug))


def reporting_order(key: CellKey) -> Place:
    """Where a cell stands among those of its API when findings and claims are made of them."""
    return reported_at(key.property, key.region, key.dtype, key.variant.slug)


def asked_at(property_: str, region: str, dtype: str, variant: str) -> Place:
    """The place of a cell in the order of asking, by the columns of its row."""
    kind = DTYPES.index(dtype) if dtype in DTYPES else len(DTYPES)
    return (
        "case=" not in variant,
        "wrt=" in variant,
        named(region).place,
        kind,
        region,
        dtype,
        variant,
        property_,
    )


def reported_at(property_: str, region: str, dtype: str, variant: str) -> Place:
    """The place of a cell by region, dtype and variant, cases last."""
    return ("case=" in variant, region, dtype, variant, property_)
