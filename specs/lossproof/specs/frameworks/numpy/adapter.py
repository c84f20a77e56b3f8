"""Plain NumPy arrays, for the NumPy backend of Keras. Python 3.7 syntax (see worker.py for the contract)."""

import lossproof_worker as worker
import numpy as np

MODES = ("eager",)


def info():
    """Who answers here."""
    return {"framework": "numpy", "version": str(np.__version__), "companions": {}, "backend": "numpy"}


def resolve(api):
    """The object with that name."""
    return worker.resolve_name(api)


def make(data, dtype, shape, layout):
    """An array of those bytes; bfloat16 where ml_dtypes is installed."""
    if dtype != "bfloat16":
        return worker.as_numpy(data, dtype, shape, layout)
    try:
        import ml_dtypes
    except ImportError:
        raise worker.Unsupported("NumPy has no bfloat16 without ml_dtypes") from None
    bits = worker.lay_out(np.frombuffer(data, np.uint16).reshape(shape).copy(), layout)
    return bits.view(ml_dtypes.bfloat16)


def read(native):
    """Bytes, dtype and shape of an array or scalar; None for anything else."""
    return worker.from_numpy(native) if isinstance(native, (np.ndarray, np.generic)) else None


def grad(executable, values, place):
    """NumPy differentiates nothing."""
    raise worker.Unsupported("NumPy has no gradients")
