"""Targets: which frameworks can be asked, and how a target is written on the command line.

A target is written `torch` or `keras[torch]` (what is installed beside the tool), `torch==2.12.1` or
`keras[jax]==3.0.0` (an environment built for it), or as the path of a Python; a mode and a device may follow, see
`written`. No framework is imported to
find out: the tool reads the metadata of installed packages, its own and those of another interpreter
through a short script that this interpreter runs.
"""

from __future__ import annotations

import importlib.util
import os
import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from importlib import metadata
from pathlib import Path
from types import MappingProxyType

from lossproof.conformance.targets import environments
from lossproof.conformance.targets.environments import Environment, Recipe
from lossproof.conformance.targets.executed import Written, executions, read, written
from lossproof.conformance.targets.interpreters import packages_of
from lossproof.conformance.targets.model import (
    NotInstalled,
    Target,
    TargetUnavailable,
    UsageError,
    catalogue_of,
    facts_of,
)
from lossproof.specs.frameworks import Catalogue, FrameworkFacts, load_frameworks

NONE_INSTALLED = (
    "no framework is installed here; lossproof targets says how to get each, or name the Python of another "
    "environment: --target PATH"
)
WRITTEN = re.compile(r"(?P<name>[A-Za-z0-9][\w.-]*)(\[(?P<backend>\w+)\])?\s*(==\s*(?P<version>\S+))?")


@dataclass(frozen=True)
class Parsed:
    """The targets of several texts, in their order, and why the others could not be had, by text."""

    targets: tuple[Target, ...]
    unavailable: Mapping[str, TargetUnavailable]


def version_here(facts: FrameworkFacts) -> str | None:
    """The version of a framework installed beside the tool, None where it is not installed."""
    return _version_of(facts.distributions) if importlib.util.find_spec(facts.import_name) else None


def chosen(
    names: Sequence[str],
    progress: Callable[[str, str], None] | None = None,
    modes: Sequence[str] = (),
    device: str = "",
) -> Parsed:
    """The targets of these texts, each once; with none, all that is installed beside the tool.

    Each is asked in each of the `modes` and on the `device`, where its text does not say another. Raises UsageError as
    `parse` and `executions` do, and where nothing is named and nothing is installed.
    """
    if names:
        parsed = parse_all(written(names, modes, device), progress)
        return Parsed(tuple({t.name: t for t in parsed.targets}.values()), parsed.unavailable)
    found = [t.executed(how) for t in installed() for how in executions(Written(t.name), modes, device)]
    if not found:
        raise UsageError(NONE_INSTALLED)
    return Parsed(tuple({t.name: t for t in found}.values()), {})


def installed(frameworks: Iterable[str] | None = None) -> list[Target]:
    """A target for each of these frameworks (all that lossproof knows) that is installed beside the tool.

    One that is judged as a part of another (Keras within TensorFlow) is not named twice.
    """
    known = load_frameworks()
    if frameworks is not None:
        return [_here(facts) for facts in map(facts_of, frameworks) if version_here(facts)]
    found = [facts for facts in known.values() if version_here(facts)]
    return [_here(facts) for facts in found if not (facts.beside and version_here(known[facts.beside]))]


def parse(text: str, progress: Callable[[str], None] | None = None) -> list[Target]:
    """The targets a user means; one, but for the path of an interpreter that has several frameworks.

    Builds an environment where the text asks for another version; `progress` is told how that goes. Raises
    UsageError for what is unknown, NotInstalled for a framework that is not there, TargetUnavailable where
    the build fails.
    """
    meant = read(text)
    found = _understand(meant.place)
    targets = found if isinstance(found, list) else [_build(found, progress)]
    return [target.executed(meant.execution) for target in targets]


def parse_all(
    texts: Sequence[str], progress: Callable[[str, str], None] | None = None, jobs: int = 2
) -> Parsed:
    """The targets of several texts, environments built side by side; `progress` is told (text, words).

    Every text is understood before anything is built: raises UsageError as `parse` does. A build that
    fails makes its own target unavailable and leaves the others alone.
    """
    meant = {text: read(text) for text in texts}
    understood = {one.place: _understand(one.place) for one in meant.values()}
    known: dict[str, list[Target] | TargetUnavailable] = {}

    def work(place: str, recipe: Recipe) -> list[Target] | TargetUnavailable:
        text = next(text for text, one in meant.items() if one.place == place)
        try:
            return [_build(recipe, None if progress is None else lambda words: progress(text, words))]
        except TargetUnavailable as error:
            return error

    with ThreadPoolExecutor(max_workers=max(1, jobs), thread_name_prefix="build") as pool:
        running = {
            place: pool.submit(work, place, item)
            for place, item in understood.items() if not isinstance(item, list)
        }  # fmt: skip
        try:
            for place, item in understood.items():
                known[place] = item if isinstance(item, list) else running[place].result()
        except BaseException:  # Ctrl-C: what has not begun never begins
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    targets, failures = [], {}
    for text, one in meant.items():
        found = known[one.place]
        if isinstance(found, TargetUnavailable):
            failures[text] = found
        else:
            targets += [target.executed(one.execution) for target in found]
    return Parsed(tuple(dict.fromkeys(targets)), MappingProxyType(failures))


