"""Facts of a framework: how it is found, its adapter, how a standalone script in it is written."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import resources
from types import MappingProxyType

import yaml
from pydantic import BaseModel, ConfigDict, Field


class Mode(BaseModel):
    """How a reproducer script runs in one mode: jinja2 templates, see the head of the YAML files."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    setup: str = ""
    call: str


class Reproducer(BaseModel):
    """Snippets of a standalone script in the framework's own words, see the head of the YAML files."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    imports: str
    seed: str
    array: str
    to_list: str
    modes: Mapping[str, Mode]


class FrameworkFacts(BaseModel):
    """One framework, as its YAML file states it.

    `distributions` are the packages that can provide it, `import_name` the module they install, `adapter` a
    file name in `lossproof.conformance.adapters`, `extra` the extra of lossproof that installs it,
    `prefixes` the first parts of its APIs' names, and `editions` maps a prefix to the package whose version
    decides what the documentation said.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    title: str
    distributions: tuple[str, ...] = Field(min_length=1)
    import_name: str
    adapter: str
    extra: str
    prefixes: tuple[str, ...] = Field(min_length=1)
    editions: Mapping[str, str]
    reproducer: Reproducer


@cache
def load_frameworks() -> Mapping[str, FrameworkFacts]:
    """Every framework lossproof knows, by name, in alphabetical order."""
    files = [item for item in resources.files(__name__).iterdir() if item.name.endswith(".yaml")]
    found = [FrameworkFacts.model_validate(yaml.safe_load(item.read_text("utf-8"))) for item in files]
    return MappingProxyType({facts.name: facts for facts in sorted(found, key=lambda facts: facts.name)})
