"""The environment variables of a worker: few threads, no accelerator but its own, nothing that would change answers."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from lossproof.conformance.model.execution import DEVICES
from lossproof.conformance.targets.model import Target
from lossproof.specs.frameworks import load_environments

SETTINGS = {
    "PYTHONHASHSEED": "0",
    "PYTHONUNBUFFERED": "1",
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "NUMEXPR_NUM_THREADS": "1",
    "VECLIB_MAXIMUM_THREADS": "1",
}
"""The variables of every worker's environment: one thread, no log noise, the same hashes. A device has its own."""

CHOICES = ("PYTHONWARNINGS", "PYTHONOPTIMIZE")
"""Variables that a user may have set for other work and that would change the answers; frameworks name more."""

FOREIGN = ("PYTHONPATH", "PYTHONHOME", "PYTHONSTARTUP", "VIRTUAL_ENV", "__PYVENV_LAUNCHER__")
"""Variables that belong to the tool's own interpreter and would mislead another one."""


def environment(target: Target, scratch: Path) -> dict[str, str]:
    """The environment variables of a worker of `target`."""
    theirs = load_environments()
    left_out = {*CHOICES, *(name for one in theirs for name in one.removed)}
    variables = {name: value for name, value in os.environ.items() if name not in left_out}
    if not _same_python(target.python):
        for name in FOREIGN:
            variables.pop(name, None)
    variables |= SETTINGS | dict(DEVICES[target.execution.device].environment)
    for one in theirs:
        variables |= one.of_target(str(scratch), target.backend)
    return variables | dict(target.env)


def _same_python(python: Path) -> bool:
    return python.absolute() == Path(sys.executable).absolute()  # not resolved: environments are links
