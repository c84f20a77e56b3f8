"""lossproof compare: what changes from one release, or run, to another."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lossproof import reports, specs
from lossproof.conformance.cli.commands.judging import Asked, find_targets, judging, judging_options, write
from lossproof.conformance.cli.console import tell
from lossproof.conformance.cli.main import BROKEN, FINDINGS, OK

if TYPE_CHECKING:
    from lossproof.conformance.changes.compare import Change
    from lossproof.conformance.changes.model import Asking, Side


@click.command("compare")
@click.argument("old")
@click.argument("new")
@click.option(
    "--out", type=click.Path(path_type=Path), default=None, metavar="DIR", help="Folder for the comparison."
)
@judging_options()
def command(old: str, new: str, out: Path | None, asked: Asked) -> int:
    """Say what changes from OLD to NEW: two targets, such as torch==2.12.1 and torch==2.13.0, or two run folders.

    The exit code is 1 where something that a user relies on changed.
    """
    # late, so that --help waits for nothing
    from lossproof.conformance.changes.compare import RELIED_ON, compare, order
    from lossproof.conformance.changes.documented import documented_answer
    from lossproof.conformance.changes.model import CELL
    from lossproof.conformance.changes.scripts import scripts_of
    from lossproof.reports.pages import comparison

    if out is not None:
        comparison.check_out(out)
    with tempfile.TemporaryDirectory(prefix="lossproof-compare-") as scratch:
        paths = _run_folders((old, new), Path(scratch), asked)
        if paths is None or (pairs := _pairs(paths)) is None:
            return BROKEN
        how = _how(paths[0])
    names = [_together([p[i].version for p in pairs]) for i in (0, 1)]
    found = [(change, pair) for pair in pairs for change in compare(*pair)]
    if len(pairs) > 1:
        found = [(_of_target(change, pair[1].name), pair) for change, pair in found]
    found.sort(key=lambda item: order(item[0]))
    scripts: dict[str, str] = {}
    changes, pages = [], []
    for change, pair in found:
        mine = scripts_of(change, *pair)
        scripts |= mine
        pages.append(documented_answer(change, *pair))
        changes.append(replace(change, scripts=tuple(f"scripts/{name}" for name in sorted(mine))))
    counting = (
        ()
        if asked.fail_on == "never"
        else RELIED_ON
        if asked.fail_on == "new"
        else {c.kind_of_change for c in changes}
    )
    failing = [c for c in changes if c.kind_of_change in counting and c.severity <= asked.severity]
    broken = [
        dict(zip(("target", *CELL), (side.name, *key), strict=True))
        for pair in pairs for side in pair for key, row in side.rows.items() if row["verdict"] == "broken"
    ]  # fmt: skip
    cells = [(a.rows[key], b.rows[key]) for a, b in pairs for key in set(a.rows) & set(b.rows)]
    if not changes and not any("broken" not in (a["verdict"], b["verdict"]) for a, b in cells):
        tell(
            f"nothing could be compared: {names[0]} and {names[1]} have no cell in common that both judged"
            + ("" if out is None else f"; {out} is left as it was")
        )
        return BROKEN
    told = {
        "old": names[0],
        "new": names[1],
        **how,
        "apis": sorted({key[0] for a, b in pairs for key in set(a.rows) & set(b.rows)}),
        "cells": len(cells),
        "broken": broken,
        "failing": len(failing),
        "changes": [
            {**asdict(change), "documented": dict(page)} for change, page in zip(changes, pages, strict=True)
        ],
    }
    if out is not None:
        comparison.write(out, told, scripts)
    if asked.as_json:
        click.echo(json.dumps(told, indent=1, ensure_ascii=False))
    else:
        comparison.show(told, out)
    if broken:
        tell(f"{len(broken)} cells are broken and could not be compared")
        return BROKEN
    return FINDINGS if failing else OK


Pair = tuple["Side", "Side"]


def _is_run(path: Path) -> bool:
    """Whether a name means a run folder, whole or not; a folder of that name that is none may be a Python's."""
    try:
        return os.path.lexists(path / "run.json")
    except (OSError, ValueError):
        return False


