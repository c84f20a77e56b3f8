"""The columns of the tables and the closed vocabularies of their values: other programs rely on them."""

from __future__ import annotations

from typing import Final

COLUMNS: Final = (
    "target", "framework", "version", "companions", "python", "backend", "mode", "api", "property", "region",
    "dtype", "variant", "verdict", "kind", "severity", "status", "finding", "claim", "citation", "expected",
    "observed", "error_ulp", "error_over_bound", "grade", "rows", "witness", "reproducer", "upstream",
    "seconds",
)  # fmt: skip
"""Columns of results.parquet, results.csv and divergences.csv, in order."""

CLAIM_COLUMNS: Final = (
    "target", "api", "edition", "claim", "says", "citation", "verdict", "findings", "cells",
)  # fmt: skip
"""Columns of claims.csv, in order."""

JUDGED_BY_OLDER: Final = " (judged by an older page)"
"""Ends the citation of a claim whose API has another docstring than the one that the claim was written from."""

FLOAT_COLUMNS: Final = frozenset({"error_ulp", "error_over_bound", "seconds"})
"""float64; a missing value says that there was nothing to measure. `seconds` is never missing."""

INT_COLUMNS: Final = frozenset({"rows"})
"""int64. Every column that is neither here nor in FLOAT_COLUMNS is text and never missing ("" for none)."""

CELL_KEY: Final = ("target", "api", "property", "region", "dtype", "variant")
"""What makes a cell, and the order of the rows."""

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
"""The order in which matrices show properties; others follow by name."""

FINDING_FIELDS: Final = (
    "slug", "title", "target", "framework", "version", "apis", "kind", "severity", "status", "behaves_as",
    "reason", "upstream", "citation", "witness", "expected", "observed", "error_ulp", "error_over_bound",
    "cells", "properties", "regions", "dtypes", "statements", "reproducer",
    "cut_short",
)  # fmt: skip
"""The fields of a finding in findings.json, in order."""
