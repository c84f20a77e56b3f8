"""The adapter of the fakes; loaded by the worker, Python 3.7 syntax. FAKE_START says how starting fails."""

import os
import sys
import time
from pathlib import Path

import lossproof_worker as worker
import numpy as np

sys.path.insert(0, str(Path(__file__).parent))

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
        "device": "cpu",
        "modes": ("eager",),
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


def call(api, arrays, options, mode):
    """The value of the API."""
    function, args, kwargs = worker.prepare(api, arrays, options, resolve)
    return function(*args, **kwargs)


def grad(api, arrays, options, mode, wrt):
    """The derivative that `gradients` has for the API; nothing else here can be differentiated."""
    slope = resolve("gradients.SLOPES").get(api)
    if slope is None:
        raise worker.Unsupported("nothing here has a gradient of " + api)
    _, _, kwargs = worker.prepare(api, arrays, options, resolve)
    return slope(wrt, **kwargs)
