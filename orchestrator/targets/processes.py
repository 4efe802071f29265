"""Which process is meant, for as long as this host is up: a pid alone is soon somebody else's.

`ProcessId` names a process by pid, start time, boot and pid namespace. Everything that waits or kills here does it through a
pidfd whose process was checked against that identity after the pidfd was opened, so a recycled pid is never hit. Linux only
(pidfd: 5.3). This module starts nothing: commands of a step are started by `adapters/child.py`, the service of a `local`
release by its target.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

KILL_WAIT_S = 5.0
_TICK_S = 0.02


@dataclass(frozen=True, slots=True)
class ProcessId:
    """Identity of a process.

    Attributes:
        start_ticks: Field 22 of ``/proc/PID/stat``, raw: clock ticks from boot to the start of the process.
        boot_id: ``/proc/sys/kernel/random/boot_id`` of the host's current boot.
        pid_namespace: For example ``pid:[4026531836]``: pids are only comparable within one.
    """

    pid: int
    start_ticks: int
    boot_id: str
    pid_namespace: str

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> ProcessId:
        return cls(**data)

    @classmethod
    def from_line(cls, line: str) -> ProcessId:
        """From ``PID TICKS BOOT_ID NAMESPACE``, as the launcher writes it. Raises ValueError on anything else."""
        pid, ticks, boot, namespace = line.split()
        if not 0 < int(pid) < 2**31:
            raise ValueError(f"{pid} is no pid")
        return cls(int(pid), int(ticks), boot, namespace)

    def visible(self) -> bool:
        """Can it be seen from here: same boot, same pid namespace? If not, nothing can be said about it."""
        return (self.boot_id, self.pid_namespace) == (boot_id(), pid_namespace())


def boot_id() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def pid_namespace() -> str:
    return str(Path("/proc/self/ns/pid").readlink())


def current() -> ProcessId:
    """Identity of this process."""
    return of(os.getpid())


def of(pid: int) -> ProcessId:
    """Identity of the process that has *pid* now. Raises ProcessLookupError when there is none."""
    return ProcessId(pid, _stat(pid).start_ticks, boot_id(), pid_namespace())


def alive(identity: ProcessId) -> bool:
    """Is this very process still running? A zombie is not. False also for what is not `visible` from here."""
    with _opened(identity) as fd:
        return fd is not None and not _ended(fd, 0)


def wait_end(identity: ProcessId, timeout_s: float) -> bool:
    """Wait until the process has ended, *timeout_s* at most.

    Returns:
        True when it has ended, also long ago or in an earlier boot. False when it has not, or lives (if at all) in a pid
        namespace that cannot be seen from here.
    """
    with _opened(identity) as fd:
        return _foretold(identity) if fd is None else _ended(fd, timeout_s)


def request_end(identity: ProcessId) -> bool:
    """Send TERM to this very process alone. False when that is not possible: it has ended, or belongs to another user."""
    with _opened(identity) as fd:
        try:
            if fd is not None:
                signal.pidfd_send_signal(fd, signal.SIGTERM)
                signal.pidfd_send_signal(fd, signal.SIGCONT)  # a stopped process takes TERM only when continued
            return fd is not None
        except (ProcessLookupError, PermissionError):
            return False


def kill(identity: ProcessId, timeout_s: float) -> bool:
    """KILL this very process, stopped or not, and wait for its end.

    Returns:
        True when it does not run any more, also when it had ended before. False when it has not ended within *timeout_s*
        seconds, belongs to another user, or cannot be seen from here.
    """
    with _opened(identity) as fd:
        if fd is None:
            return _foretold(identity)
        try:
            signal.pidfd_send_signal(fd, signal.SIGKILL)
        except ProcessLookupError:
            return True
        except PermissionError:
            return False
        return _ended(fd, timeout_s)


def stopped(identity: ProcessId) -> bool:
    """Is this very process there, but stopped (SIGSTOP)?"""
    with _opened(identity) as fd:
        try:
            return fd is not None and _stat(identity.pid).state in "Tt"
        except ProcessLookupError:
            return False


def terminate(identity: ProcessId, group: bool, drain_s: float) -> bool:
    """Ask the process to end with TERM; KILL it after *drain_s* seconds. Another process that got its pid is not touched.

    Args:
        group: Where it leads a process group: signal the whole group, and do not return before all of it has ended.

    Returns:
        True when nothing of it runs any more, also when it had ended before; then its group is left alone, because nobody
        can tell whose group that is. False when it survives KILL for 5 s, belongs to another user, or cannot be seen from here.
    """
    with _opened(identity) as fd:
        if fd is None:
            return _foretold(identity)
        try:
            stat = _stat(identity.pid)
            return _ended(fd, 0) or _Stopping(fd, stat, group and stat.group == identity.pid).stop(drain_s)
        except ProcessLookupError:
            return True
        except PermissionError:
            return False


def members(group: int, session: int) -> list[ProcessId]:
    """The running processes of a process group within a session. Both numbers must fit: after the death of the group's
    leader, a group that got its number later is then not taken for it."""
    boot, namespace, found = boot_id(), pid_namespace(), []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(ProcessLookupError):
                stat = _stat(int(entry.name))
                if (stat.group, stat.session) == (group, session) and stat.state not in "ZX":
                    found.append(ProcessId(int(entry.name), stat.start_ticks, boot, namespace))
    return found


class _Stopping(NamedTuple):
    fd: int
    stat: _Stat
    group: bool

    def stop(self, drain_s: float) -> bool:
        self._send(signal.SIGTERM)
        self._send(signal.SIGCONT)  # a stopped process takes TERM only when continued
        if self._gone(drain_s):
            return True
        deadline = time.monotonic() + KILL_WAIT_S
        while time.monotonic() < deadline:
            self._send(signal.SIGKILL)
            if self._gone(0.2):
                return True
        return False

    def _send(self, number: int) -> None:
        """At once to the group while its leader is there (its number is then nobody else's), else one by one."""
        with contextlib.suppress(ProcessLookupError):
            if not self.group:
                signal.pidfd_send_signal(self.fd, number)
            elif _ended(self.fd, 0):
                _signal_members(self.stat.group, self.stat.session, number)
            else:
                os.killpg(self.stat.group, number)

    def _gone(self, timeout_s: float) -> bool:
        deadline = time.monotonic() + timeout_s
        if not _ended(self.fd, timeout_s):
            return False
        while self.group and members(self.stat.group, self.stat.session):
            if time.monotonic() >= deadline:
                return False
            time.sleep(_TICK_S)  # nobody is told of the end of processes that are not his children
        return True


def _signal_members(group: int, session: int, number: int) -> None:
    """Send a signal to every process of the group, each by its own pidfd. Raises PermissionError for another user's."""
    for member in members(group, session):
        with _opened(member) as fd, contextlib.suppress(ProcessLookupError):
            if fd is not None:
                signal.pidfd_send_signal(fd, number)


def _foretold(identity: ProcessId) -> bool:
    """No such process here: it has ended, unless it lives in another pid namespace of this boot."""
    return identity.boot_id != boot_id() or identity.pid_namespace == pid_namespace()


@contextlib.contextmanager
def _opened(identity: ProcessId) -> Iterator[int | None]:
    """A pidfd that surely is of this process, or None when it has gone."""
    fd: int | None = None
    try:
        if identity.visible():
            with contextlib.suppress(ProcessLookupError):
                fd = os.pidfd_open(identity.pid)
                if _stat(identity.pid).start_ticks != identity.start_ticks:
                    os.close(fd)
                    fd = None
        yield fd
    finally:
        if fd is not None:
            os.close(fd)


def _ended(fd: int, timeout_s: float) -> bool:
    """A pidfd becomes readable at the end of the whole process, reaped or not."""
    poll = select.poll()
    poll.register(fd, select.POLLIN)
    return bool(poll.poll(timeout_s * 1000))


class _Stat(NamedTuple):
    state: str
    group: int
    session: int
    start_ticks: int


def _stat(pid: int) -> _Stat:
    try:
        line = Path(f"/proc/{pid}/stat").read_bytes()
    except (FileNotFoundError, ProcessLookupError) as problem:
        raise ProcessLookupError(f"no process {pid}") from problem
    fields = line.rpartition(b") ")[2].split()  # a program's name may hold blanks and brackets
    return _Stat(fields[0].decode(), int(fields[2]), int(fields[3]), int(fields[19]))
