"""Files and JSON of unknown origin: read within limits, and never through a link.

A run folder may come from a stranger, or be damaged. What the limits refuse would end the interpreter (nesting), take
hours (digits), or mean different things to different readers (a name given twice, NaN).
"""

from __future__ import annotations

import json
import math
import os
import re
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

MAX_BYTES = 1 << 28
"""of a file"""
MAX_DEPTH = 48
"""of nested lists and objects"""
MAX_DIGITS = 64
"""of an integer; those of 64 bits have 20"""
MAX_TEXT = 1 << 20
"""characters of one text"""

_BRACKETS = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"?|[\[{]|[\]}]', re.DOTALL)
_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
"""C0 and C1 but for tab and line end, what turns the direction of text around, and lone surrogates."""


class Malformed(ValueError):  # noqa: N818 - named for what is the case
    """The content is not what it should be; the message says why in half a sentence."""


def clean(text: str) -> str:
    """`text` without control characters (U+FFFD stands in for each), with line ends as newlines.

    Every text passes here on its way into a run folder, out of it and onto a page.
    """
    return _CONTROLS.sub("\ufffd", text.replace("\r\n", "\n").replace("\r", "\n"))


def read_file(path: Path) -> bytes:
    """The bytes of a regular file. Raises Malformed for a link, a folder, a device, a pipe, and what is too long."""
    try:
        # Non-blocking, since a pipe without a writer would be waited for before it can be seen for what it is.
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as problem:
        why = "is a link" if path.is_symlink() else f"cannot be read: {problem.strerror or problem}"
        raise Malformed(f"{path.name} {why}") from problem
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise Malformed(f"{path.name} is no file")
    with os.fdopen(handle, "rb") as stream:
        data = stream.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise Malformed(f"{path.name} is longer than {MAX_BYTES >> 20} MiB")
    return data


def parsed(data: bytes | str) -> Any:
    """The JSON value in `data`. Raises Malformed beyond the limits, and for what JSON does not have."""
    try:
        text = data if isinstance(data, str) else data.decode("utf-8")
    except UnicodeDecodeError as problem:
        raise Malformed(f"it is not UTF-8 ({problem.reason} at byte {problem.start})") from None
    if too_deep(text):
        raise Malformed(f"it nests deeper than {MAX_DEPTH} lists or objects")
    try:
        return json.loads(
            text, parse_int=_integer, parse_float=_real, parse_constant=_no_json, object_pairs_hook=_object
        )
    except json.JSONDecodeError as problem:
        raise Malformed(f"it is not JSON ({problem.msg}, line {problem.lineno})") from None


def too_deep(text: str) -> bool:
    """Whether brackets outside of strings nest deeper than the limit."""
    depth = 0
    for found in _BRACKETS.finditer(text):
        first = found.group()[0]
        if first in "[{":
            depth += 1
            if depth > MAX_DEPTH:
                return True
        elif first in "]}":
            depth -= 1
    return False


def tidy(value: Any) -> Any:
    """JSON data with clean text. Raises Malformed for a text beyond the limit."""
    if isinstance(value, dict):
        return {tidy(key): tidy(item) for key, item in value.items()}
    if isinstance(value, list):
        return [tidy(item) for item in value]
    if isinstance(value, str):
        if len(value) > MAX_TEXT:
            raise Malformed(f"it holds a text of more than {MAX_TEXT:,} characters")
        return clean(value)
    return value


def json_safe(value: Any, room: int = MAX_DEPTH - 4) -> Any:
    """JSON data as it can be read back: clean text, and no deeper, longer or larger than a reader allows.

    Nonfinite floats, which JSON lacks, become "nan", "inf", "-inf"; beyond the limits, data becomes text.
    """
    if isinstance(value, (Mapping, list, tuple, set, frozenset)) and not room:
        return "..."
    if isinstance(value, Mapping):
        return {clean(str(key)): json_safe(item, room - 1) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        items = sorted(value) if isinstance(value, (set, frozenset)) else value
        return [json_safe(item, room - 1) for item in items]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) >= 10 ** (MAX_DIGITS - 1):
        return f"an integer of {value.bit_length()} bits"
    if value is None or isinstance(value, (bool, int, float)):
        return value
    text = clean(str(value))
    return text if len(text) <= MAX_TEXT else f"{text[: MAX_TEXT - 3]}..."


def _integer(text: str) -> int:
    if len(text) > MAX_DIGITS:
        raise Malformed(f"it holds an integer of {len(text):,} digits")
    return int(text)


def _real(text: str) -> float:
    value = float(text)
    if value in (float("inf"), float("-inf")):
        raise Malformed(f"{text[:20]} is beyond any float64")
    return value


def _no_json(name: str) -> NoReturn:
    raise Malformed(f"{name} is no JSON")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise Malformed(f"the name {twice[:60]!r} is given twice")
    return found
