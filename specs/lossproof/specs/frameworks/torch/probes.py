"""The probe that PyTorch answers besides calls: training with a loss.

Loaded by the adapter beside it inside the worker: Python 3.7 syntax, NumPy and torch only.
"""

import lossproof_worker as worker
import numpy as np
import torch


def probe(adapter, name, api, arrays, options):
    """Answer the probe called `name` in JSON."""
    if name not in PROBES:
        raise worker.Unsupported("no probe is called {!r} here".format(name))
    return PROBES[name](adapter, api, arrays, options)


def fit(adapter, api, arrays, options):
    """Plain gradient descent on a linear map of `inputs` whose image is compared with `targets` by the loss.

    `arrays` are `inputs` (n, k), `targets` (n, d), `weights` (k, d) and others for the loss; options:
    `steps`, `rate`, `order` (which of the loss's parameters takes the predictions and which the targets),
    `extra` (other options of the call). Returns the losses and the mean cosine of predictions and targets
    before and after.
    """
    asked, init = options["call"], options["init"]
    names = asked.get("order", {"predictions": "x1", "targets": "x2"})
    extra = worker.plain_options(asked.get("extra"), adapter.resolve)
    loss = adapter.resolve(api)
    if init is not None:
        loss = loss(**worker.plain_options(init, adapter.resolve))
    inputs, targets = arrays["inputs"].value, arrays["targets"].value
    for name, given in arrays.items():
        if name not in ("inputs", "targets", "weights"):
            extra[name] = given.value
    layer = torch.nn.Linear(inputs.shape[1], targets.shape[1], bias=False)
    with torch.no_grad():
        layer.weight.copy_(arrays["weights"].value.T)
    optimizer = torch.optim.SGD(layer.parameters(), lr=asked.get("rate", 0.1))
    history, before = [], cosine(layer(inputs), targets)
    for _ in range(asked.get("steps", 10)):
        optimizer.zero_grad()
        value = loss(**dict({names["predictions"]: layer(inputs), names["targets"]: targets}, **extra)).mean()
        value.backward()
        optimizer.step()
        history.append(float(value))
    return {"losses": history, "cosine_before": before, "cosine_after": cosine(layer(inputs), targets)}


def cosine(predictions, targets):
    """The mean cosine of the rows, in float64 and without the framework's own cosine."""
    a, b = (t.detach().double().numpy() for t in (predictions, targets))
    return float(np.mean((a * b).sum(-1) / np.sqrt((a * a).sum(-1) * (b * b).sum(-1))))


PROBES = {"fit": fit}
