"""lossproof targets: what can be judged here."""

from __future__ import annotations

import json

import click


@click.command("targets")
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def command(as_json: bool) -> None:
    """List the frameworks that lossproof knows, which of them are installed here, and how to get the others."""
    from lossproof.conformance.targets import version_here
    from lossproof.specs.frameworks import load_frameworks

    rows = [
        {"target": f.name, "title": f.title, "installed": version_here(f), "extra": f.extra}
        for f in load_frameworks().values()
    ]
    if as_json:
        click.echo(json.dumps(rows, indent=1))
        return
    width = max(len(r["target"] or "") for r in rows)
    for row in rows:
        state = row["installed"] or f'not installed; get it with: pip install "lossproof[{row["extra"]}]"'
        click.echo(f"{row['target']:<{width}}  {state}")
