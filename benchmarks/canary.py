"""How long a canary that has begun to fail stays up: from the moment that what a check measures turned bad to the event that
begins the way back, against the check's own interval, which passes at most before it is asked again.
"""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

from benchmarks.harness import BIN, DEADLINE_S, Figure, Limit, Side, Skipped, Unit, compare, environment, program
from benchmarks.project import set_version, write_project

INTERVAL_S = 1.0
GOOD, BAD, MOST = "1", "9", 5
_ROLLED_BACK = 6


def run(scratch: Path) -> Iterator[Figure | Skipped]:
    project = write_project(scratch / "project", _config())
    (project / "number").write_text(GOOD, encoding="utf-8")
    program([BIN / "pop-deploy", "execute", "--mode", "deploy", "--yes"], cwd=project)()
    yield compare(
        "giving up a failing canary",
        Side("pop-deploy execute --mode canary --yes, from the first bad value to the event RollbackStarted", _failing(project)),
        Side(f"the check's interval, {INTERVAL_S:g} s", lambda: INTERVAL_S),
        Limit(500, Unit.MORE_MS),
        runs=7,
    )


def _config() -> dict[str, object]:
    check = {"name": "number", "command": ["cat", "number"], "max": MOST, "interval_s": INTERVAL_S}
    canary = {"steps": [{"weight": 10}, {"pause_s": 60}], "checks": [check]}
    return {"dir": "world", "steps": 1, "supports_canary": True, "canary": canary}


def _failing(project: Path) -> Callable[[], float]:
    numbers = count(1)

    def fail() -> float:
        number = next(numbers)
        set_version(project, f"1.1.{number}")
        (project / "number").write_text(GOOD, encoding="utf-8")
        ours = subprocess.Popen(
            [BIN / "pop-deploy", "execute", "--mode", "canary", "--yes"],
            cwd=project,
            env=environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        # Somewhere else between two samples each time.
        time.sleep(2 + number * INTERVAL_S / 8)
        turned = datetime.now(UTC)
        (project / "number").write_text(BAD, encoding="utf-8")
        if (code := ours.wait(DEADLINE_S)) != _ROLLED_BACK:
            raise RuntimeError(f"the canary that fails ended with exit code {code}")
        events = json.loads(program([BIN / "pop-deploy", "replay", "latest", "--json"], cwd=project)())["events"]
        began = next(event["time"] for event in events if event["event"] == "RollbackStarted")
        return (datetime.fromisoformat(began) - turned).total_seconds()

    return fail
