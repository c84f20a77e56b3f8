"""Which tests run which lines: the tests that a change is shown to, quickest first.

`record` runs the tests once under coverage.py with a context per test. Compiled code leaves no trace in it, and a line
that runs only when a module is imported belongs to no test: there every test that enters the module is taken.
"""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from itertools import accumulate
from pathlib import Path

ROOMS = ("oracle", "conformance")


@dataclass(frozen=True)
class Covering:
    """Seconds of each test that passed, by node id, and the tests of each line, by module and line."""

    seconds: dict[str, float]
    lines: dict[str, dict[str, list[str]]]

    def tests(self, module: str, line: int, seconds: float = math.inf) -> list[str]:
        """The tests for a change to a line, quickest first: what these seconds suffice for, but one at least."""
        of_module = self.lines.get(module, {})
        named = of_module.get(str(line)) or sorted({t for tests in of_module.values() for t in tests})
        quickest = sorted((t for t in named if t in self.seconds), key=lambda t: (self.seconds[t], t))
        spent = accumulate(self.seconds[t] for t in quickest)
        return [t for i, (t, s) in enumerate(zip(quickest, spent, strict=True)) if s <= seconds or i == 0]


def load(path: Path) -> Covering:
    """What `record` wrote."""
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
    covering = Covering({t: s for t, s in seconds.items() if t not in skipped}, found)
    path.write_text(json.dumps(asdict(covering)))
    data.unlink(missing_ok=True)
    return covering


def module_of(file: Path, root: Path) -> str:
    """The dotted name of a source file."""
    return ".".join(file.relative_to(root).with_suffix("").parts[1:])


def file_of(module: str, root: Path) -> Path:
    """The source file of a module, by its dotted name."""
    return root / module.split(".")[1] / Path(*module.split(".")).with_suffix(".py")
