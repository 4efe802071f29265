"""Runs one command of a step so that it outlives us: under a launcher (`launcher.py`) that records its output and its end.

Not for questions (`query.py`), and not for what became of a dead process's commands (`settle.py`). Start reading at `run`.
"""

from __future__ import annotations

import contextlib
import errno
import os
import select
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from orchestrator.adapters.attempt import ChildResult, CommandDirectory
from orchestrator.adapters.launchers import Launchers, Request
from orchestrator.adapters.programs import tool_missing
from orchestrator.adapters.settle import Verdict, fate_of
from orchestrator.adapters.signals import StopFlag
from orchestrator.adapters.spool import Follower
from orchestrator.domain.errors import Interrupted
from orchestrator.targets.base import StepError

GRACE_S = 10.0
FOLLOW_S = 0.1
_SLACK_S = 10.0
"""How much longer than it should ever take we wait for a launcher before we take it for hung."""


def run(
    attempt_dir: Path,
    name: str,
    argv: Sequence[str],
    *,
    cwd: Path,
    env: Mapping[str, str],
    timeout_s: float,
    stop: StopFlag,
    launchers: Launchers,
    follow: Callable[[bytes], None] | None = None,
    grace_s: float = GRACE_S,
    hidden: Sequence[str] = (),
    outlive_s: float | None = None,
) -> ChildResult:
    """Run *argv* to its end, and leave the record of it in ``attempt_dir/name``, private to this user.

    When *stop* is set meanwhile, its signal is passed on once and the end is still waited for; the next signal ends the wait, and
    the command is then still about to end. Should this process die, the command goes on, to its deadline at most.

    Args:
        name: Of the command within its step; each name once.
        launchers: Shared by the commands of one run, so that one can stand by for the next.
        env: Its whole environment. It stands in no file; PYTHONUNBUFFERED is added so that output comes when it is made.
        timeout_s: Then its process group gets TERM, and KILL after *grace_s*. The launcher sees to it, also after our death.
        hidden: Values that stand in none of its files, longer ones first.
        outlive_s: So long at most it goes on after our death; None: to its deadline.
        follow: Told what is new of the output, not masked further, the newest 64 kB at most, ten times a second at most.

    Returns:
        How it went; with ``ended`` False when its end is not on record.

    Raises:
        Interrupted: *stop* was set before the start; nothing was started.
        ToolMissing: There is no such program.
        StepError: It could not be started for another reason; ``effect`` is False.
    """
    stop.check()
    command = _prepare(attempt_dir, name)
    watch = _Watch(command, stop, follow, time.monotonic() + timeout_s + grace_s + _SLACK_S, grace_s)
    request = Request(command.path, argv, cwd.absolute(), {"PYTHONUNBUFFERED": "1", **env}, timeout_s, grace_s, hidden)
    if outlive_s is not None:
        request = request._replace(owner=os.getpid(), outlive_s=outlive_s)
    with stop.breakable(0):  # what waits here polls
        return _run(command, request, launchers, watch)


def _run(command: CommandDirectory, request: Request, launchers: Launchers, watch: _Watch) -> ChildResult:
    argv, stop = request.argv, watch.stop
    try:
        launcher = launchers.start(request)
    except (OSError, ValueError) as problem:
        raise StepError(f"{command.name}: cannot start {_shown(argv)}: {problem}", effect=False) from problem
    try:
        launchers.stand_by()  # for the next command: it starts while this one works
        interrupted = watch.wait(launcher.pid)
        if command.exit() is None and stop.count < 2:
            return _without_record(command, argv, watch, interrupted, launcher.last_words())
    finally:
        launcher.close()
    _refuse_unstarted(command, argv, request.cwd, request.env)
    return command.result(interrupted=interrupted)


def _prepare(attempt_dir: Path, name: str) -> CommandDirectory:
    if not name or "/" in name or name.startswith("."):
        raise ValueError(f"{name!r} cannot name a command: it becomes a directory's name")
    attempt_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = attempt_dir.absolute() / name
    path.mkdir(mode=0o700)
    return CommandDirectory(path)


@dataclass(slots=True)
class _Watch:
    """Waits for a launcher, passing on output and the first signal."""

    command: CommandDirectory
    stop: StopFlag
    follow: Callable[[bytes], None] | None
    deadline: float
    grace_s: float

    def wait(self, pid: int) -> bool:
        """Until the launcher ends, a second signal comes, or it is overdue. True when a signal was passed on."""
        try:
            pidfd = os.pidfd_open(pid)
        except ProcessLookupError:  # reaped already, because our parent had us ignore SIGCHLD
            return False
        try:
            return self._poll(pidfd)
        finally:
            os.close(pidfd)
            with contextlib.suppress(ChildProcessError):  # the same: there is nothing left to reap
                os.waitpid(pid, os.WNOHANG)

    def _poll(self, pidfd: int) -> bool:
        follower = Follower(self.command.path)
        poll = select.poll()
        poll.register(pidfd, select.POLLIN)
        poll.register(self.stop.fileno(), select.POLLIN)
        passed_on = False
        while time.monotonic() < self.deadline and self.stop.count < 2:
            ready = {fd for fd, _ in poll.poll((FOLLOW_S if self.follow else 1.0) * 1000)}
            if self.follow and (block := follower.newest()):
                self.follow(block)
            if pidfd in ready:
                break
            self.stop.drain()
            if self.stop.signal is not None and not passed_on:
                signal.pidfd_send_signal(pidfd, self.stop.signal)
                passed_on = True
                self.deadline = min(self.deadline, time.monotonic() + self.grace_s + _SLACK_S)
        else:
            if self.stop.signal is not None and not passed_on:  # the second came on the heels of the first
                signal.pidfd_send_signal(pidfd, self.stop.signal)
                passed_on = True
        return passed_on


def _without_record(
    command: CommandDirectory, argv: Sequence[str], watch: _Watch, interrupted: bool, last_words: str
) -> ChildResult:
    """The launcher was killed, or hangs: find out as `resume` would."""
    try:
        fate = fate_of(command, watch.deadline, watch.stop)
    except Interrupted:
        return command.result(interrupted=True)
    if fate.verdict is Verdict.NEVER_STARTED or fate.result is None:
        detail = (command.launcher_error() or last_words.strip()).rpartition("\n")[2] or fate.reason
        raise StepError(f"{command.name}: cannot start {_shown(argv)}: {detail}", effect=False)
    return command.result(interrupted=interrupted)


def _refuse_unstarted(command: CommandDirectory, argv: Sequence[str], cwd: Path, env: Mapping[str, str]) -> None:
    error = command.exec_error()
    if error is None:
        if command.exit() and command.process("child") is None:  # not even its own record found room
            raise StepError(f"{command.name}: cannot start {_shown(argv)}: is {command.path} on a full disc?", effect=False)
        return
    if error.what == "exec" and error.errno in (errno.ENOENT, errno.ENOTDIR):
        raise tool_missing(argv[0], path=env.get("PATH"), cwd=cwd)
    raise StepError(f"{command.name}: {error}", exit_code=127, effect=False)


def _shown(argv: Sequence[str]) -> str:
    return argv[0] if argv else "an empty argument list"
