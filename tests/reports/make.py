"""Synthetic runs: every verdict, kind and status, hostile text, and as many cells as asked for."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

from lossproof import reports

HOSTILE = "<script>alert(1)</script> \"'`|*_[x](javascript:alert(1)) ümläut 漢字 \x1b[31m\r\nnext & @team #1"
TORCH = "torch.nn.functional.cosine_similarity"
KERAS = "tf.keras.losses.CosineSimilarity"
APIS = {
    "torch": (TORCH, "torch.nn.functional.cosine_embedding_loss", "torch.nn.CosineSimilarity"),
    "tensorflow": (KERAS, "tf.keras.losses.cosine_similarity", "tf.compat.v1.losses.cosine_distance"),
}
PROPERTIES = ("value", "zero_vector", "eps", "sign", "reduction", "weights", "shape", "dtype", "error")
REGIONS = ("ordinary", "zero", "tiny_norm", "overflow")
DTYPES = ("float32", "float16")
STATUSES = ("new", "known", "changed", "carried", "fixed")
RUN = {
    "lossproof": "0.1.0",
    "seed": 20,
    "digest": "sha256:abc",
    "platform": "Linux-6.1-x86_64",
    "targets": [{"name": "torch", "version": "2.13.0"}, {"name": "tensorflow", "version": "2.21.0"}],
}
SCRIPTS = {
    "torch-zero-vector.py": "print('</code></pre><script>alert(2)</script>')\n",
    "hostile.py": "#\n",
}


def row(**fields: Any) -> dict[str, Any]:
    """A result row: conforming unless told otherwise."""
    given: dict[str, Any] = dict.fromkeys(reports.COLUMNS, "")
    given |= {
        "target": "torch",
        "framework": "torch",
        "version": "2.13.0",
        "python": "3.11",
        "backend": "cpu",
    }
    given |= {"mode": "eager", "api": TORCH, "property": "value", "region": "ordinary", "dtype": "float32"}
    given |= {"variant": "-", "verdict": "conforms", "error_ulp": 0.5, "error_over_bound": 0.1, "grade": "G0"}
    return given | {"rows": 64, "seconds": 0.01} | fields


def claim(**fields: Any) -> dict[str, Any]:
    """A claim row: conforming unless told otherwise."""
    given = {
        "target": "torch",
        "api": TORCH,
        "edition": "torch-2",
        "claim": "formula",
        "says": "It divides by the norms.",
        "citation": "https://example.org/docs (page, 2.13): formula",
        "verdict": "conforms",
        "findings": "",
        "cells": "value/ordinary/float32/-",
    }
    return given | fields


def witness(**fields: Any) -> dict[str, Any]:
    """A call with two rows of two numbers, one of them no short decimal."""
    given = {
        "api": TORCH,
        "init": None,
        "mode": "eager",
        "options": {"dim": 1},
        "arrays": {
            "x1": {"values": [["0x0p+0", "0x1.8p+1"]], "dtype": "float32", "shape": [1, 2]},
            "x2": {"values": [["0x1.99999ap-4", "0x1p+0"]], "dtype": "float32", "shape": [1, 2]},
        },
    }
    return given | fields


def finding(**fields: Any) -> dict[str, Any]:
    """A finding with a wrong value on the witness above, unless told otherwise."""
    given = {
        "slug": "torch-zero-vector",
        "title": "A zero vector gives 0",
        "target": "torch",
        "framework": "torch",
        "version": "2.13.0",
        "apis": (TORCH,),
        "kind": "zero_vector",
        "severity": "S2",
        "status": "known",
        "behaves_as": {
            "parameters": {"norm_rule": "floor_product", "eps": 1e-8},
            "predicate": "zero_norm",
            "cases": [],
        },
        "reason": "eps floors the product of the norms.",
        "upstream": "https://example.org/issues/1",
        "citation": "https://example.org/docs (docstring, 2.13.0): formula",
        "witness": witness(),
        "expected": {"value": ["0x1p-1"], "tolerance": ["0x1p-20"], "says": "c = x.y / (|x| |y|)"},
        "observed": {"outcome": "value", "value": ["-0x1p-1"], "dtype": "float32", "shape": [1]},
        "error_ulp": 8388608.0,
        "error_over_bound": 3.5e5,
        "cells": 12,
        "properties": ("value",),
        "regions": ("zero",),
        "dtypes": ("float32",),
        "statements": (),
        "reproducer": "reproducers/torch-zero-vector.py",
    }
    return given | fields


def rows() -> list[dict[str, Any]]:
    """Some hundred cells of two targets with every verdict and status among them."""
    found = []
    for target, apis in APIS.items():
        for i, (api, prop, region, dtype) in enumerate(itertools.product(apis, PROPERTIES, REGIONS, DTYPES)):
            if (i * 7) % 11 == 0 and region != "ordinary":
                continue
            cell = row(target=target, framework=target, api=api, property=prop, region=region, dtype=dtype)
            if i % 37 == 5:
                cell |= {"verdict": "diverges", "kind": "zero_vector", "severity": "S2"}
                cell |= {"finding": "torch-zero-vector", "status": STATUSES[i % 5]}
                cell |= {"error_ulp": float("inf"), "error_over_bound": None}
                cell |= {"observed": json.dumps({"outcome": "value", "value": ["nan"], "dtype": dtype})}
            elif i % 13 == 3:
                observed = {"outcome": "value", "value": [f"0x{i:x}p+0"], "dtype": dtype, "shape": [1]}
                cell |= {"verdict": "undocumented", "observed": json.dumps(observed)}
            elif i % 53 == 7:
                cell |= {"verdict": "unsupported", "observed": HOSTILE}
            elif i % 97 == 11:
                cell |= {"verdict": "broken", "error_ulp": float("nan")}
            found.append(cell)
    return found


def claims() -> list[dict[str, Any]]:
    """Claims with every verdict, one of them hostile."""
    verdicts = ("conforms", "diverges", "undocumented", "unsupported", "broken")
    found = [
        claim(claim=f"claim-{i}", verdict=v, findings="torch-zero-vector" if v == "diverges" else "")
        for i, v in enumerate(verdicts * 4)
    ]
    return [*found, claim(claim="hostile", says=HOSTILE, citation=HOSTILE)]


def findings() -> list[dict[str, Any]]:
    """One finding of each status and several kinds, in no order, one hostile."""
    mean = finding(
        slug="keras-mean-over-batch",
        title="The mean divides by the batch size, not by the sum of the weights",
        apis=(KERAS,),
        kind="reduction",
        severity="S1",
        status="new",
        behaves_as={"parameters": {"reduction": "mean"}},
        witness=witness(api=KERAS, init={"axis": -1}, options={}, arrays={}),
    )
    error = finding(
        slug="no-error",
        title="A wrong weight shape is accepted",
        kind="error",
        status="changed",
        expected={"error": ["ValueError"], "says": "A weight must broadcast."},
        observed={"outcome": "value", "value": "0x1p+0", "shape": [], "dtype": "float32"},
        error_ulp=None,
        error_over_bound=None,
    )
    documentation = finding(
        slug="two-defaults",
        title="The page states two defaults",
        kind="documentation",
        severity="S4",
        status="carried",
        statements=("The default is AUTO.", "The default is SUM_OVER_BATCH_SIZE."),
        expected={"says": "One default"},
        observed={"outcome": "value", "data": {"reduction": "auto"}},
        witness=witness(api=KERAS, probe="defaults", arrays={}, options={}),
    )
    hostile = finding(
        slug="hostile",
        title=HOSTILE,
        reason=HOSTILE,
        upstream="javascript:alert(1)",
        severity="S3",
        citation=HOSTILE,
        observed={"outcome": "error", "error": "ValueError", "message": HOSTILE},
        reproducer="reproducers/hostile.py",
    )
    return [
        hostile,
        documentation,
        finding(),
        mean | {"target": "tensorflow", "framework": "tensorflow", "version": "2.21.0"},
        finding(slug="gone", title="Was wrong once", status="fixed", severity="S1", cells=0),
        error,
    ]


def write(out: Path, **parts: Any) -> Path:
    """The synthetic run written to `out`; any part can be replaced."""
    given: dict[str, Any] = {"rows": rows(), "claims": claims(), "findings": findings(), "run": RUN}
    return reports.write_run(out, **(given | {"scripts": SCRIPTS} | parts))
