"""A user's own function or class in the place of an API: how it is written, where it runs, what it is judged by."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Literal

from lossproof.conformance.model.execution import USUAL, Execution
from lossproof.conformance.model.subject import Subject, TargetInfo
from lossproof.conformance.model.suggestions import nearest, unknown_api
from lossproof.conformance.targets.interpreters import packages_of
from lossproof.conformance.targets.model import NotInstalled, Target, UsageError, facts_of
from lossproof.conformance.targets.parse import installed, parse
from lossproof.conformance.workers.process import WORKER
from lossproof.specs import edition_for, load_specs
from lossproof.specs.frameworks import load_frameworks
from lossproof.specs.models import Case, Edition, Spec

ArrayKind = Literal["auto", "framework", "numpy"]
"""Which arrays the code is given; auto: NumPy's where it imports NumPy and not the framework, or there is none."""
USERCODE_ADAPTER = WORKER.with_name("usercode_adapter.py")


@dataclass(frozen=True)
class Code:
    """A function or class by `name` (dotted), in a `file` or a `module`, imported from `path` and run in `folder`."""

    name: str
    file: Path | None = None
    module: str = ""
    path: tuple[str, ...] = ()
    folder: Path = Path()

    @property
    def imported_as(self) -> str:
        """The name of its module for one who imports it from its folder."""
        return self.file.stem if self.file and not self.module else self.module

    def __str__(self) -> str:
        return f"{self.file.name if self.file else self.module}:{self.name}"


@dataclass(frozen=True)
class Place:
    """The place that a user's code takes: of the API of `spec` in `edition`, with or without its framework.

    `framework` is the target whose adapter carries the arrays, None where the framework is not installed.
    """

    code: Code
    spec: Spec
    edition: Edition
    python: Path
    framework: Target | None
    arrays: ArrayKind
    execution: Execution = USUAL
    note: str = ""
    """which edition was taken, where none documents the installed version"""

    @property
    def target(self) -> Target:
        """The code as a target."""
        theirs = self.framework
        given = {
            "file": str(self.code.file.absolute()) if self.code.file else None,
            "module": self.code.module,
            "name": self.code.name,
            "path": list(self.code.path),
            "folder": str(self.code.folder.absolute()),
            "api": self.spec.api,
            "arrays": self.arrays,
            "framework": theirs.framework if theirs else None,
            "imports": facts_of(theirs.framework).import_name if theirs else "",
        }
        return Target(
            name=str(self.code),
            framework=theirs.framework if theirs else "numpy",
            python=self.python,
            adapter=USERCODE_ADAPTER,
            execution=self.execution,
            backend=theirs.backend if theirs else "",
            env={**(theirs.env if theirs else {}), "LOSSPROOF_OWN": json.dumps(given)},
        )

    @property
    def subject(self) -> Subject:
        """The API in whose place the code is, before anything runs."""
        spec = self.judged_by("framework")
        return Subject(
            TargetInfo(str(self.code), self.target.framework, "", usercode=True), spec, spec.editions[0]
        )

    def judged_by(self, arrays: str) -> Spec:
        """The spec that the code is judged by: one edition, without the docstrings that it was written from.

        With NumPy's arrays any exception stands for the framework's own.
        """
        edition = self.edition.model_copy(update={"docstrings": {}})
        cases = tuple(_any_error(c) for c in self.spec.cases) if arrays == "numpy" else self.spec.cases
        return self.spec.model_copy(update={"editions": (edition,), "cases": cases})


def parse_code(text: str) -> Code:
    """The code meant by FILE.py:FUNCTION or MODULE:FUNCTION; UsageError where that is not what it says.

    A file's folder is imported from first, as when Python runs it; a module from the folder one is in.
    """
    place, colon, name = text.rpartition(":")
    if not colon or not place or not all(part.isidentifier() for part in name.split(".")):
        raise UsageError(f"{text!r} names no function; write FILE.py:FUNCTION or MODULE:FUNCTION")
    if not (place.endswith(".py") or os.sep in place):
        if not all(part.isidentifier() for part in place.split(".")):
            raise UsageError(f"{place!r} is no module; write FILE.py:FUNCTION or MODULE:FUNCTION")
        return Code(name, module=place, path=(str(Path.cwd()),))
    file = Path(place).expanduser()
    if not file.is_file():
        raise UsageError(f"{place}: no such file; write FILE.py:FUNCTION or MODULE:FUNCTION")
    return Code(name, file, path=(str(file.parent.absolute()),))


