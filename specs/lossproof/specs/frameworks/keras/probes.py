"""Probes that a Keras answers, besides calls: training with a loss, evaluating with a metric.

Loaded by the adapters of TensorFlow and Keras inside the worker, whose attribute `keras` is the Keras to
use: Python 3.7 syntax, NumPy 1.16, tf.keras of TensorFlow 1.15 and everything since.
"""

import lossproof_worker as worker
import numpy as np


def probe(adapter, name, api, arrays, options):
    """Answer the probe called `name` in JSON."""
    if name not in PROBES:
        raise worker.Unsupported("no probe is called {!r} here".format(name))
    return PROBES[name](adapter, api, arrays, options)


def construct(adapter, api, options):
    """The API's object, constructed where the question says so."""
    found = adapter.resolve(api)
    init = options["init"]
    return found if init is None else found(**worker.plain_options(init, adapter.resolve))


def model_of(keras, arrays, rate, **how):
    """A linear map with the given weights, compiled with plain gradient descent."""
    weights = worker.as_numpy(arrays["weights"].data, arrays["weights"].dtype, arrays["weights"].shape)
    layers = keras.layers
    dense = layers.Dense(weights.shape[1], use_bias=False)
    model = keras.Sequential([layers.InputLayer((weights.shape[0],)), dense])
    dense.set_weights([weights])
    model.compile(optimizer=keras.optimizers.SGD(rate), **how)
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
    model = model_of(adapter.keras, arrays, asked.get("rate", 0.1), loss=loss)
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
    model = model_of(adapter.keras, arrays, 0.1, loss="mse", metrics=[metric])
    how = {"sample_weight": sample_weight, "batch_size": len(inputs), "verbose": 0}
    try:
        found = model.evaluate(inputs, targets, return_dict=True, **how)
    except TypeError:  # before TensorFlow 2.2
        found = dict(zip(model.metrics_names, model.evaluate(inputs, targets, **how)))  # noqa: B905
    names = sorted(found, key=lambda name: name != "loss")  # the loss first, as early releases have it
    return {"names": names, "values": [float(found[name]) for name in names]}


def metric_updates(adapter, api, arrays, options):
    """A metric fed with several batches: `updates` lists the arguments of update_state, or the word "reset".

    Returns what result() gives at the end.
    """
    metric = construct(adapter, api, options)
    for update in options["call"]["updates"]:
        if update == "reset":
            reset = getattr(metric, "reset_state", None) or metric.reset_states  # renamed in TensorFlow 2.5
            reset()
        else:
            metric.update_state(**{name: np.asarray(value, np.float32) for name, value in update.items()})
    return {"value": float(metric.result())}


PROBES = {"fit": fit, "metric_in_compile": metric_in_compile, "metric_updates": metric_updates}
