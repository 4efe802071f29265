"""The commands that are called most: `history` and `metrics`, against the interpreter, and against themselves on a small store.

The interpreter is started with the libraries that they cannot do without. The other comparison is of a store of a million events
with one of a thousand: what such a command costs must not depend on how long a project has been deployed.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks.harness import BIN, Figure, Limit, Side, Unit, compare, program
from benchmarks.stores import store_with

IMPORTS = "import click, orjson, sqlite3"
ROWS = 20
"""As many deployments as `history` shows unless told otherwise."""
FEW, MANY = 1_000, 1_000_000


def run(scratch: Path) -> Iterator[Figure]:
    for events in (FEW, MANY):
        yield compare(
            f"history of {events:,} events",
            Side("pop-deploy history", command("history", events, scratch)),
            Side(f'python -c "{IMPORTS}"', program([sys.executable, "-c", IMPORTS], cwd=scratch)),
            Limit(1.4, Unit.TIMES),
            runs=40,
        )
    for name in ("history", "metrics"):
        yield compare(
            f"{name} of {MANY:,} events against {FEW:,}",
            Side(f"pop-deploy {name}, {MANY:,} events", command(name, MANY, scratch)),
            Side(f"pop-deploy {name}, {FEW:,} events", command(name, FEW, scratch)),
            Limit(1.2, Unit.TIMES),
            runs=40,
        )


def command(name: str, events: int, scratch: Path) -> Callable[[], str]:
    """``pop-deploy NAME`` on a store of *events*; what it shows has been looked at once."""
    show = program([BIN / "pop-deploy", name], cwd=scratch, env={"CLAUDE_PLUGIN_DATA": str(store_with(events))})
    shown = show()
    if (name == "history" and shown.count("deploy-") != ROWS) or "production" not in shown:
        raise RuntimeError(f"{name} does not show what it should: this would measure something else\n{shown}")
    return show
