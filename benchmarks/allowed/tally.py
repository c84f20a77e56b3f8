"""Tallies of judged answers: rows, alarms and margins, as tables."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import pandas as pd

from benchmarks.allowed.asking import Alarm, Measured
from lossproof.conformance.model.subject import CellKey

DTYPES = ("float32", "float64", "float16", "bfloat16")
Cell = tuple[str, str, str, bool]
"""way, region, dtype, whether of gradients"""


@dataclass
class Tally:
    """Sums over answers."""

    rows: dict[Cell, int] = field(default_factory=dict)
    margins: dict[Cell, float] = field(default_factory=dict)
    alarms: list[Alarm] = field(default_factory=list)
    accused: dict[Cell, int] = field(default_factory=dict)
    seconds: float = 0.0

    @classmethod
    def read(cls, raw: dict[str, Any]) -> Tally:
        """The tally that `written` wrote."""
        tally = cls(alarms=[Alarm(**{**a, "label": tuple(a["label"])}) for a in raw["alarms"]])
        tally.seconds = raw["seconds"]
        for line in raw["cells"]:
            cell = (line["implementation"], line["region"], line["dtype"], line["of"] == "gradient")
            tally.rows[cell], tally.margins[cell] = line["rows"], line["margin"]
            tally.accused[cell] = line["alarms"]
        return tally

    def written(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "rows": self.total, "seconds": round(self.seconds, 1), "alarms": [asdict(a) for a in self.alarms],
            "cells": self.frame().to_dict("records"),
        }  # fmt: skip

    def add(self, measured: Measured) -> None:
        """Count the answers of one way to a batch."""
        cell = (measured.way, measured.region, measured.dtype, measured.gradient)
        self.rows[cell] = self.rows.get(cell, 0) + measured.rows
        self.margins[cell] = max(self.margins.get(cell, 0.0), measured.margin)
        if measured.alarm:
            self.alarms.append(measured.alarm)
            self.accused[cell] = self.accused.get(cell, 0) + 1

    def known(self, way: str, key: CellKey) -> float:
        """The largest margin so far."""
        return self.margins.get((way, key.region, key.dtype, bool(key.variant.wrt)), 0.0)

    @property
    def total(self) -> int:
        """Rows judged."""
        return sum(self.rows.values())

    def frame(self) -> pd.DataFrame:
        """One line for each implementation, region, dtype and kind."""
        lines = [
            (
                *cell[:3],
                "gradient" if cell[3] else "value",
                rows,
                self.accused.get(cell, 0),
                self.margins[cell],
            )
            for cell, rows in self.rows.items()
        ]
        names = ["implementation", "region", "dtype", "of", "rows", "alarms", "margin"]
        return pd.DataFrame(lines, columns=names)

    def table(self, by: str) -> pd.DataFrame:
        """Rows, alarms and the largest margin of values and gradients in each dtype, by region or implementation."""
        frame = self.frame()
        order = list(dict.fromkeys(frame[by]))
        sums = frame.groupby(by)[["rows", "alarms"]].sum()
        margins = frame.pivot_table(index=by, columns=["of", "dtype"], values="margin", aggfunc="max")
        out = pd.DataFrame({"rows": sums["rows"], "alarms": sums["alarms"]})
        for kind in ("value", "gradient"):
            for dtype in DTYPES:
                if (kind, dtype) in margins:
                    out[f"{kind} {dtype}"] = margins[kind, dtype]
        return out.loc[order]


def markdown(table: pd.DataFrame, first: str) -> str:
    """A Markdown table of rows, alarms and margins; a dot marks a cell that was not asked."""
    body = [
        [str(name), f"{int(line['rows']):,}", str(int(line["alarms"]))]
        + ["." if pd.isna(v) else f"{v:.3f}" for v in line.iloc[2:]]
        for name, line in table.iterrows()
    ]
    return ruled([first, *map(str, table.columns)], body)


def ruled(head: Sequence[str], body: Iterable[Sequence[str]]) -> str:
    """Cells as a Markdown table, the first column left and the others right."""
    lines = [head, ["---", *["--:"] * (len(head) - 1)], *body]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
