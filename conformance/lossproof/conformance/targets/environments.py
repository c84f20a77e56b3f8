"""Environments of other releases: planned from the catalogue, built with uv, kept in a cache.

An environment is built beside its place and renamed into it, with a marker file written last, so that one
that was interrupted or failed is never taken for finished. A lock file keeps two processes from building
the same one.
"""

from __future__ import annotations

import bisect
import contextlib
import fcntl
import hashlib
import json
import os
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any

import platformdirs
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from lossproof.conformance.targets import interpreters
from lossproof.conformance.targets.installer import Done, Progress, Uv
from lossproof.conformance.targets.interpreters import packages_of
from lossproof.conformance.targets.model import TargetUnavailable, UsageError, catalogue_of
from lossproof.specs.frameworks import Build, Catalogue

MARKER = "lossproof.json"
CACHE_VARIABLE = "LOSSPROOF_CACHE"


class CannotBuild(TargetUnavailable):
    """An environment could not be built: no interpreter, no such release, or an installation that failed."""


@dataclass(frozen=True)
class Recipe:
    """The ingredients of an environment; `target` is how a user writes it, `key` its folder in the cache."""

    target: str
    name: str
    version: str
    backend: str
    framework: str
    python: tuple[str, ...]
    packages: tuple[str, ...]
    prefer: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """Name, version, backend and a digest of the rest: another recipe is another folder."""
        digest = hashlib.sha256(json.dumps([self.python, self.packages]).encode()).hexdigest()[:8]
        return "-".join(part for part in (self.name, self.version, self.backend, digest) if part)


@dataclass(frozen=True)
class Environment:
    """A finished environment; `packages` maps normalised names to versions."""

    recipe: Recipe
    path: Path
    interpreter: str
    packages: Mapping[str, str]
    built: str

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return self.path / "bin" / "python"

    def size(self) -> int:
        """Bytes on disk, files with several names counted once (uv links them from its cache)."""
        seen = {}
        for folder, _, names in os.walk(self.path):
            for name in names:
                status = (Path(folder) / name).lstat()
                seen[status.st_dev, status.st_ino] = status.st_blocks * 512
        return sum(seen.values())


def cache_root() -> Path:
    """Where environments are kept: $LOSSPROOF_CACHE, else the user's cache folder."""
    return Path(os.environ.get(CACHE_VARIABLE) or platformdirs.user_cache_dir("lossproof")) / "environments"


def plan(name: str, version: str, backend: str = "") -> Recipe:
    """The recipe of a release.

    Raises UsageError for a package or version that the catalogue does not know.
    """
    catalogue = catalogue_of(name)
    try:
        wanted = Version(version)
    except InvalidVersion:
        raise UsageError(
            f"{name}=={version}: {version!r} is no version; for example {catalogue.releases[-1]}"
        ) from None
    backend = backend or (catalogue.backends[0] if catalogue.backends else "")
    for build in catalogue.builds:
        if build.backend == backend and SpecifierSet(build.versions).contains(wanted, prereleases=True):
            return _recipe(catalogue, build, version)
    first, last = catalogue.releases[0], catalogue.releases[-1]
    raise UsageError(
        f"{name}=={version}: the catalogue has no build for it; it reaches from {first} to {last}"
    )


def _recipe(catalogue: Catalogue, build: Build, version: str) -> Recipe:
    minor = ".".join(str(part) for part in Version(version).release[:2])
    chosen = build.backend and build.backend != catalogue.backends[0]
    return Recipe(
        target=f"{catalogue.name}{f'[{build.backend}]' if chosen else ''}=={version}",
        name=catalogue.name,
        version=version,
        backend=build.backend,
        framework=build.framework or catalogue.framework,
        python=build.python,
        packages=tuple(text.format(version=version, minor=minor) for text in build.packages),
        prefer=build.prefer,
    )


def find(recipe: Recipe, root: Path | None = None) -> Environment | None:
    """The finished environment of a recipe, None where there is none."""
    return _read((root or cache_root()) / recipe.key)


def built(root: Path | None = None) -> list[Environment]:
    """Every finished environment, by target."""
    folder = root or cache_root()
    found = [_read(path) for path in folder.iterdir()] if folder.is_dir() else []
    return sorted((item for item in found if item is not None), key=lambda item: item.recipe.target)


def remove(environment: Environment) -> None:
    """Delete an environment; it is unfinished from the first moment on."""
    with _locked(environment.path.parent, environment.recipe.key, _quiet):
        (environment.path / MARKER).unlink(missing_ok=True)
        shutil.rmtree(environment.path)


