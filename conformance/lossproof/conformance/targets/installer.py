"""uv, told to look for packages where this machine's pip looks for them."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import IO

import uv

Progress = Callable[[str], None]
"""Is told, in a few words, what is being done."""

LONGEST = 1 << 16
"""Bytes of a line of uv, and of its output, that are kept."""
MOST_LINES = 200
LEFT_SECONDS = 5.0
"""How long output may still be read after uv has ended."""
NOISE = ("warning:", "Using ", "Creating ")


@dataclass(frozen=True)
class Done:
    """How a run of uv ended: exit status, standard output, and the lines of standard error."""

    returncode: int
    output: str
    words: tuple[str, ...]

    def last_words(self) -> str:
        """Return uv's account of its failure, in one line."""
        lines = [line.strip() for line in self.words if line.strip() and not line.startswith(NOISE)]
        return " ".join(lines[-6:]) or f"uv ended with status {self.returncode} and no message"


@dataclass(frozen=True)
class Uv:
    """The uv binary and the environment variables it runs with."""

    binary: str
    variables: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    @classmethod
    def here(cls) -> Uv:
        """The uv that is installed with lossproof. Raises FileNotFoundError where its binary is missing."""
        variables = {
            name: value for name, value in os.environ.items() if name not in ("VIRTUAL_ENV", "PYTHONPATH")
        }
        return cls(uv.find_uv_bin(), MappingProxyType(pip_settings() | {"UV_NO_PROGRESS": "1"} | variables))

    def run(self, arguments: Sequence[str], progress: Progress | None = None) -> Done:
        """Run uv to its end, its messages told one by one; it ends with this process's interruption.

        Both of its streams are read as they come, or one that nobody reads would block it; of each the end is kept.
        """
        process = subprocess.Popen(
            [self.binary, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=dict(self.variables),
        )
        assert process.stderr is not None
        assert process.stdout is not None
        words: deque[str] = deque(maxlen=MOST_LINES)
        output = bytearray()
        reading = threading.Thread(target=_read_end, args=(process.stdout, output), daemon=True)
        reading.start()
        try:
            while line := process.stderr.readline(LONGEST).decode("utf-8", "replace"):
                words.append(line.rstrip())
                if progress is not None and line.startswith(
                    ("Resolved", "Prepared", "Downloading", "Installed")
                ):
                    progress(line.strip())
            status = process.wait()
            reading.join(LEFT_SECONDS)
            return Done(status, output.decode("utf-8", "replace"), tuple(words))
        finally:
            if process.poll() is None:
                process.kill()
            process.wait()
            reading.join(LEFT_SECONDS)
            process.stderr.close()
            if not reading.is_alive():  # else a child of uv holds the pipe, and its end is nobody's loss
                process.stdout.close()


def _read_end(stream: IO[bytes], end: bytearray) -> None:
    """Read a stream until it is closed; `end` has its last bytes."""
    while part := os.read(stream.fileno(), LONGEST):
        end += part
        del end[:-LONGEST]


def pip_settings(listing: str | None = None) -> dict[str, str]:
    """pip's own sources of packages as uv's environment variables; {} where pip is not installed.

    `listing` is the output of `pip config list` (asked for when None). Several indexes are searched as pip
    does, for the best version in any of them.
    """
    if listing is None:
        command = [sys.executable, "-m", "pip", "config", "list"]
        listing = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    found: dict[str, list[str]] = {}
    for line in listing.splitlines():
        name, _, value = line.partition("=")
        # Later lines are those that win: site, user, environment.
        found[name.rpartition(".")[2]] = str(ast.literal_eval(value)).split() if value else []
    settings = {}
    if found.get("find-links"):
        settings["UV_FIND_LINKS"] = ",".join(found["find-links"])
    if found.get("index-url"):
        settings["UV_DEFAULT_INDEX"] = found["index-url"][0]
    if found.get("extra-index-url"):
        settings |= {"UV_INDEX": " ".join(found["extra-index-url"]), "UV_INDEX_STRATEGY": "unsafe-best-match"}
    if found.get("cert"):
        settings["SSL_CERT_FILE"] = found["cert"][0]
    return settings
