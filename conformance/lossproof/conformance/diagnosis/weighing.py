"""Wrong lines weighed over the answers to many questions at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from lossproof.conformance.families.inputs import axis_of
from lossproof.conformance.families.lines import model
from lossproof.conformance.families.lines.model import Line, Mask, Numbers, Rows, Wide
from lossproof.conformance.families.registry import family_of
from lossproof.conformance.judging.comparison import reach
from lossproof.conformance.judging.executor import Reply
from lossproof.conformance.model.dtypes import FORMATS
from lossproof.conformance.model.subject import Subject

FEWEST = 3
"""Wrong rows that a cause must explain, unless it explains all there are."""
MOST = 3
"""Causes that an API is told to have before the rest goes without one."""
CONTRADICTED = 0.02
"""The share of right rows that a line may contradict: a rare row lies at a decision."""


def weighed(subject: Subject, rows: Rows) -> Iterator[tuple[Line, Mask]]:
    """Each line that explains most of what is left, with the wrong rows that it explains."""
    for _ in range(MOST):
        best, most = None, 0
        for line in family_of(subject).lines(subject.semantics, rows):
            match = model.explained(line, rows)
            taken = match & rows.wrong
            count = int(taken.sum())
            if count <= most:
                continue
            # a line without a floor says nothing of the zero vectors that a floor beside it may take care of
            contradicted = int((rows.right & ~match & np.isfinite(line.value(rows)[0])).sum())
            if contradicted <= CONTRADICTED * max(int(rows.right.sum()), count):
                best, most = (line, taken), count
        if best is None or most < min(FEWEST, int(rows.wrong.sum())):
            return
        yield best
        rows = replace(rows, wrong=rows.wrong & ~best[1])
        if not rows.wrong.any():
            return


def rows_of(subject: Subject, replies: Sequence[tuple[Reply, Mask]]) -> Rows | None:
    """Answers with one value a row as rows, those in the masks being wrong; None where they are none."""
    parts = [_rows(subject, reply, wrong) for reply, wrong in replies]
    whole = [part for part in parts if part is not None]
    if not whole or len(whole) < len(parts):
        return None
    sums = {name: np.concatenate([p.sums[name] for p in whole]) for name in whole[0].sums}
    fields = ("documented", "observed", "bound", "unit", "wrong", "right")
    return Rows(sums, *(np.concatenate([getattr(p, f) for p in whole]) for f in fields))


def _rows(subject: Subject, reply: Reply, wrong: Mask) -> Rows | None:
    batch, judged = reply.batch, reply.judged
    expected, observed = judged.expected, judged.observed
    if batch.wrt or expected is None or observed is None or judged.size_differs:
        return None
    if not subject.reduces_not(batch.options):
        return None
    by_role = {subject.roles[n]: a for n, a in batch.arrays.items()}
    inputs = family_of(subject).inputs
    if not set(inputs.roles) <= set(by_role):
        return None
    sums = dict(inputs.sums(by_role, axis_of(subject, batch.options)))
    size = judged.wrong.size
    if not sums or len(sums["length"]) != size:
        return None
    eps, margin = subject.eps(batch.options), subject.option("margin")
    asked = batch.options.get(margin.name, margin.default) if margin else 0.0
    sums["eps"] = np.full(size, eps or 0.0, Wide)
    sums["margin"] = np.full(size, float(asked or 0.0), Wide)
    if "labels" in by_role:
        sums["label"] = np.broadcast_to(by_role["labels"].astype(np.float64), judged.wrong.shape).ravel()
    value = expected.value
    with np.errstate(all="ignore"):
        seen = observed.astype(np.float64).astype(Wide).ravel()
        middle: Numbers = (np.asarray(value.lower, Wide) + np.asarray(value.upper, Wide)) / 2
    return Rows(
        sums,
        documented=np.where(judged.undefined, np.nan, middle).ravel(),
        observed=seen,
        bound=reach(expected, judged.flush).ravel(),
        unit=np.full(size, FORMATS[expected.compute].unit),
        wrong=wrong.ravel(),
        right=(~judged.wrong & ~judged.undefined).ravel(),
    )
