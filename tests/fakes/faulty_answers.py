"""Answers that are no value of a cosine, or that do something besides. Run in a real worker: Python 3.7 syntax."""

import os
import sys
import time

import numpy as np
from faulty_values import careful


class Memory:
    """State that survives from one call to the next, and from one process to the next: a marker file."""

    calls = 0
    shapes = frozenset()


def crashing(x1, x2, axis=-1, eps=1e-8):
    os.abort()


def crashing_once(x1, x2, axis=-1, eps=1e-8):
    """Crashes in the first process that is asked, never again; FAKE_MARKER is a file that remembers."""
    marker = os.environ["FAKE_MARKER"]
    if not os.path.exists(marker):  # noqa: PTH110
        open(marker, "w").close()  # noqa: PTH123
        os.abort()
    return careful(x1, x2, axis, eps)


def crashing_now_and_then(x1, x2, axis=-1, eps=1e-8):
    """Every process crashes at its fifth call."""
    Memory.calls += 1
    if Memory.calls == 5:
        os.abort()
    return careful(x1, x2, axis, eps)


def compiling(x1, x2, axis=-1, eps=1e-8):
    """Takes its time for every shape that the process has not seen."""
    if x1.shape not in Memory.shapes:
        time.sleep(0.6)
        Memory.shapes |= {x1.shape}
    return careful(x1, x2, axis, eps)


def big_endian(x1, x2, axis=-1, eps=1e-8):
    value = careful(x1, x2, axis, eps)
    return value.astype(value.dtype.newbyteorder(">"))


def of_objects(x1, x2, axis=-1, eps=1e-8):
    return careful(x1, x2, axis, eps).astype(object)


def of_complex(x1, x2, axis=-1, eps=1e-8):
    return careful(x1, x2, axis, eps).astype(np.complex64)


def of_long_doubles(x1, x2, axis=-1, eps=1e-8):
    return careful(x1, x2, axis, eps).astype(np.longdouble)


def of_text(x1, x2, axis=-1, eps=1e-8):
    return careful(x1, x2, axis, eps).astype("U")


def of_records(x1, x2, axis=-1, eps=1e-8):
    return careful(x1, x2, axis, eps).astype([("value", np.float32)])


def of_dates(x1, x2, axis=-1, eps=1e-8):
    return careful(x1, x2, axis, eps).astype("datetime64[s]")


def masked(x1, x2, axis=-1, eps=1e-8):
    value = careful(x1, x2, axis, eps)
    return np.ma.masked_array(value, np.ones(value.shape, bool))


def hanging(x1, x2, axis=-1, eps=1e-8):
    time.sleep(600)


def exiting(x1, x2, axis=-1, eps=1e-8):
    sys.exit("enough")


def raising(x1, x2, axis=-1, eps=1e-8):
    raise RuntimeError("out of luck")


def shouting(x1, x2, axis=-1, eps=1e-8):
    sys.stdout.write("x" * (1 << 20) + "\n")
    os.write(2, b"y" * (1 << 20))
    return careful(x1, x2, axis, eps)


def nothing(x1, x2, axis=-1, eps=1e-8):
    return None


def a_list(x1, x2, axis=-1, eps=1e-8):
    return np.atleast_1d(careful(x1, x2, axis, eps)).tolist()


def a_string(x1, x2, axis=-1, eps=1e-8):
    return "0.5"


def changing(x1, x2, axis=-1, eps=1e-8):
    value = careful(x1, x2, axis, eps)
    if x1.size:
        x1 *= x1.dtype.type(2)
    return value


def nondeterministic(x1, x2, axis=-1, eps=1e-8):
    """The last bits change from call to call, within rounding."""
    Memory.calls += 1
    value = careful(x1, x2, axis, eps)
    return value * value.dtype.type(1 + (Memory.calls % 2) * np.finfo(value.dtype).eps)
