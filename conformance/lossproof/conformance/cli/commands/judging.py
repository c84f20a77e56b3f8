"""The shared parts of the judging commands: their options, progress, the targets meant, and the run folder."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import click

from lossproof import reports, specs
from lossproof.conformance.cli.commands.options import OneOf, Whole
from lossproof.conformance.cli.console import tell
from lossproof.conformance.model.suggestions import unknown_api
from lossproof.reports.columns import SEVERITIES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lossproof.conformance.runs.run import Plan, RunResult, TargetResult
    from lossproof.conformance.targets.model import Target, TargetUnavailable
    from lossproof.conformance.workers.signals import Progress


@dataclass(frozen=True)
class Asked:
    """The options that every judging command takes."""

    apis: tuple[str, ...]
    examples: int
    seed: int
    fail_on: str
    severity: str
    as_json: bool


def judging_options(
    examples: int = 8, one_api: bool = False
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Give a command the options of `Asked`, which it gets as its argument `asked`; `one_api`: all but --api."""
    options = (
        click.option(
            "--api", "apis", multiple=True, metavar="GLOB", help="Only these APIs, by full name. Repeatable."
        ),
        click.option(
            "--examples", type=Whole(1, 1000), default=examples, show_default=True,
            help="Batches of 64 rows a cell, 1 to 1000.",
        ),
        click.option("--seed", type=Whole(0), default=0, show_default=True, help="Seed of the run."),
        click.option(
            "--fail-on", type=OneOf("never", "new", "any"), default="new", show_default=True,
            help="Which findings make the exit code 1; new are those that the ledger does not know.",
        ),
        click.option(
            "--severity", type=OneOf(*SEVERITIES), default="S2", show_default=True,
            help="The lowest severity that counts for --fail-on.",
        ),
        click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON."),
    )  # fmt: skip

    def with_options(command: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(command)
        def collected(
            *, examples: int, seed: int, fail_on: str, severity: str, as_json: bool, apis: tuple[str, ...] = (),
            **others: Any,
        ) -> Any:  # fmt: skip
            asked = Asked(known_apis(apis), examples, seed, fail_on, severity, as_json)
            return command(asked=asked, **others)

        wrapped: Callable[..., Any] = collected
        for option in reversed(options[1:] if one_api else options):
            wrapped = option(wrapped)
        return wrapped

    return with_options


def selecting_options() -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Give a command the options that narrow what it asks; it gets them as `selection`, without APIs."""
    options = (
        click.option(
            "--property", "properties", multiple=True, metavar="NAME", help="Only these properties. Repeatable."
        ),
        click.option(
            "--dtype", "dtypes", multiple=True, metavar="NAME",
            help="Only cells with arrays of these dtypes: float32, ... Repeatable.",
        ),
        click.option(
            "--region", "regions", multiple=True, metavar="NAME",
            help="Only these regions of the input space: ordinary, zero, ... Repeatable.",
        ),
    )  # fmt: skip

    def with_options(command: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(command)
        def collected(
            *, properties: tuple[str, ...], dtypes: tuple[str, ...], regions: tuple[str, ...], **others: Any
        ) -> Any:
            # late, so that --help waits for nothing
            from lossproof.conformance.properties import selection as names

            selection = names.Selection(
                properties=names.known_properties(properties),
                dtypes=names.known_dtypes(dtypes),
                regions=names.known_regions(regions),
            )
            return command(selection=selection, **others)

        wrapped: Callable[..., Any] = collected
        for option in reversed(options):
            wrapped = option(wrapped)
        return wrapped

    return with_options


def executing_options(
    of_mode: str, several: bool = True
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Give a command the options of an execution, --mode (several of them) with its help and --device.

    It gets them as `modes` and as `device`, "" for the usual.
    """
    options = (
        click.option("--mode", "modes", multiple=several, default=None, metavar="M", help=of_mode),
        click.option(
            "--device", default="", metavar="D", help="The device: cpu, cuda or mps.  [default: cpu]"
        ),
    )  # fmt: skip

    def with_options(command: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(command)
        def collected(*, modes: tuple[str, ...] | str | None, device: str, **others: Any) -> Any:
            # late, so that --help waits for nothing
            from lossproof.conformance.targets.executed import known_device, known_mode

            given = (modes,) if isinstance(modes, str) else modes or ()
            return command(
                modes=tuple(dict.fromkeys(map(known_mode, given))),
                device=known_device(device) if device else "",
                **others,
            )

        wrapped: Callable[..., Any] = collected
        for option in reversed(options):
            wrapped = option(wrapped)
        return wrapped

    return with_options


def none_selected(plan: Plan, result: RunResult) -> click.UsageError:
    """The error of a selection that matches no cell of these targets in their modes."""
    # late, so that --help waits for nothing
    from lossproof.conformance.model.execution import mode_called

    modes = map(mode_called, sorted({target.facts.mode for target in result.targets if target.facts}))
    few = "".join(f"; mode {mode.name} asks {mode.cells} alone" for mode in modes if mode.partial)
    return click.UsageError(f"no cell matches {plan.selection}; leave out or change one of them{few}")


def tell_declined(result: RunResult) -> None:
    """Say which targets declined every call, and why: nothing of them was judged."""
    for target in result.targets:
        if target.declined:
            tell(f"no cell of {target.target} was judged: {target.declined}")


def find_targets(
    names: Sequence[str],
    progress: Progress | None = None,
    modes: Sequence[str] = (),
    device: str = "",
) -> tuple[list[Target], dict[str, TargetUnavailable]]:
    """The targets meant, environments built where they are needed, and why others could not be had, by name.

    With no name, all that is installed beside the tool; each in each of the modes, on the device.
    """
    # late, so that --help waits for nothing
    from lossproof.conformance.targets.parse import chosen

    told = None if progress is None else lambda text, words: progress(text, 0, 0, words)
    parsed = chosen(names, told, modes, device)
    return list(parsed.targets), dict(parsed.unavailable)


def unavailable(name: str, why: TargetUnavailable) -> TargetResult:
    """The result of a target that could not be had."""
    # late, so that --help waits for nothing
    from lossproof.conformance.runs.run import TargetResult

    return TargetResult(name, failed=" ".join(str(why).split()))


def known_apis(globs: Sequence[str]) -> tuple[str, ...]:
    """The globs; exit 2 with the nearest names for one that matches no spec."""

    names = [s.api for s in specs.load_specs()]
    for glob in globs:
        if not any(fnmatchcase(name, glob) for name in names):
            raise click.UsageError(unknown_api(glob, names))
    return tuple(globs)


@contextmanager
def judging(quiet: bool = False) -> Iterator[Progress]:
    """Progress of a run that Ctrl-C and SIGTERM end; workers are ended with it and nothing is written."""
    # late, so that --help waits for nothing
    from lossproof.conformance.workers.signals import interruptible

    with progress_bar(quiet) as shown, interruptible(shown) as progress:
        yield progress


@contextmanager
def progress_bar(quiet: bool = False) -> Iterator[Progress]:
    """Progress on a terminal, one line a target; nothing in a pipe."""
    if quiet or not sys.stderr.isatty():
        yield lambda *_: None
        return
    # late, so that --help waits for nothing
    from rich.live import Live

    from lossproof.conformance.cli.progress import Board
    from lossproof.reports.pages.console import new_console

    board = Board()
    with Live(board, console=new_console(stderr=True), transient=True):
        yield board.tell


def write(
    out: Path, result: RunResult, plan: Plan, name: str, more: Mapping[str, Any] = MappingProxyType({})
) -> Path:
    """Write the run folder; `more` goes into its run.json."""
    # late, so that --help waits for nothing
    from lossproof.conformance.runs.judgement import columns_of
    from lossproof.conformance.runs.run import described
    from lossproof.conformance.runs.scripts import file_name

    return reports.write_run(
        out,
        [columns_of(r) for r in result.rows],
        [asdict(c) for c in result.claims],
        [asdict(f) for f in result.findings],
        {**described(result, plan, name), **more},
        result.scripts,
        {f"{file_name(t.target)}.log": t.log for t in result.targets if t.log},
        [s for t in result.targets for s in t.samples],
    )
