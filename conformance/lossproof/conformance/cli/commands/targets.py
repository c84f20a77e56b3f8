"""lossproof targets: what is installed, built and catalogued, and the environments that were built."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from lossproof.conformance.model.suggestions import nearest

if TYPE_CHECKING:
    from lossproof.conformance.targets.environments import Environment


@click.command("targets")
@click.option(
    "--remove", multiple=True, metavar="TARGET", help="Remove a built environment, or 'all'. Repeatable."
)
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def command(remove: tuple[str, ...], as_json: bool) -> None:
    """List what can be judged: frameworks installed here, environments built, releases catalogued.

    Names which arithmetic kernels the oracle runs on, too.
    """
    # late, so that --help waits for nothing
    from lossproof.conformance.targets.environments import built
    from lossproof.oracle.kernels import choice

    environments = built()
    if remove:
        _remove(environments, remove)
        environments = built()
    told = {
        "installed": _installed(),
        "built": [_built(e) for e in environments],
        "catalogued": _catalogued(),
        "oracle": choice.active(),
    }
    if as_json:
        click.echo(json.dumps(told, indent=1))
    else:
        _print(told)


def _installed() -> list[dict[str, Any]]:
    # late, so that --help waits for nothing
    from lossproof.conformance.targets.parse import version_here
    from lossproof.specs.frameworks import load_frameworks

    return [
        {
            "target": f.name,
            "title": f.title,
            "version": version_here(f),
            "extra": f.extra,
            "got_with": f.got_with,
        }
        for f in load_frameworks().values()
    ]


def _built(environment: Environment) -> dict[str, Any]:
    return {
        "target": environment.recipe.target,
        "framework": environment.recipe.framework,
        "bytes": environment.size(),
        "path": str(environment.path),
    }


def _catalogued() -> list[dict[str, Any]]:
    # late, so that --help waits for nothing
    from lossproof.specs.frameworks import load_catalogues

    return [
        {"package": c.name, "backends": list(c.backends), "releases": list(c.releases)}
        for c in load_catalogues().values()
    ]


def _remove(environments: list[Environment], names: tuple[str, ...]) -> None:
    """Remove environments by the name of their target; nothing is removed where one name is unknown."""
    # late, so that --help waits for nothing
    from lossproof.conformance.targets.environments import remove

    known = {e.recipe.target: e for e in environments}
    if names == ("all",):
        chosen = list(known.values())
    else:
        for name in names:
            if name not in known:
                hint = nearest(name, sorted(known)) if known else "none is built"
                raise click.UsageError(f"no environment was built for {name!r}; {hint}")
        chosen = [known[name] for name in names]
    for environment in chosen:
        remove(environment)
        click.echo(f"removed {environment.recipe.target}", err=True)


def _print(told: dict[str, Any]) -> None:
    click.echo("installed")
    for row in told["installed"]:
        state = row["version"] or f"not installed; get it with: {row['got_with']}"
        click.echo(f"  {row['target']:<12}{state}")
    click.echo("built")
    for row in told["built"]:
        click.echo(f"  {row['target']:<30}{row['bytes'] / 2**20:>8.0f} MiB")
    if not told["built"]:
        click.echo("  none yet; lossproof check --target NAME==VERSION builds one")
    else:
        total = sum(row["bytes"] for row in told["built"]) / 2**30
        click.echo(f"  {total:.1f} GiB in all; lossproof targets --remove TARGET frees it")
    click.echo("catalogued")
    for row in told["catalogued"]:
        ends = f"{row['releases'][0]} to {row['releases'][-1]}"
        backends = f", on {', '.join(row['backends'])}" if row["backends"] else ""
        click.echo(f"  {row['package']:<20}{ends} ({len(row['releases'])} releases{backends})")
    click.echo(f"oracle kernels\n  {told['oracle']}")
