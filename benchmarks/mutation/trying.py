"""Runs tests over a module with one change, each in a fork of a process that has loaded all but lossproof."""

from __future__ import annotations

import ast
import importlib.machinery
import os
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import CodeType
from typing import Any, Literal

Fate = Literal["killed", "survived", "timeout"]
SLOWER = 4.0
"""Times the tests' own seconds, and half a minute more, after which a change counts as one that never ends."""
COMPILED_IN = (
    "binary64", "compiled", "compiled_float64", "double_double", "formats", "fused", "lanes", "sliced_dots", "slices",
    "transforms",
)  # fmt: skip
"""Modules whose functions or constants are part of the compiled kernels."""


BROKEN = 99
"""Exit code of a fork in which the tests were not run as they should."""


@dataclass(frozen=True)
class Tried:
    """The fate of a change, with the seconds it took and the number of tests."""

    fate: Fate
    seconds: float
    tests: int
    killer: str = ""


def preload() -> None:
    """Load the modules that every test needs and no change touches; none of them may be lossproof."""
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = "1"  # a fork takes one thread along
    import flint  # noqa: F401
    import hypothesis.extra.numpy  # noqa: F401
    import ml_dtypes  # noqa: F401
    import mpmath  # noqa: F401
    import numba  # noqa: F401
    import pydantic  # noqa: F401
    import pytest  # noqa: F401

    if any(name.startswith("lossproof.oracle") for name in sys.modules):
        raise RuntimeError("lossproof is loaded already: a change would come too late")


def attempt(
    root: Path,
    module: str,
    file: Path,
    tree: ast.Module,
    tests: Sequence[str],
    seconds: float,
    kernels: Path | None = None,
) -> Tried:
    """Run the tests in a fork in which the module has the tree for source.

    `kernels` holds machine code of the unchanged source, for a module of which none is compiled in (`COMPILED_IN`).
    Raises RuntimeError where the tests could not be run, or were run over the unchanged module.
    """
    begun = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="lossproof-mutant-") as scratch:
        pid = os.fork()
        if pid == 0:
            code = BROKEN
            try:
                os.setsid()  # so that what the tests start ends with them
                if kernels is not None and kernels.exists() and module.rpartition(".")[2] not in COMPILED_IN:
                    shutil.copytree(kernels, Path(scratch, "numba"))
                code = _run(root, module, file, tree, tests, Path(scratch))
            except BaseException:
                traceback.print_exc()
            finally:
                os._exit(code)
        status = _wait(pid, begun + SLOWER * seconds + 30)
        took = round(time.monotonic() - begun, 2)
        killer = Path(scratch, "killer")
        said = killer.read_text() if killer.exists() else ""
    if status is None:
        return Tried("timeout", took, len(tests))
    if os.waitstatus_to_exitcode(status) == BROKEN:
        raise RuntimeError(f"the tests of a change to {module} could not be run: see the traceback above")
    return Tried("survived" if status == 0 else "killed", took, len(tests), said)


def _wait(pid: int, deadline: float) -> int | None:
    """The exit status, or None where the time was up and the process group was killed."""
    try:
        while time.monotonic() < deadline:
            found, status = os.waitpid(pid, os.WNOHANG)
            if found:
                return status
            time.sleep(0.02)
        return None
    finally:
        try:
            os.killpg(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
        except (ProcessLookupError, ChildProcessError):
            pass


def _run(root: Path, module: str, file: Path, tree: ast.Module, tests: Sequence[str], scratch: Path) -> int:
    """In the fork: 0 where all tests pass."""
    import pytest

    told, out = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(out, 1)
    os.dup2(out, 2)
    os.environ["NUMBA_CACHE_DIR"] = str(scratch / "numba")  # compiled changes stay out of the user's cache
    os.environ["TMPDIR"] = str(scratch)
    tempfile.tempdir = None
    import numba

    numba.config.reload_config()  # type: ignore[no-untyped-call]
    loaded = _substitute(module, compile(tree, str(file), "exec", dont_inherit=True))

    class Watch:
        def pytest_runtest_logreport(self, report: Any) -> None:
            if report.failed:
                (scratch / "killer").write_text(report.nodeid)

        pytest_collectreport = pytest_runtest_logreport  # a module that cannot even be imported

    os.chdir(root)
    # plain: pytest loads what belongs to its plugins, lossproof.conformance among them, by a loader of its own else
    options = ["-x", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", "--tb=no", "--assert=plain"]
    code = int(pytest.main([*options, *tests], plugins=[Watch()]))
    if module in sys.modules and not loaded:
        os.dup2(told, 2)
        raise RuntimeError(f"{module} was loaded, and not with the change")
    return code


def _substitute(module: str, code: CodeType) -> list[str]:
    """From now on the module's source is this code; the list fills when it is loaded."""
    loader: Any = importlib.machinery.SourceFileLoader
    theirs, loaded = loader.get_code, list[str]()

    def get_code(self: Any, name: str) -> CodeType:
        if name != module:
            found: CodeType = theirs(self, name)
            return found
        loaded.append(name)
        return code

    loader.get_code = get_code
    return loaded
