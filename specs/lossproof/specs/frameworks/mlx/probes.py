"""The probe that MLX answers besides calls: training with a loss.

Loaded by the adapter beside it inside the worker: Python 3.7 syntax, NumPy and mlx only.
"""

import lossproof_worker as worker
import mlx.core as mx
import numpy as np


def probe(adapter, name, api, arrays, options):
    """Answer the probe called `name` in JSON."""
    if name not in PROBES:
        raise worker.Unsupported("no probe is called {!r} here".format(name))
    return PROBES[name](adapter, api, arrays, options)


def fit(adapter, api, arrays, options):
    """Gradient descent on a linear map of `inputs` whose image is compared with `targets` by the loss.

    Arrays and options are those of PyTorch's probe of the same name.
    """
    asked = options["call"]
    names = asked.get("order", {"predictions": "x1", "targets": "x2"})
    extra = worker.plain_options(asked.get("extra"), adapter.resolve)
    loss = adapter.resolve(api)
    inputs, targets, weights = (arrays[name].value for name in ("inputs", "targets", "weights"))

    def value(matrix):
        return mx.mean(
            loss(**dict({names["predictions"]: inputs @ matrix, names["targets"]: targets}, **extra))
        )

    history, before = [], cosine(inputs @ weights, targets)
    for _ in range(asked.get("steps", 10)):
        current, slope = mx.value_and_grad(value)(weights)
        weights = weights - asked.get("rate", 0.1) * slope
        mx.eval(weights)
        history.append(float(current.item()))
    return {"losses": history, "cosine_before": before, "cosine_after": cosine(inputs @ weights, targets)}


def cosine(predictions, targets):
    """The mean cosine of the rows, in float64 and without the framework's own cosine."""
    a, b = (np.array(t).astype(np.float64) for t in (predictions, targets))
    return float(np.mean((a * b).sum(-1) / np.sqrt((a * a).sum(-1) * (b * b).sum(-1))))


PROBES = {"fit": fit}