def place(
    code: Code,
    api: str,
    *,
    python: Path | None = None,
    arrays: ArrayKind = "auto",
    edition: str | None = None,
    execution: Execution = USUAL,
) -> Place:
    """The place of `api`, by its full name or an unambiguous end of it, for code that `python` (None: this one) runs.

    The edition is the one that documents the installed version of the framework, where there is none the newest,
    unless its slug is given. Raises UsageError for what is unknown or cannot be had.
    """
    spec = spec_of(api)
    framework = _framework(spec, python)
    if framework is None and arrays == "framework":
        where = "here" if python is None else f"for {python}"
        raise UsageError(
            f"{spec.framework} is not installed {where}; install it, or judge with NumPy's arrays (numpy)"
        )
    chosen, note = _edition(spec, edition, python if framework else None, bool(framework))
    return Place(
        code=code,
        spec=spec,
        edition=chosen,
        python=(python or Path(sys.executable)).absolute(),
        framework=framework,
        arrays=arrays,
        execution=execution,
        note=note,
    )


def spec_of(api: str) -> Spec:
    """The spec of an API, by its full name or an unambiguous end of it."""
    specs = {s.api: s for s in load_specs()}
    ending = [name for name in specs if name.endswith("." + api)]
    if api in specs or len(ending) == 1:
        return specs[api if api in specs else ending[0]]
    raise UsageError(unknown_api(api, sorted(specs)))


def _framework(spec: Spec, python: Path | None) -> Target | None:
    """The target that has the API of a spec, as `check` would judge it there, None where none has."""
    try:
        found = installed() if python is None else parse(os.path.join(python.parent, python.name))  # noqa: PTH118
    except NotInstalled:
        return None
    known = load_frameworks()
    return next((t for t in found if t.framework == spec.framework or known[t.framework].has(spec.api)), None)


def _edition(spec: Spec, slug: str | None, python: Path | None, there: bool) -> tuple[Edition, str]:
    """The edition to judge by, and a note where it is not the installed version's."""
    slugs = [e.slug for e in spec.editions]
    if slug is not None:
        if slug not in slugs:
            raise UsageError(f"{spec.api} has no edition {slug!r}; {nearest(slug, slugs)}")
        return next(e for e in spec.editions if e.slug == slug), ""
    newest = spec.editions[-1]
    if not there:
        return newest, ""
    versions = _versions(spec, python)
    found = edition_for(spec, versions)
    if found is not None:
        return found, ""
    has = ", ".join(f"{name} {version}" for name, version in sorted(versions.items())) or spec.framework
    more = f"; --edition takes another: {', '.join(slugs)}" if len(slugs) > 1 else ""
    return newest, f"no edition of {spec.api} documents {has}: judged by the newest, {newest.slug}{more}"


def _versions(spec: Spec, python: Path | None) -> dict[str, str]:
    """The installed versions of the packages that the editions of a spec go by."""
    have = None if python is None else packages_of(python)[1]
    found: dict[str, str] = {}
    for name in {e.package for e in spec.editions}:
        facts = load_frameworks().get(name)
        for distribution in facts.distributions if facts else (name,):
            version = _version_here(distribution) if have is None else have.get(distribution)
            if version is not None:
                found.setdefault(name, version)
    return found


def _version_here(distribution: str) -> str | None:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


def _any_error(case: Case) -> Case:
    """The case with any exception accepted where it names classes: the framework's own cannot be raised without it."""
    if not case.expect.raises:
        return case
    return case.model_copy(update={"expect": case.expect.model_copy(update={"raises": ()})})


def described(place: Place, arrays: str) -> Mapping[str, str]:
    """Return the entries of run.json that describe a user's code."""
    return {
        "code": str(place.code), "as": place.spec.api, "edition": place.edition.slug,
        "arrays": "NumPy" if arrays == "numpy" else place.target.framework,
    }  # fmt: skip
