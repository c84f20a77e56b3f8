"""Names, values and exceptions of the target as JSON data. Python 3.7 syntax; see worker.py."""

import inspect
import re
import traceback

DEEPEST = 20
"""Levels of containers that travel as such; what lies deeper travels as its repr."""
LONGEST_INTEGER = 4096
"""Bits of an integer that JSON carries: Python refuses to print much longer ones."""


def qualified_name(thing):
    """Module and qualified name of a class or function; those of its class where it has none."""
    name = getattr(thing, "__qualname__", None) or getattr(thing, "__name__", None)
    if not isinstance(name, str):
        return "?" if thing is type else qualified_name(type(thing))
    module = getattr(thing, "__module__", None)
    return name if not isinstance(module, str) or module == "builtins" else "{}.{}".format(module, name)


def in_words(words, thing, otherwise):
    """`words(thing)`, or `otherwise` where the target's own code, which that runs, raises."""
    try:
        return words(thing)
    except BaseException:
        return otherwise


def jsonable(value, depth=0):
    """`value` where JSON has it, containers item by item, else its repr without addresses."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int) and value.bit_length() > LONGEST_INTEGER:
        return "(an integer of {} bits)".format(value.bit_length())
    for kind in (str, int, float):
        if isinstance(value, kind):
            return kind(value)
    if depth < DEEPEST:
        if isinstance(value, dict):
            return {in_words(str, key, "?"): jsonable(item, depth + 1) for key, item in value.items()}
        if isinstance(value, (list, tuple)):
            return [jsonable(item, depth + 1) for item in value]
    return re.sub(r" at 0x[0-9a-fA-F]+", "", in_words(repr, value, "(an object that cannot be printed)"))


def describe(error):
    """An exception as data, without the machine's own folders; `where` is the innermost line it came from."""
    frames = in_words(traceback.extract_tb, error.__traceback__, [])
    where = ""
    if frames:
        where = "{}:{} in {}".format(portable(frames[-1].filename), frames[-1].lineno, frames[-1].name)
    kind = type(error)
    return {
        "type": in_words(qualified_name, kind, "an exception without a name"),
        "bases": [in_words(qualified_name, item, "?") for item in inspect.getmro(kind)[1:]],
        "message": portable(in_words(str, error, "(the exception cannot be printed)")),
        "where": where,
    }


def portable(text):
    """The text with absolute paths of source files cut down to what is the same on every machine."""
    text = re.sub(r"[^\s'\"(]*/(?:site-packages|dist-packages|lib/python\d[\d.]*)/", "", text)
    return re.sub(r"(?<![^\s'\"(])/[^\s'\"(]*/(?=[\w.-]+\.(?:py|so)\b)", "", text)
