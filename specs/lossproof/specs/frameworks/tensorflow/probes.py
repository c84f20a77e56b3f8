"""Probes that only TensorFlow answers: distribution strategies and graph scripts.

Loaded by the adapter beside it inside the worker: Python 3.7 syntax, NumPy 1.16, tensorflow from 1.15 on.
"""

import lossproof_worker as worker
import tensorflow as tf

keras_probes = worker.part("keras", "probes")


def probe(adapter, name, api, arrays, options):
    """Answer the probe called `name` in JSON; those of any Keras are Keras' own."""
    if name not in PROBES:
        return keras_probes.probe(adapter, name, api, arrays, options)
    return PROBES[name](adapter, api, arrays, options)


def strategy(adapter, api, arrays, options):
    """Call the API under a one-device MirroredStrategy, outside fit() and evaluate().

    The option `within` is `scope` (called inside strategy.scope()) or `run` (by strategy.run, the default).
    Returns the value, dtype and shape of the one replica; errors are the answer's error.
    """
    extra = dict(options["call"])
    within = extra.pop("within", "run")
    mirrored = tf.distribute.MirroredStrategy(["CPU:0"])
    values = {name: given.value for name, given in arrays.items()}
    kwargs = worker.plain_options(extra, adapter.resolve)
    with mirrored.scope():
        loss = keras_probes.construct(adapter, api, options)
        if within == "scope":
            return result_of(adapter, loss(**dict(values, **kwargs)))
    names = list(values)

    def replica(*tensors):
        return loss(**dict(zip(names, tensors), **kwargs))  # noqa: B905

    run = getattr(mirrored, "run", None) or mirrored.experimental_run_v2
    result = run(replica, args=tuple(values.values()))
    return result_of(adapter, mirrored.experimental_local_results(result)[0])


def result_of(adapter, native):
    """A small array as JSON: nested lists of numbers, dtype and shape."""
    data, dtype, shape = adapter.read(native)
    return {"values": worker.as_numpy(data, dtype, shape).tolist(), "dtype": dtype, "shape": list(shape)}


def graph_script(adapter, api, arrays, options):
    """A TensorFlow 1 script: two variables, l2_normalize or not, one loss, one session.

    `arrays` are `labels` and `predictions`; options: `axis` of the normalisation, and others for the loss.
    Returns the result for the inputs as they are (`as_given`) and normalised (`normalised`), with dtype,
    shape and static rank.
    """
    extra = dict(options["call"])
    axis = extra.get("axis", 1)
    loss = adapter.resolve(api)
    kwargs = worker.plain_options(extra, adapter.resolve)
    answer = {}
    for name, normalise in (("as_given", False), ("normalised", True)):
        with tf.Graph().as_default():
            labels, predictions = (
                tf.compat.v1.Variable(value)
                for value in keras_probes.numbers(arrays, "labels", "predictions")
            )
            if normalise:
                labels, predictions = (tf.nn.l2_normalize(item, axis=axis) for item in (labels, predictions))
            returned = loss(labels=labels, predictions=predictions, **kwargs)
            value = adapter.run(returned, {})
            answer[name] = dict(result_of(adapter, value), static_rank=returned.shape.ndims)
    return answer


PROBES = {"strategy": strategy, "graph_script": graph_script}
