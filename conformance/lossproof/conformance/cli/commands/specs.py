"""lossproof specs: what is documented."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lossproof.conformance.cli.main import BROKEN, OK

if TYPE_CHECKING:
    from lossproof.specs.digests import Recording


@click.command("specs")
@click.option(
    "--validate",
    type=click.Path(path_type=Path),
    default=None,
    metavar="PATH",
    help="Validate a file or folder.",
)
@click.option(
    "--record",
    "target",
    default=None,
    metavar="TARGET",
    help="Enter the digests of the target's docstrings into the editions that cover it.",
)
@click.option(
    "--specs",
    "folder",
    type=click.Path(path_type=Path),
    default=None,
    metavar="PATH",
    help="With --record: the file or folder to record in.  [default: the packaged specs of a checkout]",
)
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def command(validate: Path | None, target: str | None, folder: Path | None, as_json: bool) -> int:
    """List the APIs that have a spec, with their editions, claims and cases; or validate a spec of your own.

    --record is for after you have compared a changed page with the claims: from then on the page counts as one
    that the edition was written from.
    """
    # late, so that --help waits for nothing
    from lossproof.specs import load_specs

    if validate is not None and target is not None:
        raise click.UsageError("--validate and --record do different things; give one of them")
    if folder is not None and target is None:
        raise click.UsageError("--specs says where --record writes; to look at a folder use --validate")
    for path in (validate, folder):
        if path is not None and not path.exists():
            raise click.UsageError(f"{path}: no such file or folder")
    if target is not None:
        return _record(target, folder, as_json)
    specs = load_specs(validate)
    rows = [
        {
            "api": s.api, "family": s.family, "framework": s.framework, "claims": len(s.claims), "cases": len(s.cases),
            "editions": {e.slug: f"{e.package}{e.versions}" for e in s.editions},
        }
        for s in specs
    ]  # fmt: skip
    if as_json:
        click.echo(json.dumps(rows, indent=1))
        return OK
    if validate is not None:
        click.echo(f"valid: {', '.join(s.api for s in specs)}")
        return OK
    for row in rows:
        click.echo(f"{row['api']}  ({row['family']}, {row['claims']} claims, {row['cases']} cases)")
        for slug, versions in row["editions"].items():  # type: ignore[attr-defined]
            click.echo(f"    {slug:<12} {versions}")
    return OK


def _record(text: str, folder: Path | None, as_json: bool) -> int:
    """Record the docstrings of a target, print what came of it; 3 where the target cannot be started."""
    # late, so that --help waits for nothing
    from lossproof.conformance.runs.drift import record_target
    from lossproof.conformance.targets.model import TargetUnavailable
    from lossproof.conformance.targets.parse import parse
    from lossproof.conformance.workers.client import CannotStart, WorkerError
    from lossproof.specs.digests import spec_files

    files = spec_files(folder)  # first: no environment is built for what cannot be written
    done, why = [], ""
    try:
        for target in parse(text):
            try:
                done += record_target(target, folder, files)
            except CannotStart as error:
                why = target.not_started(error)
            except WorkerError as error:
                why = str(error)
    except TargetUnavailable as error:
        why = str(error)
    if why:
        click.echo(f"lossproof: {text} could not be asked: {why}", err=True)
        return BROKEN
    if as_json:
        click.echo(json.dumps([asdict(item) for item in done], indent=1))
        return OK
    width = max((len(item.api) for item in done), default=0)
    for item in done:
        click.echo(f"{item.api:<{width}}  {_words(item)}")
    if not done:
        click.echo(f"{text} has none of the documented APIs")
    return OK


def _words(item: Recording) -> str:
    if not item.edition:
        return item.state
    instead = ", in place of another digest" if item.replaced else ""
    return f"{item.state}  ({item.edition}, {item.version}{instead})"
