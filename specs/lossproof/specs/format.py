"""The canonical form of spec and ledger files: one layout, so that every difference is one in content.

    python -m lossproof.specs.format [--check] PATHS

Fields stand in the order of the models; small collections and arrays of numbers are written in brackets;
lines wrap at 100 characters; a blank line separates editions, claims, cases and findings. Comments are kept.
"""

from __future__ import annotations

import argparse
import io
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.representer import RoundTripRepresenter
from ruamel.yaml.scalarstring import LiteralScalarString, SingleQuotedScalarString
from yaml.nodes import MappingNode, Node, ScalarNode

from lossproof.specs.families import root_model
from lossproof.specs.models import (
    BehavesAs,
    Call,
    Case,
    Claim,
    Edition,
    KnownFinding,
    Ledger,
    Pinned,
    Spec,
)
from lossproof.specs.nodes import ambiguous, read_document
from lossproof.specs.problems import Problem, SpecError
from lossproof.specs.semantics import Semantics
from lossproof.specs.shape import child, model_of

WIDTH = 100
_FULL = WIDTH - 2  # the emitter overruns by a bracket and a comma
_BLOCK = (Spec, Edition, Semantics, Call, Claim, Case, Ledger, KnownFinding, Pinned, BehavesAs)
_KEY_ALONE = re.compile(r"\s*(- )?\w+:\Z")
_WORD_ALONE = re.compile(r"\s+(?![-#\[{&*|>'\"])\S+(?<!:)\Z")
_SEPARATED = ("editions", "claims", "cases", "findings")


def format_text(text: str, file: str = "<text>") -> str:
    """The canonical form of a file's text.

    Raises:
        SpecError: the text is no YAML that a spec may use.
    """
    before = read_document(text, file)
    if not isinstance(before.data, dict):
        raise SpecError([Problem(file, 1, "", "fields expected", "write 'field: value' lines")])
    tool = _tool()
    root = tool.load(text)
    _arrange(root, root_model(before.data), 0, 0)
    out = io.StringIO()
    tool.dump(root, out)
    formatted = _spaced("\n".join(line.rstrip() for line in out.getvalue().split("\n")))
    after = read_document(formatted, file).data
    # A formatter that changes what a spec says would be worse than none.
    if _sorted(after) != _sorted(before.data):
        raise SpecError([Problem(file, 0, "", "cannot be formatted without changing what it says")])
    return formatted


def yaml_files(paths: Sequence[str]) -> Iterator[Path]:
    """The files among `paths`, and the YAML files in the folders among them, in order of name.

    Raises:
        SpecError: a path does not exist, or a folder holds no YAML file.
    """
    for path in map(Path, paths):
        if path.is_dir():
            found = sorted(f for f in path.iterdir() if f.suffix in (".yaml", ".yml"))
            if not found:
                raise SpecError(
                    [Problem(str(path), 0, "", "the folder holds no YAML file", "a spec ends in .yaml")]
                )
            yield from found
        elif path.is_file():
            yield path
        else:
            raise SpecError([Problem(str(path), 0, "", "no such file or folder")])


def main(arguments: Sequence[str] | None = None) -> int:
    """Format files in place, or say with `--check` which are not canonical.

    Returns 0, 1 (with --check: some file is not canonical) or 2 (a file cannot be read).
    """
    parser = argparse.ArgumentParser(
        prog="python -m lossproof.specs.format", description="Canonical spec files."
    )
    parser.add_argument("--check", action="store_true", help="change nothing; exit 1 if a file would change")
    parser.add_argument("paths", nargs="+", help="files, or folders with YAML files")
    given = parser.parse_args(arguments)
    changed = 0
    try:
        for file in yaml_files(given.paths):
            text = file.read_text(encoding="utf-8")
            formatted = format_text(text, str(file))
            if formatted != text:
                changed += 1
                print(f"{'not canonical' if given.check else 'formatted'}: {file}")
                if not given.check:
                    file.write_text(formatted, encoding="utf-8")
    except (SpecError, UnicodeDecodeError) as error:
        print(error, file=sys.stderr)
        return 2
    if changed and given.check:
        print(f"run: python -m lossproof.specs.format {' '.join(given.paths)}", file=sys.stderr)
    return 1 if changed and given.check else 0


class _Representer(RoundTripRepresenter):
    """Writes null as a word, where the emitter would leave a blank."""

    def represent_null(self, data: None) -> Any:
        return self.represent_scalar("tag:yaml.org,2002:null", "null")


_Representer.add_representer(type(None), _Representer.represent_null)


def _tool() -> YAML:
    tool = YAML(typ="rt")
    tool.Representer = _Representer
    tool.width = _FULL
    tool.indent(mapping=2, sequence=4, offset=2)
    tool.allow_unicode = True
    return tool


def _in_block(annotation: Any) -> bool:
    """Whether a mapping of this model stands on lines of its own, however short it is."""
    model = model_of(annotation)
    return model is not None and issubclass(model, _BLOCK)


