"""`make bench`: runs the benchmarks named, or all of them, and prints each figure beside its limit.

Exits 1 when a limit is missed. ``--write`` puts the table into docs/performance.md.
"""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Iterator

from benchmarks import report
from benchmarks.harness import Figure, Skipped, scratch_directory

BENCHMARKS = (
    "docker",
    "start",
    "history",
    "steps",
    "children",
    "append",
    "postgres",
    "replay",
    "verify",
    "memory",
    "dbos",
    "output",
    "canary",
    "rollouts",
)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(BENCHMARKS)}; all of them if none is named")
    parser.add_argument("--write", action="store_true", help="write docs/performance.md from this run of all")
    given = parser.parse_args()
    if unknown := set(given.names) - set(BENCHMARKS):
        parser.error(f"no such benchmark: {', '.join(sorted(unknown))}. There are: {', '.join(BENCHMARKS)}")
    if given.write and given.names:
        parser.error("--write needs a run of all: figures of different runs do not belong in one table")
    results = list(_run(given.names or BENCHMARKS))
    if given.write:
        report.write(results, [str(importlib.import_module(f"benchmarks.{name}").__doc__).strip() for name in BENCHMARKS])
    return int(not all(isinstance(result, Figure) and result.passed for result in results))


def _run(names: tuple[str, ...] | list[str]) -> Iterator[Figure | Skipped]:
    for name in names:
        module = importlib.import_module(f"benchmarks.{name}")
        with scratch_directory() as scratch:
            for result in module.run(scratch):
                print(report.lines(result), flush=True)
                yield result


if __name__ == "__main__":
    sys.exit(main())
