"""The worker as a process: its limits, its end with the tool, and the messages on its pipes. Python 3.7 syntax."""

import contextlib
import json
import os
import select
import signal
import struct
import sys

try:
    import fcntl
    import resource
except ImportError:  # not on this system: no limits
    resource = None

LARGEST_FILE = 1 << 30


def limit_files():
    """Neither cores of crashes nor a flood of output may fill the disk."""
    if resource is not None:
        resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
        resource.setrlimit(
            resource.RLIMIT_FSIZE, (LARGEST_FILE, resource.getrlimit(resource.RLIMIT_FSIZE)[1])
        )


@contextlib.contextmanager
def limits(memory, seconds):
    """At most `memory` bytes more than now, and an end by SIGALRM after `seconds`, whatever the code does meanwhile."""
    if seconds and hasattr(signal, "setitimer"):
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.setitimer(signal.ITIMER_REAL, seconds)
    old = None
    if memory and resource is not None and os.path.exists("/proc/self/statm"):
        with open("/proc/self/statm") as file:
            used = int(file.read().split()[0]) * resource.getpagesize()
        old = resource.getrlimit(resource.RLIMIT_AS)
        ceiling = used + memory if old[1] == resource.RLIM_INFINITY else min(used + memory, old[1])
        resource.setrlimit(resource.RLIMIT_AS, (ceiling, old[1]))
    try:
        yield
    finally:
        if seconds and hasattr(signal, "setitimer"):
            signal.setitimer(signal.ITIMER_REAL, 0)
        if old is not None:
            with contextlib.suppress(
                ValueError, OSError
            ):  # the code may have lowered what it may not raise again
                resource.setrlimit(resource.RLIMIT_AS, old)


def end_with_the_tool(lifeline):
    """Have the kernel end this process, and what it starts, once the tool is gone (Linux).

    Code that never returns to Python cannot look whether the tool still lives. The tool alone holds the other end of
    the lifeline, and never writes: the one event that can raise SIGIO is its end. Every other pipe has more events (the
    tool's own write can raise one after its question was read).
    """
    if not sys.platform.startswith("linux"):
        return
    owner = -os.getpid() if os.getpgrp() == os.getpid() else os.getpid()
    fcntl.fcntl(lifeline, fcntl.F_SETOWN, owner)
    fcntl.fcntl(lifeline, fcntl.F_SETFL, fcntl.fcntl(lifeline, fcntl.F_GETFL) | os.O_ASYNC)
    poll = select.poll()
    poll.register(lifeline, 0)
    if poll.poll(0):  # it hung up before anybody was told
        os._exit(0)


def read_exactly(descriptor, count):
    """`count` bytes, or None where the other side has closed the pipe."""
    parts = bytearray()
    while len(parts) < count:
        part = os.read(descriptor, min(count - len(parts), 1 << 20))
        if not part:
            return None
        parts += part
    return bytes(parts)


def receive(descriptor):
    """(header, buffers) of one message, (None, []) at the end of the conversation."""
    size = read_exactly(descriptor, 8)
    text = None if size is None else read_exactly(descriptor, struct.unpack("<Q", size)[0])
    if text is None:
        return None, []
    header = json.loads(text.decode("utf-8"))
    return header, [read_exactly(descriptor, count) for count in header["buffers"]]


def packed(header, buffers=()):
    """The parts of one message."""
    header = dict(header, buffers=[len(data) for data in buffers])
    # Lone surrogates can occur in messages of C++ exceptions; ASCII escapes carry them.
    text = json.dumps(header, ensure_ascii=True, default=repr).encode("ascii")
    return [struct.pack("<Q", len(text)), text, *buffers]


def write(descriptor, parts):
    """Write one message."""
    for data in parts:
        view = memoryview(data)
        while len(view):
            view = view[os.write(descriptor, view[: 1 << 20]) :]
