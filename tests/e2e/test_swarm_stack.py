"""The swarm target with a stack's file: one of its services runs the release, the others are the project's own business."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from orchestrator.targets.base import Answer, CheckStatus, ForeignResource, StepError
from orchestrator.targets.swarm import StackConfig
from tests.backends.docker import docker
from tests.backends.swarm import SwarmBackend
from tests.e2e.swarm_world import SwarmWorld, until

pytestmark = pytest.mark.swarm

NO_SERVICE: dict[str, Any] = {"service": None, "ports": (), "endpoint_mode": None}


@pytest.fixture
def world(swarm_backend: SwarmBackend, swarm_label: str, tmp_path: Path) -> SwarmWorld:
    return SwarmWorld(swarm_backend, swarm_label, tmp_path)


def write_stack(world: SwarmWorld, **web: Any) -> dict[str, Any]:
    """A file with two services, as a user would have it; the configuration that names it."""
    image = f"{world.repository}-helper"
    docker("build", "--tag", image, str(world.source("0")))
    assert docker("push", image).returncode == 0
    deploy = {"replicas": 2, "endpoint_mode": "dnsrr", "update_config": {"order": "start-first", "monitor": "500ms"}}
    ports = [{"mode": "host", "target": 8080}]
    services = {
        "web": {"image": "nonesuch", "ports": ports, "deploy": deploy, "labels": {"mine": "yes"}, **web},
        "helper": {"image": image, "deploy": {"endpoint_mode": "dnsrr", "labels": {"kept": "yes"}}},
    }
    (world.project / "stack.json").write_text(json.dumps({"version": "3.8", "services": services}))
    return {**NO_SERVICE, "stack": StackConfig(file="stack.json", service="web", name=world.label)}


def test_brings_the_stack_with_our_image_in_one_service(world: SwarmWorld) -> None:
    config = write_stack(world)
    world.source("1.0.0")

    done = world.deploy("1.0.0", **config)

    name = f"{world.label}_web"
    digest = world.backend.registry_digest(f"{world.label}/web", "1.0.0")
    spec = world.spec(name)
    assert spec["TaskTemplate"]["ContainerSpec"]["Image"] == f"{world.repository}@{digest}"
    assert spec["TaskTemplate"]["ContainerSpec"]["Labels"]["mine"] == "yes"
    assert spec["UpdateConfig"]["FailureAction"] == "pause"
    assert world.spec(f"{world.label}_helper")["Labels"]["kept"] == "yes"
    assert world.served(name) == ["1.0.0", "1.0.0"]
    assert set(done.verdicts().values()) == {CheckStatus.PASS}
    assert done.target.observe() == done.release
    assert done.target.drift() == ()
    assert not [check for check in done.target.preflight(done.plan) if check.status is CheckStatus.FAIL]


def test_goes_back_by_the_earlier_digest(world: SwarmWorld) -> None:
    config = write_stack(world)
    world.source("1.0.0")
    first = world.deploy("1.0.0", **config)
    world.source("1.1.0", crash=True)
    target, plan, message = world.fail("1.1.0", reference=first.release, **config)

    back = world.roll_back(target, plan, "deploy-1.1.0", first.release)

    assert "task: non-zero exit (3)" in message
    until(lambda: world.served(f"{world.label}_web") == ["1.0.0", "1.0.0"])
    assert set(back.verdicts().values()) == {CheckStatus.PASS}
    assert target.observe() == first.release


def test_a_probe_sees_that_another_service_of_the_file_was_not_reached(world: SwarmWorld) -> None:
    config = write_stack(world)
    world.source("1.0.0")
    done = world.deploy("1.0.0", **config)
    update = done.plan.step("update")
    assert done.target.probe(update, "deploy-1.0.0", done.outcomes).answer is Answer.DONE

    docker("service", "rm", f"{world.label}_helper")

    assert done.target.probe(update, "deploy-1.0.0", done.outcomes).answer is Answer.NOT_DONE


def test_a_stack_of_somebody_else_is_not_touched(world: SwarmWorld) -> None:
    config = write_stack(world, image=f"{world.repository}-helper")
    assert docker("stack", "deploy", "--compose-file", str(world.project / "stack.json"), world.label).returncode == 0
    before = world.spec(f"{world.label}_web")
    world.source("1.0.0")

    with pytest.raises(ForeignResource, match="adopt"):
        world.deploy("1.0.0", **config)

    assert world.spec(f"{world.label}_web") == before
    adopted = world.deploy("1.0.0", adopt=True, **config)
    assert set(adopted.verdicts().values()) == {CheckStatus.PASS}


def test_says_which_services_there_are(world: SwarmWorld) -> None:
    config = write_stack(world)
    world.source("1.0.0")
    config["stack"] = StackConfig(file="stack.json", service="wob", name=world.label)

    with pytest.raises(StepError, match=r"has no service wob; it has: (web, helper|helper, web)"):
        world.deploy("1.0.0", **config)

    assert world.services() == []


def test_a_file_that_cannot_be_read_is_said_before_anything_starts(world: SwarmWorld) -> None:
    config = write_stack(world)
    (world.project / "stack.json").write_text("services: {web: {nonesuch: 1}}")
    target = world.target(**config)

    checks = {check.name: check for check in target.preflight(world.plan(target, "1.0.0"))}

    assert checks["stack file"].status is CheckStatus.FAIL
    assert "nonesuch" in checks["stack file"].message
