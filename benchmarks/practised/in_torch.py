"""The methods that need PyTorch, in a process of its own: assert_close and gradcheck.

Reads one pickled request from the file that the first argument names, writes the answer as JSON to the second. Mutants
may print, crash or hang: that is why they are not run in the tool's process.
"""

from __future__ import annotations

import importlib.util
import json
import multiprocessing
import pickle
import sys
from pathlib import Path
from typing import Any

import torch

PATIENCE = 60.0
"""Seconds that the code in one file has."""


def close(pairs: list[tuple[Any, Any]]) -> str:
    """The complaint of torch.testing.assert_close at its defaults about actual and expected arrays, or ""."""
    said = (_said(lambda a=a, b=b: torch.testing.assert_close(_tensor(a), _tensor(b))) for a, b in pairs)
    return next((words for words in said if words), "")


def gradients(files: list[str], name: str, is_class: bool, calls: list[dict[str, Any]]) -> list[str]:
    """The complaints of torch.autograd.gradcheck at its defaults about the code in each file, each in a fork."""
    said = []
    for file in files:
        with multiprocessing.get_context("fork").Pool(1) as pool:
            waiting = pool.apply_async(_gradients, (file, name, is_class, calls))
            try:
                said.append(waiting.get(timeout=PATIENCE))
            except multiprocessing.TimeoutError:
                said.append("crashed, or hung")
    return said


def _gradients(file: str, name: str, is_class: bool, calls: list[dict[str, Any]]) -> str:
    def load() -> None:
        spec = importlib.util.spec_from_file_location(Path(file).stem, file)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        for call in calls:
            _check(getattr(module, name), is_class, call)

    return _said(load)


def _check(code: Any, is_class: bool, call: dict[str, Any]) -> None:
    names = list(call["arrays"])
    tensors = [_tensor(v).requires_grad_(n in call["wrt"]) for n, v in call["arrays"].items()]

    def of_inputs(*inputs: Any) -> Any:
        if is_class:
            return code(**call["options"])(*inputs)
        return code(**dict(zip(names, inputs, strict=True)), **call["options"])

    torch.autograd.gradcheck(of_inputs, tuple(tensors))


def _tensor(values: Any) -> torch.Tensor:
    return torch.from_numpy(values.copy())


def _said(check: Any) -> str:
    try:
        check()
    except Exception as error:
        return f"{type(error).__name__}: {error}".splitlines()[0][:200] or "raised"
    return ""


def main() -> None:
    """Answer one request."""
    source, target = map(Path, sys.argv[1:3])
    request = pickle.loads(source.read_bytes())
    if "gradients" in request:
        answer = gradients(**request["gradients"])
    else:
        answer = [close(pairs) for pairs in request["close"]]
    target.write_text(json.dumps(answer), encoding="utf-8")


if __name__ == "__main__":
    main()