def _run_folders(names: tuple[str, str], scratch: Path, asked: Asked) -> tuple[Path, Path] | None:
    """The run folders meant; targets are judged into new ones, side by side. None, and why on stderr, without one."""
    # late, so that --help waits for nothing
    from lossproof.conformance.runs.run import Plan, RunResult, judge_targets

    folders = [name for name in names if _is_run(Path(name))]
    if len(folders) == 2:
        return Path(names[0]), Path(names[1])
    if folders:
        other = next(n for n in names if n not in folders)
        raise click.UsageError(
            f"{folders[0]} is a run folder and {other} is not: compare two runs or two targets"
        )
    _in_common(names, asked.apis)
    targets = []
    with judging(quiet=asked.as_json) as progress:
        found, missing = find_targets(names, progress)
    for name, why in missing.items():
        tell(f"{name} could not be had: {why}")
    if missing:
        return None
    for name in names:
        found, _ = find_targets([name])
        if len(found) != 1:
            raise click.UsageError(
                f"{name} names {len(found)} targets ({', '.join(t.name for t in found)}); name one"
            )
        targets += found
    plan = Plan(asked.apis, (), asked.examples, asked.seed)
    with judging(quiet=asked.as_json) as progress:
        result = judge_targets(targets, plan, 2, progress)  # a target compared with itself is judged twice
    old, new = (
        write(scratch / f"run-{number}", RunResult((target,)), plan, "compare")
        for number, target in enumerate(result.targets)
    )
    return old, new


def _in_common(names: tuple[str, str], globs: Sequence[str]) -> None:
    """Refuse targets that have no documented API in common, before an environment is built for them."""
    # late, so that --help waits for nothing
    from lossproof.conformance.properties.selection import Selection
    from lossproof.conformance.runs.session import belongs
    from lossproof.conformance.targets.parse import frameworks_of

    chosen = [s for s in specs.load_specs() if Selection(tuple(globs)).takes_api(s.api)]
    sides = [frameworks_of(name) for name in names]
    old, new = ({s.api for s in chosen if any(belongs(s, f) for f in side)} for side in sides)
    if not old & new:
        told = [" and ".join(sorted(side)) for side in sides]
        raise _nothing_in_common(told[0], told[1], globs)


def _nothing_in_common(old: str, new: str, globs: Sequence[str] = ()) -> click.UsageError:
    called = f" that is called {' or '.join(globs)}" if globs else ""
    return click.UsageError(
        f"{old} and {new} have no documented API{called} in common, so nothing can be compared; to see where a port of "
        "yours departs from an API's page, judge it in the API's place: lossproof try CODE --as API"
    )


def _how(path: Path) -> Mapping[str, Any]:
    """How a run was asked: its seed, its batches, and what it was narrowed to."""
    # late, so that --help waits for nothing
    from lossproof.conformance.properties.selection import Selection

    run = reports.read_run(path).run
    return {"seed": run["seed"], "examples": run["examples"], "selection": str(Selection.of_run(run))}


def _pairs(paths: tuple[Path, Path]) -> list[Pair] | None:
    """The sides that belong together; None, and why on stderr, where a target could not be judged."""
    # late, so that --help waits for nothing
    from lossproof.conformance.properties.selection import Selection

    runs = [reports.read_run(path) for path in paths]
    failed = [t for run in runs for t in run.run.get("targets", ()) if t.get("failed")]
    for target in {t["name"]: t for t in failed}.values():
        tell(f"{target['name']} could not be judged: {target['failed']}")
    if failed:
        return None
    for target in (t for run in runs for t in run.run.get("targets") or () if t.get("cut_short")):
        click.echo(
            f"lossproof: the run of {target['name']} was cut short, so differences may be its own; run it again",
            err=True,
        )
    for name, words in (("seed", "seed"), ("examples", "number of batches"), ("specs_digest", "specs")):
        for path, run in zip(paths, runs, strict=True):
            if run.run.get(name) is None:
                raise click.UsageError(f"{path} does not say its {words} (run.json): judge it again")
        if runs[0].run[name] != runs[1].run[name]:
            raise click.UsageError(
                f"{paths[0]} and {paths[1]} were not asked the same: the {words} differ. "
                "Judge one of them again as the other was"
            )
    selections = [Selection.of_run(run.run) for run in runs]
    if selections[0] != selections[1]:
        shown = [str(selection) or "all" for selection in selections]
        raise click.UsageError(
            f"{paths[0]} and {paths[1]} were not asked the same: {shown[0]}, and {shown[1]}. "
            "Judge one of them again as the other was"
        )
    old, new = (_sides(path) for path in paths)
    if len(old) != len(new):
        raise click.UsageError(
            f"{paths[0]} holds {len(old)} targets and {paths[1]} {len(new)}: compare runs of as many targets each"
        )
    by_name = {side.name: side for side in new}
    pairs = [(side, by_name.get(side.name, other)) for side, other in zip(old, new, strict=True)]
    named = [[{key[0] for key in side.rows} for side in pair] for pair in pairs]
    if all(a and b and not a & b for a, b in named):
        raise _nothing_in_common(str(paths[0]), str(paths[1]))
    if len({id(b) for _, b in pairs}) < len(pairs):
        raise click.UsageError(
            f"the targets of {paths[0]} and {paths[1]} cannot be told apart: compare runs of one target each"
        )
    return pairs


