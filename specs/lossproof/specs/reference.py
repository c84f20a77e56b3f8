"""The field reference of docs/adding-an-api.md, made from the models.

    python -m lossproof.specs.reference [--check] docs/adding-an-api.md

What stands between the two markers of the page is replaced, so that page and models cannot come apart.
"""

from __future__ import annotations

import argparse
import sys
import types
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from lossproof.specs import fields, models, semantics, vocabulary
from lossproof.specs.vocabulary import Vocabulary

BEGIN = "<!-- made by python -m lossproof.specs.reference: begin -->"
END = "<!-- made by python -m lossproof.specs.reference: end -->"
SPEC: Sequence[type[BaseModel]] = (
    models.Spec,
    models.Edition,
    models.Citation,
    semantics.Semantics,
    *semantics.BUILT_IN.values(),
    models.Call,
    models.ArrayParameter,
    models.Option,
    models.Claim,
    models.Decides,
    models.Case,
    models.ArrayValues,
    models.Expect,
)
LEDGER: Sequence[type[BaseModel]] = (models.KnownFinding, models.BehavesAs, models.Pinned)
_OPEN: Sequence[tuple[Vocabulary, Any]] = (
    (vocabulary.PROPERTIES, fields.PropertyName),
    (vocabulary.REGIONS, fields.RegionName),
    (vocabulary.KINDS, fields.KindName),
    (vocabulary.NORM_RULES, fields.NormRule),
    (vocabulary.MODES, fields.ModeName),
)
"""The words that installed packages add to; the page lists those built in, so that it is the same everywhere."""
_CLOSED: Sequence[tuple[str, Any]] = (
    ("reduction", fields.Reduction),
    ("dtype", fields.DtypeName),
    ("device", fields.DeviceName),
)
_NAMED: Sequence[tuple[str, Any]] = (
    *((words.sort, known) for words, known in _OPEN),
    *_CLOSED,
    ("float", fields.FloatName),
)


def field_reference() -> str:
    """Markdown tables of every field of a spec and of the ledger."""
    parts = [*map(_table, SPEC), "#### Words", *_words(), "#### The ledger's fields", *map(_table, LEDGER)]
    return "\n\n".join(parts)


def with_reference(page: str) -> str:
    """The page with the part between its markers made anew.

    Raises:
        ValueError: the page has no markers.
    """
    if BEGIN not in page or END not in page:
        raise ValueError(f"the page has no lines {BEGIN!r} and {END!r}")
    before, rest = page.split(BEGIN, 1)
    return f"{before}{BEGIN}\n\n{field_reference()}\n\n{END}{rest.split(END, 1)[1]}"


def _table(model: type[BaseModel]) -> str:
    says = (model.__doc__ or "").strip()
    rows = ["| field | what | meaning |", "|---|---|---|"]
    rows += [f"| `{name}` | {_kind(f)} | {_meaning(f)} |" for name, f in model.model_fields.items()]
    return f"##### {model.__name__}\n\n{says}\n\n" + "\n".join(rows)


def _kind(field: FieldInfo) -> str:
    slug = any(getattr(m, "pattern", None) for m in field.metadata)
    what = "slug" if slug else _type(_annotated(field))
    if field.is_required():
        return f"{what}, required"
    default = field.get_default(call_default_factory=True)
    if default is None or (isinstance(default, tuple | Mapping) and not default):
        return what
    shown = ", ".join(default) if isinstance(default, tuple) and isinstance(default[0], str) else None
    value = shown or (str(list(default)) if isinstance(default, tuple) else str(default).lower())
    return f"{what}; default {value}"


def _annotated(field: FieldInfo) -> Any:
    """The annotation as it was written: pydantic takes the metadata of the outermost `Annotated` apart."""
    return Annotated[(field.annotation, *field.metadata)] if field.metadata else field.annotation


def _meaning(field: FieldInfo) -> str:
    return (field.description or "").replace("|", "\\|")


def _type(annotation: Any) -> str:
    """The annotation in words: 'list of slugs', 'page, docstring, tutorial or paper'."""
    for name, known in _NAMED:
        if annotation == known:
            return f"a {name}"
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return "slug" if annotation == fields.Slug else _type(arguments[0])
    if origin is Literal:
        words = [str(a).lower() if isinstance(a, bool) else str(a) for a in arguments]
        return " or ".join(filter(None, [", ".join(words[:-1]), words[-1]]))
    if origin in (Union, types.UnionType):
        return " or ".join(_type(a) for a in arguments if a is not type(None))
    if origin is tuple:
        return f"list of {_type(arguments[0])}"
    if arguments:
        return f"mapping to {_type(arguments[-1])}"
    plain = {str: "text", int: "integer", float: "number", bool: "true or false", Any: "anything"}
    return plain.get(annotation) or f"[{annotation.__name__}](#{annotation.__name__.lower()})"


def _words() -> Iterator[str]:
    listed = [(words.sort, words.built_in) for words, _ in _OPEN]
    listed += [(name, get_args(known)) for name, known in _CLOSED]
    for name, known in listed:
        yield f"A {name} is one of {', '.join(f'`{word}`' for word in known)}."
    yield "Installed packages add properties, regions, kinds, norm rules and modes of their own."


def main(arguments: Sequence[str] | None = None) -> int:
    """Bring the page up to date; with --check change nothing, and 1 if it is not. 2: no page."""
    parser = argparse.ArgumentParser(
        prog="python -m lossproof.specs.reference", description="Field reference."
    )
    parser.add_argument("--check", action="store_true", help="change nothing; exit 1 if it is out of date")
    parser.add_argument("page", type=Path, help="docs/adding-an-api.md")
    given = parser.parse_args(arguments)
    try:
        page = given.page.read_text(encoding="utf-8")
        made = with_reference(page)
    except (OSError, ValueError) as error:
        print(f"{given.page}: {error}", file=sys.stderr)
        return 2
    if made == page:
        return 0
    print(f"{'out of date' if given.check else 'made anew'}: {given.page}")
    if not given.check:
        given.page.write_text(made, encoding="utf-8")
    return 1 if given.check else 0


if __name__ == "__main__":
    sys.exit(main())
