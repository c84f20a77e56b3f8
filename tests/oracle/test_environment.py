"""The self-test: a process with another float mode refuses to judge."""

from __future__ import annotations

import platform
import subprocess
import sys
import textwrap

import numpy as np
import pytest

from lossproof import oracle
from lossproof.oracle.arithmetic import self_test

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
    right = self_test._array
    played = {
        2.0**-1074: (0.0, "subnormal float64 numbers are flushed to zero"),
        2.0**-140: (0.0, "subnormal float32 numbers are flushed to zero"),
        1.0 + 2.0**-24: (1.0 + 2.0**-23, "float64 to float32 does not round to nearest, ties to even"),
        1.0 + 2.0**-30: (1.0, "NumPy contracts or reorders elementwise operations"),
    }
    for value, (instead, message) in played.items():
        monkeypatch.setattr(self_test, "_array", lambda v, a=value, b=instead: right(b if v == a else v))
        assert self_test.faults() == (message,)
        with pytest.raises(self_test.FloatEnvironmentError, match=message):
            self_test.require()


@pytest.mark.parametrize("name", ["two_sum", "fast_two_sum", "two_prod"])
def test_a_transformation_that_loses_something_is_told(name, monkeypatch):
    """Each by itself, in the rounded result or in what was rounded away, in one of the elements or in all."""
    right = getattr(self_test, name)
    for part in (0, 1):
        for at in (slice(None), slice(8, 9)):

            def wrong(a, b, part=part, at=at):
                found = [v.copy() for v in right(a, b)]
                found[part][at] += 2.0**-50
                return tuple(found)

            monkeypatch.setattr(self_test, name, wrong)
            assert self_test.faults() == ("NumPy contracts or reorders elementwise operations",)
            monkeypatch.setattr(self_test, name, right)
    assert self_test.faults() == ()


def played(right, wrong_of):
    """Arrays in which one operation gives something else; everything else of them is as it was."""

    class Odd(np.ndarray):
        def __array_ufunc__(self, ufunc, method, *inputs, **options):
            plain = [v.view(np.ndarray) if isinstance(v, Odd) else v for v in inputs]
            out = getattr(ufunc, method)(*plain, **options)
            out = wrong_of(ufunc, plain, out)
            return out.view(Odd) if isinstance(out, np.ndarray) and out.dtype.kind == "f" else out

        def astype(self, dtype, **options):
            plain = self.view(np.ndarray)
            return wrong_of("cast", [plain], plain.astype(dtype, **options))

    return lambda value: right(value).view(Odd)


ONE, ULP = 1.0, 2.0**-52
ROUNDINGS = {
    "up from below": (np.add, ONE, 0.75 * ULP, ONE),
    "down from above": (np.add, ONE, 0.25 * ULP, ONE + ULP),
    "a tie to the odd neighbour below": (np.add, ONE + ULP, 0.5 * ULP, ONE + ULP),
    "a tie to the odd neighbour above": (np.add, ONE, 0.5 * ULP, ONE + ULP),
    "a negative number toward zero": (np.subtract, -ONE, 0.75 * ULP, -ONE),
    "a product that is flushed": (np.multiply, 2.0**-1022, 0.5, 0.0),
    "a subnormal number that is read as zero": (np.add, 2.0**-1074, 0.0, 0.0),
}


@pytest.mark.parametrize("name", ROUNDINGS)
@pytest.mark.parametrize("at", [slice(None), slice(8, 9)])
def test_each_way_to_round_wrongly_is_told(name, at, monkeypatch):
    """One operation of the float64 test gives its other neighbour, or zero."""
    operation, a, b, instead = ROUNDINGS[name]

    def wrong_of(ufunc, inputs, out):
        if ufunc is operation and np.all(inputs[0] == a) and np.all(inputs[1] == b):
            out = out.copy()
            out[at] = instead
        return out

    monkeypatch.setattr(self_test, "_array", played(self_test._array, wrong_of))
    told = self_test.faults()
    wanted = "subnormal float64" if instead == 0 else "float64 does not round to nearest"
    assert len(told) == 1
    assert told[0].startswith(wanted)


@pytest.mark.parametrize(
    ("value", "instead", "wanted"),
    [
        (1.0 + 2.0**-24, 1.0 + 2.0**-23, "float64 to float32"),
        (1.0 + 3 * 2.0**-24, 1.0 + 2.0**-23, "float64 to float32"),
        (2.0**-140, 0.0, "subnormal float32"),
    ],
)
@pytest.mark.parametrize("at", [slice(None), slice(8, 9)])
def test_each_way_to_cast_wrongly_is_told(value, instead, wanted, at, monkeypatch):
    def wrong_of(ufunc, inputs, out):
        if ufunc == "cast" and np.all(inputs[0] == value):
            out = out.copy()
            out[at] = instead
        return out

    monkeypatch.setattr(self_test, "_array", played(self_test._array, wrong_of))
    told = self_test.faults()
    assert len(told) == 1
    assert told[0].startswith(wanted)


def test_only_a_changed_mode_is_looked_into(monkeypatch):
    looked = []
    monkeypatch.setattr(self_test, "require", lambda: looked.append(True))
    self_test.guard()
    assert not looked
    for name, value in (("_TINY", 0.0), ("_ULP", 2.0**-51)):
        with monkeypatch.context() as changed:
            changed.setattr(self_test, name, value)
            self_test.guard()
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
