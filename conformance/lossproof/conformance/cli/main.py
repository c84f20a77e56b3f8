"""The command line. Each command lies in a module of its own that is imported when it is called."""

from __future__ import annotations

import importlib
import keyword
import os
import sys
import traceback
from collections.abc import Sequence

import click

from lossproof import reports, specs
from lossproof.conformance.cli.console import OutputLost, tell, tell_with_code, watched_output
from lossproof.conformance.model.suggestions import nearest

COMMANDS = {
    "compare": "Say what changes from one release, or run, to another.",
    "check": "Judge every framework installed here, or the targets named, and write a run folder.",
    "explain": "Show what an API documents, or one case with its exact value.",
    "history": "Find the release in which each behaviour changed.",
    "report": "Write the pages of a run folder anew and show its summary.",
    "specs": "List the specs, validate one, or record pages that changed.",
    "targets": "List what can be judged here.",
    "try": "Judge a function of your own in the place of an API.",
}

OK, FINDINGS, USAGE, BROKEN, FAULT, UNWRITTEN, INTERRUPTED = 0, 1, 2, 3, 4, 5, 130
TRACEBACK = "LOSSPROOF_TRACEBACK"
"""The environment variable that, set to anything, shows where a fault of lossproof was raised."""


class LazyGroup(click.Group):
    """A group that knows its commands' names and first lines without importing them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names in alphabetical order."""
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command, imported now."""
        if cmd_name not in COMMANDS:
            return None
        module = f"lossproof.conformance.cli.commands.{cmd_name}{'_' * keyword.iskeyword(cmd_name)}"
        command: click.Command = importlib.import_module(module).command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command meant; for an unknown one the nearest names."""
        if args and not args[0].startswith("-") and args[0] not in COMMANDS:
            raise click.UsageError(f"there is no command {args[0]!r}; {nearest(args[0], sorted(COMMANDS))}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list in --help, from the table above."""
        with formatter.section("Commands"):
            formatter.write_dl(sorted(COMMANDS.items()))


def _version(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version  # no other command waits for it

        click.echo(f"lossproof {version('lossproof')}")
        ctx.exit()


@click.group(
    cls=LazyGroup, invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]}
)
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_version, help="Show the version."
)
@click.pass_context
def program(ctx: click.Context) -> None:
    """Conformance suite and exact oracle for the cosine and contrastive losses of machine-learning frameworks.

    Exit codes: 0 nothing to report; 1 findings that fail the run; 2 bad usage, a bad spec or a bad run folder; 3 a
    target could not be started, a cell is broken, or nothing was judged; 4 a fault of lossproof itself; 5 standard
    output could not be written; 130 interrupted.
    """
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help(), err=True)
        ctx.exit(USAGE)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command and end the process with its exit code; an error is one line on stderr."""
    sys.exit(run(arguments))


def run(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code; whatever is raised is told in one line."""
    try:
        with watched_output():
            return _run(arguments)
    except OutputLost as lost:
        tell(f"standard output could not be written: {lost.why}; what was shown is not complete")
        return UNWRITTEN


def _run(arguments: Sequence[str] | None) -> int:
    try:
        code = program.main(args=list(arguments) if arguments is not None else None, standalone_mode=False)
        return code if isinstance(code, int) else OK
    except click.exceptions.Exit as done:
        return done.exit_code
    except (click.Abort, KeyboardInterrupt):
        tell("interrupted; nothing was written")
        return INTERRUPTED
    except click.ClickException as error:
        tell(error.format_message())
        return USAGE
    except OutputLost:
        raise
    except (Exception, SystemExit) as error:  # a library that ends the program would choose the exit code
        return _failed(error)


def _failed(error: BaseException) -> int:
    """The exit code of an error that a module of the house raises for its user; any other is a fault of lossproof."""
    # late: it needs the schema of the specs, which --help does not
    from lossproof.conformance.targets.model import UsageError

    if isinstance(error, reports.ReportError):
        tell(str(error))
        return error.exit_code
    if isinstance(error, UsageError):
        tell_with_code(str(error))
        return USAGE
    if isinstance(error, specs.SpecError):
        for problem in error.problems:  # one line each
            tell(str(problem))
        return USAGE
    if os.environ.get(TRACEBACK):
        traceback.print_exception(error)
    name, what = type(error).__name__, " ".join(str(error).split())[:300]
    tell(
        f"a fault of lossproof: {name}{f': {what}' if what else ''}; please report it, "
        f"with the traceback that {TRACEBACK}=1 shows"
    )
    return FAULT
