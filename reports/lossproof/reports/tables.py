"""The tables of a run as pandas frames, and their files: CSV and parquet hold the same values.

Text is cleaned of control characters on its way in and out; everything else is kept as it came and escaped where it
is shown.
"""

from __future__ import annotations

import io
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from lossproof.reports.columns import CELL_KEY, CLAIM_COLUMNS, CLAIM_KEY, COLUMNS, FLOAT_COLUMNS, INT_COLUMNS
from lossproof.reports.guarded import MAX_TEXT, Malformed, clean, read_file

LEFT_OUT = '{"says": "left out, since it is longer than a text of a run may be"}'
"""The text that a column holds in place of one that could not be read back."""
MAX_ROWS = 2_000_000
MAX_TABLE = 1 << 30
"""bytes of a table in memory: a short file may unfold to more than there is"""


def results_frame(rows: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    """Rows (one per cell, keys COLUMNS) as a frame sorted by cell, dtypes fixed. ValueError: other keys."""
    return _frame(rows, COLUMNS, CELL_KEY, "row")


def claims_frame(claims: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    """Claim rows (keys CLAIM_COLUMNS) as a frame sorted by target, API, claim. ValueError: other keys."""
    return _frame(claims, CLAIM_COLUMNS, CLAIM_KEY, "claim row")


def _frame(
    rows: Iterable[Mapping[str, Any]], columns: Sequence[str], key: Sequence[str], what: str
) -> pd.DataFrame:
    wanted = frozenset(columns)
    records: list[tuple[Any, ...]] = []
    for row in rows:
        if row.keys() != wanted:
            missing, extra = sorted(wanted - row.keys()), sorted(map(str, row.keys() - wanted))
            raise ValueError(
                f"a {what} needs exactly the columns of the design; missing: {', '.join(missing) or 'none'};"
                f" unknown: {', '.join(extra) or 'none'}"
            )
        records.append(tuple(_value(name, row[name]) for name in columns))
    # The whole record breaks ties, so that the order of arrival never shows; seconds come last and may.
    order = [columns.index(name) for name in key]
    records.sort(key=lambda record: ([record[i] for i in order], [repr(value) for value in record]))
    return _typed(pd.DataFrame.from_records(records, columns=list(columns)), columns)


def _value(name: str, value: Any) -> Any:
    if name in FLOAT_COLUMNS:
        return math.nan if value is None else float(value)
    if name in INT_COLUMNS:
        return int(value)
    text = clean(str(value))
    return text if len(text) <= MAX_TEXT else LEFT_OUT


def _typed(frame: pd.DataFrame, columns: Sequence[str]) -> pd.DataFrame:
    return frame.astype({name: _dtype(name) for name in columns})


def _dtype(name: str) -> str:
    return "float64" if name in FLOAT_COLUMNS else "int64" if name in INT_COLUMNS else "string"


def csv_bytes(frame: pd.DataFrame) -> bytes:
    """The frame as CSV: UTF-8, newline line ends, floats as their shortest exact decimals, "" for missing."""
    return frame.to_csv(index=False, lineterminator="\n", na_rep="").encode("utf-8")


def read_csv(path: Path, columns: Sequence[str]) -> pd.DataFrame:
    """The frame that `csv_bytes` wrote. ValueError: other columns, or values that are no numbers."""
    data = io.BytesIO(read_file(path))
    frame = pd.read_csv(data, dtype="string", keep_default_na=False, encoding="utf-8", lineterminator="\n")
    for name in FLOAT_COLUMNS & set(frame.columns):  # Python's float() is exact, the parser's may not be
        frame[name] = [float(text) if text else math.nan for text in frame[name].tolist()]
    for name in INT_COLUMNS & set(frame.columns):
        frame[name] = [int(text) for text in frame[name].tolist()]
    return _checked(frame, columns, path)


def write_parquet(frame: pd.DataFrame, path: Path) -> None:
    """The frame as parquet: float64, int64 and string columns, no index, no metadata of pandas, no time."""
    kinds = {"float64": pa.float64(), "int64": pa.int64(), "string": pa.string()}
    schema = pa.schema([(str(name), kinds[_dtype(str(name))]) for name in frame.columns])
    table = pa.Table.from_pandas(frame, schema=schema, preserve_index=False).replace_schema_metadata(None)
    pq.write_table(table, path, compression="zstd", version="2.6")


def read_parquet(path: Path, columns: Sequence[str]) -> pd.DataFrame:
    """The frame that `write_parquet` wrote. ValueError: other columns, missing text, or more than a run can hold."""
    try:
        file = pq.ParquetFile(io.BytesIO(read_file(path)))
        if file.metadata.num_rows > MAX_ROWS:
            raise Malformed(f"{path.name} has more than {MAX_ROWS:,} rows")
        _has_columns(file.schema_arrow.names, columns, path)
        data: dict[str, list[Any]] = {name: [] for name in columns}
        size = 0
        for batch in file.iter_batches(batch_size=256):
            size += batch.nbytes
            if size > MAX_TABLE:
                raise Malformed(f"{path.name} unfolds to more than {MAX_TABLE >> 20} MiB")
            for name in columns:
                data[name] += batch.column(name).to_pylist()
    except pa.ArrowException as problem:
        raise Malformed(f"{path.name} is no parquet that can be read ({_first(problem)})") from problem
    return _checked(pd.DataFrame(data, columns=list(columns)), columns, path)


def _first(problem: Exception) -> str:
    return clean(str(problem).partition("\n")[0])[:200]


def _has_columns(found: Sequence[str], columns: Sequence[str], path: Path) -> None:
    if list(found) != list(columns):
        raise Malformed(f"{path.name} has other columns than a run of this version of lossproof")


def _checked(frame: pd.DataFrame, columns: Sequence[str], path: Path) -> pd.DataFrame:
    """The frame with its dtypes and clean text. Malformed: a value that is not what its column holds."""
    _has_columns(list(frame.columns), columns, path)
    for name in columns:
        kind = _dtype(name)
        values = frame[name].tolist()
        if kind == "string":
            if not all(isinstance(value, str) and len(value) <= MAX_TEXT for value in values):
                raise Malformed(f"{path.name} has something else than short text in the column {name}")
            frame[name] = [clean(value) for value in values]
        elif not all(_fits(value, kind) for value in values):
            raise Malformed(f"{path.name} has something else than numbers in the column {name}")
    return _typed(frame, columns)


def _fits(value: Any, kind: str) -> bool:
    if isinstance(value, str | bool):
        return False
    return value is None or isinstance(value, float | int) if kind == "float64" else isinstance(value, int)
