"""Comparing two runs: what changed between two releases, gathered by cause and sorted by class.

Both runs asked the same bytes (same seed), so their samples are compared value by value. Two answers are the same where
they differ by no more than the bounds of both: rounding noise is never called a change.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from statistics import median
from typing import Any

import numpy as np

from lossproof.conformance.spelling import parsed

CLASSES = (
    "newly diverging",
    "changed",
    "changed but undocumented",
    "error appeared",
    "API removed",
    "fixed",
    "error disappeared",
    "API added",
    "accuracy worse",
    "accuracy better",
    "documentation changed",
)
RELIED_ON = CLASSES[:5]
"""What a user relies on: these classes make a comparison fail."""
CELL = ("api", "property", "region", "dtype", "variant")
UNKNOWN_REACH = 2.0**-6
"""Relative: answers without a documented value are compared by behaviour, not by rounding."""
ACCURACY = 2.0
"""A median or largest error in ulp that changes by less than this factor is no change of accuracy."""


@dataclass(frozen=True)
class Side:
    """One of the two runs: cells by key, samples by key, APIs with their editions."""

    name: str
    version: str
    rows: Mapping[tuple[str, ...], Mapping[str, Any]]
    samples: Mapping[tuple[str, ...], Mapping[str, Any]]
    editions: Mapping[str, str] = field(default_factory=dict)
    documentation: Mapping[str, str] = field(default_factory=dict)
    """API -> digest of its docstring, where the run has it"""

    @property
    def apis(self) -> frozenset[str]:
        """The APIs that the run judged."""
        return frozenset(key[0] for key in self.rows)


@dataclass(frozen=True)
class Change:
    """One cause of changed cells, with a witness and both answers to it."""

    kind_of_change: str
    slug: str
    title: str
    kind: str
    severity: str
    apis: tuple[str, ...]
    cells: int
    properties: tuple[str, ...] = ()
    regions: tuple[str, ...] = ()
    dtypes: tuple[str, ...] = ()
    witness: Mapping[str, Any] = field(default_factory=dict)
    old: Mapping[str, Any] = field(default_factory=dict)
    new: Mapping[str, Any] = field(default_factory=dict)
    scripts: tuple[str, ...] = ()


def compare(old: Side, new: Side) -> list[Change]:
    """What changed from `old` to `new`, worst first."""
    groups: dict[tuple[str, ...], list[tuple[str, ...]]] = defaultdict(list)
    for key in sorted(set(old.rows) & set(new.rows)):
        for cause in _causes(old, new, key):
            groups[cause].append(key)
    found = [_change(old, new, cause, keys) for cause, keys in groups.items()]
    found += _apis(old, new) + _accuracy(old, new) + _documentation(old, new)
    return sorted(found, key=lambda c: (CLASSES.index(c.kind_of_change), c.severity, -c.cells, c.slug))


Cause = tuple[str, ...]
"""Class, kind, severity, slug and title of a change."""


def _causes(old: Side, new: Side, key: tuple[str, ...]) -> Iterable[Cause]:
    before, after = old.rows[key], new.rows[key]
    moved = _moved(old.samples.get(key), new.samples.get(key))
    errors = _errors(old.samples.get(key), new.samples.get(key))
    old_findings, new_findings = _slugs(before), _slugs(after)
    if errors:
        yield errors
    elif moved is None and before["verdict"] == after["verdict"]:
        return  # the same answers: a divergence judged by another page, or told otherwise, is no change of behaviour
    elif after["verdict"] == "diverges" and before["verdict"] != "diverges":
        for slug in sorted(new_findings):
            yield ("newly diverging", after["kind"], after["severity"], slug, f"now diverges: {slug}")
    elif before["verdict"] == "diverges" and after["verdict"] != "diverges":
        for slug in sorted(old_findings):
            yield ("fixed", before["kind"], before["severity"], slug, f"no longer diverges: {slug}")
    elif moved is not None:
        kind, words = moved
        silent = before["verdict"] == after["verdict"] == "undocumented"
        class_ = "changed but undocumented" if silent else "changed"
        severity = _severity(kind, key, after)
        yield (class_, kind, severity, f"{kind}-{words}".replace(" ", "-"), words)


def _slugs(row: Mapping[str, Any]) -> set[str]:
    return {slug for slug in str(row["finding"]).split(";") if slug}


def _severity(kind: str, key: tuple[str, ...], row: Mapping[str, Any]) -> str:
    if row["severity"]:
        return str(row["severity"])
    if key[2] in ("underflow", "overflow", "subnormal"):
        return "S3"
    if key[2] in ("zero", "below_eps", "tiny_norm", "nonfinite", "empty") or kind in (
        "dtype",
        "configuration",
    ):
        return "S2"
    return "S1"


# --- answers ---


def _errors(old: Mapping[str, Any] | None, new: Mapping[str, Any] | None) -> Cause | None:
    """An exception that appeared or disappeared."""
    if not old or not new:
        return None
    before, after = (_first_error(s) for s in (old, new))
    if before == after:
        return None
    if after and not before:
        return ("error appeared", "error", "S2", f"error-{after}", f"raises {after} where a value came back")
    if before and not after:
        return (
            "error disappeared",
            "error",
            "S2",
            f"no-error-{before}",
            f"a value where {before} was raised",
        )
    return (
        "changed but undocumented",
        "error",
        "S2",
        f"error-{after}",
        f"raises {after} in place of {before}",
    )


def _first_error(sample: Mapping[str, Any]) -> str:
    """The last part of the class name of the first exception."""
    errors = [
        str(a["error"]) for a in sample["answers"] if a.get("error") and isinstance(a.get("error"), str)
    ]
    crashed = [str(a["outcome"]) for a in sample["answers"] if a.get("outcome") in ("crash", "hang")]
    return (errors + crashed + [""])[0].rsplit(".", 1)[-1]


def _moved(old: Mapping[str, Any] | None, new: Mapping[str, Any] | None) -> tuple[str, str] | None:
    """How the sampled values differ: kind and words, None where they are the same."""
    if not old or not new:
        return None
    pairs = list(zip(old["answers"], new["answers"], strict=False))
    a, b, reach = _numbers(pairs)
    if any(x.get("shape") != y.get("shape") for x, y in pairs if "shape" in x and "shape" in y):
        return "shape", "another shape"
    if a.size:
        apart = ~((np.abs(a - b) <= reach) | (a == b) | (np.isnan(a) & np.isnan(b)))
        if apart.any():
            return _relation(a[apart], b[apart], reach[apart])
    if any(x.get("dtype") != y.get("dtype") for x, y in pairs):
        before, after = next(
            (x.get("dtype"), y.get("dtype")) for x, y in pairs if x.get("dtype") != y.get("dtype")
        )
        return "dtype", f"{after} in place of {before}"
    plain = [
        {k: v for k, v in s.items() if k not in ("value", "values", "reach", "note", "message")}
        for p in pairs
        for s in p
    ]
    if not a.size and any(x != y for x, y in zip(plain[::2], plain[1::2], strict=True)):
        return "configuration", "another answer"
    return None


def _numbers(pairs: Sequence[tuple[Mapping[str, Any], Mapping[str, Any]]]) -> tuple[Any, Any, Any]:
    """Values of both sides that stand for the same question, and how far apart rounding may lead them."""
    a, b, reach = [], [], []
    for x, y in pairs:
        before, after = (np.ravel(np.asarray(_floats(s.get("values", s.get("value", []))))) for s in (x, y))
        if before.size != after.size:
            continue
        a.append(before)
        b.append(after)
        allowed = np.zeros(before.size)
        for side, values in ((x, before), (y, after)):
            given = _floats(side.get("reach", []))
            own = np.asarray(given) if len(given) == before.size else UNKNOWN_REACH * np.abs(values)
            allowed = allowed + np.nan_to_num(own, nan=0.0, posinf=np.inf)
        reach.append(allowed)
    if not a:
        return np.zeros(0), np.zeros(0), np.zeros(0)
    return np.concatenate(a), np.concatenate(b), np.concatenate(reach)


def _floats(values: Any) -> Any:
    if isinstance(values, list | tuple):
        flat: list[Any] = []
        for value in values:
            inner = _floats(value)
            flat += inner if isinstance(inner, list) else [inner]
        return flat
    return parsed(values) if isinstance(values, str) else float("nan") if values is None else float(values)


def _relation(a: Any, b: Any, reach: Any) -> tuple[str, str]:
    """In which way new values b follow from old values a."""
    with np.errstate(all="ignore"):
        if np.all(np.abs(a + b) <= reach):
            return "sign", "the negative of what it was"
        if np.all(np.abs(b - (1 - a)) <= reach) or np.all(np.abs(b - (1 + a)) <= reach):
            return "formula", "one minus what it was"
        if np.isnan(b).all():
            return "zero_vector", "NaN where a number was"
        if np.isnan(a).all():
            return "zero_vector", "a number where NaN was"
        ratio = b / a
        if np.isfinite(ratio).all() and ratio.size > 1 and np.ptp(ratio) <= 1e-3 * np.abs(ratio).max():
            return "formula", f"{ratio[0]:.4g} times what it was"
    return "formula", "another value"


# --- gathering ---


def _change(old: Side, new: Side, cause: Cause, keys: Sequence[tuple[str, ...]]) -> Change:
    class_, kind, severity, slug, title = cause
    shown = min(keys, key=lambda k: (k[2] != "ordinary", k[3] != "float32", len(k[4]), k))
    before, after = old.samples.get(shown, {}), new.samples.get(shown, {})
    names = sorted({k[0] for k in keys})
    return Change(
        class_,
        f"{slug}-{names[0].rsplit('.', 1)[-1]}".lower().replace("_", "-"),
        title,
        kind,
        severity,
        tuple(names),
        len(keys),
        tuple(sorted({k[1] for k in keys})),
        tuple(sorted({k[2] for k in keys} - {"-"})),
        tuple(sorted({k[3] for k in keys} - {"-"})),
        _witness(old.rows[shown], new.rows[shown], before, after),
        _first(before),
        _first(after),
    )


def _witness(
    before: Mapping[str, Any], after: Mapping[str, Any], old: Mapping[str, Any], new: Mapping[str, Any]
) -> Mapping[str, Any]:
    """The question that shows a change: the sample's, or the witness of the finding."""
    for sample in (new, old):
        if sample.get("question"):
            return dict(sample["question"])
    for row in (after, before):
        if row["witness"]:
            return dict(json.loads(row["witness"]))
    return {}


