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
        """Remove the services and networks named with *label* as well, and wait until Swarm has stopped the containers."""
        services = docker("service", "ls", "--quiet", "--filter", f"name={label}").stdout.split()
        if services:
            docker("service", "rm", *services)
        deadline = time.monotonic() + _GONE_S
        while service_containers(label) and time.monotonic() < deadline:
            time.sleep(0.1)
        super().forget(label)
        # Swarm takes a moment to let a network go that a task was on.
        while (networks := swarm_networks(label)) and time.monotonic() < deadline:
            docker("network", "rm", *networks)


def swarm_networks(label: str) -> list[str]:
    """Names of the networks that are named with *label*. Not by a filter: the swarm's own are found by whole names only."""
    return [name for name in docker("network", "ls", "--format", "{{.Name}}").stdout.split() if label in name]


def service_containers(label: str) -> list[str]:
    """Names of the containers of services that are named with *label*."""
    listed = docker("ps", "--all", "--filter", f"name={label}", "--format", "{{.Names}}")
    return listed.stdout.split()
