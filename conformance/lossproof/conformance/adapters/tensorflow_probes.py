"""What only TensorFlow can be asked: training, metrics in compile(), distribution strategies, graph scripts.

Loaded by tensorflow_adapter.py inside the worker: Python 3.7 syntax, NumPy 1.16, tensorflow from 1.15 on.
"""

import lossproof_worker as worker
import numpy as np
import tensorflow as tf


def probe(adapter, name, api, arrays, options, mode):
    """Answer the probe called `name` in JSON."""
    if name not in PROBES:
        raise worker.Unsupported("no probe is called {!r} here".format(name))
    return PROBES[name](adapter, api, arrays, options)


def construct(adapter, api, options):
    """The API's object, constructed where the question says so."""
    found = adapter.resolve(api)
    init = options["init"]
    return found if init is None else found(**worker.plain_options(init, adapter.resolve))


def model_of(arrays, rate, **how):
    """A linear map with the given weights, compiled with plain gradient descent."""
    weights = worker.as_numpy(arrays["weights"].data, arrays["weights"].dtype, arrays["weights"].shape)
    layers = tf.keras.layers
    dense = layers.Dense(weights.shape[1], use_bias=False)
    model = tf.keras.Sequential([layers.InputLayer((weights.shape[0],)), dense])
    dense.set_weights([weights])
    model.compile(optimizer=tf.keras.optimizers.SGD(rate), **how)
    return model


def numbers(arrays, *names):
    """Those arrays for NumPy; None for one that was not given."""
    found = [arrays.get(name) for name in names]
    return [None if item is None else worker.as_numpy(item.data, item.dtype, item.shape) for item in found]


def fit(adapter, api, arrays, options):
    """compile() and fit() with the API as loss, in batches that hold all rows.

    `arrays` are `inputs` (n, k), `targets` (n, d), `weights` (k, d) and perhaps `sample_weight`; options:
    `steps`, `rate`, and `loss`, a string that is passed to compile() in place of the API's object. Returns
    the losses and the mean cosine of predictions and targets before and after.
    """
    asked = options["call"]
    inputs, targets, sample_weight = numbers(arrays, "inputs", "targets", "sample_weight")
    loss = asked.get("loss") or construct(adapter, api, options)
    model = model_of(arrays, asked.get("rate", 0.1), loss=loss)
    before = cosine(model.predict(inputs, verbose=0), targets)
    history = model.fit(
        inputs,
        targets,
        sample_weight=sample_weight,
        batch_size=len(inputs),
        epochs=asked.get("steps", 10),
        shuffle=False,
        verbose=0,
    )
    losses = [float(value) for value in history.history["loss"]]
    return {
        "losses": losses,
        "cosine_before": before,
        "cosine_after": cosine(model.predict(inputs, verbose=0), targets),
    }


def cosine(predictions, targets):
    """The mean cosine of the rows, in float64 and without the framework's own cosine."""
    a, b = (np.asarray(t, np.float64) for t in (predictions, targets))
    return float(np.mean((a * b).sum(-1) / np.sqrt((a * a).sum(-1) * (b * b).sum(-1))))


def metric_in_compile(adapter, api, arrays, options):
    """compile(metrics=[the API]) and evaluate(); the arrays are those of `fit`; returns names and values.

    The option `metric` is a string that is passed to compile() in place of the API's object.
    """
    inputs, targets, sample_weight = numbers(arrays, "inputs", "targets", "sample_weight")
    metric = options["call"].get("metric") or construct(adapter, api, options)
    model = model_of(arrays, 0.1, loss="mse", metrics=[metric])
    model.fit(
        inputs, targets, batch_size=len(inputs), epochs=1, verbose=0
    )  # Keras 3 names metrics when it trains
    model = model_of(arrays, 0.1, loss="mse", metrics=[metric])
    values = model.evaluate(inputs, targets, sample_weight=sample_weight, batch_size=len(inputs), verbose=0)
    return {"names": list(model.metrics_names), "values": [float(value) for value in values]}


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
        loss = construct(adapter, api, options)
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
                tf.compat.v1.Variable(value) for value in numbers(arrays, "labels", "predictions")
            )
            if normalise:
                labels, predictions = (tf.nn.l2_normalize(item, axis=axis) for item in (labels, predictions))
            returned = loss(labels=labels, predictions=predictions, **kwargs)
            value = adapter.run(returned, {})
            answer[name] = dict(result_of(adapter, value), static_rank=returned.shape.ndims)
    return answer


PROBES = {
    "fit": fit,
    "metric_in_compile": metric_in_compile,
    "strategy": strategy,
    "graph_script": graph_script,
}
