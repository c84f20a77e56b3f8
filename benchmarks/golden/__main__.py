"""Make the golden tables, or compare the runs of today with them.

    python -m benchmarks.golden --remake [--only NAME ...]
    python -m benchmarks.golden [--only NAME ...]

The tables hold a default run of every framework installed at three seeds, one `try` and two comparisons of releases:
a key and two digests a line, one of what was said, one of the values. They are a net for changes to the house, to be
used on one machine: the values depend on the frameworks' kernels, and these on the processor. `allowed.yaml` beside
them lists the differences that a step means to make. Exit code 1 where anything else differs.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from benchmarks.golden import model
from lossproof.reports import read_run

HERE = Path(__file__).parent
START = "import sys; from lossproof.conformance.cli.main import main; main()"


def lossproof(*arguments: str) -> str:
    """The standard output of a command; its standard error is passed on."""
    done = subprocess.run(
        (sys.executable, "-c", START, *arguments), stdout=subprocess.PIPE, text=True, check=False
    )
    if done.returncode not in (0, 1):
        raise SystemExit(f"lossproof {' '.join(arguments)} ended with {done.returncode}")
    return done.stdout


def checked(*arguments: str) -> model.Lines:
    """The lines of a run."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "run"
        lossproof(*arguments, "--out", str(folder), "--json")
        return model.of_run(read_run(folder))


def compared(old: str, new: str) -> model.Lines:
    """The lines of a comparison."""
    return model.of_comparison(json.loads(lossproof("compare", old, new, "--examples", "1", "--json")))


RUNS: dict[str, Callable[[], model.Lines]] = {
    **{f"check-seed-{seed}": lambda seed=seed: checked("check", "--seed", str(seed)) for seed in (0, 1, 2)},
    "quick": lambda: checked("check", "--examples", "1"),
    "try": lambda: checked(
        "try", f"{HERE / 'added_eps.py'}:cosine_similarity", "--as", "torch.nn.functional.cosine_similarity",
        "--examples", "1",
    ),
    "compare-mlx": lambda: compared("mlx==0.31.2", "mlx==0.32.4"),
    "compare-old-mlx": lambda: compared("mlx==0.26.5", "mlx==0.28.0"),
}  # fmt: skip


def main() -> int:
    """Make or compare the tables."""
    parser = argparse.ArgumentParser(description="Make the golden tables, or compare today's runs with them.")
    parser.add_argument("--remake", action="store_true", help="write the tables anew")
    parser.add_argument("--only", action="append", choices=sorted(RUNS), default=[], help="only this run")
    asked = parser.parse_args()
    granted, failed = model.allowed(HERE / "allowed.yaml"), 0
    for name in asked.only or RUNS:
        path, today = HERE / f"{name}.tsv", RUNS[name]()
        if asked.remake:
            model.write(path, today)
            print(f"{name}: {len(today)} lines written", flush=True)
            continue
        if not path.exists():
            print(f"{name}: there is no table yet; make it with --remake --only {name}", flush=True)
            failed += 1
            continue
        found = model.differences(model.read(path), today, granted)
        failed += len(found)
        print(f"{name}: {len(today)} lines, {len(found)} differ", *found[:40], sep="\n  ", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
