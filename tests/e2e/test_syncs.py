"""How often a deployment waits for the disk: once for each step, however many there are."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from tests.e2e.project import COMMAND

pytestmark = pytest.mark.e2e


def test_each_step_waits_for_the_disk_exactly_once(tmp_path: Path, strace: str) -> None:
    """Its outcome and the next one's intent are one commit. Less would forget steps in a power cut."""
    few, many = (syncs(strace, tmp_path / str(steps), steps) for steps in (5, 25))

    assert many - few == 20


def syncs(strace: str, project: Path, steps: int) -> int:
    """How often `execute` of so many steps that do nothing waits for the disk, from its start to its end."""
    data = project / ".claude" / "popkit"
    data.mkdir(parents=True)
    config = {"dir": "world", "steps": [{"name": f"step-{number}", "effect": False} for number in range(steps)]}
    (data / "deploy.json").write_text(json.dumps({"project_name": "shop", "targets": {"fake": {"config": config}}}))
    counted = project / "counted"
    tracing = [strace, "-c", "-f", "-o", str(counted), "-e", "trace=fdatasync,fsync"]
    execute = [COMMAND, "execute", "--mode", "deploy", "--version", "1.0.0", "--yes"]
    environ = {**os.environ, "XDG_RUNTIME_DIR": "", "XDG_STATE_HOME": str(project / "state"), "POP_DEPLOY_ACTOR": "ann"}
    subprocess.run(
        [*tracing, *execute], cwd=project, env=environ, stdin=subprocess.DEVNULL, capture_output=True, check=True, timeout=120
    )
    rows = [row.split() for row in counted.read_text(encoding="utf-8").splitlines()]
    return sum(int(row[3]) for row in rows if row and row[-1] in {"fsync", "fdatasync"})
