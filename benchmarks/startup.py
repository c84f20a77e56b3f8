"""Measures the start-up cost of the command in multiples of an empty Python, each the best of a few starts.

python -m benchmarks.startup [--runs N]
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys

STARTS = {
    "python -c pass": ("-c", "pass"),
    "import click": ("-c", "import click"),
    "lossproof --help": ("-c", "from lossproof.conformance.cli.main import main; main(['--help'])"),
    "lossproof check --help": (
        "-c",
        "from lossproof.conformance.cli.main import main; main(['check', '--help'])",
    ),
    "load every spec": ("-c", "from lossproof.specs import load_specs; load_specs()"),
}


def cost(arguments: tuple[str, ...], runs: int) -> float:
    """The least processor time of a few starts, in seconds."""
    seconds = []
    for _ in range(runs):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        seconds.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return min(seconds)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=5)
    runs = parser.parse_args().runs
    costs = {name: cost(arguments, runs) for name, arguments in STARTS.items()}
    empty = costs["python -c pass"]
    for name, seconds in costs.items():
        print(f"{name:24} {1000 * seconds:7.0f} ms {seconds / empty:6.1f}x")


if __name__ == "__main__":
    main()
