"""Counts how often a project's `pop-deploy` calls a program: `Calls`."""

from __future__ import annotations

import shutil
from datetime import datetime

from tests.e2e.project import Project

_SHIM = '#!/bin/sh\ndate +%s.%N >>"{log}"\nexec {real} "$@"\n'


class Calls:
    """A stand-in for *program*, first on the project's PATH, that notes when it was called before it becomes the real one."""

    def __init__(self, project: Project, program: str) -> None:
        directory, real = project.root / "counted", shutil.which(program)
        assert real is not None
        directory.mkdir()
        self._log = directory / "calls.log"
        shim = directory / program
        shim.write_text(_SHIM.format(log=self._log, real=real))
        shim.chmod(0o755)
        project.env["PATH"] = f"{directory}:{project.environ()['PATH']}"

    def between(self, since: str, until: str) -> int:
        """How many there were between two moments as the record has them."""
        first, last = (datetime.fromisoformat(one).timestamp() for one in (since, until))
        return sum(first <= float(line) <= last for line in self._log.read_text().splitlines())


def while_watched(calls: Calls, project: Project) -> tuple[int, float]:
    """Calls during the last deployment's first watch, and how many seconds it took."""
    forward = project.last.forward
    assert forward is not None
    watch = next(record for record in forward.records.values() if record.step.kind == "canary.watch")
    assert watch.started_at is not None and watch.finished_at is not None
    return calls.between(watch.started_at, watch.finished_at), watch.duration_ms / 1000
