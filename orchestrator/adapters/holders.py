"""Whether the process that claims a slot is still at work: `at_work`. Taking the slot's lock to find out would disturb others."""

from __future__ import annotations

from orchestrator.adapters import identity
from orchestrator.targets import processes


def at_work(host: str, boot_id: str, pid: int, start_ticks: int) -> bool | None:
    """Whether this very process still runs; None when it is, or was, on another machine, which nobody here can see.

    A machine that was started anew has ended all its processes.
    """
    here = identity.here()
    if host != here.host or not here.boot_id:
        return None
    return processes.alive(processes.ProcessId(pid, start_ticks, boot_id, here.pid_namespace))
