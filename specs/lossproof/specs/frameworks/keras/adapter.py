"""Keras 3 without TensorFlow as a target: on PyTorch, JAX or NumPy, whose adapters carry the arrays.

Runs inside the worker: NumPy, keras and its backend only (see worker.py for the contract). On the TensorFlow
backend Keras is judged through TensorFlow's adapter.
"""

import sys

import keras
import lossproof_worker as worker

native = worker.part(keras.backend.backend())
make, read, grad = native.make, native.read, native.grad
execute, evaluate, to = (getattr(native, name, None) for name in ("execute", "evaluate", "to"))
MODES, DEVICES = native.MODES, worker.devices(native)


def info():
    """Who answers here; the backend's version is a companion."""
    behind = native.info()
    companions = {behind["framework"]: behind["version"]}
    return dict(behind, framework="keras", version=str(keras.__version__), companions=companions)


def resolve(api):
    """The object with that name; `tf.keras` is the name under which TensorFlow documents Keras."""
    if api.startswith("tf.keras."):
        api = api[len("tf.") :]
    return worker.resolve_name(api)


native.resolve = resolve


def probe(name, api, arrays, options, mode):
    """The probes of probes.py, which lies beside this file."""
    return worker.part("keras", "probes").probe(sys.modules[__name__], name, api, arrays, options)
