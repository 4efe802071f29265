"""Runs a soak test: starts the workers, kills and stops them at random, replaces them, finishes what is left. Start at `run`.

What is true afterwards is looked at in `checks.py`.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from tests.soak.place import Place

ROOT = Path(__file__).parents[2]
STOPPED_SHARE = 0.25
"""Of those that are disturbed; the others are killed."""
STOPPED_S = (0.05, 1.0)
ENDING_S = 60.0
"""How long workers may take for the command that they are in when the time is up."""
FINISHING_S = 400.0


@dataclass
class Disturbed:
    """What was done to the workers."""

    kills: int = 0
    stops: int = 0


@dataclass
class Workers:
    """The processes; killed ones are replaced at once.

    Attributes:
        stopped: Those that wait for SIGCONT, with the time of it.
    """

    place: Place
    until: float
    running: list[subprocess.Popen[bytes]] = field(default_factory=list)
    stopped: dict[int, float] = field(default_factory=dict)
    failed: list[str] = field(default_factory=list)

    def start(self) -> None:
        self.running.append(start_worker(self.place, str(self.until)))

    def disturb(self, chance: random.Random, done: Disturbed) -> None:
        """Kill a random worker that is at work, stopped or not, or stop one for a while."""
        at_work = [worker for worker in self.running if self.place.has_appended(worker.pid)]
        if not at_work:
            return
        worker = chance.choice(at_work)
        if worker.pid not in self.stopped and chance.random() < STOPPED_SHARE:
            worker.send_signal(signal.SIGSTOP)
            self.stopped[worker.pid] = time.time() + chance.uniform(*STOPPED_S)
            done.stops += 1
            return
        worker.kill()
        worker.wait()
        self.stopped.pop(worker.pid, None)
        self.running.remove(worker)
        self.start()
        done.kills += 1

    def wake(self, now: float) -> None:
        """SIGCONT for those whose time has come."""
        for pid in [pid for pid, at in self.stopped.items() if at <= now]:
            del self.stopped[pid]
            os.kill(pid, signal.SIGCONT)

    def end(self) -> None:
        """Wait until each has ended its last command."""
        self.wake(float("inf"))
        deadline = time.monotonic() + ENDING_S
        for worker in self.running:
            try:
                code = worker.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                self.failed.append(f"worker {worker.pid} did not end within {ENDING_S:.0f} s")
            else:
                if code:
                    self.failed.append(f"worker {worker.pid} ended with exit code {code}; see DIR/logs/output")

    def kill(self) -> None:
        for worker in self.running:
            with suppress(ProcessLookupError):
                worker.kill()
            worker.wait()


def run(place: Place, *, seconds: float, processes: int, kill_every_s: float, seed: int) -> tuple[Disturbed, list[str]]:
    """Let *processes* deploy for *seconds*, disturb one of them every *kill_every_s*, and finish what is left.

    Returns:
        What was done to them, and what went wrong with the workers themselves.
    """
    chance, done = random.Random(seed), Disturbed()  # noqa: S311 - who is killed
    workers = Workers(place, time.time() + seconds)
    try:
        for _ in range(processes):
            workers.start()
        while (now := time.time()) < workers.until:
            workers.wake(now)
            workers.disturb(chance, done)
            time.sleep(kill_every_s * chance.uniform(0.5, 1.5))
        workers.end()
    finally:
        workers.kill()
    finisher = start_worker(place, "finish")
    try:
        if finisher.wait(FINISHING_S):
            workers.failed.append(f"what was left could not be finished: exit code {finisher.returncode}; see DIR/logs/output")
    finally:
        finisher.kill()
        finisher.wait()
    return done, workers.failed


def start_worker(place: Place, until: str) -> subprocess.Popen[bytes]:
    environ = {
        **os.environ,
        "POP_DEPLOY_ACTOR": "soak",
        "PYTHONPATH": str(ROOT),
        "XDG_RUNTIME_DIR": "",
        "XDG_STATE_HOME": str(Path(place.directory) / "state"),
    }
    with (place.logs / "output").open("ab") as output:
        return subprocess.Popen(
            [sys.executable, "-m", "tests.soak.worker", place.directory, until],
            cwd=ROOT,
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
