"""The columns of the tables and the closed vocabularies of their values: other programs rely on them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

TEXT, FLOAT, INT = "text", "float64", "int64"
NO_VALUE = "nothing was compared with a documented value"
NO_CAUSE = "the cell does not diverge"


@dataclass(frozen=True)
class Column:
    """A column of a table: what stands in it, and when nothing does."""

    name: str
    says: str
    empty: str = ""
    """when it is empty: "" in a text column, missing in one of numbers; "" here for never"""
    dtype: str = TEXT


RESULT_COLUMNS: Final = (
    Column("target", "where the API ran, as it is written for `--target`; the code that `try` judged"),
    Column("framework", "the framework of the target: `torch`, `tensorflow`, `mlx`, or an extension's"),
    Column("version", "the version of the package that implements the API"),
    Column("companions", "versions of other packages that matter: Keras beside TensorFlow", "there are none"),
    Column("python", "the version of Python that ran the target"),
    Column("backend", "the framework's backend: `cpu`, `mlx`, `jax`", "the framework does not tell"),
    Column("mode", "how the framework executed the calls: `eager`, `compiled`, `graph`"),
    Column("device", "`cpu`, `cuda` or `mps`"),
    Column("api", "full name of the API"),
    Column(
        "property",
        "what the cell asserts: `value`, `zero_vector`, `reduction`; [all words](adding-an-api.md#words)",
    ),
    Column(
        "region",
        "part of the input space; `-` where the property has none; [all words](adding-an-api.md#words)",
    ),
    Column("dtype", "dtype of the inputs; `-` where it means nothing"),
    Column("variant", "options asked with, or `case=SLUG`; `-` for the defaults"),
    Column("verdict", "`conforms`, `diverges`, `undocumented`, `unsupported` or `broken`"),
    Column(
        "kind", "kind of the worst cause behind the divergence; [all words](adding-an-api.md#words)", NO_CAUSE
    ),
    Column("severity", "`S1` to `S4`, of the worst cause", NO_CAUSE),
    Column("status", "`new`, `known`, `changed` or `carried`, of the worst cause", NO_CAUSE),
    Column("finding", "slugs of the causes, the worst first, joined by `;`", NO_CAUSE),
    Column("claim", "slug of the first claim that the cell decides", "it decides none"),
    Column("citation", "where the claim, or the edition, is documented"),
    Column(
        "expected",
        "JSON: the documented answer. `lower` and `upper` enclose the exact value that the answer is farthest from; a"
        " diverging cell has that of its witness. In an `undocumented` cell it is what the formula would give if it"
        " were documented, for comparison only",
        "the cell compares no answer with a documented one",
    ),
    Column(
        "observed",
        "JSON: what came back: to the witness, or where the answer is farthest from the exact value. `note` says why a"
        " cell is `broken`, `unsupported` or `undocumented`",
        "nothing beyond the verdict is to tell",
    ),
    Column(
        "error_ulp",
        "distance from the exact value in units in the last place of the computing dtype, near 0 in units of its"
        " rounding error; where `error_over_bound` is largest. `inf`: the answer is NaN or infinite where a number is"
        " documented, or the distance in these units is beyond float64",
        NO_VALUE,
        FLOAT,
    ),
    Column(
        "error_over_bound",
        "largest distance over the error that rounding can explain, among all values of the cell: an upper bound, never"
        " above 1 for a value within its bound. A cell of `batch` or `shape` may conform with more, since it asserts"
        " something else than the value. `inf`: as in `error_ulp`; or the answer has another size, or a dtype"
        " that cannot be compared; or no error is allowed; or no finite upper bound of the distance is known",
        NO_VALUE,
        FLOAT,
    ),
    Column("grade", "`G0` to `G3`, the best that every value reaches; `none` where one is wrong", NO_VALUE),
    Column("rows", "values compared; 0 where none was", dtype=INT),
    Column("witness", "JSON: the smallest known question that shows the worst cause", NO_CAUSE),
    Column("reproducer", "path of the script of the worst cause in the run folder", "there is none"),
    Column("upstream", "issue of the worst cause in the framework's tracker", "none is known"),
    Column("seconds", "time that the cell took; it alone differs between equal runs", dtype=FLOAT),
)
"""Columns of results.parquet, results.csv and divergences.csv, in order."""

CLAIM_TABLE: Final = (
    Column("target", "where the API ran"),
    Column("api", "full name of the API"),
    Column("edition", "slug of the edition whose versions hold the target's"),
    Column("claim", "slug of the documented statement"),
    Column("says", "the statement, in the words of the spec"),
    Column("citation", "document, place, version and section of the statement"),
    Column("verdict", "the worst verdict of the cells that decide it; `broken` where none does"),
    Column("findings", "slugs of the findings that contradict it, joined by `;`", "it is not contradicted"),
    Column(
        "cells",
        "cells that decide it, each `property/region/dtype/variant`, joined by `;`",
        "none does",
    ),
)
"""Columns of claims.csv, in order."""

FINDING_TABLE: Final = (
    Column("slug", "name of the cause; of a known finding, that of the ledger"),
    Column("title", "what happens, in one line"),
    Column("target", "where the API ran"),
    Column("framework", "the framework of the target"),
    Column("version", "the version of the package that implements the API"),
    Column("apis", "full names of the APIs that show it", dtype="list of text"),
    Column("kind", "what is wrong: `sign`, `formula`, `eps`, `documentation`"),
    Column("severity", "`S1` (silently wrong on ordinary input) to `S4` (documentation)"),
    Column("status", "`new`, `changed`, `carried`, `known` or `fixed`"),
    Column(
        "behaves_as",
        "what reproduces the wrong answers: `parameters` of a formula, a `predicate`, or the `cases` that show it;"
        " `says` has the words of a norm rule that an installed package brings",
        "nothing is known that does",
        "object",
    ),
    Column("reason", "why, as a person wrote it into the ledger", "the ledger has none"),
    Column("upstream", "issue in the framework's tracker", "none is known"),
    Column("citation", "where the statement that is not met is documented", "no cell of this run shows it"),
    Column(
        "witness",
        "the smallest known question that shows it: `api`, `init`, `arrays` (`values`, `dtype`, `shape`), `options`,"
        " `mode`, `probe`; `device`, where it is not `cpu`",
        dtype="object",
    ),
    Column(
        "expected", "the documented answer: `value` with its `tolerance`, `error`, `shape`, `dtype` or `says`",
        dtype="object",
    ),
    Column("observed", "what came back: `outcome`, and `value`, `error`, `message` or `note`", dtype="object"),
    Column(
        "error_ulp", 'as in the results; JSON has no infinity, so `inf` is the text `"inf"`', NO_VALUE,
        'number or "inf"',
    ),
    Column("error_over_bound", "the same", NO_VALUE, 'number or "inf"'),
    Column("cells", "how many cells it explains; 0 where only its pinned witness was asked", dtype="integer"),
    Column("properties", "properties of these cells", "there are none", "list of text"),
    Column("regions", "regions of these cells", "none has a region", "list of text"),
    Column("dtypes", "dtypes of these cells", "none has a dtype", "list of text"),
    Column(
        "statements", "for kind `documentation`: the two that contradict each other", "of other kinds",
        "list of text",
    ),
    Column("reproducer", "path of its script in the run folder", "there is none"),
    Column("cut_short", "whether the emergency stop ended the search for its cause or witness", dtype="bool"),
)  # fmt: skip
"""The fields of a finding in findings.json, in order."""

COLUMNS: Final = tuple(column.name for column in RESULT_COLUMNS)
CLAIM_COLUMNS: Final = tuple(column.name for column in CLAIM_TABLE)
FINDING_FIELDS: Final = tuple(column.name for column in FINDING_TABLE)

JUDGED_BY_OLDER: Final = " (judged by an older page)"
"""Ends the citation of a claim whose API has another docstring than the one that the claim was written from."""

FLOAT_COLUMNS: Final = frozenset(column.name for column in RESULT_COLUMNS if column.dtype == FLOAT)
"""float64; a missing value says that there was nothing to measure. `seconds` is never missing."""

INT_COLUMNS: Final = frozenset(column.name for column in RESULT_COLUMNS if column.dtype == INT)
"""int64. Every column that is neither here nor in FLOAT_COLUMNS is text, "" for none."""

CELL_KEY: Final = ("target", "api", "property", "region", "dtype", "variant")
"""The columns that identify a cell and give the order of the rows."""

CLAIM_KEY: Final = ("target", "api", "edition", "claim")

VERDICTS: Final = ("conforms", "diverges", "undocumented", "unsupported", "broken")
STATUSES: Final = ("new", "changed", "carried", "known", "fixed")
"""Most urgent first: what nobody has looked at yet comes before what is in the ledger."""

SEVERITIES: Final = ("S1", "S2", "S3", "S4")

PROPERTIES: Final = (
    "value", "zero_vector", "eps", "sign", "range", "reduction", "weights", "axis", "broadcasting", "shape",
    "dtype", "gradient", "error", "symmetry", "scale", "permutation", "batch", "determinism", "mutation",
    "configuration", "signature", "training", "example", "output",
)  # fmt: skip
"""The built-in words for a property, in the order in which matrices show them; others follow by name."""

VALUE_PROPERTIES: Final = frozenset({
    "value", "zero_vector", "eps", "sign", "range", "reduction", "weights", "axis", "broadcasting", "gradient",
})  # fmt: skip
"""Those that compare an answer with the value of the documented formula."""

PLAIN_VALUE: Final = ("value", "ordinary")
"""Property and region of the cell that a page with a formula documents in any case."""
