"""The self-test: a process with another float mode refuses to judge."""

from __future__ import annotations

import platform
import subprocess
import sys
import textwrap

import pytest

from lossproof import oracle
from lossproof.oracle import environment

# The x86 control register: bits 13 and 14 choose the rounding, bits 15 and 6 flush results and inputs to zero. A few
# bytes of machine code read and set it, which is what a framework's start-up code does.
SET_MODE = textwrap.dedent(
    """
    import ctypes, mmap, struct
    def set_mode(bits):
        # sub rsp, 8; stmxcsr [rsp]; or dword [rsp], bits; ldmxcsr [rsp]; add rsp, 8; ret
        code = (b"\\x48\\x83\\xec\\x08\\x0f\\xae\\x1c\\x24\\x81\\x0c\\x24" + struct.pack("<I", bits)
                + b"\\x0f\\xae\\x14\\x24\\x48\\x83\\xc4\\x08\\xc3")
        page = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
        page.write(code)
        address = ctypes.addressof(ctypes.c_char.from_buffer(page))
        ctypes.CFUNCTYPE(None)(address)()
        return page
    from lossproof import oracle
    """
)


def run(body):
    return subprocess.run(
        [sys.executable, "-c", SET_MODE + textwrap.dedent(body)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_this_process_is_fit():
    assert oracle.faults() == ()


def test_each_fault_is_told_by_itself(monkeypatch):
    """An environment that is wrong in one way only, as far as Python can play it."""
    right = environment._array
    played = {
        2.0**-1074: (0.0, "subnormal float64 numbers are flushed to zero"),
        2.0**-140: (0.0, "subnormal float32 numbers are flushed to zero"),
        1.0 + 2.0**-24: (1.0 + 2.0**-23, "float64 to float32 does not round to nearest, ties to even"),
        1.0 + 2.0**-30: (1.0, "NumPy contracts or reorders elementwise operations"),
    }
    for value, (instead, message) in played.items():
        monkeypatch.setattr(environment, "_array", lambda v, a=value, b=instead: right(b if v == a else v))
        assert environment.faults() == (message,)
        with pytest.raises(environment.FloatEnvironmentError, match=message):
            environment.require()


def test_only_a_changed_mode_is_looked_into(monkeypatch):
    looked = []
    monkeypatch.setattr(environment, "require", lambda: looked.append(True))
    environment.guard()
    assert not looked
    for name, value in (("_TINY", 0.0), ("_ULP", 2.0**-51)):
        with monkeypatch.context() as changed:
            changed.setattr(environment, name, value)
            environment.guard()
        assert looked.pop()


@pytest.mark.skipif(
    platform.machine() != "x86_64", reason="the machine code that sets the float mode is x86-64"
)
@pytest.mark.parametrize(
    ("bits", "message"),
    [(0x8040, "flushed to zero"), (0x4000, "round to nearest"), (0x2000, "round to nearest")],
)
@pytest.mark.parametrize("when", ["before the first question", "after it"])
def test_another_float_mode_is_refused(bits, message, when):
    first = "oracle.cosine([[1.0]], [[1.0]])" if when == "after it" else ""
    done = run(
        f"""
        {first}
        keep = set_mode({bits})
        try:
            oracle.cosine([[1.0]], [[1.0]])
        except oracle.FloatEnvironmentError as error:
            print(error)
        """
    )
    assert message in done.stdout, done.stderr