def _sides(path: Path) -> list[Side]:
    """The targets of a run folder as sides of a comparison, in the run's order."""
    # late, so that --help waits for nothing
    from lossproof.conformance.changes.model import CELL, Side

    run = reports.read_run(path)
    records, claims = (_records(frame) for frame in (run.results, run.claims))
    samples = reports.read_samples(path)
    strangers = {str(r["target"]) for r in records} - {t["name"] for t in run.run.get("targets", ())}
    if strangers:
        raise click.UsageError(f"{path} has cells of {min(strangers)}, which run.json does not name")
    if records and not samples:
        raise click.UsageError(
            f"{path} holds no answers to compare (samples.json): judge it again with this lossproof"
        )
    return [
        Side(
            name=target["name"],
            version=_told(target),
            rows={tuple(str(r[n]) for n in CELL): r for r in records if r["target"] == target["name"]},
            samples={key[1:]: sample for key, sample in samples.items() if key[0] == target["name"]},
            editions={str(c["api"]): str(c["edition"]) for c in claims if c["target"] == target["name"]},
            drifted=frozenset(str(d["api"]) for d in target.get("documentation", ())),
            findings={f["slug"]: f for f in run.findings if f["target"] == target["name"]},
            asking=_asking(run.run, target),
        )
        for target in run.run.get("targets", ())
    ]


def _asking(run: Mapping[str, Any], target: Mapping[str, Any]) -> Asking | None:
    """How a target was asked; None where the specs of today, or the numbers they draw, are not those of the run."""

    # late, so that --help waits for nothing
    from lossproof.conformance.changes.model import Asking
    from lossproof.conformance.model.execution import CPU
    from lossproof.conformance.model.subject import TargetInfo

    if run.get("lossproof") != metadata.version("lossproof") or run["specs_digest"] != specs.specs_digest():
        return None
    said = [str(target.get(name) or "") for name in ("framework", "version", "companions", "python")]
    framework, version, companions, python = said
    packages = {framework: version, **dict(word.split("=", 1) for word in companions.split())}
    facts = TargetInfo(
        target=target["name"], framework=framework, version=version, companions=companions,
        python=python, backend=str(target.get("backend") or ""), mode=str(target.get("mode") or "eager"),
        device=str(target.get("device") or CPU), packages=packages,
    )  # fmt: skip
    return Asking(facts, run["seed"], specs.load_specs())


def _told(target: Mapping[str, Any]) -> str:
    """A target in words: framework, version, companions, and the mode and device where they are not the usual."""
    framework, version = (str(target.get(name) or "?") for name in ("framework", "version"))
    more = f" ({target['companions']})" if target.get("companions") else ""
    backend = f"[{target['backend']}]" if target.get("backend") not in (None, "", framework) else ""
    return ", ".join((f"{framework}{backend} {version}{more}", *_executed(target)))


def _executed(target: Mapping[str, Any]) -> list[str]:
    """The mode and the device of a target that are not the usual."""
    # late, so that --help waits for nothing
    from lossproof.conformance.model.execution import CPU
    from lossproof.specs.frameworks import load_frameworks

    known, version = load_frameworks().get(str(target.get("framework"))), target.get("version")
    own = known.own_mode(str(version)) if known and version else "eager"
    return [
        str(word)
        for name, usual in (("mode", own), ("device", CPU))
        if (word := target.get(name) or usual) != usual
    ]


def _together(names: list[str]) -> str:
    return ", ".join(dict.fromkeys(names))


def _of_target(change: Change, target: str) -> Change:
    """A change told apart from those of other targets."""
    # late, so that --help waits for nothing
    from lossproof.conformance.changes.compare import slugged

    return replace(change, slug=slugged(f"{target} {change.slug}"), title=f"{target}: {change.title}")


def _records(frame: Any) -> list[dict[str, Any]]:
    records: list[dict[str, Any]] = frame.to_dict("records")
    return records
