"""Facts of a framework: its packages and adapter, the words of its scripts, and the source of its releases."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from functools import cache
from importlib import metadata, resources
from importlib.resources.abc import Traversable
from pathlib import Path
from types import MappingProxyType
from typing import Literal

import yaml
from packaging.requirements import Requirement
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from lossproof.specs import extensions
from lossproof.specs.editions import covers
from lossproof.specs.problems import Problem, SpecError


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Mode(_Frozen):
    """The parts of a reproducer script in one mode: jinja2 templates, see the head of the YAML files."""

    setup: str = ""
    call: str
    gradient: str = ""
    fetch: str = ""


class Ask(_Frozen):
    """How a script asks a probe of the framework's own, and what kind of answer that gives."""

    body: str
    answers: Literal["tensor", "data", "moves"]


class Reproducer(_Frozen):
    """Snippets of a standalone script in the framework's own words, see the head of the YAML files."""

    imports: str
    seed: str
    array: str
    to_list: str
    asks: Mapping[str, Ask] = Field(default_factory=dict)
    imported_as: Mapping[str, str] = Field(default_factory=dict)
    modes: Mapping[str, Mode]


class FrameworkFacts(_Frozen):
    """One framework, as its YAML file states it.

    `distributions` are the packages that can provide it, `import_name` the module they install, `adapter` a
    file name in `workers.remote.adapters` (of an extension: a path), `extra` the extra of lossproof that
    installs it, if one does, `prefixes` the first parts of its APIs' names, `editions` maps a prefix to the
    package whose version decides what the documentation said, `spelling` maps prefixes to what they are called
    in a script, `backends` are the libraries that it can compute with, where it has a choice, `beside` names
    the framework that speaks for this one where both are installed, and `own_modes` maps a range of versions to the
    mode in which they answer unless asked for another, where that is not eager.
    """

    name: str
    title: str
    distributions: tuple[str, ...] = Field(min_length=1)
    import_name: str
    adapter: str
    extra: str = ""
    prefixes: tuple[str, ...] = Field(min_length=1)
    editions: Mapping[str, str]
    backends: tuple[str, ...] = ()
    beside: str = ""
    own_modes: Mapping[str, str] = Field(default_factory=dict)
    spelling: Mapping[str, str] = Field(default_factory=dict)
    reproducer: Reproducer

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


@cache
def load_frameworks() -> Mapping[str, FrameworkFacts]:
    """Every framework lossproof knows, by name, in alphabetical order: its own and those of installed extensions.

    Raises:
        SpecError: an extension's file is wrong, or names a framework that there is already.
    """
    found = {f.name: f for f in (FrameworkFacts.model_validate(d) for d in _read(resources.files(__name__)))}
    for name, folder in extensions.folders("frameworks"):
        for facts in _brought(name, folder):
            if facts.name in found:
                problem = f"there is a framework {facts.name!r} already"
                raise SpecError([Problem(f"{name}: {folder.name}", 0, "name", problem)])
            found[facts.name] = facts
    return MappingProxyType(dict(sorted(found.items())))


def _brought(name: str, folder: Path) -> list[FrameworkFacts]:
    """The frameworks of an extension's folder, each with the path of its adapter."""
    try:
        found = [FrameworkFacts.model_validate(data) for data in _read(folder)]
    except (ValidationError, yaml.YAMLError) as error:
        first = error.errors()[0] if isinstance(error, ValidationError) else {"loc": (), "msg": str(error)}
        field = ".".join(str(part) for part in first["loc"])
        raise SpecError([Problem(f"{name}: {folder.name}", 0, field, str(first["msg"]))]) from error
    for facts in found:
        if not (folder / facts.adapter).is_file():
            raise SpecError(
                [Problem(f"{name}: {folder.name}", 0, "adapter", f"no such file: {facts.adapter}")]
            )
    return [facts.model_copy(update={"adapter": str(folder / facts.adapter)}) for facts in found]


@cache
def load_catalogues() -> Mapping[str, Catalogue]:
    """Every package whose releases can be built, by name, in alphabetical order."""
    found = [Catalogue.model_validate(data) for data in _read(resources.files(__name__) / "catalogue")]
    return MappingProxyType({item.name: item for item in sorted(found, key=lambda item: item.name)})


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


def _read(folder: Traversable) -> list[object]:
    """The YAML files of a folder, read by the safe loader."""
    files = [item for item in folder.iterdir() if item.name.endswith(".yaml")]
    return [yaml.safe_load(item.read_text("utf-8")) for item in sorted(files, key=lambda item: item.name)]
