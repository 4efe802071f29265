"""The `swarm` target under the contract: a real swarm of one node and a registry, one service."""

from __future__ import annotations

import json
import os
import uuid
from typing import Any

import pytest

from orchestrator.domain.plan import Slot
from orchestrator.targets.base import Target
from orchestrator.targets.swarm import RollingUpdate, SwarmConfig, SwarmTarget
from tests.backends.docker import docker, write_context
from tests.backends.swarm import SwarmBackend
from tests.contract.harness import SLOT, Harness, plain_tools


class SwarmHarness(Harness):
    kind = "swarm"

    def set_up(self) -> None:
        self.backend = SwarmBackend()
        missing = self.backend.available()
        if missing and os.environ.get("CI") == "true":
            pytest.fail(missing, pytrace=False)
        if missing:
            pytest.skip(missing)
        self.label = f"t{uuid.uuid4().hex[:10]}"
        self.change_source("0")

    def tear_down(self) -> None:
        self.backend.forget(self.label)

    def target(self, *, slot: Slot = SLOT, adopt: bool = False) -> Target:
        config = SwarmConfig(
            image_name=f"{self.label}/web",
            registry=self.backend.registry,
            tags=("latest", "{{version}}"),
            service=self.label,
            replicas=2,
            env={"GREETING": "hello"},
            labels={"team": "shop"},
            ports=("mode=host,target=8080",),
            endpoint_mode="dnsrr",
            update=RollingUpdate(parallelism=2, order="start-first", monitor_s=0.3),
        )
        # The slot's services are found by their labels: two tests at once must not have the same slot.
        mine = Slot(self.label, slot.environment, slot.target)
        return SwarmTarget(config, plain_tools(self.project, mine), adopt=adopt)

    def change_source(self, version: str) -> None:
        write_context(self.project, version=version, label=self.label)

    def make_foreign(self) -> None:
        image = f"{self.label}/foreign"
        assert docker("build", "--tag", image, str(self.project)).returncode == 0
        made = docker("service", "create", "--detach", "--no-resolve-image", "--env", "OLD=1", "--name", self.label, image)
        assert made.returncode == 0, made.stderr

    def world(self) -> Any:
        """The services, whole. Their tasks come and go as Swarm sees fit; images are no place."""
        names = docker("service", "ls", "--filter", f"name={self.label}", "--format", "{{.Name}}").stdout.split()
        return json.loads(docker("service", "inspect", *names).stdout)[0]["Spec"] if names else []
