"""The real swarm of the tests: the engine of `tests.backends.docker`, which manages a swarm of its own (``swarm-up.sh``).

Without IPVS in the kernel neither virtual addresses nor swarm-wide published ports work: tests use ``dnsrr`` and host mode.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from tests.backends.docker import DockerBackend, docker

_GONE_S = 30.0


@dataclass(frozen=True)
class SwarmBackend(DockerBackend):
    """The engine as a manager."""

    def available(self) -> str | None:
        """Return why these tests cannot run here, or None if they can."""
        missing = super().available()
        if missing is None and docker("info", "--format", "{{.Swarm.ControlAvailable}}").stdout.strip() != "true":
            return "the Docker engine manages no swarm; run tests/backends/swarm-up.sh"
        return missing

    def forget(self, label: str) -> None:
        """Remove the services named with *label* as well, and wait until Swarm has stopped their containers."""
        services = docker("service", "ls", "--quiet", "--filter", f"name={label}").stdout.split()
        if services:
            docker("service", "rm", *services)
        deadline = time.monotonic() + _GONE_S
        while service_containers(label) and time.monotonic() < deadline:
            time.sleep(0.1)
        super().forget(label)


def service_containers(label: str) -> list[str]:
    """Names of the containers of services that are named with *label*."""
    listed = docker("ps", "--all", "--filter", f"name={label}", "--format", "{{.Names}}")
    return listed.stdout.split()
