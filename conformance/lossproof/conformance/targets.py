"""Targets: which frameworks can be asked, and how a target is written on the command line.

No framework is imported to find out: the tool reads the metadata of installed packages, its own and those of
another interpreter through a short script that this interpreter runs.
"""

from __future__ import annotations

import difflib
import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from types import MappingProxyType

from lossproof.specs.frameworks import FrameworkFacts, load_frameworks

ADAPTERS = Path(__file__).with_name("adapters")
LOOK_SECONDS = 60.0
OLDEST = (3, 7)
"""The oldest Python that can run a worker."""

LOOK = """
import json, re, sys
try:
    from importlib import metadata
    found = [(d.metadata["Name"], d.version) for d in metadata.distributions()]
except ImportError:
    import pkg_resources
    found = [(d.project_name, d.version) for d in pkg_resources.working_set]
names = {re.sub("[-_.]+", "-", name).lower(): version for name, version in reversed(found) if name}
print(json.dumps({"python": sys.version_info[:2], "packages": names}))
"""
"""Runs in another interpreter and prints the normalised names and versions of its packages."""


class UsageError(ValueError):
    """The user asked for something that lossproof does not know; one line, with the nearest names."""


class NotInstalled(UsageError):  # noqa: N818
    """The framework is known but not installed here; the message says how to get it."""


@dataclass(frozen=True)
class Target:
    """Where an API runs: a framework on an interpreter, spoken to through an adapter.

    `mode` is the mode questions are asked in unless they say otherwise, empty for the adapter's first;
    `backend` is Keras' backend where it has a choice; `env` is added to the worker's environment.
    """

    name: str
    framework: str
    python: Path
    adapter: Path
    mode: str = ""
    backend: str = ""
    env: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


def facts_of(framework: str) -> FrameworkFacts:
    """The facts of a framework by name; UsageError with the nearest names for an unknown one."""
    known = load_frameworks()
    if framework in known:
        return known[framework]
    near = difflib.get_close_matches(framework, list(known), n=3, cutoff=0.4) or list(known)
    raise UsageError(f"unknown framework {framework!r}: did you mean {' or '.join(near)}?")


def version_here(facts: FrameworkFacts) -> str | None:
    """The version of a framework installed beside the tool, None where it is not installed."""
    if importlib.util.find_spec(facts.import_name) is None:
        return None
    for name in facts.distributions:
        try:
            return metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return None


def installed(frameworks: Iterable[str] | None = None) -> list[Target]:
    """A target for each of these frameworks (all that lossproof knows) that is installed beside the tool."""
    wanted = load_frameworks().values() if frameworks is None else [facts_of(name) for name in frameworks]
    return [_target(facts.name, facts, Path(sys.executable)) for facts in wanted if version_here(facts)]


def parse(text: str) -> list[Target]:
    """The targets a user means by `torch`, or by the path of an interpreter (one for each framework it has).

    Raises UsageError for what is unknown and NotInstalled for a framework that is not there.
    """
    if os.sep in text or (os.altsep and os.altsep in text):
        return _of_interpreter(Path(text).expanduser())
    name, _, version = text.partition("==")
    facts = facts_of(name.strip())
    if version:
        raise UsageError(
            f"{text}: environments of other versions cannot be built yet; give the path of a Python"
        )
    if version_here(facts) is None:
        raise NotInstalled(
            f'{name} is not installed here; get it with: pip install "lossproof[{facts.extra}]"'
        )
    return [_target(facts.name, facts, Path(sys.executable))]


def _target(name: str, facts: FrameworkFacts, python: Path) -> Target:
    return Target(name=name, framework=facts.name, python=python, adapter=ADAPTERS / facts.adapter)


def _of_interpreter(python: Path) -> list[Target]:
    """Targets for the frameworks that another interpreter has, each named with its version."""
    if not python.is_file():
        raise UsageError(
            f"{python}: no such file; a target is a framework or the path of a Python executable"
        )
    command = [str(python.absolute()), "-c", LOOK]
    clean = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PYTHONHOME")}
    try:
        done = subprocess.run(command, capture_output=True, timeout=LOOK_SECONDS, env=clean, check=False)
        found = json.loads(done.stdout)
    except (OSError, subprocess.TimeoutExpired, ValueError) as error:
        raise UsageError(f"{python} does not work as a Python interpreter: {error}") from error
    if tuple(found["python"]) < OLDEST:
        raise UsageError(
            f"{python} is Python {found['python'][0]}.{found['python'][1]}; workers need 3.7 or newer"
        )
    packages: dict[str, str] = found["packages"]
    targets = []
    for facts in load_frameworks().values():
        version = next((packages[name] for name in facts.distributions if name in packages), None)
        if version is not None:
            targets.append(_target(f"{facts.name}=={version}", facts, python.absolute()))
    if not targets:
        known = ", ".join(load_frameworks())
        raise NotInstalled(f"{python} has none of {known}; install one there")
    return targets
