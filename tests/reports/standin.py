"""A stand-in for an API, in each framework: right, or wrong in the way that WRONG names. Run by script_runner.py."""

HEADS = {
    "torch": """
import torch
total, root, Tensor = lambda v: v.sum(-1), torch.sqrt, torch.Tensor
half = lambda v: v.half()
def spoil(x):
    with torch.no_grad():
        x += 1
""",
    "tensorflow": """
import tensorflow as tf
total, root, Tensor = lambda v: tf.reduce_sum(v, -1), tf.sqrt, tf.Tensor
half = lambda v: tf.cast(v, tf.float16)
""",
    "keras": """
import keras
total, root = lambda v: keras.ops.sum(v, -1), keras.ops.sqrt
Tensor = type(keras.ops.zeros(1))
half = lambda v: keras.ops.cast(v, "float16")
def spoil(x):
    x += 1
""",
    "mlx": """
import mlx.core as mx
total, root, Tensor = lambda v: v.sum(-1), mx.sqrt, mx.array
half = lambda v: v.astype(mx.float16)
def spoil(x):
    x[0] = x[0] + 1
""",
    "numpy": """
import numpy as np
total, root, Tensor = lambda v: v.sum(-1), np.sqrt, np.ndarray
half = lambda v: v.astype(np.float16)
def spoil(x):
    x += 1
""",
}
BODY = '''
import os
import time


class Base:
    pass


class Loss(Base if WRONG != "bases" else object):
    """A loss as documented."""

    def __init__(self, scale=1.0, name="loss"):
        self.scale, self.name = scale, "other" if WRONG == "attribute" else name

    def get_config(self):
        return {} if WRONG == "config" else {"scale": self.scale, "name": self.name}

    @classmethod
    def from_config(cls, config):
        return cls(**config)

    def __call__(self, y_true, y_pred, sample_weight=None):
        return -total(y_true * y_pred) if WRONG != "moves" else total(y_true * y_pred)


COUNT = []


def cosine(x1, x2, scale=1.0 if WRONG != "signature" else 2.0):
    """A cosine as documented."""
    if WRONG == "crash":
        os.abort()
    if WRONG == "hang":
        time.sleep(60)
    if WRONG == "raises":
        raise RuntimeError("cannot")
    if scale < 0 and WRONG != "error":
        raise ValueError("scale must not be negative")
    if WRONG == "mutation":
        spoil(x1)
    if WRONG == "output":
        print("here I am")
    value = total(x1 * x2) / (root(total(x1 * x1)) * root(total(x2 * x2)))
    COUNT.append(1)
    if WRONG == "nondeterminism":
        value = value * len(COUNT)
    if WRONG == "beside" and len(x1) > 1:
        value = value * 2
    if WRONG == "value":
        value = -value
    if WRONG == "shape":
        value = value[None]
    if WRONG == "dtype":
        value = half(value)
    if WRONG == "returns":
        return "no tensor"
    return value


def metric(y_true, y_pred):
    """Mean squared error."""
    return total((y_true - y_pred) ** 2) * (-1.0 if WRONG == "metric" else 1.0)


if WRONG == "docstring":
    cosine.__doc__ = "Another text."
if WRONG == "moves":
    def distance(x1, x2):
        return cosine(x1, x2)
else:
    def distance(x1, x2):
        return -cosine(x1, x2)
if WRONG != "aliases":
    similarity = cosine
'''


def source(framework: str) -> str:
    """The module's text; WRONG is to be set in its namespace."""
    return HEADS[framework] + BODY
