"""Sending signals to a deployment, and what has to be true afterwards: `sent`, `resumable`, `finished`.

Not here: holding it at a place in its program (`holding.py`).
"""

from __future__ import annotations

import signal
import subprocess
import time

from orchestrator.domain.lifecycle import State
from tests.e2e.holding import lock_is_free
from tests.e2e.project import Project, Ran, ended

LIVE = ("execute", "--mode", "deploy", "--yes")
FAKE = (*LIVE, "--target", "fake")
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
AT_ONCE_S = 4.0
"""Less than any of the waits that a signal has to end (a try of a health check 5 s, the grace of a command 10 s)."""
EFFECT = "orchestrator.targets.fake_child:make_effect"
"""A place to hold a step of our own process, just before its effect."""


def with_fake(project: Project) -> Project:
    """1.0.0 is live on a fake target of two steps; 1.1.0 is next."""
    project.fake(steps=2)
    assert project.run(*FAKE).code == 0
    project.set_version("1.1.0")
    return project


def sent(process: subprocess.Popen[bytes], *numbers: signal.Signals) -> Ran:
    """How it ended after these signals, one after another."""
    for number in numbers:
        process.send_signal(number)
        time.sleep(0.05)  # two of one kind at the same moment are one
    return ended(process)


def effects(project: Project) -> list[str]:
    """Steps whose effect was made, of the deployment of 1.1.0."""
    lines = (project.root / "fake" / "effects.log").read_text().splitlines()
    first = lines[0].split()[0]
    return [line.split()[1] for line in lines if not line.startswith(first)]


def resumable(project: Project, done: Ran, number: signal.Signals, *, step: str | None, state: State = State.EXECUTING) -> None:
    """Exit 8, `resume` in the last line, the interruption on record, the claim kept, the lock free, nothing deployed there."""
    deployment = project.last
    assert done.code == 8, done.out + done.err
    assert done.last_line.startswith(f"Next: pop-deploy resume {deployment.id}"), done.out
    assert deployment.interrupted is not None
    assert (deployment.interrupted.signal, deployment.interrupted.step, deployment.state) == (number.name, step, state)
    assert project.claims() != [] and lock_is_free(project)
    refused = project.run(*LIVE, "--target", str(deployment.target))
    assert refused.code == 8
    assert f"Next: pop-deploy resume {deployment.id}" in refused.out


def finished(project: Project) -> None:
    resumed = project.run("resume")
    assert resumed.code == 0, resumed.out + resumed.err
    assert (project.claims(), effects(project)) == ([], ["step-1", "step-2"])
