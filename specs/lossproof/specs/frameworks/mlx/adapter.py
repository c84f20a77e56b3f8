"""MLX on the CPU as a target.

Runs inside the worker: Python 3.7 syntax, NumPy and mlx only (see worker.py for the contract).
"""

import sys

import lossproof_worker as worker
import mlx.core as mx
import numpy as np

mx.set_default_device(mx.cpu)

NAMES = (
    "float16",
    "float32",
    "float64",
    "int8",
    "int16",
    "int32",
    "int64",
    "uint8",
    "uint16",
    "uint32",
    "uint64",
)
NAMES += ("bfloat16", "complex64")
DTYPES = {name: getattr(mx, name) for name in NAMES if hasattr(mx, name)}
MODES = ("eager", "compiled")
UNSIGNED = {2: "uint16", 4: "uint32", 8: "uint64"}


def version():
    """The version of the installed mlx."""
    return str(getattr(mx, "__version__", None) or worker.installed_version("mlx"))


def info():
    """Who answers here."""
    return {"framework": "mlx", "version": version(), "companions": {}, "backend": "mlx"}


def resolve(api):
    """The object with that name in this release; `mlx.array` is documented for `mlx.core.array`."""
    return worker.resolve_name(api)


def make(data, dtype, shape, layout):
    """An array of those bytes; MLX hides strides, so `layout` asks for lazy views that have them."""
    if dtype == "bool":
        return laid_out(mx.array(np.frombuffer(data, bool).reshape(shape)), layout)
    if dtype not in DTYPES:
        raise worker.Unsupported("mlx {} has no dtype {}".format(version(), dtype))
    if dtype in ("float16", "bfloat16", "float32", "float64"):
        # Bits travel as integers: conversion of float arrays may change the dtype or quieten NaNs.
        size = 2 if dtype.endswith("float16") else int(dtype[-2:]) // 8
        bits = np.frombuffer(data, UNSIGNED[size])
        array = mx.array(bits, dtype=DTYPES[UNSIGNED[size]]).view(DTYPES[dtype]).reshape(shape)
    else:
        array = mx.array(np.frombuffer(data, dtype).reshape(shape), dtype=DTYPES[dtype])
    array = laid_out(array, layout)
    mx.eval(array)
    return array


def laid_out(array, layout):
    """The same values behind a transposed or a strided view."""
    if layout == "transposed" and array.ndim > 1:
        return mx.contiguous(array.transpose()).transpose()
    if layout == "strided" and array.ndim:
        return mx.stack([array, mx.zeros_like(array)], axis=-1).flatten(-2)[..., ::2]
    return array


def read(native):
    """Bytes, dtype and shape of an array; None for anything else. Evaluates what is lazy."""
    if isinstance(native, (np.ndarray, np.generic)):
        return worker.from_numpy(native)
    if not isinstance(native, mx.array):
        return None
    mx.eval(native)
    name = str(native.dtype).split(".")[-1]
    name = "bool" if name == "bool_" else name
    shape = tuple(native.shape)
    if name == "bfloat16":
        return np.array(mx.contiguous(native).reshape(-1).view(mx.uint16)).tobytes(), name, shape
    return np.ascontiguousarray(np.array(native)).tobytes(), name, shape


def evaluate(native):
    """The array once its lazy work is done."""
    if isinstance(native, mx.array):
        mx.eval(native)
    return native


def execute(function, mode):
    """The function through `mx.compile`, which counts its traces; `Unsupported` where compilation is switched off."""

    def body(*values):
        worker.count_run()
        return function(*values)

    if not compiles():
        raise worker.Unsupported("mx.compile is switched off: it calls the function as it is")
    return mx.compile(body)


def compiles():
    """Whether `mx.compile` traces a function once and then leaves it alone."""
    seen = []

    def noted(value):
        seen.append(value)
        return value

    function, one = mx.compile(noted), mx.array(1.0)
    mx.eval(function(one), function(one))
    return len(seen) == 1


def grad(executable, values, place):
    """The gradient of the summed result with respect to one array."""
    return mx.grad(lambda *arrays: mx.sum(executable(*arrays)), argnums=place)(*values)


def probe(name, api, arrays, options, mode):
    """The probes of probes.py, which lies beside this file."""
    return worker.part("mlx", "probes").probe(sys.modules[__name__], name, api, arrays, options)
