"""Frameworks, one folder each: facts, releases, adapter, probes, and the words of its scripts.

| file | content |
|---|---|
| `facts.yaml` | packages, prefixes and editions: the framework can be judged |
| `reproducer.yaml` | snippets of a standalone script, beside the facts |
| `catalogue.yaml` | releases and how to build them |
| `adapter.py` | the framework as a target, loaded by the worker; Python 3.7, imports nothing of lossproof |
| `probes.py` | answers that are no arrays, loaded by the adapter |
| `environment.yaml` | environment variables of every worker, for the framework may be imported in any |

The folder's name is the framework's. A folder without facts has an adapter alone, which carries the arrays of another
framework's backend, or a catalogue alone, of a package that another framework speaks for. The folders of installed
extensions hold the same files.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, TypeVar

import yaml
from packaging.requirements import Requirement
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from lossproof.specs import extensions
from lossproof.specs.editions import covers
from lossproof.specs.problems import Problem, SpecError

FRAMEWORKS = "frameworks"
FACTS, REPRODUCER, CATALOGUE, ADAPTER = "facts.yaml", "reproducer.yaml", "catalogue.yaml", "adapter.py"
ENVIRONMENT = "environment.yaml"
"""The files of a framework's folder that lossproof looks for."""


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


M = TypeVar("M", bound=_Frozen)


class Mode(_Frozen):
    """The parts of a reproducer script in one mode: jinja2 templates, see the head of a reproducer.yaml."""

    setup: str = ""
    call: str
    gradient: str = ""
    fetch: str = ""


class Ask(_Frozen):
    """How a script asks a probe of the framework's own, and what kind of answer that gives."""

    body: str
    answers: Literal["tensor", "data", "moves"]


class Reproducer(_Frozen):
    """Snippets of a standalone script in the framework's own words, see the head of a reproducer.yaml."""

    imports: str
    seed: str
    array: str
    to_list: str
    asks: Mapping[str, Ask] = Field(default_factory=dict)
    imported_as: Mapping[str, str] = Field(default_factory=dict)
    modes: Mapping[str, Mode]


class FrameworkFacts(_Frozen):
    """One framework, as its folder states it.

    `distributions` are the packages that can provide it, `import_name` the module they install, `extra` the extra of
    lossproof that installs it, if one does, `prefixes` the first parts of its APIs' names, `editions` maps a prefix to
    the package whose version decides what the documentation said, `spelling` maps prefixes to what they are called
    in a script, `backends` are the libraries that it can compute with, where it has a choice, `beside` names
    the framework that speaks for this one where both are installed, and `own_modes` maps a range of versions to the
    mode in which they answer unless asked for another, where that is not eager.
    """

    name: str
    folder: Path
    title: str
    distributions: tuple[str, ...] = Field(min_length=1)
    import_name: str
    extra: str = ""
    prefixes: tuple[str, ...] = Field(min_length=1)
    editions: Mapping[str, str]
    backends: tuple[str, ...] = ()
    beside: str = ""
    own_modes: Mapping[str, str] = Field(default_factory=dict)
    spelling: Mapping[str, str] = Field(default_factory=dict)
    reproducer: Reproducer

    @property
    def adapter(self) -> Path:
        """The file that the worker loads."""
        return self.folder / ADAPTER

    @property
    def got_with(self) -> str:
        """The command that installs it beside lossproof.

        It names the framework's own packages: no package index has lossproof, whose extras could be asked for.
        """
        wanted = _requirements(self.extra) or self.distributions[:1]
        return f"python -m pip install {' '.join(shlex.quote(text) for text in wanted)}"

    def has(self, api: str) -> bool:
        """Whether an API's full name belongs to this framework."""
        return any(api.startswith(prefix + ".") for prefix in self.prefixes)

    def own_mode(self, version: str) -> str:
        """The mode in which a version of it answers unless asked for another."""
        return next((mode for range_, mode in self.own_modes.items() if covers(range_, version)), "eager")

    def spell(self, api: str) -> str:
        """The API's name as a script in this framework writes it: keras.losses.X for tf.keras.losses.X."""
        for prefix, written in self.spelling.items():
            if api.startswith(prefix + "."):
                return written + api[len(prefix) :]
        return api


class Environment(_Frozen):
    """The environment variables of a worker that concern one framework.

    `values` are set, `removed` are left out, since a user may have set them for other work, `empty` name an empty
    folder, which stands in for the user's own settings, and `backend` is set to the target's backend.
    """

    values: Mapping[str, str] = Field(default_factory=dict)
    removed: tuple[str, ...] = ()
    empty: tuple[str, ...] = ()
    backend: str = ""

    def of_target(self, folder: str, backend: str) -> dict[str, str]:
        """The variables that are set, where the empty folder and the backend are these."""
        chosen = {self.backend: backend} if self.backend and backend else {}
        return {**self.values, **dict.fromkeys(self.empty, folder), **chosen}


class Build(_Frozen):
    """The way to install the releases in `versions` (a PEP 440 specifier), perhaps for one backend only.

    `python` are the interpreters that will do, best first; `packages` are requirements in which `{version}`
    and `{minor}` stand for the release; `framework` is the one that speaks for the result, if not the
    catalogue's.
    """

    versions: str
    python: tuple[str, ...] = Field(min_length=1)
    packages: tuple[str, ...] = Field(min_length=1)
    prefer: tuple[str, ...] = ()
    backend: str = ""
    framework: str = ""