def _first(sample: Mapping[str, Any]) -> dict[str, Any]:
    """The first sampled answer, one value of it."""
    answers = sample.get("answers") or [{}]
    first = dict(answers[0])
    if "values" in first:
        first["value"] = first.pop("values")[0] if first["values"] else None
    reach = first.pop("reach", None)
    if reach:
        first["tolerance"] = reach[0]
    return first


def _apis(old: Side, new: Side) -> list[Change]:
    gone = [
        Change("API removed", f"removed-{a}", f"{a} is gone", "error", "S1", (a,), _count(old, a))
        for a in sorted(old.apis - new.apis)
    ]
    come = [
        Change("API added", f"added-{a}", f"{a} is new", "error", "S4", (a,), _count(new, a))
        for a in sorted(new.apis - old.apis)
    ]
    return gone + come


def _count(side: Side, api: str) -> int:
    return sum(key[0] == api for key in side.rows)


def _accuracy(old: Side, new: Side) -> list[Change]:
    """Distributions of the largest error of each conforming cell, by API and dtype."""
    pairs: dict[tuple[str, str], list[tuple[float, float]]] = defaultdict(list)
    for key in set(old.rows) & set(new.rows):
        before, after = old.rows[key], new.rows[key]
        errors = (before["error_ulp"], after["error_ulp"])
        if (
            before["verdict"] == after["verdict"] == "conforms"
            and key[1] == "value"
            and all(_finite(e) for e in errors)
        ):
            pairs[key[0], key[3]].append((float(errors[0]), float(errors[1])))
    found = []
    for (api, dtype), values in sorted(pairs.items()):
        before, after = (
            {"median": median(v), "largest": max(v), "cells": len(v)} for v in zip(*values, strict=True)
        )
        ratios = [(1 + after[n]) / (1 + before[n]) for n in ("median", "largest")]
        worse, better = max(ratios) > ACCURACY, min(ratios) < 1 / ACCURACY
        if worse or better:
            class_ = "accuracy worse" if worse else "accuracy better"
            words = f"{dtype}: errors in ulp from {_told(before)} to {_told(after)}"
            slug = f"accuracy-{api.rsplit('.', 1)[-1]}-{dtype}".lower()
            change = Change(
                class_, slug, words, "accuracy", "S4", (api,), len(values), ("value",), (), (dtype,)
            )
            found.append(replace(change, old=before, new=after))
    return found


def _told(errors: Mapping[str, float]) -> str:
    return f"{errors['median']:.3g} (largest {errors['largest']:.3g})"


def _finite(value: Any) -> bool:
    return value is not None and bool(np.isfinite(value))


def _documentation(old: Side, new: Side) -> list[Change]:
    found = []
    for api in sorted(old.apis & new.apis):
        editions = old.editions.get(api), new.editions.get(api)
        digests = old.documentation.get(api), new.documentation.get(api)
        if editions[0] != editions[1] or (all(digests) and digests[0] != digests[1]):
            title = (
                f"the page of {editions[1]} replaces that of {editions[0]}"
                if editions[0] != editions[1]
                else "the docstring changed"
            )
            slug = f"documentation-{api.rsplit('.', 1)[-1]}".lower()
            found.append(Change("documentation changed", slug, title, "documentation", "S4", (api,), 0))
    return found
