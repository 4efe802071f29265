"""What a step costs that is one command: under a launcher that survives us, against a plain child."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

from benchmarks.harness import Figure, Limit, Side, Unit, compare, timed
from benchmarks.project import ready_to_run, run_all, workspace_of, write_project

COMMAND = ["/bin/true"]
STEPS = 10


def run(scratch: Path) -> Iterator[Figure]:
    config = {"dir": "world", "steps": [{"name": "rest", "effect": False}]}
    project = write_project(scratch / "project", config, hooks=[COMMAND] * (STEPS - 1))

    def ours() -> float:
        with workspace_of(project) as workspace, ready_to_run(workspace) as road:
            return timed(lambda: run_all(road))

    def theirs() -> None:
        for _ in range(STEPS):
            subprocess.run(COMMAND, capture_output=True, stdin=subprocess.DEVNULL, check=True)

    yield compare(
        "a step that is one command",
        Side(f"step_runner, launcher, {COMMAND[0]}: output and end on record", ours),
        Side(f"subprocess.run({COMMAND}, capture_output=True)", theirs),
        Limit(40, Unit.MORE_MS),
        runs=15,
        count=STEPS,
        per="/step",
    )
