"""The fakes with modes and devices of their own. Python 3.7 syntax.

| mode | to know |
|---|---|
| `counted` | counts each run, as compiled code does |
| `silent` | says nothing of a fall-back to eager execution |
| `refused` | has a function that cannot be compiled |
"""

import sys
from pathlib import Path

import lossproof_worker as worker
import numpy as np

sys.path.insert(0, str(Path(__file__).parent))

from fake_adapter import grad, info, make, read, resolve  # noqa: F401  # an adapter's face

MODES = ("eager", "counted", "silent", "refused")
DEVICES = ("cpu", "other")


def to(device):
    """Copies of arrays stand for those on another device."""
    if device not in DEVICES:
        raise worker.Unsupported(f"this machine has no device {device}")
    return np.negative


def execute(function, mode):
    """The function in that mode."""
    if mode == "refused":
        raise worker.Unsupported("a loop cannot be compiled")
    if mode == "silent":
        return function

    def counted(*values):
        worker.count_run()
        return function(*values)

    return counted