def frameworks_of(text: str) -> set[str]:
    """The frameworks that a text means, before anything is built for it; raises as `parse` does."""
    found = _understand(read(text).place)
    return {target.framework for target in found} if isinstance(found, list) else {found.framework}


def of_environment(environment: Environment) -> Target:
    """The target of a built environment."""
    recipe = environment.recipe
    facts = facts_of(recipe.framework)
    versions = (environment.packages[name] for name in facts.distributions if name in environment.packages)
    target = _target(recipe.target, facts, environment.python, next(versions, ""), recipe.backend)
    remove = f"lossproof targets --remove '{recipe.target}'"
    return replace(target, remedy=f"if its environment is damaged, {remove} and ask again: it is built anew")


def _understand(text: str) -> list[Target] | Recipe:
    """Targets that are there, or the recipe of one that must be built."""
    if os.sep in text or (os.altsep and os.altsep in text):
        return _of_interpreter(Path(text).expanduser())
    written = WRITTEN.fullmatch(text.strip())
    if written is None:
        raise UsageError(f"{text!r} is no target; write torch, torch==2.12.1 or the path of a Python")
    catalogue, backend, version = catalogue_of(written["name"]), written["backend"] or "", written["version"]
    if backend and backend not in catalogue.backends:
        choice = f"one of {', '.join(catalogue.backends)}" if catalogue.backends else "no choice of backends"
        raise UsageError(f"{text}: unknown backend {backend!r}; {catalogue.name} has {choice}")
    here = _beside_the_tool(text.strip(), catalogue, backend, version)
    if here is not None:
        return [here]
    if version is None:
        got_with = facts_of(catalogue.framework).got_with
        raise NotInstalled(f"{text} is not installed here; get it with: {got_with}")
    if not catalogue.builds:
        raise UsageError(
            f"{text}: no environments are built for {catalogue.name}; install that version beside the tool, or name "
            "the path of a Python that has it"
        )
    return environments.plan(catalogue.name, version, backend)


def _beside_the_tool(text: str, catalogue: Catalogue, backend: str, version: str | None) -> Target | None:
    """The target of a package that is installed here in that version (any if None), None if it is not."""
    own = load_frameworks().get(catalogue.name)
    here = _version_of(own.distributions if own else (catalogue.name,))
    if here is None or (version is not None and _public(here) != _public(version)):
        return None
    choices = [backend] if backend else catalogue.backends
    needs = {name: (name, *catalogue.needs.get(name, ())) for name in choices}
    usable = [name for name in choices if all(map(importlib.util.find_spec, needs[name]))]
    if choices and not usable:
        return None
    chosen = usable[0] if usable else ""
    builds = [build for build in catalogue.builds if build.backend == chosen]
    framework = (builds[0].framework if builds else "") or catalogue.framework
    facts = facts_of(framework)
    return _target(text, facts, Path(sys.executable), _version_of(facts.distributions) or "", chosen)


def _public(version: str) -> str:
    """A version without its local part: 2.13.0 for 2.13.0+cpu."""
    return version.partition("+")[0]


def _version_of(distributions: Iterable[str]) -> str | None:
    """The version of the first of these that is installed beside the tool."""
    for name in distributions:
        try:
            return metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return None


def _here(facts: FrameworkFacts) -> Target:
    """The target of a framework that is installed beside the tool, on the first backend that is."""
    usable = [name for name in facts.backends if importlib.util.find_spec(name)]
    version = _version_of(facts.distributions) or ""
    return _target(facts.name, facts, Path(sys.executable), version, usable[0] if usable else "")


def _target(name: str, facts: FrameworkFacts, python: Path, version: str, backend: str = "") -> Target:
    own = facts.own_mode(version) if version else "eager"
    return Target(name, facts.name, python, facts.adapter, own_mode=own, backend=backend)


def _build(recipe: Recipe, progress: Callable[[str], None] | None) -> Target:
    return of_environment(environments.build(recipe, progress))


def _of_interpreter(python: Path) -> list[Target]:
    """Targets for the frameworks that another interpreter has, each named with its version."""
    if not python.is_file():
        raise UsageError(
            f"{python}: no such file; a target is a framework or the path of a Python executable"
        )
    _, packages = packages_of(python)
    known = load_frameworks()
    versions = {
        facts.name: next((packages[name] for name in facts.distributions if name in packages), None)
        for facts in known.values()
    }
    targets = []
    for facts in known.values():
        version = versions[facts.name]
        if version is not None and not (facts.beside and versions[facts.beside]):
            backend = next((name for name in facts.backends if name in packages), "")
            targets.append(_target(f"{facts.name}=={version}", facts, python.absolute(), version, backend))
    if not targets:
        raise NotInstalled(f"{python} has none of {', '.join(known)}; install one there")
    return targets
