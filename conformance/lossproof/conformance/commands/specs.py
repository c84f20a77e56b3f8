"""lossproof specs: what is documented."""

from __future__ import annotations

import json
from pathlib import Path

import click


@click.command("specs")
@click.option(
    "--validate",
    type=click.Path(path_type=Path),
    default=None,
    metavar="PATH",
    help="Validate a file or folder.",
)
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def command(validate: Path | None, as_json: bool) -> None:
    """List the APIs that have a spec, with their editions, claims and cases; or validate a spec of your own."""
    from lossproof.specs import load_specs

    if validate is not None and not validate.exists():
        raise click.UsageError(f"{validate}: no such file or folder")
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
        return
    if validate is not None:
        click.echo(f"valid: {', '.join(s.api for s in specs)}")
        return
    for row in rows:
        click.echo(f"{row['api']}  ({row['family']}, {row['claims']} claims, {row['cases']} cases)")
        for slug, versions in row["editions"].items():  # type: ignore[attr-defined]
            click.echo(f"    {slug:<12} {versions}")
