"""TensorFlow, tf.keras and TensorFlow Addons as a target, from 1.15 on.

Runs inside the worker: Python 3.7 syntax, NumPy 1.16 and tensorflow only (see worker.py for the contract).
From TensorFlow 2.16 on `tf.keras` is Keras 3. TensorFlow 1.x answers in graph mode unless asked for eager.
"""

import importlib.util
import sys

import lossproof_worker as worker
import numpy as np
import tensorflow as tf

ONE = tf.__version__.startswith("1.")
if ONE:
    tf.compat.v1.enable_eager_execution()  # graph mode opens a graph of its own, where eager is off again
tf.config.threading.set_intra_op_parallelism_threads(1)
tf.config.threading.set_inter_op_parallelism_threads(1)

keras = tf.keras
ALIASES = (("tf", "tensorflow"), ("tfa", "tensorflow_addons"))
MODES = ("graph", "eager", "compiled") if ONE else ("eager", "compiled", "graph")


def info():
    """Who answers here; `companions` are the packages whose version decides what the documentation says."""
    companions = {}
    if [int(part) for part in tf.__version__.split(".")[:2]] >= [
        2,
        6,
    ]:  # before, Keras was a part of TensorFlow
        companions["keras"] = str(getattr(tf.keras, "__version__", "") or worker.installed_version("keras"))
    if importlib.util.find_spec("tensorflow_addons") is not None:
        companions["tensorflow-addons"] = worker.installed_version("tensorflow-addons", "tfa-nightly")
    return {
        "framework": "tensorflow",
        "version": str(tf.__version__),
        "companions": companions,
        "backend": "tensorflow",
    }


def resolve(api):
    """The object with that name (tf.*, tfa.*, keras.*) in this release."""
    return worker.resolve_name(api, ALIASES)


def numpy_of(data, dtype, shape, layout):
    """A NumPy array of those bytes, bfloat16 in TensorFlow's own NumPy type."""
    try:
        kind = tf.as_dtype(dtype).as_numpy_dtype
    except TypeError:
        raise worker.Unsupported("tensorflow has no dtype {}".format(dtype)) from None
    if dtype == "bfloat16":
        return worker.lay_out(np.frombuffer(data, np.uint16).reshape(shape).copy().view(kind), layout)
    return worker.as_numpy(data, dtype, shape, layout)


def make(data, dtype, shape, layout):
    """An eager tensor of those bytes; `layout` is that of the array it copies, as tensors have none."""
    return tf.constant(numpy_of(data, dtype, shape, layout))


def read(native):
    """Bytes, dtype and shape of a tensor or variable; None for anything else."""
    if isinstance(native, tf.IndexedSlices):
        native = tf.convert_to_tensor(native)
    if isinstance(native, (tf.Tensor, tf.Variable)):
        native = native.numpy()
    if not isinstance(native, (np.ndarray, np.generic)):
        return None
    return worker.from_numpy(native)


def execute(function, mode):
    """The function in a graph: traced by `tf.function`, or built as in TensorFlow 1 and run in a session."""
    return InGraph(function) if mode == "graph" else traced(function)


def traced(function):
    """The function through `tf.function`, which counts its traces: code that runs eagerly is none."""
    options = tf.config if hasattr(tf.config, "functions_run_eagerly") else tf.config.experimental
    if getattr(options, "functions_run_eagerly", bool)():
        raise worker.Unsupported("tf.function is switched off: it calls the function as it is")

    def body(*values):
        if not tf.executing_eagerly():
            worker.count_run()
        return function(*values)

    return tf.function(body)


class InGraph(object):
    """A function built in a graph of its own, with a placeholder for every array, and run in a session."""

    def __init__(self, function):
        self.function = function

    def __call__(self, *values):
        """The result, evaluated."""
        return self.run(values, lambda returned, holders: returned)

    def gradient(self, values, place):
        """The gradient of the summed result with respect to one array."""
        return self.run(
            values, lambda returned, holders: tf.gradients(tf.reduce_sum(returned), holders[place])[0]
        )

    def run(self, values, asked):
        """The tensor that `asked` makes of result and placeholders, as returned and as a session evaluates it."""
        with tf.Graph().as_default():
            holders = [
                tf.compat.v1.placeholder(value.dtype, value.shape, name=name)
                for name, value in zip(self.function.names, values)  # noqa: B905
            ]
            call = self.function.anew()  # variables of a Keras object belong to the graph
            variables = getattr(call.function, "variables", ())
            if not all(hasattr(variable, "initializer") for variable in variables):
                raise worker.Unsupported(
                    "Keras 3 does not build objects that hold variables into a session's graph"
                )
            returned = asked(call(*holders), holders)
            feed = {holder: value.numpy() for holder, value in zip(holders, values)}  # noqa: B905
            worker.count_run()
            return worker.Evaluated(returned, run(returned, feed, variables))


def grad(executable, values, place):
    """The gradient of the summed result with respect to one tensor."""
    if isinstance(executable, InGraph):
        return executable.gradient(values, place)
    leaf = values[place]
    with tf.GradientTape() as tape:
        tape.watch(leaf)
        total = tf.reduce_sum(executable(*values))
    return tape.gradient(total, leaf)


def run(fetch, feed, variables=()):
    """The value of a graph's tensor after its variables are initialised; what is no tensor stays as it is.

    `variables` are those that no collection of the graph holds: a Keras metric keeps its own.
    """
    if not isinstance(fetch, (tf.Tensor, tf.Variable, tf.IndexedSlices)):
        return fetch
    config = tf.compat.v1.ConfigProto(intra_op_parallelism_threads=1, inter_op_parallelism_threads=1)
    with tf.compat.v1.Session(config=config) as session:
        session.run([tf.compat.v1.global_variables_initializer(), tf.compat.v1.local_variables_initializer()])
        session.run([variable.initializer for variable in variables])
        return session.run(fetch, feed)


def probe(name, api, arrays, options, mode):
    """The probes of probes.py, which lies beside this file."""
    return worker.part("tensorflow", "probes").probe(sys.modules[__name__], name, api, arrays, options)
