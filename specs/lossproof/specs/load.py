"""Reads specs and the ledger: packaged ones, or a file or folder of one's own."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel

from lossproof.specs import extensions
from lossproof.specs.families import spec_model_of
from lossproof.specs.models import Ledger, Spec
from lossproof.specs.nodes import read_document
from lossproof.specs.problems import Problem, SpecError
from lossproof.specs.validate import validate

M = TypeVar("M", bound=BaseModel)
_SUFFIXES = (".yaml", ".yml")


def load_specs(path: str | Path | None = None) -> tuple[Spec, ...]:
    """The specs of a file or folder (not of its subfolders), sorted by API.

    None: the packaged ones, and those of installed extensions.

    Raises:
        SpecError: with every problem of every file; two specs of one API are a problem too.
    """
    found = _load_all(spec_model_of, "apis", path)
    by_api: dict[str, str] = {}
    problems = []
    for file, spec in found:
        if (first := by_api.setdefault(spec.api, file)) != file:
            problems.append(Problem(file, 0, "api", f"{spec.api} has a spec already, in {first}"))
    if problems:
        raise SpecError(problems)
    return tuple(sorted((spec for _, spec in found), key=lambda s: s.api))


def load_ledger(path: str | Path | None = None) -> Ledger:
    """The known findings of a file or folder, merged and sorted by slug.

    None: the packaged ones, and those of installed extensions.

    Raises:
        SpecError: with every problem of every file; a slug used twice is a problem too.
    """
    found = _load_all(lambda data: Ledger, "ledger", path, may_be_empty=path is None)
    by_slug: dict[str, str] = {}
    problems = []
    for file, ledger in found:
        for finding in ledger.findings:
            if (first := by_slug.setdefault(finding.slug, file)) != file:
                problems.append(Problem(file, 0, finding.slug, f"slug used already, in {first}"))
    if problems:
        raise SpecError(problems)
    findings = (finding for _, ledger in found for finding in ledger.findings)
    return Ledger(findings=tuple(sorted(findings, key=lambda f: f.slug)))


def specs_digest(specs: Iterable[Spec] | None = None) -> str:
    """SHA-256 (hex) of the data of the specs: the same in any order, layout or wording of comments.

    A field left out and the same field with its default count as equal. `specs` None: the packaged ones.
    """
    found = load_specs() if specs is None else specs
    return _digest({spec.api: spec.model_dump(mode="json", exclude_defaults=True) for spec in found})


def ledger_digest(ledger: Ledger | None = None) -> str:
    """SHA-256 (hex) of the data of the ledger, independent of order and layout; None: the packaged one."""
    found = load_ledger() if ledger is None else ledger
    return _digest({f.slug: f.model_dump(mode="json", exclude_defaults=True) for f in found.findings})


def _digest(content: dict[str, object]) -> str:
    text = json.dumps(content, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def _load_all(
    model_of: Callable[[Any], type[M]], packaged: str, path: str | Path | None, may_be_empty: bool = False
) -> list[tuple[str, M]]:
    """(file name, model) of every file, in order of name; problems of all files are raised together."""
    found: list[tuple[str, M]] = []
    problems: list[Problem] = []
    for name, file in _files(packaged, path, may_be_empty):
        try:
            document = read_document(_text(name, file), name)
            found.append((name, validate(model_of(document.data), document)))
        except SpecError as error:
            problems.extend(error.problems)
    if problems:
        raise SpecError(problems)
    return found


def _files(packaged: str, path: str | Path | None, may_be_empty: bool) -> Iterator[tuple[str, Traversable]]:
    if path is None:
        yield from _in(resources.files(__package__) / packaged, packaged, may_be_empty)
        for name, folder in extensions.folders(packaged):
            yield from _in(folder, f"{name}: {folder.name}", True)
    else:
        yield from _in(Path(path), str(path), may_be_empty)


def _in(source: Traversable, shown: str, may_be_empty: bool) -> Iterator[tuple[str, Traversable]]:
    if source.is_file():
        yield shown, source
        return
    files = [f for f in source.iterdir() if f.name.endswith(_SUFFIXES)] if source.is_dir() else None
    if files is None and not may_be_empty:
        raise SpecError([Problem(shown, 0, "", "no such file or folder")])
    if not files and not may_be_empty:
        raise SpecError([Problem(shown, 0, "", "the folder holds no YAML file", "a spec ends in .yaml")])
    for file in sorted(files or (), key=lambda f: f.name):
        yield f"{shown}/{file.name}", file


def _text(name: str, file: Traversable) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise SpecError([Problem(name, 0, "", f"not UTF-8: {error.reason} at byte {error.start}")]) from error
    except OSError as error:
        raise SpecError([Problem(name, 0, "", f"cannot be read: {error.strerror or error}")]) from error
