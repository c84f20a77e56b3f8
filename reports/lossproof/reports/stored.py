"""Models of a run folder's contents: whatever is read from one is held to them before anything uses it.

Names that come to stand in scripts and addresses (APIs, parameters, dtypes, files) are held to their letters, arrays to
their shapes. Fields that these models do not know are plain data and stay as they are.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final, Literal, TypeVar, get_args

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    TypeAdapter,
    ValidationError,
    model_validator,
)

from lossproof.reports.columns import CELL_KEY
from lossproof.reports.guarded import MAX_TEXT, Malformed, parsed, tidy
from lossproof.reports.numbers import is_number, leaves

FORMAT: Final = 1
"""Version of the form of run.json and findings.json; a reader refuses a newer one."""
MAX_ITEMS = 1_000_000
"""of a list"""
MAX_SIZE = 1 << 31
"""elements along an axis"""
MAX_RANK = 16

Text = Annotated[str, StringConstraints(max_length=MAX_TEXT)]
Line = Annotated[str, StringConstraints(max_length=2000)]
Word = Annotated[str, StringConstraints(max_length=100, pattern=r"^[A-Za-z0-9_-]*$")]
Name = Annotated[str, StringConstraints(max_length=100, pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]
Dotted = Annotated[
    str, StringConstraints(max_length=300, pattern=r"^[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*$")
]
Slug = Annotated[str, StringConstraints(max_length=200, pattern=r"^[A-Za-z0-9_][A-Za-z0-9._+=-]*$")]
ScriptPath = Annotated[
    str, StringConstraints(max_length=300, pattern=r"^(reproducers/[A-Za-z0-9_][A-Za-z0-9._+=-]*\.py)?$")
]
Digest = Annotated[str, StringConstraints(max_length=128, pattern=r"^[A-Za-z0-9:]*$")]
ArrayDtype = Literal[
    "bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64",
    "bfloat16", "float16", "float32", "float64", "complex64", "complex128",
]  # fmt: skip
"""dtypes of an array that is asked with; an answer may come in any"""
ARRAY_DTYPES: Final = get_args(ArrayDtype)
Verdict = Literal["conforms", "diverges", "undocumented", "unsupported", "broken"]
Severity = Literal["S1", "S2", "S3", "S4"]
Status = Literal["new", "changed", "carried", "known", "fixed"]
Sizes = Annotated[
    tuple[Annotated[int, Field(ge=0, le=MAX_SIZE, strict=True)], ...], Field(max_length=MAX_RANK)
]
Names = tuple[Text, ...]


def _numbers(value: Any) -> Any:
    """Nested lists of numbers: JSON numbers, texts that stand for one, or null where there is none."""
    for leaf in leaves(value):
        if not (leaf is None or (is_number(leaf) and len(str(leaf)) <= 100)):
            raise ValueError(f"{str(leaf)[:40]!r} is no number")
    return value


Numbers = Annotated[Any, AfterValidator(_numbers)]


class Stored(BaseModel):
    """Base of every model: immutable; fields that it does not know are plain data."""

    model_config = ConfigDict(frozen=True, extra="allow")


class Array(Stored):
    """An array that is asked with: exact numbers, and the shape that they fill."""

    values: Numbers
    dtype: ArrayDtype = "float32"
    shape: Sizes | None = None
    form: Literal["tensor", "list"] = "tensor"

    @model_validator(mode="after")
    def _fills_its_shape(self) -> Array:
        if any(leaf is None for leaf in leaves(self.values)):
            raise ValueError("an array that is asked with has a number everywhere")
        if self.shape is not None:
            _filled(self.values, self.shape)
        return self


class Question(Stored):
    """The question that was asked: a call with arrays and options, or a probe."""

    api: Dotted | None = None
    init: Mapping[Name, Any] | None = None
    arrays: Mapping[Name, Array] | None = None
    options: Mapping[Name, Any] | None = None
    mode: Word | None = None
    device: Word | None = None
    probe: Word | None = None
    arguments: Mapping[Name, Any] | None = None
    wrt: Name | Literal[""] | None = None
    positional: bool = False


class Answer(Stored):
    """An answer, observed or documented: a value, an error, a shape or a dtype, or what a probe gave."""

    outcome: Word | None = None
    error: Text | Names | None = None
    message: Text | None = None
    shape: Sizes | None = None
    missing: Names | None = None
    answers_otherwise: Names | None = Field(None, alias="answers otherwise")

    @model_validator(mode="after")
    def _fills_its_shape(self) -> Answer:
        """`value` of a call is an array; a probe may call anything so, words among them."""
        value = (self.model_extra or {}).get("value")
        if self.outcome == "value" and value is not None:
            _numbers(value)
            if self.shape is not None:
                _filled(value, self.shape)
        return self


class Sampled(Answer):
    """An answer that is compared: the first `values` of an array, and how far each may be off.

    A probe may call a list of its own `values`; it has no shape and no outcome.
    """

    reach: Numbers = None
    tolerance: Numbers = None

    @model_validator(mode="after")
    def _has_a_shape(self) -> Sampled:
        values = (self.model_extra or {}).get("values")
        if values is not None and self.outcome is not None:
            most = len(list(leaves(_numbers(values))))
            if self.shape is None or most > math.prod(self.shape):
                raise ValueError(f"{most} values of shape {self.shape}")
        return self


class Expectation(Stored):
    """The answer that the documentation calls for."""

    value: Numbers = None
    tolerance: Numbers = None
    error: Text | Names | None = None
    raises: Text | Names | None = None
    shape: Sizes | None = None
    aliases: Names | None = None
    says: Text | None = None
    returns: Line | None = None
    moves: Word | None = None
    runs: bool | None = None


class Behaviour(Stored):
    """The behaviour that reproduces the wrong answers."""

    parameters: Mapping[Name, Any] | None = None
    predicate: Word | None = None
    cases: Names | None = None
    says: Text | None = Field(
        None, description="the norm rule in words, where it is none of the built-in ones"
    )


class Finding(Stored):
    """One cause behind diverging cells of one target, as findings.json has it."""

    slug: Slug = Field(description="its name")
    title: Text = Field(description="the cause, in one line")
    target: Line
    framework: Line
    version: Line
    apis: tuple[Dotted, ...] = Field(min_length=1, description="full names")
    kind: Word = Field(description="what is wrong")
    severity: Severity
    status: Status
    behaves_as: Behaviour = Field(description="what reproduces the wrong answers")
    reason: Text
    upstream: Text = Field(description='link to the framework\'s own thread, "" for none')
    citation: Text
    witness: Question = Field(description="the smallest known input that shows it; numbers as hex floats")
    expected: Expectation
    observed: Answer
    error_ulp: Numbers = Field(description='a number, "inf", or null where nothing was measured')
    error_over_bound: Numbers = Field(description='a number, "inf", or null where nothing was measured')
    cells: int = Field(ge=0, strict=True)
    properties: tuple[Word, ...] = ()
    regions: tuple[Word, ...] = ()
    dtypes: tuple[Word, ...] = ()
    statements: tuple[Text, ...] = ()
    reproducer: ScriptPath = Field("", description='path of the script inside the run folder, "" for none')
    cut_short: bool = Field(
        False, description="whether the emergency stop ended the search for its cause or witness"
    )


class Drift(Stored):
    """An API whose documentation changed since its spec was written."""

    api: Dotted
    written_from: Line
    version: Line


class Target(Stored):
    """A target of a run; one that failed says why and little else."""

    name: Line
    failed: Text = Field("", description='why it could not be judged, "" if it was')
    framework: Line | None = None
    version: Line | None = None
    companions: Annotated[str, StringConstraints(max_length=2000, pattern=r"^([^\s=]+=\S+( |$))*$")] = ""
    python: Line | None = None
    backend: Line | None = None
    mode: Word | None = None
    device: Word | None = None
    documentation: tuple[Drift, ...] = ()
    suspected: tuple[Dotted, ...] = Field(
        (), description="the APIs that are wrong on ordinary input, of each cell of which one batch was asked"
    )


class Facts(Stored):
    """run.json: by what and how the run was made."""

    complete: Literal[True] = Field(description="written last: all files are there")
    format: Annotated[int, Field(ge=1, strict=True)] = Field(1, description="version of this schema")
    judged: Annotated[int, Field(ge=0, strict=True)] | None = Field(
        None, description="cells with another verdict than broken"
    )
    lossproof: Line | None = None
    command: Line | None = None
    seed: Annotated[int, Field(ge=0, strict=True)] | None = None
    examples: Annotated[int, Field(ge=1, strict=True)] | None = None
    apis: tuple[Line, ...] | None = Field(None, description="globs over the APIs that were asked; empty: all")
    specs_digest: Digest | None = None
    ledger_digest: Digest | None = None
    packages: Mapping[Line, Line] | None = None
    targets: tuple[Target, ...] = ()

    @model_validator(mode="after")
    def _targets_apart(self) -> Facts:
        names = [target.name for target in self.targets]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"the target {twice[0]!r} is named twice")
        return self


class Sample(Stored):
    """A few answers of one cell, kept for comparisons."""

    target: Line
    api: Dotted
    property: Word
    region: Word
    dtype: Word
    variant: Line
    answers: Annotated[tuple[Sampled, ...], Field(max_length=1000)] | None = None
    question: Question | None = None
    answer: Sampled | None = None

    @model_validator(mode="after")
    def _asks_its_own_api(self) -> Sample:
        if self.question is not None and self.question.api not in (None, self.api):
            raise ValueError(f"a cell of {self.api} has a question to {self.question.api}")
        return self


class RowWords(Stored):
    """The columns of a result row that hold words of a closed vocabulary, names or slugs."""

    api: Dotted
    property: Word
    region: Word
    dtype: Word
    verdict: Verdict
    kind: Word
    severity: Severity | Literal[""]
    status: Status | Literal[""]
    finding: Annotated[str, StringConstraints(max_length=20_000, pattern=r"^[A-Za-z0-9._+=;-]*$")]
    reproducer: Text
    rows: Annotated[int, Field(ge=0)]


class ClaimWords(Stored):
    """The columns of a claim row that hold words of a closed vocabulary or names."""

    api: Dotted
    verdict: Verdict


FINDINGS: TypeAdapter[tuple[Finding, ...]] = TypeAdapter(tuple[Finding, ...])
SAMPLES: TypeAdapter[tuple[Sample, ...]] = TypeAdapter(tuple[Sample, ...])
ROWS: TypeAdapter[tuple[RowWords, ...]] = TypeAdapter(tuple[RowWords, ...])
CLAIMS: TypeAdapter[tuple[ClaimWords, ...]] = TypeAdapter(tuple[ClaimWords, ...])
FACTS: TypeAdapter[Facts] = TypeAdapter(Facts)
QUESTION: TypeAdapter[Question] = TypeAdapter(Question)
ANSWER: TypeAdapter[Answer] = TypeAdapter(Answer)
EXPECTATION: TypeAdapter[Expectation] = TypeAdapter(Expectation)

T = TypeVar("T")


def held(model: TypeAdapter[T], data: Any, of: str = "") -> Any:
    """`data` with clean text, if it is as the model has it. Raises Malformed with the first thing that is not.

    `of`: the file, for the message.
    """
    data = tidy(data)
    try:
        model.validate_python(data)
    except ValidationError as problem:
        first = problem.errors(include_url=False, include_input=False)[0]
        where = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in first["loc"])
        message = first["msg"].removeprefix("Value error, ")
        where = " ".join(part for part in (of, where.lstrip(".")[:200]) if part) or "it"
        raise Malformed(f"{where}: {message[0].lower()}{message[1:]}") from None
    return data


def facts(data: bytes) -> dict[str, Any]:
    """run.json."""
    found: dict[str, Any] = held(FACTS, parsed(data))
    if found.get("format", FORMAT) > FORMAT:
        raise Malformed(f"a newer lossproof wrote it (format {found['format']}; this one reads {FORMAT})")
    return found


def samples(data: bytes) -> dict[tuple[str, ...], Mapping[str, Any]]:
    """samples.json by cell (CELL_KEY)."""
    found: dict[tuple[str, ...], Mapping[str, Any]] = {}
    for sample in held(SAMPLES, parsed(data)):
        key = tuple(sample[name] for name in CELL_KEY)
        if key in found:
            raise Malformed(f"the cell {'/'.join(key)[:200]} is there twice")
        found[key] = sample
    return found


def told(text: str, model: TypeAdapter[Any]) -> Any:
    """The JSON of a text column of the tables, held to a model; the text itself where it is none."""
    if text[:1] not in ("{", "["):
        return text
    found = parsed(text)
    return held(model, found) if isinstance(found, dict) else tidy(found)


def question(text: str) -> Mapping[str, Any]:
    """The `witness` column of a row: a question, {} for none."""
    found = told(text, QUESTION)
    if found and not isinstance(found, dict):
        raise Malformed("a witness is no question")
    return found or {}


def _filled(values: Any, shape: Sequence[int]) -> None:
    """Raise ValueError where the numbers are not as many as the shape has, or nest otherwise."""
    if len(list(leaves(values))) != math.prod(shape):
        raise ValueError(f"{len(list(leaves(values)))} values of shape {tuple(shape)}")
