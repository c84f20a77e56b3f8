"""Maps lines to the tests that run them, so that a change meets its tests, the quickest first.

`record` runs the tests once under coverage.py with a context per test. Compiled code leaves no trace in it, and a line
that runs only when a module is imported belongs to no test: there every test that enters the module is taken, and every
test of a file that names it.
"""

from __future__ import annotations

import importlib
import json
import math
import os
import re
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from itertools import accumulate
from pathlib import Path

ROOMS = ("oracle", "conformance")
UNTRACED = ("compiled", "compiled_float64", "lanes")
"""Modules whose functions are compiled, or run once to make machine code: whoever comes first leaves the only trace."""
APART = {"remote", "suite"}
"""Rooms that run in another process, or under a pytest of their own."""
NAMED = "named"
"""Instead of a line: the tests of the files that name the module."""


@dataclass(frozen=True)
class Covering:
    """Seconds of each test that passed, by node id, and the tests of each line, by module and line."""

    seconds: dict[str, float]
    lines: dict[str, dict[str, list[str]]]

    def tests(self, module: str, line: int, seconds: float = math.inf) -> list[str]:
        """The tests for a change to a line, quickest first: as many as fit in these seconds, but one at least."""
        of_module = self.lines.get(module, {})
        named = set(of_module.get(str(line)) or (t for tests in of_module.values() for t in tests))
        if module.rpartition(".")[2] in UNTRACED:
            named.update(of_module.get(NAMED, []))
        quickest = sorted((t for t in named if t in self.seconds), key=lambda t: (self.seconds[t], t))
        spent = accumulate(self.seconds[t] for t in quickest)
        return [t for i, (t, s) in enumerate(zip(quickest, spent, strict=True)) if s <= seconds or i == 0]


def load(path: Path) -> Covering:
    """The map that `record` wrote."""
    return Covering(**json.loads(path.read_text()))


def record(root: Path, tests: Sequence[str], path: Path) -> Covering:
    """Run the tests in this process, which has not imported lossproof, and write what each of them ran.

    Raises RuntimeError where a test fails: nothing can be learnt from a change then.
    """
    import coverage
    import pytest

    data = path.with_suffix(".coverage")
    sources = [str(root / room / "lossproof" / room) for room in ROOMS]
    cover = coverage.Coverage(data_file=str(data), include=[f"{s}/*" for s in sources], config_file=False)
    seconds: dict[str, float] = {}

    class Watch:
        @pytest.hookimpl(wrapper=True)
        def pytest_runtest_protocol(self, item: pytest.Item) -> Iterable[None]:
            cover.switch_context(item.nodeid)
            begun = time.perf_counter()
            try:
                return (yield)
            finally:
                seconds[item.nodeid] = round(time.perf_counter() - begun, 4)
                cover.switch_context("")

        def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
            if report.skipped:
                skipped.add(report.nodeid)

    skipped: set[str] = set()
    cover.start()
    try:
        os.chdir(root)
        for room in ROOMS:  # before any test: what runs on import must not count as the first importer's
            for source in sorted(Path(root, room, "lossproof", room).rglob("[!_]*.py")):
                if not APART & set(source.parts):
                    importlib.import_module(module_of(source, root))
        code = pytest.main(["-q", "-x", "-p", "no:cacheprovider", *tests], plugins=[Watch()])
    finally:
        cover.stop()
    if code != 0:
        raise RuntimeError(f"the tests do not pass unchanged (exit code {int(code)}); mend them first")
    found: dict[str, dict[str, list[str]]] = {}
    measured = cover.get_data()
    for file in measured.measured_files():
        module = module_of(Path(file), root)
        contexts = measured.contexts_by_lineno(file)
        found[module] = {str(n): sorted(c for c in names if c) for n, names in contexts.items()}
    for test in seconds:
        for module in named(Path(root, test.partition("::")[0]).read_text()) & found.keys():
            found[module].setdefault(NAMED, []).append(test)
    covering = Covering({t: s for t, s in seconds.items() if t not in skipped}, found)
    path.write_text(json.dumps(asdict(covering)))
    data.unlink(missing_ok=True)
    return covering


@lru_cache
def named(text: str) -> frozenset[str]:
    """The modules of lossproof that a text imports, skips without, or otherwise names."""
    whole = re.findall(r"lossproof(?:\.\w+)+", text)
    parts = re.findall(r"from (lossproof(?:\.\w+)+) import ([\w, ]+)", text)
    return frozenset([*whole, *(f"{room}.{name}" for room, names in parts for name in names.split(", "))])


def module_of(file: Path, root: Path) -> str:
    """The dotted name of a source file."""
    return ".".join(file.relative_to(root).with_suffix("").parts[1:])


def file_of(module: str, root: Path) -> Path:
    """The source file of a module, by its dotted name."""
    return root / module.split(".")[1] / Path(*module.split(".")).with_suffix(".py")
