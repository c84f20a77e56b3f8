"""YAML as plain data with line numbers.

Only what a spec needs of YAML is read: mappings with text keys, lists, and scalars of YAML 1.2's core schema
(`1e-8` is a number and `2024-01-01` is text). Tags are refused, so a file can construct nothing; a word that
YAML 1.1 takes for a boolean and 1.2 for text (`no`, `on`) is refused too, since readers disagree on it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from lossproof.specs.problems import Problem, SpecError, field_path

MAX_NODES = 100_000
"""A bound on the size of a document after aliases are expanded."""
MAX_DEPTH = 48
"""of nested lists and mappings: the parser recurses in C, and enough brackets would end the interpreter"""
MAX_DIGITS = 64
"""characters of a number: to read a long integer takes time that grows with the square of its length"""

_PLAIN = "plain"
_TEXT = "tag:yaml.org,2002:str"
_COLLECTIONS = ("tag:yaml.org,2002:seq", "tag:yaml.org,2002:map")
_CONSTANTS: dict[str, Any] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), float("nan")),
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"), float("inf")),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), float("-inf")),
}
_INT = re.compile(r"[-+]?[0-9]+\Z")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?\Z")
_AMBIGUOUS = re.compile(r"(yes|no|on|off)\Z", re.IGNORECASE)
_NUMBERLIKE = re.compile(
    r"([-+]?0[0-9]+|0x[0-9A-Fa-f]+|0o[0-7]+|0b[01]+|[-+]?[0-9]+_[0-9_]*|[-+]?[0-9]+(:[0-5]?[0-9])+)\Z"
)

_Base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Composer(_Base):  # type: ignore[misc]
    """Composes nodes only, and marks plain scalars instead of guessing their type."""

    def resolve(self, kind: type[Node], value: Any, implicit: Any) -> str:
        if kind is ScalarNode:
            return _PLAIN if implicit[0] else _TEXT
        return _COLLECTIONS[1] if kind is MappingNode else _COLLECTIONS[0]


@dataclass(frozen=True)
class Document:
    """A YAML document: its data (dicts, lists, str, int, float, bool, None) and the lines it came from."""

    file: str
    data: Any
    root: Node

    def line(self, path: Sequence[str | int], key: bool = False) -> int:
        """Line, from 1, of the deepest existing node on `path`; `key`: of the key in place of its value."""
        node, line = self.root, _line(self.root)
        for part in path:
            step = _child(node, part)
            if step is None:
                continue
            name, node = step
            line = _line(name if key or not isinstance(node, ScalarNode) else node)
        return line

    def has(self, path: Sequence[str | int]) -> bool:
        """Whether every part of `path` exists."""
        node = self.root
        for part in path:
            step = _child(node, part)
            if step is None:
                return False
            node = step[1]
        return True


def read_document(text: str, file: str) -> Document:
    """Parse one YAML document.

    Raises:
        SpecError: with every problem found: bad syntax, a tag, a key given twice, an ambiguous plain word.
    """
    try:
        _check_depth(text, file)
        loader = _Composer(text)
        try:
            root = loader.get_single_node()
        finally:
            loader.dispose()
    except yaml.YAMLError as problem:
        raise SpecError([_syntax(problem, file)]) from problem
    if root is None:
        raise SpecError(
            [Problem(file, 0, "", "the file is empty", "see docs/adding-an-api.md for a spec to start from")]
        )
    builder = _Builder(file)
    data = builder.build(root)
    if builder.problems:
        raise SpecError(builder.problems)
    return Document(file, data, root)


def _check_depth(text: str, file: str) -> None:
    """Raise SpecError for a document that nests too deep. Events come one by one, so nothing recurses here."""
    depth = 0
    for event in yaml.parse(text, Loader=_Base):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > MAX_DEPTH:
                line = event.start_mark.line + 1 if event.start_mark else 0
                hint = "a spec needs no more than a dozen levels"
                raise SpecError([Problem(file, line, "", f"nested deeper than {MAX_DEPTH} levels", hint)])
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1


def ambiguous(text: str) -> bool:
    """Whether the text, unquoted, would be read as something else than text, or not by all readers alike."""
    return text in _CONSTANTS or any(p.match(text) for p in (_INT, _FLOAT, _AMBIGUOUS, _NUMBERLIKE))


def _line(node: Node) -> int:
    return int(node.start_mark.line) + 1


def _child(node: Node, part: str | int) -> tuple[Node, Node] | None:
    """The node that names a part (the key; the item itself in a list) and the part's node."""
    if isinstance(node, MappingNode):
        for name, value in node.value:
            if name.value == str(part):
                return name, value
    elif isinstance(node, SequenceNode) and isinstance(part, int) and part < len(node.value):
        return node.value[part], node.value[part]
    return None


