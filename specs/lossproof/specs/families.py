"""The models of a spec, told apart by its family: the semantic parameters that a page may fix, and the roles."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any, Literal

from pydantic import Field, create_model

from lossproof.specs.models import ArrayParameter, Call, Edition, Ledger, Option, Spec
from lossproof.specs.semantics import families, semantics_of

WEIGHTS = ("weights",)
ANY_API = ("reduction", "name", "dtype", "other")
"""The roles of options that mean the same in every family."""


def root_model(data: Any) -> type[Spec] | type[Ledger]:
    """The model of a whole file: a ledger has `findings`, anything else is a spec of the family that it names."""
    return Ledger if isinstance(data, Mapping) and "findings" in data else spec_model_of(data)


def spec_model_of(data: Any) -> type[Spec]:
    """The model of a spec's data."""
    named = data.get("family") if isinstance(data, Mapping) else None
    return spec_model(named if isinstance(named, str) and named in families() else None)


@cache
def spec_model(family: str | None) -> type[Spec]:
    """The model of the specs of a family; None: of those that name no known one, whose parameters nobody can judge."""
    names = families() if family is None else (family,)
    known = [semantics_of(name) for name in names]
    arrays = _with_roles(ArrayParameter, *(role for one in known for role in one.roles), *WEIGHTS)
    options = _with_roles(Option, *(role for one in known for role in one.parameters), *ANY_API)
    call = _narrowed(Call, arrays=tuple[arrays, ...], options=tuple[options, ...])  # type: ignore[valid-type]
    edition = _narrowed(Edition, semantics=Any if family is None else known[0], call=call)
    model: type[Spec] = _narrowed(Spec, family=Literal[names], editions=tuple[edition, ...])  # type: ignore[valid-type]
    return model


def _with_roles(model: type[Any], *roles: str) -> Any:
    return _narrowed(model, role=Literal[tuple(dict.fromkeys(roles))])


def _narrowed(model: type[Any], **fields: Any) -> Any:
    """The model with narrower types of some fields, which keep their order, defaults and descriptions."""
    narrowed: dict[str, Any] = {}
    for name, annotation in fields.items():
        field = model.model_fields[name]
        kept = {"description": field.description, "default": field.default}
        if field.is_required():
            kept["default"] = ...
        if any(getattr(item, "min_length", 0) for item in field.metadata):
            kept["min_length"] = 1
        narrowed[name] = (annotation, Field(**kept))
    return create_model(model.__name__, __base__=model, __doc__=model.__doc__, **narrowed)
