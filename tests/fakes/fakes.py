"""A framework of one family in many versions: the API answers right, wrong or not at all.

Implementations in plain NumPy that stand for the ways in which a framework can fail a question. They run in
a real worker through fake_adapter.py, so Python 3.7 syntax. `cosine_similarity` is the one that is right:
the exact value, rounded once.
"""

import contextlib
import math
import os
import resource
import stat
import struct
import sys
import time
from fractions import Fraction

import numpy as np

__version__ = "1.2.3"


class Memory:
    """State that survives from one call to the next."""

    calls = 0
    kept = ()


def exact_cosine(a, b):
    """The cosine of two rows, correctly rounded to float64 from exact integers; 0 for zero rows."""
    a, b = ([Fraction(float(v)) for v in row] for row in (a, b))
    dot = sum(x * y for x, y in zip(a, b))  # noqa: B905
    norms = sum(x * x for x in a) * sum(y * y for y in b)
    if not norms or not dot:
        return 0.0
    square = dot * dot / norms
    # floor(2^200 |c|) has far more bits than float64; its last bit made odd stands for what was cut off.
    root = isqrt((square.numerator << 400) // square.denominator) | 1
    return math.copysign(float(Fraction(root, 1 << 200)), dot)


def isqrt(number):
    """The integer square root, which Python 3.7 does not have: Newton's method from above."""
    guess = 1 << ((number.bit_length() + 1) // 2)
    while True:
        better = (guess + number // guess) // 2
        if better >= guess:
            return guess
        guess = better


def cosine_similarity(x1, x2, axis=-1):
    """cosine_similarity(x1, x2, axis=-1): the cosine along an axis, correctly rounded."""
    rows1, rows2 = (np.moveaxis(np.asarray(x), axis, -1) for x in (x1, x2))
    rows1, rows2 = np.broadcast_arrays(rows1, rows2)
    flat = zip(rows1.reshape(-1, rows1.shape[-1]), rows2.reshape(-1, rows2.shape[-1]))  # noqa: B905
    values = [exact_cosine(a, b) for a, b in flat]
    return np.array(values).reshape(rows1.shape[:-1]).astype(rows1.dtype)


class CosineSimilarity:
    """The same as a class that is constructed and then called, with a configuration."""

    def __init__(self, axis=-1, name="cosine"):
        self.axis, self.name = axis, name

    def __call__(self, x1, x2):
        return cosine_similarity(x1, x2, self.axis)

    def get_config(self):
        """The arguments that from_config needs."""
        return {"axis": self.axis, "name": self.name}

    @classmethod
    def from_config(cls, config):
        """The object with that configuration."""
        return cls(**config)


class ForgetfulCosineSimilarity(CosineSimilarity):
    """Its configuration lacks the axis."""

    def get_config(self):
        """Half of what from_config needs."""
        return {"name": self.name}


def wrong_sign(x1, x2, axis=-1):
    """The negated value."""
    return -cosine_similarity(x1, x2, axis)


def crashing(x1, x2):
    """Ends the process by a signal."""
    os.abort()


def leaving(x1, x2):
    """Ends the process quietly."""
    os._exit(7)


def hanging(x1, x2):
    """Never returns."""
    while True:
        time.sleep(60)


def exiting(x1, x2):
    """Asks Python to exit."""
    sys.exit("enough")


def interrupting(x1, x2):
    """Behaves as if Ctrl-C had been pressed."""
    raise KeyboardInterrupt


def raising(x1, x2):
    """Refuses, with a message that no encoding likes."""
    raise ValueError("rows must not be \ud800 numbers")


def shouting(x1, x2):
    """Writes megabytes to standard output and error, through Python and past it."""
    line = "x" * 1023 + "\n"
    for _ in range(2048):
        sys.stdout.write(line)
        os.write(2, line.encode())
    return cosine_similarity(x1, x2)


def wrong_shape(x1, x2):
    """Keeps an axis that should have gone."""
    return cosine_similarity(x1, x2)[..., None]


def nothing(x1, x2):
    """None where an array is due."""
    return None


def a_list(x1, x2):
    """A list where an array is due."""
    return cosine_similarity(x1, x2).tolist()


def a_string(x1, x2):
    """A string where an array is due."""
    return "0.5"


def a_float(x1, x2):
    """A Python float where an array is due."""
    return float(cosine_similarity(x1, x2).sum())


def changing(x1, x2):
    """Normalises its first input in place."""
    x1 /= np.linalg.norm(x1, axis=-1, keepdims=True)
    return cosine_similarity(x1, x2)


def changing_list(x1, x2):
    """Empties its first input, a list."""
    result = cosine_similarity(x1, x2)
    del x1[:]
    return result


def nondeterministic(x1, x2):
    """Another answer every time."""
    return cosine_similarity(x1, x2) + np.frombuffer(os.urandom(2), np.uint16)[0]


def greedy(x1, x2):
    """Asks for 64 GiB."""
    return np.ones(1 << 33)


def leaking(x1, x2):
    """Keeps 64 MiB of every call."""
    Memory.kept += (np.ones(1 << 23),)
    return cosine_similarity(x1, x2)


def remembering(x1, x2):
    """The number of calls since the worker started."""
    Memory.calls += 1
    return np.full(np.asarray(x1).shape[:-1], Memory.calls, np.float32)


def forking(x1, x2):
    """Forks, and lets the child return as well."""
    os.fork()
    return cosine_similarity(x1, x2)


def echo(x):
    """The input itself."""
    return x


def opaque(*args, **kwargs):
    """opaque(first, second=1e-8, *, third='mean') -> array

    A function whose signature is told by its docstring only.
    """
    return None


def pipes():
    """The descriptors of this process that can be written to, standard ones apart."""
    for name in os.listdir("/dev/fd"):  # noqa: PTH208
        with contextlib.suppress(OSError):
            if int(name) > 2 and stat.S_ISFIFO(os.fstat(int(name)).st_mode):
                os.write(int(name), b"")
                yield int(name)


def forging(x1, x2):
    """Answers twice: first by itself, in the worker's own format, then by returning."""
    text = b'{"outcome": "value", "data": 7, "buffers": []}'
    for descriptor in pipes():
        os.write(descriptor, struct.pack("<Q", len(text)) + text)
    return cosine_similarity(x1, x2)


def garbling(x1, x2):
    """Writes what is no message."""
    for descriptor in pipes():
        os.write(descriptor, b"\xff" * 64)
    return cosine_similarity(x1, x2)


def lowering(x1, x2):
    """Lowers the limit of its memory, for good."""
    with open("/proc/self/statm") as file:  # noqa: PTH123
        used = int(file.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + (64 << 20), used + (64 << 20)))
    return cosine_similarity(x1, x2)


class Nameless(type):
    """Classes of this kind do not tell their names."""

    def __getattribute__(cls, name):
        if name in ("__qualname__", "__name__"):
            raise SystemExit("no name")
        return super().__getattribute__(name)


class Unspeakable(Exception, metaclass=Nameless):  # noqa: N818
    """Cannot be printed, nor named."""

    def __str__(self):
        raise SystemExit("no words")


def unspeakable(x1, x2):
    """Raises what cannot be told."""
    raise Unspeakable


class Mute(dict):
    """Keys, values and itself cannot be printed."""

    def __repr__(self):
        raise KeyboardInterrupt

    __str__ = __repr__


def untold(x1, x2):
    """Returns what cannot be told: objects without words, an integer without end, lists without end."""
    mute = Mute()
    endless = []
    endless.append(endless)
    return {"mute": [Nameless, mute, object()], "long": 1 << 100000, "endless": endless}


def endless_list(x1, x2):
    """Returns a long list, which is no array."""
    return [0.5] * 1000000


def spinning(x1, x2):
    """Never returns to Python."""
    sum(iter(int, 1))
