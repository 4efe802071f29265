"""The swarm target on a real swarm: deploy, replace, go back, and what somebody else did meanwhile."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from orchestrator.domain.plan import Plan
from orchestrator.domain.settings import SecretRef
from orchestrator.targets.base import Answer, CheckStatus, ForeignResource, StepError, Unreachable
from orchestrator.targets.swarm import RollingUpdate
from tests.backends.docker import docker, free_port
from tests.backends.swarm import SwarmBackend
from tests.e2e.swarm_world import QUICK, SwarmWorld, until

pytestmark = pytest.mark.swarm

PASSED = dict.fromkeys(("digest", "service", "replicas"), CheckStatus.PASS)


@pytest.fixture
def world(swarm_backend: SwarmBackend, swarm_label: str, tmp_path: Path) -> SwarmWorld:
    return SwarmWorld(swarm_backend, swarm_label, tmp_path)


# Deploying


def test_makes_a_service_of_the_digest_that_the_registry_has(world: SwarmWorld) -> None:
    world.source("1.0.0")

    done = world.deploy("1.0.0")

    digest = world.backend.registry_digest(f"{world.label}/web", "1.0.0")
    assert world.container_spec()["Image"] == f"{world.repository}@{digest}"
    assert done.release.artifacts == {world.repository: digest}
    assert world.served() == ["1.0.0", "1.0.0"]
    assert done.verdicts() == PASSED
    assert done.target.observe() == done.release
    assert done.target.drift() == ()


def test_everything_that_is_configured_reaches_the_service(world: SwarmWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_TOKEN", "s3cret-token")
    world.make_network()
    world.source("1.0.0")
    everything: dict[str, Any] = {
        "networks": (world.network,),
        "alias": "shop",
        "env": {"MODE": "a = b, 'c'", "TOKEN": SecretRef(env="SHOP_TOKEN")},
        "mounts": (f"{world.label}-data:/data", "/tmp:/host:ro"),
        "labels": {"team": "shop"},
        "command": ("/bin/busybox", "httpd", "-f", "-p", "8080", "-h", "/www"),
        "constraints": ("node.role == manager",),
        "rollback": RollingUpdate(parallelism=3, delay_s=0.5),
    }

    done = world.deploy("1.0.0", **everything)

    spec = world.spec()
    task, container = spec["TaskTemplate"], spec["TaskTemplate"]["ContainerSpec"]
    assert container["Env"] == ["MODE=a = b, 'c'", "TOKEN=s3cret-token"]
    assert container["Args"] == ["/bin/busybox", "httpd", "-f", "-p", "8080", "-h", "/www"]
    assert [(mount["Type"], mount["Target"], mount.get("ReadOnly", False)) for mount in container["Mounts"]] == [
        ("volume", "/data", False),
        ("bind", "/host", True),
    ]
    assert task["Placement"]["Constraints"] == ["node.role == manager"]
    assert task["Networks"][0]["Aliases"] == ["shop"]
    assert spec["Labels"]["team"] == "shop"
    assert spec["UpdateConfig"]["FailureAction"] == spec["RollbackConfig"]["FailureAction"] == "pause"
    assert (spec["RollbackConfig"]["Parallelism"], spec["RollbackConfig"]["Delay"]) == (3, 500_000_000)
    assert "s3cret-token" not in str(done.plan.to_json()) + str(done.outcomes) + str(spec["Labels"])
    assert done.verdicts() == PASSED
    assert done.target.drift() == ()


def test_what_is_no_longer_configured_leaves_the_service(world: SwarmWorld) -> None:
    world.make_network()
    world.source("1.0.0")
    fuller: dict[str, Any] = {
        "networks": (world.network,),
        "env": {"OLD": "1", "BOTH": "1"},
        "mounts": (f"{world.label}-data:/data",),
        "labels": {"old": "1"},
        "command": ("/bin/busybox", "sh", "/service/serve"),
        "entrypoint": ("/bin/busybox", "env"),
        "constraints": ("node.role == manager",),
    }
    first = world.deploy("1.0.0", **fuller)
    world.source("1.1.0")

    second = world.deploy("1.1.0", reference=first.release, env={"BOTH": "2"}, ports=("mode=host,target=8080,protocol=tcp",))

    spec = world.spec()
    task, container = spec["TaskTemplate"], spec["TaskTemplate"]["ContainerSpec"]
    assert container["Env"] == ["BOTH=2"]
    assert not {"Args", "Command", "Mounts"} & container.keys()
    assert not task.get("Networks") and not task["Placement"].get("Constraints")
    assert "old" not in spec["Labels"]
    assert second.verdicts() == PASSED
    assert second.target.drift() == ()
    until(lambda: world.served() == ["1.1.0", "1.1.0"])


def test_goes_back_to_the_whole_service_that_was_there(world: SwarmWorld) -> None:
    """Swarm itself remembers one service before this one; three deployments later that is not the one to go back to."""
    world.source("1.0.0")
    first = world.deploy("1.0.0", replicas=3, env={"A": "1"})
    world.source("1.1.0")
    second = world.deploy("1.1.0", reference=first.release, replicas=1, env={"B": "2"})
    world.source("1.2.0")
    third = world.deploy("1.2.0", reference=second.release, replicas=2)

    back = world.roll_back(third.target, third.plan, third.deployment_id, first.release)

    assert world.container_spec()["Env"] == ["A=1"]
    until(lambda: world.served() == ["1.0.0"] * 3)
    assert back.verdicts() == PASSED
    assert third.target.observe() == first.release
    assert third.target.drift() == ()


def test_the_way_back_changes_nothing_where_nothing_was_changed(world: SwarmWorld) -> None:
    world.source("1.0.0")
    first = world.deploy("1.0.0")
    before = docker("service", "inspect", "--format", "{{.Version.Index}} {{.UpdatedAt}}", world.label).stdout
    failed = world.plan(first.target, "1.1.0", first.release)

    back = world.roll_back(first.target, failed, "deploy-1.1.0", first.release)

    assert docker("service", "inspect", "--format", "{{.Version.Index}} {{.UpdatedAt}}", world.label).stdout == before
    assert back.verdicts() == PASSED


def test_replaces_tasks_at_a_fixed_port_of_their_node(world: SwarmWorld) -> None:
    port = free_port()
    fixed = {"replicas": 1, "ports": (f"mode=host,target=8080,published={port}",), "update": replace(QUICK, order="stop-first")}

    _, second = world.two_versions(**fixed)

    until(lambda: world.served() == ["1.1.0"])
    assert second.verdicts() == PASSED


def test_nodes_pull_with_the_credentials_of_whoever_deploys(
    world: SwarmWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The image has left the engine: without credentials Swarm would only say that there is no such image."""
    monkeypatch.setenv("DOCKER_CONFIG", str(world.backend.write_login(tmp_path / "docker")))
    world.source("1.0.0")
    target = world.target(registry=world.backend.auth_registry)
    plan = world.plan(target, "1.0.0")
    outcomes = world.apply(target, plan, "deploy-1.0.0", until="update")
    images = docker("image", "ls", "--quiet", f"{world.backend.auth_registry}/{world.label}/web").stdout.split()
    assert docker("image", "rm", "--force", "--no-prune", *set(images)).returncode == 0

    for name in ("update", "wait"):
        target.apply(plan.step(name), world.step_run(plan.step(name), "deploy-1.0.0", outcomes))

    assert world.served() == ["1.0.0", "1.0.0"]


