"""Cosines and their gradients rounded by kernels, many rows at a time; which rows are left for the ladder."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lossproof.oracle.formats import FloatFormat
from lossproof.oracle.kernels import choice, fused, fused_float64
from lossproof.oracle.scores.formula import Cosines

AT_ONCE, WIDENED_AT_ONCE = 1 << 20, 1 << 17
"""Elements in a block of rows: enough to repay the call, and what the caches hold when they are widened first."""
ROWS_AT_ONCE = 1 << 13
"""Rows of which the caches hold P, Q and R."""
Rounded = tuple[NDArray[Any], NDArray[np.intp]]
"""Values, and the places (flat, in order) of those that are uncertain."""


def round_cosines(cosines: Cosines, form: str, fmt: FloatFormat) -> Rounded | None:
    """The cosines of a batch in one of their forms, rounded by kernels, and which of them are uncertain.

    None where the kernels do not apply; then, and where they are uncertain, the ladder answers.
    """
    measure, length = cosines.measure, cosines.pairs.length
    rule, kernel = measure.rule, measure.rule.kernel
    if kernel is None or length == 0:
        return None
    sides, double = cosines.pairs.plain_sides(), fmt.name == "float64"
    if sides is None or (double and not rule.norms):
        return None
    if measure.eps and not fused.usable(measure.eps):
        return None
    wanted = choice.compiled_wanted(cosines.size * cosines.pairs.length)
    if not wanted and (length > fused_float64.LONGEST if double else cosines.pairs.wide):
        return None
    widened = double and any(v.dtype != np.float64 for v in sides)
    elements = WIDENED_AT_ONCE if widened else AT_ONCE
    step = min(max(1, elements // length), ROWS_AT_ONCE) if wanted or widened else ROWS_AT_ONCE
    if wanted:
        # numba takes a second to load, and may not be installed
        from lossproof.oracle.kernels import compiled, compiled_float64
    elif not double:
        rounder = fused.Rounder(rule.square, measure.eps, form, length, min(step, cosines.size), fmt)
    values, left = np.empty(cosines.size, dtype=fmt.dtype), []
    for i in range(0, cosines.size, step):
        (x, y), out = (v[i : i + step] for v in sides), values[i : i + step]
        if double:
            x, y = (np.ascontiguousarray(v, np.float64) for v in (x, y))
            round_rows = compiled_float64.round_rows if wanted else fused_float64.round_rows
            some = round_rows(x, y, form, out)
        elif wanted:
            some = compiled.round_cosines(x, y, kernel(measure.eps), form, fmt, out)
        else:
            some = rounder.round(x, y, out)
        left.append(some + i)
    return values, np.concatenate(left) if left else np.empty(0, dtype=np.intp)


def round_gradients(cosines: Cosines, form: str, fmt: FloatFormat) -> Rounded | None:
    """The gradient of a plain cosine with respect to its first rows, as `round_cosines`; flat over (pair, element).

    NumPy has a kernel of its own for float32.
    """
    if not cosines.measure.rule.norms or cosines.flip is not None:
        return None
    sides, d, shape = cosines.pairs.plain_sides(), cosines.pairs.length, (cosines.size, cosines.pairs.length)
    if sides is None or d == 0 or fmt.name == "float64" or cosines.pairs.wide:
        return None
    wanted = choice.compiled_wanted(cosines.size * cosines.pairs.length)
    if not wanted and fmt.name != "float32":
        return None
    values = np.empty(shape, dtype=fmt.dtype)
    if not wanted:
        left = fused.round_gradient(*sides, 1.0 if form == "similarity" else -1.0, values)
        return values.ravel(), left
    # numba takes a second to load, and may not be installed
    from lossproof.oracle.kernels import compiled

    found = []
    widened = any(v.itemsize < 4 for v in sides)
    step = max(1, (WIDENED_AT_ONCE if widened else AT_ONCE) // d)
    for i in range(0, cosines.size, step):
        x, y = (v[i : i + step] for v in sides)
        found.append(compiled.round_gradient(x, y, form, fmt, values[i : i + step]) + i * d)
    return values.ravel(), np.concatenate(found) if found else np.empty(0, dtype=np.intp)
