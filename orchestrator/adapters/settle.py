"""What became of the commands of an attempt whose process died: never started, ended, or nobody knows. For `resume`.

It never guesses: what it cannot know is UNKNOWN, and then the target must be asked. A launcher or command that is still at work
is waited for, then stopped. Start reading at `settle`; the rules are those of "a step that runs a child" in the design.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

from orchestrator.adapters.attempt import ChildResult, CommandDirectory
from orchestrator.adapters.signals import StopFlag
from orchestrator.targets import processes
from orchestrator.targets.processes import ProcessId

GRACE_S = 10.0
_LAUNCHER_SLACK_S = 2.0
_LOOK_S = 0.2


class Verdict(StrEnum):
    """Of an attempt or of one of its commands."""

    NO_COMMAND = "no_command"
    """The attempt is on record, but it had not come to a command. It may have done something without one."""
    NEVER_STARTED = "never_started"
    """It has not started and never will: its claim is revoked."""
    ENDED = "ended"
    """Its exit is on record."""
    UNKNOWN = "unknown"
    """It may have started, and how it ended is not on record. Ask the target."""


class Fate(NamedTuple):
    """Of one command. *result* is there whenever it may have started: its output as far as it was kept."""

    verdict: Verdict
    reason: str
    result: ChildResult | None = None


class Settled(NamedTuple):
    """Of an attempt; nothing of it runs any more unless *reason* says so.

    Attributes:
        verdict: UNKNOWN as soon as one command is; ENDED when at least one has ended and the others did or never started. It
            says nothing about commands that the step had not come to yet.
        commands: Name to fate, in the order in which they were started.
    """

    verdict: Verdict
    reason: str
    commands: Mapping[str, Fate]

    @property
    def exit_codes(self) -> dict[str, int]:
        """Of the commands whose end is on record; 128 + N when signal N ended one."""
        results = {name: fate.result for name, fate in self.commands.items()}
        return {name: result.exit_code for name, result in results.items() if result and result.exit_code is not None}


def settle(
    attempt_dir: Path,
    *,
    same_host_boot: bool,
    stop_after_s: float,
    stop: StopFlag | None = None,
    waiting: Callable[[str], None] | None = None,
) -> Settled:
    """Find out what an attempt came to, and make sure that nothing of it starts or goes on.

    The caller must hold the slot: the process that made the attempt is dead.

    Args:
        same_host_boot: This host, this boot and this pid namespace are the attempt's. If not, nothing can be concluded.
        stop_after_s: How long a command that is still at work may go on before it is stopped; for all commands together.
        stop: Ends the wait.
        waiting: Told once per command that is waited for, with a line for people.

    Raises:
        Interrupted: *stop* was set; what was at work is still at work, and can be settled later.
    """
    if not same_host_boot:
        return Settled(Verdict.UNKNOWN, "it ran on another host, or before this host was restarted", {})
    if not attempt_dir.is_dir():
        return Settled(Verdict.UNKNOWN, f"its records are gone: {attempt_dir} does not exist", {})
    deadline = time.monotonic() + stop_after_s
    commands = sorted((CommandDirectory(path) for path in attempt_dir.iterdir() if path.is_dir()), key=lambda it: it.claimed_at())
    return _together({command.name: fate_of(command, deadline, stop, waiting) for command in commands})


def fate_of(
    command: CommandDirectory, deadline: float, stop: StopFlag | None, waiting: Callable[[str], None] | None = None
) -> Fate:
    """One command's fate; still at work at *deadline* (monotonic), it is stopped. Raises as `settle` does."""
    if command.revoke("claim") or command.revoked("claim"):
        return Fate(Verdict.NEVER_STARTED, "it was not started, and no longer can be")
    launcher = command.process("claim")
    if launcher is None or not launcher.visible():
        return Fate(Verdict.UNKNOWN, "it was started on another host, in another boot or in another container", command.result())
    if processes.alive(launcher):
        if waiting:
            waiting(f"{command.name} is still at work (launcher {launcher.pid}): waiting for its end")
        if not _wait(launcher, deadline, stop) and not _stop_launcher(command, launcher):
            return Fate(Verdict.UNKNOWN, f"its launcher {launcher.pid} cannot be stopped", command.result())
    if command.exit():
        return Fate(Verdict.ENDED, _ending(command), command.result())
    # Dead without a last word. What it forked last may not have left its record yet: then it must not go on.
    if command.revoke("child") or command.revoked("child"):
        return Fate(Verdict.NEVER_STARTED, "its launcher died before it could start it")
    return Fate(Verdict.UNKNOWN, f"its launcher was killed; {_end_orphan(command, launcher, deadline, stop)}", command.result())


def _ending(command: CommandDirectory) -> str:
    result, error = command.result(), command.exec_error()
    return str(error) if error else f"it ended with {result.exit_code}" + (" after its time was up" if result.timed_out else "")


def _together(commands: dict[str, Fate]) -> Settled:
    verdicts = {fate.verdict for fate in commands.values()}
    for verdict in (Verdict.UNKNOWN, Verdict.ENDED, Verdict.NEVER_STARTED):
        if verdict in verdicts:
            reasons = (f"{name}: {fate.reason}" for name, fate in commands.items() if fate.verdict == verdict)
            return Settled(verdict, "; ".join(reasons), commands)
    return Settled(Verdict.NO_COMMAND, "it had not come to a command", commands)


def _wait(process: ProcessId, deadline: float, stop: StopFlag | None) -> bool:
    while not processes.wait_end(process, max(0.0, min(_LOOK_S, deadline - time.monotonic()))):
        if stop:
            stop.check()
        if time.monotonic() >= deadline:
            return False
    return True


def _stop_launcher(command: CommandDirectory, launcher: ProcessId) -> bool:
    """TERM to the launcher, which passes it on, kills after its grace and records the end. If even that fails, kill both."""
    if processes.request_end(launcher) and processes.wait_end(launcher, GRACE_S + _LAUNCHER_SLACK_S):
        return True
    child = command.process("child")
    if child:
        processes.terminate(child, group=True, drain_s=0.0)
    return processes.wait_end(launcher, _LAUNCHER_SLACK_S) or processes.terminate(launcher, group=False, drain_s=0.0)


def _end_orphan(command: CommandDirectory, launcher: ProcessId, deadline: float, stop: StopFlag | None) -> str:
    """The command has outlived its launcher: let it end by itself, else stop it with its group. What a command leaves behind
    when it ends by itself is left alone here as everywhere (it may be a service); the reason names it."""
    child = command.process("child")
    if child is None:
        return "the record of its process is gone"
    how = "it ended by itself"
    if not _wait(child, deadline, stop):
        how = "it was stopped"
        if not processes.terminate(child, group=True, drain_s=GRACE_S):
            return f"it still runs as process {child.pid} and cannot be stopped"
    left = ", ".join(str(process.pid) for process in processes.members(child.pid, launcher.pid))
    return f"{how}, and what it started still runs: {left}" if left else how
