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
MODES = ("eager", "compiled") if hasattr(torch, "compile") else ("eager",)
DEVICES = ("cpu", "cuda") if torch.cuda.is_available() else ("cpu",)
latest = {"key": None, "function": None}
"""The function that was compiled last: the questions of a cell differ in their numbers alone."""


PARTIAL = ("Unsupported", "UserError", "FailOnCacheLimitHit", "FailOnRecompileLimitHit")
"""Errors of torch.compile, not of what it compiles: a part of the function would have to run eagerly."""


def info():
    """Who answers here."""
    return {"framework": "torch", "version": str(torch.__version__), "companions": {}, "backend": "torch"}


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


def to(device):
    """Move tensors to a device, in the strides that they have."""
    if device not in DEVICES:
        raise worker.Unsupported("torch {} finds no device {} here".format(torch.__version__, device))

    def move(tensor):
        moved = torch.empty_strided(tensor.shape, tensor.stride(), dtype=tensor.dtype, device=device)
        return moved.copy_(tensor)

    return move


def execute(function, mode):
    """The function compiled as one graph, which counts its runs.

    Other shapes are compiled anew: torch keeps eight compilations of a function, and older releases run it eagerly
    from then on.
    """
    if function.key is None or latest["key"] != function.key:
        torch._dynamo.reset()

        def body(*values):
            return function(*values)

        compiled = torch.compile(body, fullgraph=True, dynamic=False, backend=counting)
        latest.update(key=function.key, function=compiled)
    compiled = latest["function"]

    def whole(*values):
        try:
            return compiled(*values)
        except RuntimeError as error:
            if type(error).__name__ not in PARTIAL:
                raise
            reason = str(error).strip().split("\n")[0]
            raise worker.Unsupported("torch.compile makes no single graph of it: " + reason) from error

    return whole


def counting(graph, inputs):
    """The default backend of torch.compile, whose code counts each run."""
    from torch._dynamo.backends.registry import lookup_backend  # slow to import, and not in every release

    run = lookup_backend("inductor")(graph, inputs)

    def counted(*values):
        worker.count_run()
        return run(*values)

    return counted


def grad(executable, values, place):
    """The gradient of the summed result with respect to one tensor; None where it is cut off."""
    leaf = values[place].requires_grad_()
    total = executable(*values).sum()
    result = torch.autograd.grad(total, leaf, allow_unused=True)[0] if total.requires_grad else None
    leaf.requires_grad_(False)
    return result


def probe(name, api, arrays, options, mode):
    """The probes of probes.py, which lies beside this file."""
    return worker.part("torch", "probes").probe(sys.modules[__name__], name, api, arrays, options)
