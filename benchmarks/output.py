"""A step that prints 1 GB: what keeping its output costs beside writing all of it to a file, and the memory it takes."""

from __future__ import annotations

import contextlib
import subprocess
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from benchmarks.harness import BIN, DEADLINE_S, Figure, Limit, Side, Unit, compare, environment
from benchmarks.project import write_project
from eventstore.reading import open_read_only

PRINTS = ["seq", "112000000"]  # 1.01 GB, a line for each number
STEP = b'"before_deploy-1"'
POLL_S = 0.01
RUNS = 5


def run(scratch: Path) -> Iterator[Figure]:
    config = {"dir": "world", "steps": [{"name": "rest", "effect": False}]}
    project = write_project(scratch / "project", config, hooks=[PRINTS])
    execute = [str(BIN / "pop-deploy"), "execute", "--mode", "deploy", "--yes"]
    peaks: list[float] = []

    def ours() -> float:
        peaks.append(_run_watched(execute, project, scratch))
        return _step_seconds(project / ".claude" / "popkit" / "events.db")

    words = f"{' '.join(PRINTS)} | cat > file"
    yield compare(
        "a step that prints 1 GB",
        Side(f"pop-deploy execute, from the intent of the step {' '.join(PRINTS)} to its outcome", ours),
        Side(words, lambda: _piped_into_cat(scratch / "file")),
        Limit(1.2, Unit.TIMES),
        runs=RUNS,
    )
    yield Figure(
        "its peak memory",
        "pop-deploy execute and its launcher, VmHWM of both added up",
        "",
        Limit(120, Unit.MB),
        max(peaks),
        0.0,
        len(peaks),
    )


def _piped_into_cat(path: Path) -> None:
    with path.open("wb") as file, subprocess.Popen(PRINTS, stdout=subprocess.PIPE) as printing:
        subprocess.run(["cat"], stdin=printing.stdout, stdout=file, timeout=DEADLINE_S, check=True)
    path.unlink()


def _run_watched(argv: list[str], project: Path, scratch: Path) -> float:
    """Run *argv* to its end. Returns the megabytes that it and its launcher had at most."""
    log = scratch / "execute.log"
    peaks: dict[int, float] = {}
    with log.open("wb") as file:
        process = subprocess.Popen(argv, cwd=project, env=environment(), stdin=subprocess.DEVNULL, stdout=file, stderr=file)
        while process.poll() is None:
            for pid in (process.pid, *_launchers(process.pid)):
                with contextlib.suppress(OSError):  # it has just ended
                    peaks[pid] = max(peaks.get(pid, 0.0), _peak_mb(pid))
            time.sleep(POLL_S)
    if process.returncode:
        raise RuntimeError(f"{' '.join(argv)}: exit code {process.returncode}\n{log.read_text(encoding='utf-8')}")
    own = peaks.pop(process.pid)
    return own + max(peaks.values())


def _launchers(pid: int) -> list[int]:
    """Of the process *pid*. What it has just forked for a question shows its own memory until it becomes that program."""
    with contextlib.suppress(OSError):
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
        return [int(child) for child in children if b"launcher.py" in Path(f"/proc/{child}/cmdline").read_bytes()]
    return []


def _peak_mb(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text(encoding="utf-8", errors="replace").splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1000
    return 0.0


def _step_seconds(path: Path) -> float:
    """Between the two events of the step that printed, in the newest deployment."""
    reader = open_read_only(str(path))
    try:
        events = [event for event in reader.read_all(types={"StepStarted", "StepSucceeded"}) if STEP in event.data]
    finally:
        reader.close()
    began, ended = (datetime.fromisoformat(event.time) for event in events[-2:])
    return (ended - began).total_seconds()
