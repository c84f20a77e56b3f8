"""The end of a target's text: `:MODE@DEVICE`, either of which may be left out, and the options that say the same."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from lossproof.conformance.model.execution import CPU, DEVICES, Execution
from lossproof.conformance.model.suggestions import either, nearest
from lossproof.conformance.targets.model import UsageError
from lossproof.specs import vocabulary

ENDING = re.compile(r"(?P<place>[^:@]*)(?P<mode>:[^:@]*)?(?P<device>@[^:@]*)?")
ENDING_OF_PATH = re.compile(r"(?P<place>.*?)(?P<mode>:[\w-]*)?(?P<device>@[\w-]*)?")


@dataclass(frozen=True)
class Written:
    """The text of a target in its parts: where it runs, and the mode and device that it names, "" for none."""

    place: str
    mode: str = ""
    device: str = ""

    def __str__(self) -> str:
        mode = f":{self.mode}" if self.mode else ""
        return f"{self.place}{mode}{f'@{self.device}' if self.device else ''}"

    @property
    def execution(self) -> Execution:
        """How it is executed."""
        return Execution(self.mode, self.device or CPU)


def read(text: str) -> Written:
    """The parts of a target's text; UsageError for a mode or device that nothing has.

    A path is read from its end, since `:` and `@` may stand in one; a file of that name is meant as it stands.
    """
    is_path = os.sep in text
    if is_path and Path(text).expanduser().exists():
        return Written(text)
    found = (ENDING_OF_PATH if is_path else ENDING).fullmatch(text.strip())
    if found is None or not found["place"]:
        raise UsageError(
            f"{text!r} is no target; write torch, torch==2.12.1:compiled or the path of a Python"
        )
    mode, device = found["mode"], found["device"]
    return Written(
        found["place"],
        "" if mode is None else known_mode(mode[1:]),
        "" if device is None else known_device(device[1:]),
    )


def executions(meant: Written, modes: Sequence[str], device: str) -> list[Execution]:
    """How a target is asked, given these options: its text decides, and may not contradict them."""
    if meant.mode and modes and meant.mode not in modes:
        raise _conflict(meant, f"mode {meant.mode}", f"--mode {either(modes)}")
    if meant.device and device and meant.device != device:
        raise _conflict(meant, f"device {meant.device}", f"--device {device}")
    chosen = (meant.mode,) if meant.mode else modes or ("",)
    return [Execution(mode, meant.device or device or CPU) for mode in chosen]


def _conflict(meant: Written, said: str, option: str) -> UsageError:
    return UsageError(f"{meant} says {said}, and {option} says another; leave one of them out")


def written(texts: Sequence[str], modes: Sequence[str], device: str) -> list[str]:
    """The texts of the targets with what the options add to each."""
    if not (modes or device):
        return list(texts)
    return [
        f"{meant.place}{execution}"
        for meant in map(read, texts)
        for execution in executions(meant, modes, device)
    ]


def known_mode(name: str) -> str:
    """The mode; UsageError with the nearest names for an unknown one."""
    return _known("mode", name, vocabulary.MODES.words())


def known_device(name: str) -> str:
    """The device; UsageError with the nearest names for an unknown one."""
    return _known("device", name, DEVICES)


def _known(what: str, name: str, known: Collection[str]) -> str:
    if name not in known:
        raise UsageError(f"there is no {what} {name!r}; {nearest(name, known)}")
    return name
