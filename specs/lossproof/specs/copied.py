"""Words copied from documentation: a spec states facts in its own words.

The documentation is the docstrings of releases that can be imported by some Python. They are read by a
process of that Python, so that no framework is imported here.
"""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from lossproof.specs.frameworks import load_frameworks
from lossproof.specs.models import Citation, Spec
from lossproof.specs.rules import Fault, Path

RUN = 7
"""So many words in a row are a copy."""
_NOT_PROSE = re.compile(r"[^\w']+")

_READER = r"""
import importlib, json, sys
try:
    from importlib.metadata import version
except ImportError:  # Python 3.7
    from pkg_resources import get_distribution
    version = lambda package: get_distribution(package).version
asked, texts, versions, scope = json.load(sys.stdin), {}, {}, {}
for line in asked["imports"]:
    try:
        exec(line, scope)
    except Exception:
        pass
for name in asked["names"]:
    parts = name.split(".")
    try:
        if parts[0] not in scope:
            scope[parts[0]] = importlib.import_module(asked["modules"].get(parts[0], parts[0]))
        thing = scope[parts[0]]
        for i, part in enumerate(parts[1:], 2):
            if not hasattr(thing, part):
                importlib.import_module(".".join(parts[:i]))
            thing = getattr(thing, part)
        texts[name] = thing.__doc__ or ""
    except Exception:
        pass
for package in asked["packages"]:
    try:
        versions[package] = version(package)
    except Exception:
        pass
sys.__stdout__.write("\n" + json.dumps({"texts": texts, "versions": versions}))
"""


@dataclass(frozen=True)
class Docstrings:
    """Docstrings by the full name of their object, and the installed versions of the documented packages."""

    texts: Mapping[str, str] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)


def read_docstrings(specs: Sequence[Spec], python: str) -> Docstrings:
    """The docstrings of the cited objects that `python` can import.

    Raises:
        OSError: `python` cannot be started. RuntimeError: it fails.
    """
    names = sorted({c.where for s in specs for c in _citations(s) if c.document == "docstring"})
    frameworks = load_frameworks()
    used = sorted({s.framework for s in specs} & set(frameworks))
    imports = [line for name in used for line in frameworks[name].reproducer.imports.splitlines()]
    packages = sorted({e.package for s in specs for e in s.editions})
    # An API may be documented under a short name that is no module: tfa of tensorflow-addons.
    modules = {s.api.split(".")[0]: s.editions[0].package.replace("-", "_") for s in specs}
    asked = json.dumps({"names": names, "imports": imports, "packages": packages, "modules": modules})
    done = subprocess.run([python, "-c", _READER], input=asked, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{python} failed: {done.stderr.strip().splitlines()[-1:] or done.returncode}")
    found = json.loads(done.stdout.rsplit("\n", 1)[-1])
    return Docstrings(found["texts"], found["versions"])


def copied_sentences(spec: Spec, docstrings: Docstrings) -> Iterator[Fault]:
    """Texts of the spec that share `RUN` words in a row with a docstring that it cites."""
    runs: dict[tuple[str, ...], str] = {}
    for name in {c.where for c in _citations(spec)} & set(docstrings.texts):
        words = _words(docstrings.texts[name])
        runs.update({tuple(words[i : i + RUN]): name for i in range(len(words) - RUN + 1)})
    for path, text in _texts(spec):
        words = _words(text)
        for i in range(len(words) - RUN + 1):
            if source := runs.get(tuple(words[i : i + RUN])):
                message = f"copies {source}: '{' '.join(words[i : i + RUN])}'"
                yield path, message, f"fewer than {RUN} words in a row: state it in your own words"
                break


def changed_docstrings(spec: Spec, docstrings: Docstrings) -> Iterator[Fault]:
    """Editions whose docstring, at a version that they record, is not the one they were written from."""
    for i, edition in enumerate(spec.editions):
        version = docstrings.versions.get(edition.package, "").split("+")[0]
        recorded = edition.docstrings.get(version)
        text = docstrings.texts.get(spec.api)
        if recorded and text is not None and recorded != docstring_digest(text):
            at = ("editions", i, "docstrings", version)
            yield at, f"the docstring of {spec.api} {version} is another one", "compare the claims with it"


def docstring_digest(text: str) -> str:
    """SHA-256 of a docstring's words without regard to indentation, which Python 3.13 changes."""
    return hashlib.sha256(" ".join(text.split()).encode("utf-8")).hexdigest()


def _texts(spec: Spec) -> Iterator[tuple[Path, str]]:
    yield ("summary",), spec.summary
    for i, claim in enumerate(spec.claims):
        yield ("claims", i, "says"), claim.says
    for i, case in enumerate(spec.cases):
        yield ("cases", i, "says"), case.says
        if case.contradicts:
            yield ("cases", i, "contradicts"), case.contradicts


def _citations(spec: Spec) -> Iterator[Citation]:
    yield from (e.source for e in spec.editions)
    for claim in spec.claims:
        yield claim.cite
        yield from (c for c in claim.also.values() if isinstance(c, Citation))


def _words(text: str) -> list[str]:
    return [w.strip("'_") for w in _NOT_PROSE.split(text.lower()) if w.strip("'_")]
