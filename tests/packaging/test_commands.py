"""The face of the command line: the console script, --json everywhere, and a manual that names every option."""

from __future__ import annotations

import sys
from importlib import metadata
from typing import Any

import click
import pytest

from lossproof.conformance.cli.entry import main
from lossproof.conformance.cli.main import COMMANDS, program, run

from .conftest import ROOT

MANUAL = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")


def command(name: str) -> click.Command:
    found = program.get_command(click.Context(program), name)
    assert found is not None
    return found


def test_the_console_script_is_the_command_line(
    pyproject: dict[str, Any], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    script = metadata.EntryPoint("lossproof", pyproject["project"]["scripts"]["lossproof"], "console_scripts")
    assert script.load() is main
    monkeypatch.setattr(sys, "argv", ["lossproof", "--version"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 0
    assert capsys.readouterr().out == f"lossproof {pyproject['project']['version']}\n"


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_has_json(name: str) -> None:
    options = [option for p in command(name).params if isinstance(p, click.Option) for option in p.opts]
    assert "--json" in options


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_the_manual_names_every_option(name: str) -> None:
    start = MANUAL.index(f"## lossproof {name}")
    end = MANUAL.find("\n## ", start)
    section = MANUAL[start : end if end > 0 else None]
    options = [option for p in command(name).params if isinstance(p, click.Option) for option in p.opts]
    assert [option for option in options if f"`{option}" not in section] == []


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_the_help_fits_80_columns_and_explains_every_option(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert run([name, "--help"]) == 0
    told = capsys.readouterr().out
    assert max(map(len, told.splitlines())) <= 80
    assert not [word for word in ("TEXT", "INTEGER", "FLOAT", "RANGE") if word in told]
    options = [p for p in command(name).params if isinstance(p, click.Option)]
    assert [p.name for p in options if not p.help] == []
