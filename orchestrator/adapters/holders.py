"""Whether the process that claims a slot is still at work (`at_work`, `liveness`), and its end (`kill`).

Taking the slot's lock to find out would disturb others. `kill` is for `slots release` alone.
"""

from __future__ import annotations

from orchestrator.adapters import identity
from orchestrator.targets import processes
from orchestrator.targets.processes import ProcessId

KILL_WAIT_S = 10.0


def at_work(host: str, boot_id: str, pid: int, start_ticks: int, pid_namespace: str = "") -> bool | None:
    """Whether this very process still runs; None when it is, or was, where nobody here can see it: another machine or container.

    A machine that was started anew has ended all its processes.

    Args:
        pid_namespace: In which *pid* counts; "" stands for this process's own.
    """
    process = _seen(host, boot_id, pid, start_ticks, pid_namespace)
    return processes.alive(process) if process is not None else None


def liveness(host: str, boot_id: str, pid: int, start_ticks: int, pid_namespace: str) -> str:
    """``living``, ``stopped`` (SIGSTOP: it lives and does nothing), ``dead``, or ``unknown``: it cannot be seen from here."""
    process = _seen(host, boot_id, pid, start_ticks, pid_namespace)
    if process is None:
        return "unknown"
    if not processes.alive(process):
        return "dead"
    return "stopped" if processes.stopped(process) else "living"


def kill(host: str, boot_id: str, pid: int, start_ticks: int, pid_namespace: str) -> bool | None:
    """KILL the holder, checked by its start time, and wait `KILL_WAIT_S` at most for its end.

    Returns:
        True when it does not run any more. False when it still does (another user's, or it hangs in the kernel). None when it
        cannot be seen from here.
    """
    process = _seen(host, boot_id, pid, start_ticks, pid_namespace)
    return processes.kill(process, KILL_WAIT_S) if process is not None else None


def _seen(host: str, boot_id: str, pid: int, start_ticks: int, pid_namespace: str) -> ProcessId | None:
    here = identity.here()
    if host != here.host or not here.boot_id:
        return None
    process = ProcessId(pid, start_ticks, boot_id, pid_namespace or here.pid_namespace)
    # Of an earlier boot nothing is left, whatever it was in; in another container of this one it may live.
    return process if boot_id != here.boot_id or process.visible() else None
