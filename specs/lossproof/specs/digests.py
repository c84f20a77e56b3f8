"""Digests of docstrings in spec files: they name the version's page that an edition was written from."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any, Literal

from packaging.version import InvalidVersion, Version
from yaml import Mark
from yaml.nodes import CollectionNode, MappingNode, Node, SequenceNode

from lossproof.specs.format import format_text, yaml_files
from lossproof.specs.load import load_specs
from lossproof.specs.nodes import read_document
from lossproof.specs.problems import Problem, SpecError

State = Literal["recorded", "already recorded", "no edition covers"]


@dataclass(frozen=True)
class Recording:
    """The result of recording the docstring of one API."""

    api: str
    state: State
    edition: str = ""
    version: str = ""
    replaced: bool = False
    """whether another digest was recorded for the version"""


def spec_files(path: Path | None = None) -> dict[str, Path]:
    """The spec files to record in, by API: those of a file or folder; None: the packaged ones of a checkout.

    Raises:
        SpecError: a spec is wrong, a file cannot be written, or the packaged specs are those of an installed wheel.
    """
    folder = Path(str(resources.files(__package__) / "apis")) if path is None else path
    # The next installation would undo what is written there, and nobody would see it in a diff.
    if path is None and {"site-packages", "dist-packages"} & set(folder.parts):
        hint = "record in a checkout installed with 'pip install -e .', or name a folder of your own with --specs"
        raise SpecError([Problem(str(folder), 0, "", "these specs came with an installed lossproof", hint)])
    load_specs(folder)  # says where two files are about one API
    files = {spec.api: file for file in yaml_files([str(folder)]) for spec in load_specs(file)}
    needed = {p: None for file in files.values() for p in (file, file.parent)}
    if closed := [p for p in needed if not os.access(p, os.W_OK)]:
        hint = "change its permissions, or record in a copy with --specs"
        raise SpecError([Problem(str(p), 0, "", "cannot be written", hint) for p in closed])
    return files


def record_digest(file: Path, api: str, edition: str, version: str, digest: str) -> Recording:
    """Enter the digest of a version's docstring in an edition of a spec file; the file stays canonical.

    Raises:
        SpecError: the file cannot be read or written.
    """
    try:
        text = file.read_text(encoding="utf-8")
        before = next(e.docstrings.get(version) for e in load_specs(file)[0].editions if e.slug == edition)
        if before == digest:
            return Recording(api, "already recorded", edition, version)
        _write(file, with_digest(text, edition, version, digest))
    except (OSError, UnicodeDecodeError) as error:
        raise SpecError([Problem(str(file), 0, "", f"cannot be recorded in: {error}")]) from error
    return Recording(api, "recorded", edition, version, replaced=before is not None)


def with_digest(text: str, edition: str, version: str, digest: str) -> str:
    """The canonical text of a valid spec with a digest in the place that its version has among the others.

    The digest is put into the text itself, since an emitter would move the comments that stand around it.
    """
    node = _edition(read_document(text, edition).root, edition)
    recorded = _field(node, "docstrings")
    if recorded is None:
        entry = f"docstrings: {{{_entry(version, digest)}}}"
        return format_text(_line_after(text, node, _column(node), entry))
    return format_text(_with_entry(text, recorded, version, digest))


def by_age(version: str) -> tuple[bool, Any]:
    """A key that sorts versions by age; one that cannot be read counts as older than any other."""
    try:
        return True, Version(version)
    except InvalidVersion:
        return False, version


def _with_entry(text: str, recorded: MappingNode, version: str, digest: str) -> str:
    entry = _entry(version, digest)
    older = None
    for key, value in recorded.value:
        if key.value == version:
            return text[: _at(text, value.start_mark)] + f"'{digest}'" + text[_at(text, value.end_mark) :]
        if by_age(key.value) < by_age(version):
            older = value
    if recorded.flow_style and older is not None:
        at = _at(text, older.end_mark)
        return f"{text[:at]}, {entry}{text[at:]}"
    if recorded.flow_style:
        at = _at(text, recorded.start_mark) + 1
        return f"{text[:at]}{entry}{', ' if recorded.value else ''}{text[at:]}"
    if older is not None:
        return _line_after(text, older, _column(recorded), entry)
    at = _at(text, recorded.value[0][0].start_mark)
    return f"{text[:at]}{entry}\n{' ' * _column(recorded)}{text[at:]}"


def _line_after(text: str, node: Node, column: int, entry: str) -> str:
    """The text with a line of its own behind the last line on which something of the node stands."""
    last = node
    while (
        isinstance(last, CollectionNode) and not last.flow_style
    ):  # the end of a block is that of its last part
        last = last.value[-1][1] if isinstance(last, MappingNode) else last.value[-1]
    lines = text.split("\n")
    ends_before = last.end_mark.column == 0  # text written with | or > ends where the next line begins
    lines.insert(last.end_mark.line + (not ends_before), " " * column + entry)
    return "\n".join(lines)


def _edition(root: Node, slug: str) -> MappingNode:
    editions = _field(root, "editions")
    assert isinstance(editions, SequenceNode), "the spec is valid"
    found: MappingNode = next(e for e in editions.value if _field(e, "slug").value == slug)
    return found


def _field(node: Node, name: str) -> Any:
    return next((value for key, value in node.value if key.value == name), None)


def _column(node: MappingNode) -> int:
    return int(node.value[0][0].start_mark.column)


def _entry(version: str, digest: str) -> str:
    return f"'{version}': '{digest}'"


def _at(text: str, mark: Mark) -> int:
    """The index of a mark, from its line and column."""
    return sum(len(line) + 1 for line in text.split("\n")[: mark.line]) + int(mark.column)


def _write(file: Path, text: str) -> None:
    """Replace a file in one step."""
    draft = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        draft.write_text(text, encoding="utf-8")
        shutil.copymode(file, draft)
        draft.replace(file)
    finally:
        draft.unlink(missing_ok=True)