# What a probe says


def test_a_probe_tells_what_was_written_by_whom(world: SwarmWorld) -> None:
    first, second = world.two_versions()
    update = second.plan.step("update")

    assert second.target.probe(update, "deploy-1.1.0", second.outcomes).answer is Answer.DONE
    assert second.target.probe(update, "deploy-1.2.0", second.outcomes).answer is Answer.NOT_DONE
    assert first.target.probe(first.plan.step("update"), "deploy-1.0.0", first.outcomes).answer is Answer.NOT_DONE


def test_a_probe_does_not_guess_when_no_engine_answers(world: SwarmWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    world.source("1.0.0")
    done = world.deploy("1.0.0")
    monkeypatch.setenv("DOCKER_HOST", "unix:///nonexistent.sock")

    observation = done.target.probe(done.plan.step("update"), "deploy-1.0.0", done.outcomes)

    assert observation.answer is Answer.UNKNOWN
    with pytest.raises(Unreachable, match="No Docker engine answers"):
        done.target.observe()


# What somebody else did


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--replicas", "3"), "replicas: 3 instead of 2"),
        (("--env-add", "HAND=x"), "env HAND: was added"),
        (("--label-add", "hand=x"), "label hand: x was added"),
        (("--limit-memory", "64M"), "setting Resources: {'Limits': {'MemoryBytes': 67108864}} was added"),
        (("--update-order", "stop-first"), "update order: stop-first instead of start-first"),
    ],
)
def test_what_was_changed_by_hand_is_said(world: SwarmWorld, words: tuple[str, ...], said: str) -> None:
    world.source("1.0.0")
    done = world.deploy("1.0.0")

    assert docker("service", "update", "--detach", *words, world.label).returncode == 0

    assert done.target.drift() == (said,)
    assert done.verdicts()["service"] is CheckStatus.FAIL