def _arrange(node: Any, annotation: Any, indent: int, start: int) -> Any:
    """Order fields, choose block or flow style and quotes; returns the node to use in the parent.

    `indent` is the column of the node's lines in block style, `start` where it begins in flow style.
    """
    if isinstance(node, CommentedMap):
        _order(node, annotation)
        for key in list(node):
            node[key] = _arrange(
                node[key], child(annotation, str(key)), indent + 2, indent + len(str(key)) + 2
            )
        _style(node, not _in_block(annotation) and _fits(node, _FULL - start))
    elif isinstance(node, CommentedSeq):
        inner = [child(annotation, i) for i in range(len(node))]
        for i in range(len(node)):
            node[i] = _arrange(node[i], inner[i], indent + 2, indent + 2)
        of_models = any(model_of(a) for a in inner)
        _style(node, not of_models and (_numeric(node) or _fits(node, _FULL - start)))
    elif isinstance(node, str):
        return _text(node)
    return node


def _order(node: CommentedMap, annotation: Any) -> None:
    """Known fields in the model's order; others after them, as they stand."""
    model = model_of(annotation)
    if model is None:
        return
    wanted = [f for f in model.model_fields if f in node]
    for field in [*wanted, *(k for k in node if k not in wanted)]:
        node.move_to_end(field)


def _style(node: CommentedMap | CommentedSeq, flow: bool) -> None:
    if (flow or not node) and not _commented(node):
        node.fa.set_flow_style()
    else:
        node.fa.set_block_style()


def _commented(node: Any) -> bool:
    """Whether a comment stands in the node or in a part of it: it would be lost on one line."""
    if not isinstance(node, CommentedMap | CommentedSeq):
        return False
    texts = [str(getattr(t, "value", "")) for tokens in node.ca.items.values() for t in _flat(tokens)]
    parts = node.values() if isinstance(node, CommentedMap) else node
    return any("#" in text for text in texts) or any(_commented(part) for part in parts)


def _flat(tokens: Any) -> Iterator[Any]:
    for token in tokens or ():
        if isinstance(token, list):
            yield from _flat(token)
        elif token is not None:
            yield token


def _fits(node: Any, room: int) -> bool:
    """Whether the node stands on one line of `room` characters."""
    return len(_flow(node)) <= room


def _flow(node: Any) -> str:
    """About what the emitter writes in flow style."""
    if isinstance(node, CommentedMap):
        return "{" + ", ".join(f"{key}: {_flow(value)}" for key, value in node.items()) + "}"
    if isinstance(node, CommentedSeq):
        return "[" + ", ".join(map(_flow, node)) + "]"
    if isinstance(node, str) and "\n" in node:
        return " " * WIDTH
    quotes = 2 if isinstance(node, str) and (ambiguous(node) or any(c in node for c in ",:#[]{}'")) else 0
    return str(node) + " " * quotes


def _numeric(node: Any) -> bool:
    """Nested lists of numbers, or of numbers written as text."""
    if isinstance(node, CommentedSeq):
        return all(_numeric(item) for item in node)
    try:
        float.fromhex(node) if isinstance(node, str) else float(node)
    except (TypeError, ValueError):
        return False
    return True


def _text(value: str) -> str:
    if isinstance(value, LiteralScalarString):
        return value
    plain = str(value)
    return SingleQuotedScalarString(plain) if ambiguous(plain) else plain


def _spaced(text: str) -> str:
    """Blank lines before the big parts and between their items, and nowhere else."""
    root = yaml.compose(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    inside: set[int] = set()
    starts: set[int] = set()
    _lines(root, inside)
    for name, value in root.value if isinstance(root, MappingNode) else ():
        if name.value in _SEPARATED and isinstance(value.value, list) and value.value:
            starts.add(name.start_mark.line)
            starts.update(item.start_mark.line for item in value.value[1:])
    lines: list[str] = []
    for number, line in enumerate(text.rstrip("\n").split("\n")):
        if number not in inside and _KEY_ALONE.match(lines[-1] if lines else "") and _WORD_ALONE.match(line):
            lines[-1] += f" {line.lstrip()}"  # the emitter puts a word that does not fit on a line of its own
            continue
        if not line and number not in inside:
            continue
        if number in starts:
            at = len(lines)
            while at and lines[at - 1].lstrip().startswith("#"):
                at -= 1
            lines[at:at] = [""] if at else []
        lines.append(line)
    return "\n".join(lines) + "\n"


def _lines(node: Node | None, inside: set[int]) -> None:
    """Numbers, from 0, of the lines inside of multi-line text, whose blank lines are content."""
    if isinstance(node, ScalarNode):
        inside.update(range(node.start_mark.line + 1, node.end_mark.line))
    elif isinstance(node, MappingNode):
        for name, value in node.value:
            _lines(name, inside)
            _lines(value, inside)
    elif node is not None:
        for item in node.value:
            _lines(item, inside)


def _sorted(data: Any) -> str:
    """A comparable text of the data, without regard to the order of keys (repr: NaN equals NaN)."""
    if isinstance(data, dict):
        return "{" + ",".join(f"{k!r}:{_sorted(v)}" for k, v in sorted(data.items())) + "}"
    if isinstance(data, list):
        return "[" + ",".join(map(_sorted, data)) + "]"
    return repr(data)


if __name__ == "__main__":
    sys.exit(main())
