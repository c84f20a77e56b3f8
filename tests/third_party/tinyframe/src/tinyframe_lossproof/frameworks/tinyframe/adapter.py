"""Tinyframe as a target: loaded by lossproof's worker, with nothing but the standard library, NumPy and tinyframe."""

import lossproof_worker as worker
import numpy as np
import tinyframe

MODES = ("eager",)


def info():
    """Who answers here."""
    return {
        "framework": "tinyframe",
        "version": tinyframe.__version__,
        "companions": {},
        "backend": "",
    }


def resolve(api):
    """The object with that name."""
    return worker.resolve_name(api)


def make(data, dtype, shape, layout):
    """A Tensor of those bytes."""
    if dtype not in ("float32", "float64"):
        raise worker.Unsupported(f"tinyframe has no {dtype}")
    return tinyframe.Tensor(worker.as_numpy(data, dtype, shape, layout), dtype)


def read(native):
    """Bytes, dtype and shape of a Tensor or NumPy array; None for anything else."""
    if isinstance(native, tinyframe.Tensor):
        native = native.numpy()
    return worker.from_numpy(native) if isinstance(native, (np.ndarray, np.generic)) else None


def grad(executable, values, place):
    """Tinyframe differentiates nothing."""
    raise worker.Unsupported("tinyframe has no gradients")
