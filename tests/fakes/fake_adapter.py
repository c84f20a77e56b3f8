"""The adapter of the fakes; loaded by the worker, Python 3.7 syntax. FAKE_START says how starting fails."""

import os
import sys
import time
from pathlib import Path

import lossproof_worker as worker
import numpy as np

sys.path.insert(0, str(Path(__file__).parent))

MODES = ("eager",)
START = os.environ.get("FAKE_START", "")
if START == "slow":
    time.sleep(1.0)
elif START == "never":
    time.sleep(3600)
elif START == "refuse":
    raise ImportError("this machine is too small for fakes")
elif START == "exit":
    sys.exit(1)
elif START == "die":
    os._exit(9)


def info():
    """Who answers here."""
    return {
        "framework": "fake",
        "version": resolve("fakes.__version__"),
        "companions": {"pid": str(os.getpid())},
        "backend": "",
    }


def resolve(api):
    """`fake.*` is the module fakes."""
    return worker.resolve_name(api, [("fake", "fakes")])


def make(data, dtype, shape, layout):
    """A NumPy array; bfloat16 is the dtype that this framework lacks."""
    if dtype == "bfloat16":
        raise worker.Unsupported("fakes have no bfloat16")
    return worker.as_numpy(data, dtype, shape, layout)


def read(native):
    """The bytes of a NumPy array or scalar."""
    if isinstance(native, (np.ndarray, np.generic)):
        return worker.from_numpy(native)
    return None


def grad(executable, values, place):
    """The derivative that `gradients` has for the API; nothing else here can be differentiated."""
    slope = resolve("gradients.SLOPES").get(executable.api)
    if slope is None:
        raise worker.Unsupported("nothing here has a gradient of " + executable.api)
    arrays = dict(executable.lists, **dict(zip(executable.names, values)))  # noqa: B905
    return slope(executable.names[place], **dict(arrays, **executable.options))
