"""Checks every stage of the oracle against exact integers and mpmath, on as many rows as you like.

    python -m benchmarks.soak --rows 1000000 [--seed 0] [--length 6]

What is compared is said in tests/oracle/soaking.py. Prints how many rows each stage decided for each format, and
exits 1 on any mismatch.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter

from tests.oracle import samples, soaking


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--length", type=int, default=6)
    options = parser.parse_args()
    counts: Counter[str] = Counter()
    wrong, start, seed = 0, time.monotonic(), options.seed
    while counts["rows"] < options.rows:
        for region in samples.REGIONS:
            for dtype in samples.DTYPES:
                if counts["rows"] < options.rows:
                    wrong += soaking.check(region, dtype, options.length, seed, counts)
        seed += 1
    for name, count in counts.items():
        share = (
            ""
            if name in ("rows", "mpmath", "valued")
            else f"  decided {count / max(counts['valued'], 1):8.3%}"
        )
        print(f"{name:28} {count:10,}{share}")
    print(f"mismatches {wrong} on {counts['rows']:,} rows in {time.monotonic() - start:.0f} s")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
