"""Exact numbers as people read them: hex floats in, short decimals or Python literals out."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from typing import Any

_PRECISION = {"float16": (11, -14), "bfloat16": (8, -126), "float32": (24, -126), "float64": (53, -1022)}
"""Significand bits and the exponent of the smallest normal number."""
_HEX = re.compile(r"[+-]?0x", re.IGNORECASE)
_SPECIAL = frozenset({"nan", "inf", "-inf", "+inf", "infinity", "-infinity"})


def number(value: Any) -> float | int | bool | None:
    """The number that a JSON value or a hex string stands for; None for null. ValueError: it is none."""
    if value is None or isinstance(value, (bool, int, float)):
        return value
    text = str(value).strip()
    return float.fromhex(text) if _HEX.match(text) else float(text)


def is_number(value: Any) -> bool:
    """Whether `value` is a number or a string that stands for one ("0x1p-3", "nan", "0.5")."""
    if isinstance(value, (int, float)):
        return True
    if not isinstance(value, str):
        return False
    if value.strip().lower() in _SPECIAL:
        return True
    try:
        number(value)
    except ValueError:
        return False
    return any(character.isdigit() for character in value)


def numbers(value: Any) -> Any:
    """Nested lists with every leaf as a number."""
    return [numbers(item) for item in value] if isinstance(value, (list, tuple)) else number(value)


def leaves(value: Any) -> Iterator[Any]:
    """The leaves of nested lists, in order."""
    if isinstance(value, (list, tuple)):
        for item in value:
            yield from leaves(item)
    else:
        yield value


def decimal(value: Any, dtype: str = "float64") -> str:
    """The shortest decimal that rounds to `value` in `dtype` ("0.1" for the float32 nearest to 0.1)."""
    x = number(value)
    if x is None:
        return "any"
    if isinstance(x, (bool, int)):
        return str(x)
    if not math.isfinite(x):
        return str(x)
    if x == 0 or dtype not in _PRECISION:
        return repr(x)
    bits, smallest = _PRECISION[dtype]
    half_ulp = math.ldexp(0.5, max(math.frexp(x)[1] - 1, smallest) - bits + 1)
    for digits in range(1, 17):
        text = f"{x:.{digits}g}"
        if abs(float(text) - x) < half_ulp:
            return repr(float(text))
    return repr(x)


def hexadecimal(value: Any) -> str:
    """The exact value: a hex float, or the digits of an integer."""
    x = number(value)
    if isinstance(x, float) and math.isfinite(x):
        return _short_hex(x)
    return "any" if x is None else str(x)


def literal(value: Any) -> str:
    """A Python expression for exactly this number: a short decimal where it is exact, else a hex float."""
    x = number(value)
    if not isinstance(x, float):
        return repr(x)
    if not math.isfinite(x):
        return f'float("{x}")'
    text = repr(x)
    return text if len(text) <= 10 else f'float.fromhex("{_short_hex(x)}")'


def _short_hex(x: float) -> str:
    """`x.hex()` without the trailing zeros of its significand."""
    return re.sub(r"\.?0*p", "p", x.hex())


def nested(value: Any, show: Callable[[Any], str], most: int = 0) -> str:
    """Nested lists in brackets with `show` for each leaf; lists are cut beyond `most` items (0: never).

    Where nothing is cut the text is a Python expression; a long constant list is written `[x] * n`.
    """
    if not isinstance(value, (list, tuple)):
        return show(value)
    parts = [nested(item, show, most) for item in (value[: most + 1] if most else value)]
    if len(value) > 8 and len(value) == sum(1 for item in value if item == value[0]):
        return f"[{parts[0]}] * {len(value)}"
    if most and len(value) > most:
        parts = [*parts[: most - 1], f"... {len(value) - most + 1} more"]
    return f"[{', '.join(parts)}]"


def pretty(value: Any, dtype: str = "float64", most: int = 8) -> str:
    """Nested numbers as short decimals: `[[0.0, 3.0]]`; lists longer than `most` are cut."""
    return nested(
        value, lambda leaf: decimal(leaf, dtype) if is_number(leaf) or leaf is None else repr(leaf), most
    )


def exact(value: Any) -> str:
    """Nested numbers as hex floats, nothing cut."""
    return nested(value, lambda leaf: hexadecimal(leaf) if is_number(leaf) or leaf is None else repr(leaf))


def expression(value: Any) -> str:
    """Nested numbers as an exact Python expression, nothing cut; other leaves as their repr."""
    return nested(value, lambda leaf: literal(leaf) if is_number(leaf) else repr(leaf))


def measure(value: Any) -> str:
    """An error in ulp or a ratio, short: "0.5", "1,235", "1.2e+09", "inf"; "" where nothing was measured."""
    if value is None or value == "":
        return ""
    x = float(value)
    if math.isnan(x):
        return ""
    if abs(x) < 1e3 or not math.isfinite(x):
        return f"{x:.3g}"
    return f"{x:,.0f}" if abs(x) < 1e6 else f"{x:.1e}"
