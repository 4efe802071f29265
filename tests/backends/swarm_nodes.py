"""A swarm of three engines on this machine (``swarm-nodes-up.sh``), apart from the engine that the other tests use.

What is pushed to the plain registry can be pulled by each of them under the same name, ``127.0.0.1:5001/...``. Services
publish in host mode: the task on node 2 answers at ``nodes.addresses["node2"]``.
"""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass

from tests.backends.docker import LABEL, DockerBackend, docker, state_directory

NODES = ("node1", "node2", "node3")
_GONE_S = 30.0


@dataclass(frozen=True)
class SwarmNodes:
    """The three engines; ``node1`` manages the swarm."""

    @property
    def docker_host(self) -> str:
        """``DOCKER_HOST`` of the manager."""
        return self.host("node1")

    @property
    def env(self) -> Mapping[str, str]:
        """What a command needs in its environment to talk to the manager."""
        return {"DOCKER_HOST": self.docker_host}

    @property
    def registry(self) -> str:
        """The plain registry, as this machine and every node call it."""
        return DockerBackend().registry

    @property
    def addresses(self) -> Mapping[str, str]:
        """Where a port published in host mode is, by the node's host name."""
        network = os.environ.get("POP_DEPLOY_SWARM_NETWORK", "10.77.0")
        return {name: f"{network}.{10 + number}" for number, name in enumerate(NODES, start=1)}

    def host(self, node: str) -> str:
        """``DOCKER_HOST`` of one node."""
        return f"unix://{state_directory() / 'swarm-nodes' / node}.sock"

    def docker(self, *arguments: str, node: str = "node1", timeout_s: float = 120) -> subprocess.CompletedProcess[str]:
        """Run the docker client on one node. Never raises for an exit code."""
        return docker(*arguments, env={"DOCKER_HOST": self.host(node)}, timeout_s=timeout_s)

    def available(self) -> str | None:
        """Return why these tests cannot run here, or None if they can."""
        missing = DockerBackend().available()
        if missing is not None:
            return missing
        listed = self.docker("node", "ls", "--format", "{{.Status}}", timeout_s=20)
        if listed.returncode or listed.stdout.split() != ["Ready"] * len(NODES):
            return f"no swarm of {len(NODES)} nodes ({listed.stderr.strip()}); run tests/backends/swarm-nodes-up.sh"
        return None

    def forget(self, label: str) -> None:
        """Remove the services, networks, containers and images of one test from all nodes."""
        if len(label) < 6:
            raise ValueError(f"label {label!r}: too short to name only one test's things")
        self._remove("node1", "service", label)
        deadline = time.monotonic() + _GONE_S
        while any(self.containers(label, node) for node in NODES) and time.monotonic() < deadline:
            time.sleep(0.1)
        for kind in ("secret", "config", "network"):
            self._remove("node1", kind, label)
        for node in NODES:
            self.docker("container", "prune", "--force", "--filter", f"label={LABEL}={label}", node=node)
            self.docker("image", "prune", "--all", "--force", "--filter", f"label={LABEL}={label}", node=node)

    def containers(self, label: str, node: str) -> list[str]:
        """Names of the containers on *node* that are named with *label*."""
        listed = self.docker("container", "ls", "--all", "--filter", f"name={label}", "--format", "{{.Names}}", node=node)
        return listed.stdout.split()

    def _named(self, node: str, kind: str, label: str) -> list[str]:
        # Not --filter name=: a swarm's networks are found by their whole names only.
        return [name for name in self.docker(kind, "ls", "--format", "{{.Name}}", node=node).stdout.split() if label in name]

    def _remove(self, node: str, kind: str, label: str) -> None:
        """Remove them, and again while some stay: Swarm takes a moment to let a network go that a task was on."""
        deadline = time.monotonic() + _GONE_S
        while found := self._named(node, kind, label):
            removed = self.docker(kind, "rm", *found, node=node)
            if time.monotonic() > deadline:
                raise TimeoutError(f"{node}: {label}: not removed within {_GONE_S} s: {removed.stderr.strip()}")
            time.sleep(0.1)
