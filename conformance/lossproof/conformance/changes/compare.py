"""Comparing two runs: what changed between two releases, gathered by cause and sorted by class.

Both runs asked the same bytes (same seed), so their samples are compared value by value (see `answers`). A cell
whose answers are the same did not change, whatever either page says of them.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from statistics import median, quantiles
from typing import Any

import numpy as np

from lossproof.conformance.changes.answers import Difference, difference, refusal
from lossproof.conformance.changes.causes import explained
from lossproof.conformance.changes.evidence import shown
from lossproof.conformance.changes.model import CellRow, RowKey, Sample, Seen, Side, same_question
from lossproof.conformance.families import kinds
from lossproof.conformance.families.regions.registry import named

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
JUDGED = ("newly diverging", "fixed")
RELIED_ON = CLASSES[:5]
"""The classes of change in what a user relies on: they make a comparison fail."""
ACCURACY = 2.0
"""A median or largest error in ulp that changes by less than this factor is no change of accuracy."""
MAX_SLUG = 120
"""Characters; a name of a file has 255 at most."""


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
    old_behaves_as: Mapping[str, Any] = field(default_factory=dict)
    """The semantic parameters behind the old answers, those that changed; empty where they are not known."""
    new_behaves_as: Mapping[str, Any] = field(default_factory=dict)
    scripts: tuple[str, ...] = ()


def compare(old: Side, new: Side) -> list[Change]:
    """Return the changes from `old` to `new`: what users rely on leads, worst and widest first, then class by class."""
    gone = old.absent | new.absent
    keys = [k for k in sorted(set(old.rows) & set(new.rows)) if k[0] not in gone]
    seen = _gathered(explained(old, new, [one for key in keys for one in _seen(old, new, key)]))
    relied_on = {one.cause for one in seen if one.kind_of_change in RELIED_ON}
    groups: dict[tuple[str, ...], list[Seen]] = defaultdict(list)
    for one in seen:
        # what is named by its sides is one change, though some answers are right by it
        relied = one.cause in relied_on if one.behaves else one.kind_of_change in RELIED_ON
        groups[str(relied), *one.cause].append(one)
    found = [_change(old, new, cells) for cells in groups.values()]
    found += _apis(old, new) + _accuracy(old, new) + _documentation(old, new)
    return sorted(_named(found), key=order)


def order(change: Change) -> tuple[bool, str, int, int, str]:
    """Worst first: what users rely on by severity and number of cells, the rest after it."""
    relied_on = change.kind_of_change in RELIED_ON
    class_ = CLASSES.index(change.kind_of_change)
    return not relied_on, change.severity if relied_on else f"{class_:02}", -change.cells, class_, change.slug


def _seen(old: Side, new: Side, key: RowKey) -> Iterator[Seen]:
    """The changes that a cell shows."""
    before, after = old.rows[key], new.rows[key]
    if "broken" in (before["verdict"], after["verdict"]):
        return  # what could not be judged cannot be compared
    wrong = before["verdict"] == "diverges", after["verdict"] == "diverges"
    a, b = old.samples.get(key, {}), new.samples.get(key, {})
    sampled = bool(a.get("answers") and b.get("answers"))
    if sampled and not same_question(a, b):
        return  # the pages ask different things by the same name
    moved = difference(a["answers"], b["answers"], all(wrong)) if sampled else None
    if moved is None:
        other_page = old.editions.get(key[0]) != new.editions.get(key[0])
        if wrong[0] == wrong[1] or (sampled and other_page):
            return  # the same answers: a divergence judged by another page is no change of behaviour
    class_ = _class(wrong, before, after, moved, b)
    one_cause = moved is not None and kinds.named(moved.kind).one_cause
    if moved is not None and (one_cause or not wrong[0] ^ wrong[1]):
        own = () if one_cause else (key[0],)
        kind, words = _kind(moved, key), moved.words
        yield Seen(
            key=key,
            kind_of_change=class_,
            severity=_severity(moved, key, before, after),
            cause=(kind, words, *own),
            kind=kind,
            title=words,
            moved=moved,
        )
        return
    row, side = (after, new) if wrong[1] else (before, old)
    for slug in sorted(slug for slug in str(row["finding"]).split(";") if slug):
        finding = side.findings.get(slug, {})
        words = finding.get("title") or slug
        title = f"now diverges: {words}" if wrong[1] else f"no longer diverges: {words}"
        severity = str(finding.get("severity") or row["severity"])
        yield Seen(
            key=key,
            kind_of_change=class_,
            severity=severity,
            cause=(slug,),
            kind=str(finding.get("kind") or row["kind"]),
            title=title,
            moved=moved,
        )


def _gathered(seen: Sequence[Seen]) -> list[Seen]:
    """The changed cells, where one that only shows what others judge goes with those.

    Cells of one question share their answers: a value that is put right is `fixed` in the cell of the value, and moves
    the answers in that of the shape, which conforms. So it is with a cause that is fixed elsewhere in the API.
    """
    judged = {one.key[:1] + one.key[2:]: one for one in reversed(seen) if one.kind_of_change in JUDGED}
    classes: dict[tuple[str, ...], set[str]] = defaultdict(set)
    for one in seen:
        classes[one.key[0], *one.cause].add(one.kind_of_change)
    found = []
    for one in seen:
        if one.kind_of_change in ("changed", "changed but undocumented"):
            if lead := judged.get(one.key[:1] + one.key[2:]):
                one = replace(lead, key=one.key, moved=one.moved)
            elif not one.behaves and classes[one.key[0], *one.cause] & set(JUDGED) == {"fixed"}:
                one = replace(one, kind_of_change="fixed")
        found.append(one)
    return found


def _kind(moved: Difference, key: RowKey) -> str:
    """The kind of a difference, by where it shows where it does not say itself."""
    return named(key[2]).kind if kinds.named(moved.kind).told_by_region else moved.kind


def _class(
    wrong: tuple[bool, bool], before: CellRow, after: CellRow, moved: Difference | None, new: Sample
) -> str:
    refused = moved is not None and kinds.no_value(moved.kind)
    appeared = refused and moved is not None and moved.appeared
    if appeared and (after["verdict"] != "conforms" or before["verdict"] != "diverges"):
        return "error appeared"
    if wrong == (False, True):
        return "newly diverging"
    if wrong == (True, False) and after["verdict"] != "unsupported":
        return "fixed"
    if refused:
        comes = moved is not None and not any(map(refusal, new["answers"]))
        return "error disappeared" if comes else "changed but undocumented"
    silent = before["verdict"] == after["verdict"] == "undocumented"
    return "changed but undocumented" if silent else "changed"


def _severity(moved: Difference, key: RowKey, before: CellRow, after: CellRow) -> str:
    """How bad a change is: by the finding where it made one, else by what changed and where."""
    if after["verdict"] == "diverges" != before["verdict"]:
        return str(after["severity"])
    kind = kinds.named(moved.kind)
    if kind.raises:
        # Another class of exception for what was refused before hurts few.
        return "S3" if moved.exchanged else "S2"
    return max(named(key[2]).gravest, kind.gravest_change)


# --- one change of each cause ---


def _change(old: Side, new: Side, seen: Sequence[Seen]) -> Change:
    keys = [s.key for s in seen]
    names = sorted({k[0] for k in keys})
    common = Counter(s.kind_of_change for s in seen if s.kind_of_change in RELIED_ON)
    common = common or Counter(s.kind_of_change for s in seen)
    class_ = min(common, key=lambda c: (-common[c], CLASSES.index(c)))
    first, (witness, before, after) = shown(old, new, seen)
    told = first.cause[1] if kinds.named(first.kind).told_apart and len(first.cause) > 1 else ""
    words = f"{first.kind} {told}" if len(first.cause) > 1 else first.cause[0]
    return Change(
        kind_of_change=class_,
        slug=slugged(f"{words} {names[0].rsplit('.', 1)[-1]}"),
        title=first.title,
        kind=first.kind,
        severity=min(s.severity for s in seen),
        apis=tuple(names),
        cells=len(keys),
        properties=tuple(sorted({k[1] for k in keys})),
        regions=tuple(sorted({k[2] for k in keys} - {"-"})),
        dtypes=tuple(sorted({k[3] for k in keys} - {"-"})),
        witness=witness,
        old=before,
        new=after,
        **_behaviours(first),
    )


def _behaviours(seen: Seen) -> dict[str, Any]:
    """The parameters behind both sides, as a finding has them."""
    names = ("old_behaves_as", "new_behaves_as")
    return {n: {"parameters": dict(p)} if p else {} for n, p in zip(names, seen.behaves, strict=False)}


def slugged(words: str) -> str:
    """Words as a file name: lower case, one hyphen between them, nothing but letters, digits and single dots."""
    return (
        "-".join(re.findall(r"[a-z0-9]+(?:\.[a-z0-9]+)*", words.lower()))[:MAX_SLUG].strip("-.") or "change"
    )


def _named(changes: Sequence[Change]) -> list[Change]:
    """Changes with slugs that differ."""
    found: list[Change] = []
    taken: set[str] = set()
    for change in changes:
        slug, number = change.slug, 2
        while slug in taken:
            slug, number = f"{change.slug}-{number}", number + 1
        taken.add(slug)
        found.append(replace(change, slug=slug))
    return found


# --- APIs, accuracy, documentation ---


def _apis(old: Side, new: Side) -> list[Change]:
    def change(class_: str, severity: str, side: Side, other: Side, api: str) -> Change:
        words = "is gone" if class_ == "API removed" else "is new"
        cells = sum(key[0] == api for key in side.rows)
        found = Change(
            kind_of_change=class_,
            slug=slugged(f"{class_} {api}"),
            title=f"{api} {words}",
            kind="error",
            severity=severity,
            apis=(api,),
            cells=cells,
        )
        if api not in other.absent:
            return found  # no page of that side names it, so it was not looked for
        answers: list[Mapping[str, Any]] = [{"runs": True}, {"error": "AttributeError"}]
        before, after = answers if side is old else answers[::-1]
        return replace(
            found, witness={"api": api, "mode": next(iter(new.rows.values()))["mode"]}, old=before, new=after
        )

    gone = [change("API removed", "S1", old, new, api) for api in sorted(old.apis - new.apis)]
    return gone + [change("API added", "S4", new, old, api) for api in sorted(new.apis - old.apis)]


def _accuracy(old: Side, new: Side) -> list[Change]:
    """Distributions of the largest error of each conforming cell, by API and dtype."""
    pairs: dict[tuple[str, str], list[tuple[float, float]]] = defaultdict(list)
    for key in set(old.rows) & set(new.rows):
        before, after = old.rows[key], new.rows[key]
        errors = (before["error_ulp"], after["error_ulp"])
        right = before["verdict"] == after["verdict"] == "conforms"
        if right and key[1] == "value" and all(_finite(e) for e in errors):
            pairs[key[0], key[3]].append((float(errors[0]), float(errors[1])))
    found = []
    for (api, dtype), values in sorted(pairs.items()):
        before, after = (_distribution(v) for v in zip(*values, strict=True))
        ratios = [(1 + after[n]) / (1 + before[n]) for n in ("median", "largest")]
        worse, better = max(ratios) > ACCURACY, min(ratios) < 1 / ACCURACY
        if worse or better:
            class_ = "accuracy worse" if worse else "accuracy better"
            title = f"errors of {dtype} in ulp: {_spread(before)} -> {_spread(after)}"
            slug = slugged(f"accuracy {api.rsplit('.', 1)[-1]} {dtype}")
            change = Change(
                kind_of_change=class_,
                slug=slug,
                title=title,
                kind="accuracy",
                severity="S4",
                apis=(api,),
                cells=len(values),
                properties=("value",),
                regions=(),
                dtypes=(dtype,),
            )
            found.append(replace(change, old=before, new=after))
    return found


def _distribution(errors: Sequence[float]) -> dict[str, float]:
    """Median, ninth decile and largest of errors in ulp, and of how many cells."""
    decile = quantiles(errors, n=10)[-1] if len(errors) > 1 else errors[0]
    largest = max(errors)
    return {
        "median": median(errors),
        "decile": min(decile, largest),
        "largest": largest,
        "cells": len(errors),
    }


def _spread(errors: Mapping[str, float]) -> str:
    return f"median {errors['median']:.3g}, largest {errors['largest']:.3g}"


def _finite(value: Any) -> bool:
    return value is not None and bool(np.isfinite(value))


def _documentation(old: Side, new: Side) -> list[Change]:
    """APIs judged by another page on each side, or whose docstring left its page behind on one of them."""
    found = []
    for api in sorted(old.apis & new.apis):
        pages = old.editions.get(api), new.editions.get(api)
        if pages[0] != pages[1]:
            title = f"the page of {pages[1]} replaces that of {pages[0]}"
        elif (api in old.drifted) != (api in new.drifted):
            title = "the docstring changed"
        else:
            continue
        slug = slugged(f"documentation {api.rsplit('.', 1)[-1]}")
        found.append(
            Change(
                kind_of_change="documentation changed",
                slug=slug,
                title=title,
                kind="documentation",
                severity="S4",
                apis=(api,),
                cells=0,
            )
        )
    return found
