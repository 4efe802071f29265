"""Starting: the help text against the interpreter with the command-line library."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from benchmarks.harness import BIN, Figure, Limit, Side, Unit, compare, program


def run(scratch: Path) -> Iterator[Figure]:
    yield compare(
        "start",
        Side("pop-deploy --help", program([BIN / "pop-deploy", "--help"], cwd=scratch)),
        Side('python -c "import click"', program([sys.executable, "-c", "import click"], cwd=scratch)),
        Limit(1.3, Unit.TIMES),
        runs=60,
    )