def _syntax(problem: yaml.YAMLError, file: str) -> Problem:
    mark = getattr(problem, "problem_mark", None) or getattr(problem, "context_mark", None)
    reason = getattr(problem, "problem", None) or str(problem).splitlines()[0]
    context = getattr(problem, "context", None)
    hint = (
        "a text with ': ' or ' #' in it, or that starts with a sign such as * & ! % @ `, needs quotes"
        if mark
        else ""
    )
    return Problem(
        file, mark.line + 1 if mark else 0, "", f"not YAML: {reason}{f', {context}' if context else ''}", hint
    )


class _Builder:
    """Turns nodes into data and gathers their faults."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.problems: list[Problem] = []
        self._path: list[str | int] = []
        self._open: set[int] = set()
        self._count = 0

    def build(self, node: Node) -> Any:
        self._count += 1
        if self._count > MAX_NODES:
            raise SpecError([self._told(node, f"more than {MAX_NODES} nodes")])
        tag = node.tag
        if tag == _PLAIN:
            return self._plain(node)
        if tag == _TEXT:
            return node.value
        if tag not in _COLLECTIONS:
            self._problem(node, f"the tag {tag!r} is not allowed", "a spec is plain data: remove the tag")
            return None
        if id(node) in self._open:
            raise SpecError([self._told(node, "an alias contains itself")])
        self._open.add(id(node))
        built = self._list(node) if isinstance(node, SequenceNode) else self._mapping(node)
        self._open.discard(id(node))
        return built

    def _list(self, node: Node) -> list[Any]:
        found = []
        for i, item in enumerate(node.value):
            self._path.append(i)
            found.append(self.build(item))
            self._path.pop()
        return found

    def _mapping(self, node: Node) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for name, value in node.value:
            if not isinstance(name, ScalarNode):
                self._problem(name, "a key must be text")
                continue
            key = name.value
            self._path.append(key)
            if name.tag == _PLAIN and not isinstance(self._plain(name), str):
                self._problem(name, f"the key {key!r} is not text", f"quote it: '{key}'")
            if key == "<<":
                self._problem(name, "merge keys are not allowed", "write the fields out")
            if key in found:
                first = next(n for n, _ in node.value if n.value == key)
                self._problem(name, "key given twice", f"the first one is on line {_line(first)}")
            found[key] = self.build(value)
            self._path.pop()
        return found

    def _plain(self, node: Node) -> Any:
        text: str = node.value
        if text in _CONSTANTS:
            return _CONSTANTS[text]
        if len(text) > MAX_DIGITS:
            if text[0] in "+-.0123456789" and (_INT.match(text) or _FLOAT.match(text)):
                self._problem(node, f"a number of {len(text):,} characters", f"write at most {MAX_DIGITS}")
            return text
        if text[0] not in "+-.0123456789":
            if len(text) <= 3 and _AMBIGUOUS.match(text):
                hint = f"quote it ('{text}') for text, or write true or false"
                self._problem(node, f"unquoted {text} is a boolean to some readers and text to others", hint)
            return text
        if _INT.match(text) and not _NUMBERLIKE.match(text):
            return int(text)
        if _NUMBERLIKE.match(text):
            hint = f"quote it ('{text}') for text, or write a decimal number"
            self._problem(node, f"unquoted {text} is another number to other YAML readers", hint)
            return text
        return float(text) if _FLOAT.match(text) else text

    def _told(self, node: Node, message: str, hint: str = "") -> Problem:
        return Problem(self.file, _line(node), field_path(self._path), message, hint)

    def _problem(self, node: Node, message: str, hint: str = "") -> None:
        self.problems.append(self._told(node, message, hint))