def test_a_restart_by_hand_is_no_change(world: SwarmWorld) -> None:
    world.source("1.0.0")
    done = world.deploy("1.0.0")

    assert docker("service", "update", "--detach", "--force", world.label).returncode == 0

    assert done.target.drift() == ()


def test_a_setting_that_is_not_ours_survives_and_is_known_from_then_on(world: SwarmWorld) -> None:
    world.source("1.0.0")
    first = world.deploy("1.0.0")
    assert docker("service", "update", "--detach", "--limit-memory", "64M", world.label).returncode == 0
    world.source("1.1.0")

    second = world.deploy("1.1.0", reference=first.release)

    assert world.spec()["TaskTemplate"]["Resources"]["Limits"] == {"MemoryBytes": 67_108_864}
    assert second.target.drift() == ()


def test_a_foreign_service_is_not_touched(world: SwarmWorld) -> None:
    image = f"{world.label}/foreign"
    docker("build", "--tag", image, str(world.source("0")))
    assert docker("service", "create", "--detach", "--no-resolve-image", "--name", world.label, image).returncode == 0
    before = world.spec()
    world.source("1.0.0")

    with pytest.raises(ForeignResource, match="adopt"):
        world.deploy("1.0.0")

    assert world.spec() == before


def test_takes_a_foreign_service_over_when_told_to(world: SwarmWorld) -> None:
    image = f"{world.label}/foreign"
    docker("build", "--tag", image, str(world.source("0")))
    made = docker(
        "service", "create", "--detach", "--no-resolve-image", "--env", "X=1", "--replicas", "1", "--name", world.label, image
    )
    assert made.returncode == 0
    world.source("1.0.0")

    done = world.deploy("1.0.0", adopt=True)

    until(lambda: world.served() == ["1.0.0", "1.0.0"])
    assert done.verdicts() == PASSED
    assert done.target.drift() == ()


def test_a_service_that_was_given_another_name_is_not_left_to_serve_beside(world: SwarmWorld) -> None:
    world.source("1.0.0")
    first = world.deploy("1.0.0")

    with pytest.raises(StepError, match=f"docker service rm {world.label}"):
        world.deploy("1.1.0", reference=first.release, service=f"{world.label}-new")

    assert world.services() == [world.label]


def test_a_service_that_swarm_took_back_by_itself_is_a_failure(world: SwarmWorld) -> None:
    """The client exits with 0 then. Our own services never ask Swarm for it."""
    world.source("1.0.0")
    first = world.deploy("1.0.0")
    world.source("1.1.0", crash=True)
    target = world.target()
    planned = json.dumps(world.plan(target, "1.1.0", first.release).to_json())
    plan = Plan.from_json(json.loads(planned.replace('"failure_action": "pause"', '"failure_action": "rollback"')))
    outcomes = world.apply(target, plan, "deploy-1.1.0", until="wait")
    until(lambda: "rollback_completed" in docker("service", "inspect", "--format", "{{json .UpdateStatus}}", world.label).stdout)

    with pytest.raises(StepError, match="Swarm has gone back by itself") as caught:
        target.apply(plan.step("wait"), world.step_run(plan.step("wait"), "deploy-1.1.0", outcomes))

    assert "update rolled back due to failure" in str(caught.value) or "rollback completed" in str(caught.value)
