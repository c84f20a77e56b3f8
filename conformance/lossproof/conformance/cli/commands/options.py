"""Types of options whose errors say what the option takes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

import click

from lossproof.conformance.model.suggestions import either

if TYPE_CHECKING:
    Type = click.ParamType[Any]
else:
    Type = click.ParamType  # is no generic class in older releases of click


class _Told(Type):
    """A type that says in `takes` what it accepts."""

    takes = ""

    def refuse(self, value: object, param: click.Parameter | None) -> NoReturn:
        """One line: the option, what it takes, and what was given."""
        name = param.opts[0] if param is not None else "it"
        raise click.UsageError(f"{name} takes {self.takes}, not {str(value)!r}")


class Whole(_Told):
    """A whole number within a range."""

    name = "N"

    def __init__(self, least: int, most: int | None = None) -> None:
        self.least, self.most = least, most
        self.takes = f"a whole number {f'from {least}' if most is None else f'from {least} to {most}'}"
        self.takes += " on" if most is None else ""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """The number."""
        try:
            number = int(value)
        except ValueError:
            self.refuse(value, param)
        if number < self.least or (self.most is not None and number > self.most):
            self.refuse(value, param)
        return number


class Seconds(_Told):
    """A length of time."""

    name = "S"

    def __init__(self, least: float) -> None:
        self.least, self.takes = least, f"seconds, {least:g} or more"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """The number of seconds; neither NaN nor infinity is one."""
        try:
            seconds = float(value)
        except ValueError:
            self.refuse(value, param)
        if not self.least <= seconds < float("inf"):
            self.refuse(value, param)
        return seconds


class OneOf(_Told):
    """One of a few words, in any case."""

    def __init__(self, *words: str) -> None:
        self.words, self.takes = words, either(words)
        self.name = "|".join(words)

    def get_metavar(self, param: click.Parameter, ctx: click.Context | None = None) -> str:
        """The words, as they are written."""
        return f"[{self.name}]"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The word."""
        for word in self.words:
            if str(value).lower() == word.lower():
                return word
        self.refuse(value, param)
