"""PyTorch as a target.

Runs inside the worker: Python 3.7 syntax, NumPy and torch only (see worker.py for the contract).
"""

import sys

import lossproof_worker as worker
import numpy as np
import torch

torch.set_num_threads(1)

NAMES = (
    "float16",
    "float32",
    "float64",
    "int8",
    "int16",
    "int32",
    "int64",
    "uint8",
    "bool",
    "complex64",
    "complex128",
)
DTYPES = {name: getattr(torch, name) for name in (*NAMES, "bfloat16")}
compiled = {"key": None, "function": None}


def info():
    """Who answers here."""
    modes = ("eager", "compiled") if hasattr(torch, "compile") else ("eager",)
    return {
        "framework": "torch",
        "version": str(torch.__version__),
        "companions": {},
        "backend": "torch",
        "device": "cpu",
        "modes": modes,
    }


def resolve(api):
    """The object with that name in this release."""
    return worker.resolve_name(api)


def make(data, dtype, shape, layout):
    """A tensor of those bytes in the strides of `layout`."""
    if dtype not in DTYPES:
        raise worker.Unsupported("torch has no dtype {}".format(dtype))
    if dtype == "bfloat16":
        bits = worker.lay_out(np.frombuffer(data, np.int16).reshape(shape).copy(), layout)
        return torch.from_numpy(bits).view(torch.bfloat16)
    array = worker.as_numpy(data, dtype, shape, layout)
    return torch.from_numpy(array)


def read(native):
    """Bytes, dtype and shape of a tensor; None for anything else."""
    if isinstance(native, (np.ndarray, np.generic)):
        return worker.from_numpy(native)
    if not isinstance(native, torch.Tensor):
        return None
    tensor = native.detach().to("cpu").resolve_conj().contiguous()
    name = str(tensor.dtype).replace("torch.", "")
    bits = tensor.view(torch.int16) if name == "bfloat16" else tensor
    return bits.numpy().tobytes(), name, tuple(tensor.shape)


def call(api, arrays, options, mode):
    """The value of the API."""
    function, args, kwargs = worker.prepare(api, arrays, options, resolve)
    return in_mode(function, api, arrays, options, mode)(*args, **kwargs)


def grad(api, arrays, options, mode, wrt):
    """The gradient of the summed value with respect to the array called `wrt`; None where it is cut off."""
    function, args, kwargs = worker.prepare(api, arrays, options, resolve)
    leaf = arrays[wrt].value.requires_grad_()
    total = in_mode(function, api, arrays, options, mode)(*args, **kwargs).sum()
    result = torch.autograd.grad(total, leaf, allow_unused=True)[0] if total.requires_grad else None
    leaf.requires_grad_(False)
    return result


def in_mode(function, api, arrays, options, mode):
    """The function itself, or compiled anew for other shapes: a full cache would fall back to eager."""
    if mode == "eager":
        return function
    if mode != "compiled" or not hasattr(torch, "compile"):
        raise worker.Unsupported("torch {} has no mode {}".format(torch.__version__, mode))
    key = repr((api, options, [(name, g.dtype, g.shape, g.form, g.layout) for name, g in arrays.items()]))
    if compiled["key"] != key or options["init"] is not None:
        torch._dynamo.reset()
        compiled.update(key=key, function=torch.compile(function, dynamic=False))
    return compiled["function"]


def probe(name, api, arrays, options, mode):
    """The probes of probes.py, which lies beside this file."""
    return worker.part("torch", "probes").probe(sys.modules[__name__], name, api, arrays, options)
