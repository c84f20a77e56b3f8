"""The options of the suite, for whichever conftest pytest reads first."""

from __future__ import annotations

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """The options of the suite, once."""
    group = parser.getgroup("lossproof")
    if group.options:
        return
    group.addoption(
        "--target", action="append", default=[], metavar="T", help="a framework, or the path of a Python"
    )
    group.addoption(
        "--api", action="append", default=[], metavar="GLOB", help="only these APIs, by full name"
    )
    group.addoption("--dtype", action="append", default=[], metavar="NAME", help="only these dtypes")
    group.addoption("--region", action="append", default=[], metavar="NAME", help="only these regions")
    group.addoption("--examples", type=int, default=8, help="batches of 64 rows a cell")
    group.addoption("--run-seed", type=int, default=0, help="seed of the run")
