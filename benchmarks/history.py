"""The command that is called most: `history`, against the interpreter with the libraries that it cannot do without."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from benchmarks.harness import BIN, Figure, Limit, Side, Unit, compare, program
from benchmarks.stores import store_with

IMPORTS = "import click, orjson, sqlite3"
ROWS = 20
"""As many deployments as `history` shows unless told otherwise."""


def run(scratch: Path) -> Iterator[Figure]:
    for events in (1_000, 1_000_000):
        data = {"CLAUDE_PLUGIN_DATA": str(store_with(events))}
        show = program([BIN / "pop-deploy", "history"], cwd=scratch, env=data)
        if (rows := show().count("deploy-")) != ROWS:
            raise RuntimeError(f"history shows {rows} deployments, not {ROWS}: this would measure something else")
        yield compare(
            f"history of {events:,} events",
            Side("pop-deploy history", show),
            Side(f'python -c "{IMPORTS}"', program([sys.executable, "-c", IMPORTS], cwd=scratch)),
            Limit(1.4, Unit.TIMES),
            runs=40,
        )