class Catalogue(_Frozen):
    """A package that may precede `==` in a target, with its framework, releases (oldest first) and builds.

    `backends` are those to choose from as in `keras[jax]==3.0.0`, the default first; empty where there is
    no choice. `needs` are the modules besides its own that a backend does not work without.
    """

    name: str
    framework: str
    releases: tuple[str, ...]
    builds: tuple[Build, ...]
    backends: tuple[str, ...] = ()
    needs: Mapping[str, tuple[str, ...]] = Field(default_factory=dict)


@dataclass(frozen=True)
class _Folder:
    """A framework's folder, and the name of the extension that brings it (lossproof's own: none)."""

    brought_by: str
    path: Path

    def read(self, file: str) -> dict[str, Any]:
        """The fields of one of its YAML files."""
        try:
            found = yaml.safe_load((self.path / file).read_text("utf-8"))
        except FileNotFoundError:
            raise self.wrong(file, "", "no such file") from None
        except yaml.YAMLError as error:
            raise self.wrong(file, "", str(error)) from error
        if not isinstance(found, dict):
            raise self.wrong(file, "", "a mapping of fields is wanted")
        return found

    def wrong(self, file: str, field: str, message: str) -> SpecError:
        """The error of a file."""
        whose = f"{self.brought_by}: " if self.brought_by else ""
        return SpecError([Problem(f"{whose}{FRAMEWORKS}/{self.path.name}/{file}", 0, field, message)])

    def validated(self, model: type[M], file: str, given: Mapping[str, Any]) -> M:
        """A file as a model; `given` is what the folder itself says."""
        fields = self.read(file)
        for name in given.keys() & fields.keys():
            raise self.wrong(file, name, "the folder says this, and no file repeats it")
        try:
            return model.model_validate({**fields, **given})
        except ValidationError as error:
            first = error.errors()[0]
            raise self.wrong(file, ".".join(map(str, first["loc"])), str(first["msg"])) from error


@cache
def load_frameworks() -> Mapping[str, FrameworkFacts]:
    """Every framework lossproof knows, by name, in alphabetical order: its own and those of installed extensions.

    Raises:
        SpecError: a file is wrong or missing, or an extension brings a framework that there is already.
    """
    return MappingProxyType({name: _facts(folder) for name, folder in _folders_with(FACTS).items()})


def _facts(folder: _Folder) -> FrameworkFacts:
    reproducer = folder.validated(Reproducer, REPRODUCER, {})
    given = {"name": folder.path.name, "folder": folder.path, "reproducer": reproducer}
    found = folder.validated(FrameworkFacts, FACTS, given)
    if not found.adapter.is_file():
        raise folder.wrong(ADAPTER, "", "no such file")
    return found


@cache
def load_catalogues() -> Mapping[str, Catalogue]:
    """Every package whose releases can be built, by name, in alphabetical order.

    Raises:
        SpecError: as `load_frameworks`.
    """
    return MappingProxyType({name: _catalogue(folder) for name, folder in _folders_with(CATALOGUE).items()})


def _catalogue(folder: _Folder) -> Catalogue:
    name = folder.path.name
    speaks = {"framework": name} if (folder.path / FACTS).is_file() else {}
    return folder.validated(Catalogue, CATALOGUE, {"name": name, **speaks})


@cache
def adapter_folders() -> Mapping[str, Path]:
    """The folders that hold an adapter, by the framework's name: one that another's adapter may load, too."""
    return MappingProxyType({name: folder.path for name, folder in _folders_with(ADAPTER).items()})


@cache
def load_environments() -> tuple[Environment, ...]:
    """The variables that each framework asks for in a worker's environment. Raises SpecError as `load_frameworks`."""
    folders = _folders_with(ENVIRONMENT).values()
    return tuple(folder.validated(Environment, ENVIRONMENT, {}) for folder in folders)


def _folders_with(file: str) -> dict[str, _Folder]:
    """The folders that hold a file, by name."""
    return {name: folder for name, folder in _all_folders().items() if (folder.path / file).is_file()}


@cache
def _all_folders() -> Mapping[str, _Folder]:
    """Every framework's folder by name, in alphabetical order."""
    found: dict[str, _Folder] = {}
    for folder in _each_folder():
        if folder.path.name in found:
            raise folder.wrong("", "", f"there is a framework {folder.path.name!r} already")
        found[folder.path.name] = folder
    return dict(sorted(found.items()))


def _each_folder() -> Iterator[_Folder]:
    """Lossproof's own folders, then those of extensions."""
    for brought_by, place in (("", Path(__file__).parent), *extensions.folders(FRAMEWORKS)):
        for path in sorted(place.iterdir()):
            if path.suffix == ".yaml":
                why = f"a framework is a folder: write {FRAMEWORKS}/{path.stem}/{FACTS}"
                raise SpecError([Problem(f"{brought_by}: {FRAMEWORKS}/{path.name}", 0, "", why)])
            if any((path / file).is_file() for file in (FACTS, CATALOGUE, ADAPTER, ENVIRONMENT)):
                yield _Folder(brought_by, path)


def _requirements(extra: str) -> tuple[str, ...]:
    """The requirements that an extra of the installed lossproof adds on this machine, without their markers.

    Those of the extra `suite` are left out: whoever asks for a framework has them.
    """
    try:
        declared = [Requirement(text) for text in metadata.requires("lossproof") or ()]
    except metadata.PackageNotFoundError:
        return ()
    suite = set(_of_extra(declared, "suite"))
    return tuple(text for text in _of_extra(declared, extra) if text not in suite)


def _of_extra(declared: list[Requirement], extra: str) -> list[str]:
    """The requirements declared for an extra alone; a wheel's metadata repeats those of the extras that it includes."""
    return [
        f"{item.name}{item.specifier}"
        for item in declared
        if item.marker is not None
        and item.marker.evaluate({"extra": extra})
        and not item.marker.evaluate({"extra": ""})
    ]
