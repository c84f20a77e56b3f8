"""Scripts of a change: one for each side, which asks the witness and exits 0 while the recorded answer comes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any

from lossproof.conformance.changes.compare import Change
from lossproof.conformance.changes.model import Side
from lossproof.conformance.targets.model import facts_of
from lossproof.reports.reproducers.script import recorded
from lossproof.specs import load_specs


def scripts_of(change: Change, old: Side, new: Side) -> dict[str, str]:
    """The scripts by file name; none where an answer is not known or cannot be asked for."""
    scripts: dict[str, str] = {}
    kind = change.kind if change.old.get(change.kind) != change.new.get(change.kind) else ""
    if not change.witness:
        return scripts
    old_answer, new_answer = told(change)
    for which, side, answer in (("old", old, old_answer), ("new", new, new_answer)):
        row = next(row for key, row in side.rows.items() if key[0] in change.apis)
        witness = dict(change.witness)
        if witness.get("mode") == next(iter(new.rows.values()))["mode"]:
            witness |= {"mode": row["mode"], "device": row["device"]}
        try:
            framework = facts_of(str(row["framework"]))
            _only_documented(witness, answer, framework.prefixes)
            snippets = framework.reproducer.model_dump()
            text = recorded(witness, answer, f"{change.slug}: {change.title}", side.version, kind, snippets)
        except (ValueError, KeyError):
            return {}  # no script can be written from this witness
        scripts[f"{change.slug}-{which}.py"] = text
    return scripts


def _only_documented(witness: Mapping[str, Any], answer: Mapping[str, Any], prefixes: Sequence[str]) -> None:
    """Raise ValueError where a script would call, import or name anything but a documented API's own.

    The run may be a stranger's, and a call needs no code to do harm: `os.system` takes a text.
    """
    if witness.get("api") not in _documented():
        raise ValueError(f"{witness.get('api')!r} has no spec")
    roots = {str(prefix).split(".")[0] for prefix in prefixes}
    names = [*_named_objects(witness), *_named_objects(answer), *_texts(witness.get("arguments"))]
    if strangers := sorted({name for name in names if name.split(".")[0] not in roots}):
        raise ValueError(f"{strangers[0]!r} is no name of the framework's")


@cache
def _documented() -> frozenset[str]:
    return frozenset(spec.api for spec in load_specs())


def _named_objects(value: Any) -> Iterator[str]:
    """The objects that data names: {"$name": "tf.float32"}."""
    if isinstance(value, Mapping):
        if set(value) == {"$name"}:
            yield str(value["$name"])
        else:
            for item in value.values():
                yield from _named_objects(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _named_objects(item)


def _texts(arguments: Any) -> Iterator[str]:
    """The names that a probe looks up."""
    names = arguments.get("names") if isinstance(arguments, Mapping) else None
    for name in names if isinstance(names, list | tuple) else ():
        yield str(name)


def told(change: Change) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """Both answers as a script hears them: of a probe, only what a script asks for and what may count as behaviour."""
    probe, old, new = change.witness.get("probe"), change.old, change.new
    if probe == "config":
        return _configured(old, new), _configured(new, old)
    if probe == "bases" and "data" in old and "data" in new:
        return _named(old), _named(new)
    return old, new


def _configured(mine: Mapping[str, Any], other: Mapping[str, Any]) -> Mapping[str, Any]:
    """The names of a configuration's entries, those that differ, and whether a rebuilt object answers alike."""
    if mine.get("error"):
        return mine
    entries, others = (side.get("config", side) for side in (mine, other))
    data = {
        "entries": sorted(entries),
        "config": {name: value for name, value in entries.items() if others.get(name, ...) != value},
    }
    return {"data": data if mine.get("same") is None else {**data, "alike": mine["same"]}}


def _named(answer: Mapping[str, Any]) -> Mapping[str, Any]:
    """Classes by name: they move from module to module."""
    return {"data": [str(name).rsplit(".", 1)[-1] for name in answer["data"]]}
