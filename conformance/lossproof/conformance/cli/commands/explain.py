"""lossproof explain: what an API documents, and a case's exact value."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from lossproof.conformance.model.suggestions import nearest

if TYPE_CHECKING:
    from lossproof.specs.models import Case, Edition, Spec


@click.command("explain")
@click.argument("api")
@click.argument("case", required=False)
@click.option("--edition", default=None, metavar="SLUG", help="Slug of an edition.  [default: the newest]")
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def command(api: str, case: str | None, edition: str | None, as_json: bool) -> None:
    """Show what the documentation of API says, or what one CASE of it must give, exactly."""
    # late, so that --help waits for nothing
    from lossproof.conformance.usercode.code import spec_of

    spec = spec_of(api)
    chosen = _edition(spec, edition)
    shown = _api(spec, chosen) if case is None else _case(spec, chosen, case)
    if as_json:
        click.echo(json.dumps(shown, indent=1, default=str, ensure_ascii=False))
    else:
        _print(shown)


def _edition(spec: Spec, slug: str | None) -> Edition:
    if slug is None:
        return spec.editions[-1]
    for edition in spec.editions:
        if edition.slug == slug:
            return edition
    raise click.UsageError(
        f"{spec.api} has no edition {slug!r}; {nearest(slug, [e.slug for e in spec.editions])}"
    )


def _api(spec: Spec, edition: Edition) -> dict[str, Any]:
    semantics = edition.semantics.model_dump(mode="json", exclude_defaults=True)
    claims = [c for c in spec.claims if not c.editions or edition.slug in c.editions]
    return {
        "api": spec.api,
        "summary": spec.summary,
        "family": spec.family,
        "edition": f"{edition.slug} ({edition.package}{edition.versions})",
        "editions": [e.slug for e in spec.editions],
        "documented semantics": {k: v for k, v in semantics.items() if v is not None},
        "options": {o.name: "required" if o.required else o.default for o in edition.call.options},
        "silent on": ", ".join(edition.silent) or "nothing",
        "claims": {c.slug: f"{c.says} [{c.citation(edition)}]" for c in claims},
        "cases": {c.slug: c.says for c in spec.cases if not c.editions or edition.slug in c.editions},
    }


def _case(spec: Spec, edition: Edition, slug: str) -> dict[str, Any]:
    known = [c for c in spec.cases if not c.editions or edition.slug in c.editions]
    case = next((c for c in known if c.slug == slug), None)
    if case is None:
        raise click.UsageError(
            f"{spec.api} ({edition.slug}) has no case {slug!r}; {nearest(slug, [c.slug for c in known])}"
        )
    shown: dict[str, Any] = {
        "api": spec.api,
        "case": case.slug,
        "says": case.says,
        "asks": case.ask,
        "arrays": {n: {"values": a.values, "dtype": a.dtype} for n, a in case.arrays.items()},
        "options": dict(case.options),
        "documented": {k: v for k, v in case.expect.model_dump(mode="json").items() if v is not None},
        "claims": [c.slug for c in spec.claims if any(d.case == slug for d in c.decided_by)],
    }
    if case.contradicts:
        shown["contradicts"] = case.contradicts
    if case.ask == "call":
        shown["exact value"] = _exact(spec, edition, case)
    return shown


def _exact(spec: Spec, edition: Edition, case: Case) -> Any:
    """Enclosure and correctly rounded values of the documented formula on the case's inputs."""
    # late, so that --help waits for nothing
    from lossproof.conformance.families.formula import Undocumented
    from lossproof.conformance.judging.expectation import expect
    from lossproof.conformance.judging.serialize import literal
    from lossproof.conformance.model.subject import Subject, TargetInfo

    subject = Subject(TargetInfo("explain", spec.framework, ""), spec, edition)
    try:
        expected = expect(subject, {n: literal(a) for n, a in case.arrays.items()}, case.options)
    except (Undocumented, ValueError) as reason:
        return f"none: {reason}"
    value = expected.value
    exact: dict[str, Any] = {
        "lower": value.lower.tolist(),
        "upper": value.upper.tolist(),
        "shape": list(expected.shape),
    }
    for dtype in ("float64", "float32", "float16", "bfloat16"):
        exact[f"rounded to {dtype}"] = value.rounded(dtype).astype(float).tolist()
    if value.undefined.any():
        exact["undefined"] = value.undefined.tolist()
    return exact


def _print(shown: dict[str, Any]) -> None:
    # late, so that --help waits for nothing
    from rich.table import Table

    from lossproof.reports.pages.console import new_console

    console = new_console()
    table = Table.grid(padding=(0, 2))
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in shown.items():
        if isinstance(value, dict):
            table.add_row(name, _grid(value))
        else:
            table.add_row(name, ", ".join(map(str, value)) if isinstance(value, list) else str(value))
    console.print(table)


def _grid(value: dict[str, Any]) -> Any:
    # late, so that --help waits for nothing
    from rich.table import Table

    grid = Table.grid(padding=(0, 1))
    grid.add_column(style="cyan", no_wrap=True)
    grid.add_column(overflow="fold")
    for name, item in value.items():
        grid.add_row(str(name), str(item))
    return grid
