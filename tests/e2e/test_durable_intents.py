"""Before an effect starts its intent is on the disk, by the calls that a real process makes to the kernel; and each step waits
for the disk once.

What counts is the order: the write of the event to the store's log, the sync that makes it durable, the effect.
"""

from __future__ import annotations

import re
import subprocess

import pytest

from tests.e2e.project import COMMAND, DEADLINE_S, Project

pytestmark = pytest.mark.e2e

CALLS = "trace=pwrite64,write,fdatasync,fsync,execve"


@pytest.fixture
def fake(project: Project) -> Project:
    """A store that is there already, and a fake whose second step is made by a child."""
    project.fake(steps=[{"name": "first"}, {"name": "second", "child": True}, {"name": "third"}])
    assert project.run("prepare", "--target", "fake").code == 0
    return project


def traced(project: Project, strace: str) -> list[str]:
    """The calls of a deployment and all its children, in the order in which they began; one that took long has a second line when
    it ended."""
    found = project.root / "calls"
    words = [strace, "-f", "-y", "-s", "16384", "-e", CALLS, "-o", str(found)]
    live = [COMMAND, "execute", "--mode", "deploy", "--yes", "--target", "fake"]
    done = subprocess.run(
        [*words, *live], cwd=project.path, env=project.environ(), capture_output=True, timeout=2 * DEADLINE_S, check=False
    )
    assert done.returncode == 0, done.stdout.decode() + done.stderr.decode()
    return found.read_text(errors="replace").splitlines()


def first(calls: list[str], *parts: str, after: int = -1) -> int:
    """Number of the first call behind number *after* that has all *parts*."""
    return next(number for number, call in enumerate(calls) if number > after and all(part in call for part in parts))


def synced(calls: list[str], after: int) -> int:
    """Number of the line at which the store's log has reached the disk, with all that was written to it before *after*."""
    began = first(calls, "fdatasync(", "events.db-wal", after=after)
    if "unfinished" not in calls[began]:
        return began
    return first(calls, calls[began].split()[0] + " ", "fdatasync resumed", after=began)


@pytest.mark.parametrize(
    ("step", "effect"),
    [
        ("first", ("write(", "effects.log>", " first 1")),
        ("second", ("execve(", "fake_child.py", " second 1")),
        ("third", ("write(", "effects.log>", " third 1")),
    ],
    ids=["in our own process", "in a child", "in our own process, behind another step"],
)
def test_the_intent_is_on_the_disk_before_the_effect_starts(
    fake: Project, strace: str, step: str, effect: tuple[str, ...]
) -> None:
    calls = traced(fake, strace)

    intent = first(calls, "pwrite64(", "events.db-wal>", "StepStarted", rf"\"step\":\"{step}\"")
    started = first(calls, *effect)
    assert intent < synced(calls, intent) < started


def test_a_step_with_a_command_waits_for_the_disk_exactly_once_too(project: Project, strace: str) -> None:
    """Neither the launcher nor the command's output waits for it. Steps without a command: test_syncs.py."""
    project.fake(steps=1)
    assert project.run("prepare", "--target", "fake").code == 0
    counts = []
    for steps in (2, 12):
        project.fake(steps=steps, child=True)
        syncs = [call for call in traced(project, strace) if re.search(r"\b(fsync|fdatasync)\(", call)]
        counts.append(len([call for call in syncs if f"{project.root / 'fake'}/" not in call]))

    assert counts[1] - counts[0] == 10
