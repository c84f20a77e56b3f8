"""JAX arrays, for the JAX backend of Keras; Python 3.9 syntax, NumPy and jax only (contract in worker.py).

JAX computes in 32 bits unless a process asks otherwise, and would round 64-bit inputs: these are
unsupported here.
"""

import jax
import jax.numpy as jnp
import lossproof_worker as worker
import numpy as np

NARROWED = ("float64", "int64", "uint64", "complex128")


MODES = ("eager", "compiled")


def info():
    """Who answers here."""
    return {"framework": "jax", "version": str(jax.__version__), "companions": {}, "backend": "jax"}


def resolve(api):
    """The object with that name."""
    return worker.resolve_name(api)


def make(data, dtype, shape, layout):
    """An array of those bytes; `layout` is that of the array it copies, as JAX hides strides."""
    if dtype in NARROWED and not jax.config.jax_enable_x64:
        raise worker.Unsupported("JAX would narrow {}: it computes in 32 bits by default".format(dtype))
    if dtype == "bfloat16":
        bits = np.frombuffer(data, np.uint16).reshape(shape).copy()
        return jnp.array(worker.lay_out(bits, layout).view(jnp.bfloat16))
    return jnp.array(worker.as_numpy(data, dtype, shape, layout))


def read(native):
    """Bytes, dtype and shape of an array or scalar; None for anything else."""
    if isinstance(native, (jax.Array, np.ndarray, np.generic)):
        return worker.from_numpy(np.asarray(native))
    return None


def evaluate(native):
    """The array once its work is done."""
    return jax.block_until_ready(native)


def execute(function, mode):
    """The function through `jax.jit`, which counts its traces; `Unsupported` where compilation is switched off."""
    if jax.config.jax_disable_jit:
        raise worker.Unsupported("jax.jit is switched off: it calls the function as it is")

    def body(*values):
        worker.count_run()
        return function(*values)

    return jax.jit(body)


def grad(executable, values, place):
    """The gradient of the summed result with respect to one array."""
    return jax.grad(lambda *arrays: jnp.sum(executable(*arrays)), argnums=place)(*values)