def build(
    recipe: Recipe, progress: Progress | None = None, root: Path | None = None, uv: Uv | None = None
) -> Environment:
    """The environment of a recipe, built if it is not there yet. Raises CannotBuild."""
    tell, folder = progress or _quiet, root or cache_root()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _sweep(folder)
        with _locked(folder, recipe.key, tell):
            return _read(folder / recipe.key) or _build(recipe, folder, tell, uv or Uv.here())
    except (interpreters.NoPython, UsageError) as error:
        raise CannotBuild(f"{recipe.target}: {error}") from error
    except OSError as error:
        raise CannotBuild(f"{recipe.target}: {error}; environments are kept in {folder}") from error


def _build(recipe: Recipe, folder: Path, tell: Progress, uv: Uv) -> Environment:
    """Build beside, rename, with the lock held: what lies beside under this key is left over from a crash."""
    place, beside = folder / recipe.key, folder / ".building" / recipe.key
    for rest in (place, beside):
        shutil.rmtree(rest, ignore_errors=True)
    beside.parent.mkdir(exist_ok=True)
    try:
        python = interpreters.find(recipe.python, uv, tell)
        _run(uv, recipe, ["venv", "--relocatable", "--python", str(python), str(beside)], tell)
        tell(f"installing {' '.join(recipe.packages)}")
        install = ["pip", "install", "--python", str(beside / "bin" / "python"), *recipe.packages]
        if not recipe.prefer or uv.run([*install, *recipe.prefer], tell).returncode != 0:
            _run(uv, recipe, install, tell)
        version, packages = packages_of(beside / "bin" / "python")
        if packages.get(canonicalize_name(recipe.name)) is None and not _provides(recipe, packages):
            raise CannotBuild(f"{recipe.target}: the installation holds no {recipe.name}")
        marker = {
            "recipe": asdict(recipe),
            "interpreter": version,
            "packages": packages,
            "built": datetime.now(UTC).isoformat(timespec="seconds"),
            "complete": True,
        }
        (beside / MARKER).write_text(json.dumps(marker, indent=1), "utf-8")
        beside.replace(place)
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    finished = _read(place)
    assert finished is not None, "a marker that was just written can be read"
    return finished


def _sweep(folder: Path) -> None:
    """Delete what killed builders left: a folder beside whose lock nobody holds."""
    for rest in (folder / ".building").glob("*"):
        with contextlib.suppress(BlockingIOError), _locked(folder, rest.name, None):
            shutil.rmtree(rest, ignore_errors=True)


def _provides(recipe: Recipe, packages: Mapping[str, str]) -> bool:
    """Whether the first requirement's own distribution is there: tensorflow comes as tensorflow-cpu too."""
    return canonicalize_name(recipe.packages[0].partition("==")[0]) in packages


def _run(uv: Uv, recipe: Recipe, arguments: Sequence[str], tell: Progress) -> None:
    done = uv.run(arguments, tell)
    if done.returncode != 0:
        raise CannotBuild(_no_release(recipe, done) or f"{recipe.target}: {done.last_words()}")


def _no_release(recipe: Recipe, done: Done) -> str:
    """That there is no such release, with the nearest ones, where the resolver says so; else ""."""
    package = re.split(r"[=\[;]", recipe.packages[0])[0].strip()
    words = rf"there is no version of {re.escape(package)}(\[\S*\])?=={re.escape(recipe.version)}(?![\w.])"
    if not re.search(words, " ".join(done.words)):
        return ""
    releases = sorted(catalogue_of(recipe.name).releases, key=Version)
    place = bisect.bisect([Version(release) for release in releases], Version(recipe.version))
    near = releases[max(0, min(place - 1, len(releases) - 2)) :][:2]
    more = f"; the nearest that are catalogued are {' and '.join(near)}" if near else ""
    return f"there is no {recipe.name} {recipe.version}{more}"


def _read(path: Path) -> Environment | None:
    """The environment in a folder, if its marker says that it is finished."""
    try:
        marker = json.loads((path / MARKER).read_text("utf-8"))
        data = marker["recipe"]
        recipe = Recipe(**{name: _frozen(value) for name, value in data.items()})
        packages = MappingProxyType(dict(marker["packages"]))
        finished = Environment(recipe, path, marker["interpreter"], packages, marker["built"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return finished if marker.get("complete") is True and finished.python.exists() else None


def _frozen(value: Any) -> Any:
    """A list of JSON as the tuple that it was."""
    return tuple(value) if isinstance(value, list) else value


@contextlib.contextmanager
def _locked(folder: Path, key: str, tell: Progress | None) -> Iterator[None]:
    """Hold the lock of a key, freed when its holder dies; BlockingIOError where held and `tell` is None."""
    locks = folder / ".locks"
    locks.mkdir(parents=True, exist_ok=True)
    with (locks / f"{key}.lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if tell is None:
                raise
            tell("waiting for another process that builds it")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _quiet(words: str) -> None:
    """Tell nobody."""
