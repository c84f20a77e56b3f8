"""JAX arrays, for the JAX backend of Keras; Python 3.9 syntax, NumPy and jax only (contract in worker.py).

JAX computes in 32 bits unless a process asks otherwise, and would round 64-bit inputs: these are
unsupported here.
"""

import jax
import jax.numpy as jnp
import lossproof_worker as worker
import numpy as np

NARROWED = ("float64", "int64", "uint64", "complex128")


def info():
    """Who answers here."""
    return {
        "framework": "jax",
        "version": str(jax.__version__),
        "companions": {},
        "backend": "jax",
        "device": "cpu",
        "modes": ("eager", "compiled"),
    }


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


def call(api, arrays, options, mode):
    """The value of the API."""
    function, args, kwargs = worker.prepare(api, arrays, options, resolve)
    return jax.block_until_ready(in_mode(function, mode, args, kwargs))


def in_mode(function, mode, args, kwargs):
    """The result, eagerly or through `jax.jit` with the arrays as its inputs."""
    if mode == "eager":
        return function(*args, **kwargs)
    if mode != "compiled":
        raise worker.Unsupported("JAX has no mode {}".format(mode))
    inputs = dict(enumerate(args), **kwargs)
    arrays = {name: value for name, value in inputs.items() if isinstance(value, jax.Array)}

    def body(*values):
        filled = dict(inputs, **dict(zip(arrays, values)))  # noqa: B905
        return function(*[filled.pop(index) for index in range(len(args))], **filled)

    return jax.jit(body)(*arrays.values())


def grad(api, arrays, options, mode, wrt):
    """The gradient of the summed value with respect to the array called `wrt`."""
    function, args, kwargs = worker.prepare(api, arrays, options, resolve)
    place = list(arrays).index(wrt)

    def total(leaf):
        if args:
            return jnp.sum(in_mode(function, mode, [*args[:place], leaf, *args[place + 1 :]], kwargs))
        return jnp.sum(in_mode(function, mode, args, dict(kwargs, **{wrt: leaf})))

    return jax.block_until_ready(jax.grad(total)(arrays[wrt].value))
