"""The most memory that appending, `history`, `metrics`, verifying and replaying take: of a million events against ten thousand.

Each deed is done by a new process, which says itself what it had at most; the figures are medians of several. Replaying is
reading every event of the store, and, as a line of its own, the command for one deployment.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from benchmarks.harness import ROOT, Figure, Limit, Unit, program
from benchmarks.programs.peak import DEEDS
from benchmarks.stores import store_with

FEW, MANY = 10_000, 1_000_000
RUNS = 3


def run(scratch: Path) -> Iterator[Figure]:
    for deed in DEEDS:
        few, many = (_peak_mb(deed, events, scratch) for events in (FEW, MANY))
        yield Figure(
            f"peak memory of {deed}",
            f"with {MANY:,} events",
            f"with {FEW:,} events",
            Limit(1.3, Unit.MB_TIMES),
            many,
            few,
            RUNS,
        )


def _peak_mb(deed: str, events: int, scratch: Path) -> float:
    directory = store_with(events)
    if deed == "append":
        directory = Path(shutil.copytree(directory, scratch / f"copy-{events}"))
    measure = program([sys.executable, "-m", "benchmarks.programs.peak", deed, directory], cwd=ROOT)
    peaks = [int(measure()) / 1000 for _ in range(RUNS)]
    if deed == "append":
        shutil.rmtree(directory)
    return median(peaks)
