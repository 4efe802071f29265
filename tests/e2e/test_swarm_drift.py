"""What somebody has changed at a service by hand stands in the way of the next deployment, until somebody says that it may go."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.backends.docker import docker, write_context
from tests.backends.swarm import SwarmBackend
from tests.e2e.project import Project
from tests.e2e.swarm_world import SwarmWorld

pytestmark = [pytest.mark.swarm, pytest.mark.e2e]

DEPLOY = ("execute", "--mode", "deploy", "--yes")


@pytest.fixture
def world(swarm_backend: SwarmBackend, swarm_label: str, tmp_path: Path) -> SwarmWorld:
    return SwarmWorld(swarm_backend, swarm_label, tmp_path)


def test_a_service_that_was_changed_by_hand_is_not_overwritten_unasked(world: SwarmWorld, project: Project) -> None:
    document = json.loads(project.deploy_json.read_text())
    project.deploy_json.write_text(json.dumps({**document, "project_name": world.label, "targets": {}}))
    config = {
        "image_name": f"{world.label}/web",
        "registry": world.backend.registry,
        "build_context": "image",
        "dockerfile": "image/Dockerfile",
        "service": world.label,
        "endpoint_mode": "dnsrr",
        "update": {"monitor_s": 0.3},
    }
    project.configure(web={"type": "swarm", "primary": True, "config": config})
    write_context(project.path / "image", version="1.0.0", label=world.label)
    first = project.run(*DEPLOY)
    assert first.code == 0, first.out + first.err
    assert docker("service", "update", "--detach", "--replicas", "2", world.label).returncode == 0
    before = world.spec()
    project.set_version("1.1.0")

    refused = project.run(*DEPLOY)
    kept = world.spec()
    asked = project.run("execute", "--mode", "dry_run")
    accepted = project.run(*DEPLOY, "--accept-drift", "--reason", "the sale is over")

    assert (refused.code, kept) == (5, before)
    assert "replicas: 2 instead of 1" in refused.out + refused.err
    assert "replicas: 2 instead of 1" in asked.out
    assert accepted.code == 0, accepted.out + accepted.err
    assert world.spec()["Mode"]["Replicated"]["Replicas"] == 1
