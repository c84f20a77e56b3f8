"""The tables of a run as pandas frames, and their files: CSV and parquet hold the same values.

Text is cleaned once, here, of what no file format can hold (NUL and lone surrogates); everything else is
kept as it came and escaped where it is shown.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lossproof.reports.columns import CELL_KEY, CLAIM_COLUMNS, CLAIM_KEY, COLUMNS, FLOAT_COLUMNS, INT_COLUMNS

if TYPE_CHECKING:
    import pandas as pd


def clean(text: str) -> str:
    """`text` without NUL and lone surrogates (U+FFFD stands in for them), with line ends as newlines."""
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "�")
    return text.encode("utf-8", "replace").decode("utf-8") if not text.isascii() else text


def results_frame(rows: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    """Rows (one per cell, keys COLUMNS) as a frame sorted by cell, dtypes fixed. ValueError: other keys."""
    return _frame(rows, COLUMNS, CELL_KEY, "row")


def claims_frame(claims: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    """Claim rows (keys CLAIM_COLUMNS) as a frame sorted by target, API, claim. ValueError: other keys."""
    return _frame(claims, CLAIM_COLUMNS, CLAIM_KEY, "claim row")


def _frame(
    rows: Iterable[Mapping[str, Any]], columns: Sequence[str], key: Sequence[str], what: str
) -> pd.DataFrame:
    import pandas as pd

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
    return int(value) if name in INT_COLUMNS else clean(str(value))


def _typed(frame: pd.DataFrame, columns: Sequence[str]) -> pd.DataFrame:
    return frame.astype({name: _dtype(name) for name in columns})


def _dtype(name: str) -> str:
    return "float64" if name in FLOAT_COLUMNS else "int64" if name in INT_COLUMNS else "string"


def csv_bytes(frame: pd.DataFrame) -> bytes:
    """The frame as CSV: UTF-8, newline line ends, floats as their shortest exact decimals, "" for missing."""
    return frame.to_csv(index=False, lineterminator="\n", na_rep="").encode("utf-8")


def read_csv(path: Path, columns: Sequence[str]) -> pd.DataFrame:
    """The frame that `csv_bytes` wrote. ValueError: other columns, or values that are no numbers."""
    import pandas as pd

    frame = pd.read_csv(path, dtype="string", keep_default_na=False, encoding="utf-8", lineterminator="\n")
    for name in FLOAT_COLUMNS & set(frame.columns):  # Python's float() is exact, the parser's may not be
        frame[name] = [float(text) if text else math.nan for text in frame[name].tolist()]
    return _checked(frame, columns, path)


def write_parquet(frame: pd.DataFrame, path: Path) -> None:
    """The frame as parquet: float64, int64 and string columns, no index, no metadata of pandas, no time."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    kinds = {"float64": pa.float64(), "int64": pa.int64(), "string": pa.string()}
    schema = pa.schema([(str(name), kinds[_dtype(str(name))]) for name in frame.columns])
    table = pa.Table.from_pandas(frame, schema=schema, preserve_index=False).replace_schema_metadata(None)
    pq.write_table(table, path, compression="zstd", version="2.6")


def read_parquet(path: Path, columns: Sequence[str]) -> pd.DataFrame:
    """The frame that `write_parquet` wrote. ValueError: other columns."""
    import pandas as pd
    import pyarrow.parquet as pq

    table = pq.read_table(path)
    data = {name: table.column(name).to_pylist() for name in table.column_names}
    return _checked(pd.DataFrame(data, columns=list(table.column_names)), columns, path)


def _checked(frame: pd.DataFrame, columns: Sequence[str], path: Path) -> pd.DataFrame:
    if list(frame.columns) != list(columns):
        raise ValueError(f"{path.name} has other columns than a run of this version of lossproof")
    return _typed(frame, columns)
