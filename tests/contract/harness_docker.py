"""The `docker` target under the contract: a real engine and registry, one running container."""

from __future__ import annotations

import os
import uuid
from typing import Any

import pytest

from orchestrator.domain.plan import Slot
from orchestrator.targets.base import Target
from orchestrator.targets.docker import DockerConfig, DockerRun, DockerTarget
from tests.backends.docker import DockerBackend, docker, write_context
from tests.contract.harness import SLOT, Harness, plain_tools

STATE = "{{.ID}} {{.Names}} {{.State}} {{.Labels}}"


class DockerHarness(Harness):
    kind = "docker"

    def set_up(self) -> None:
        self.backend = DockerBackend()
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
        config = DockerConfig(
            image_name=f"{self.label}/web",
            registry=self.backend.registry,
            tags=("latest", "{{version}}"),
            run=DockerRun(name=self.label, env={"GREETING": "hello"}, restart="always", stable_s=0),
        )
        # The slot's containers are found by their labels: two tests at once must not have the same slot.
        mine = Slot(self.label, slot.environment, slot.target)
        return DockerTarget(config, plain_tools(self.project, mine), adopt=adopt)

    def change_source(self, version: str) -> None:
        write_context(self.project, version=version, label=self.label)

    def make_foreign(self) -> None:
        image = f"{self.label}/foreign"
        assert docker("build", "--tag", image, str(self.project)).returncode == 0
        assert docker("run", "--detach", "--name", self.label, image).returncode == 0

    def world(self) -> Any:
        """The containers. Images are no place: a build or push that comes before a refusal leaves what is live as it is."""
        listed = docker("ps", "--all", "--no-trunc", "--filter", f"name={self.label}", "--format", STATE)
        return sorted(listed.stdout.splitlines())
