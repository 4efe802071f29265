"""What does not come up on a swarm: each ends well before its deadline, with the real cause, and the way back works."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from orchestrator.targets.base import CheckStatus
from orchestrator.targets.swarm import RollingUpdate
from tests.backends.docker import docker
from tests.backends.swarm import SwarmBackend
from tests.e2e.swarm_world import SwarmWorld, until

pytestmark = pytest.mark.swarm

TIMEOUT_S = 60.0
SOON_S = 25.0


@pytest.fixture
def world(swarm_backend: SwarmBackend, swarm_label: str, tmp_path: Path) -> SwarmWorld:
    return SwarmWorld(swarm_backend, swarm_label, tmp_path)


def failing(world: SwarmWorld, *, live: bool, source: dict[str, Any], config: dict[str, Any]) -> str:
    """The message of a deployment that fails, soon; where something was live before, it is what serves after the way back."""
    reference = None
    if live:
        world.source("1.0.0")
        reference = world.deploy("1.0.0").release
    world.source("1.1.0", **source)
    began = time.monotonic()

    target, plan, message = world.fail("1.1.0", reference=reference, timeout_s=TIMEOUT_S, **config)

    assert time.monotonic() - began < SOON_S
    if reference is not None:
        back = world.roll_back(target, plan, "deploy-1.1.0", reference)
        assert set(back.verdicts().values()) == {CheckStatus.PASS}
        until(lambda: world.served() == ["1.0.0", "1.0.0"])
    return message


@pytest.mark.parametrize("live", [False, True], ids=["first", "update"])
def test_a_crash_loop(world: SwarmWorld, live: bool) -> None:
    message = failing(world, live=live, source={"crash": True}, config={})

    assert "task: non-zero exit (3)" in message
    assert "crashed on purpose" in message


@pytest.mark.parametrize("live", [False, True], ids=["first", "update"])
def test_an_unhealthy_task(world: SwarmWorld, live: bool) -> None:
    message = failing(world, live=live, source={"health": "failing", "dockerfile_healthcheck": True}, config={})

    assert "was unhealthy" in message or "unhealthy container" in message


@pytest.mark.parametrize("live", [False, True], ids=["first", "update"])
def test_no_node_that_fits(world: SwarmWorld, live: bool) -> None:
    message = failing(world, live=live, source={}, config={"constraints": ("node.labels.nonesuch == yes",)})

    assert "Swarm finds no place" in message
    assert "no suitable node (scheduling constraints not satisfied on 1 node)" in message


@pytest.mark.parametrize("live", [False, True], ids=["first", "update"])
def test_an_image_that_cannot_be_pulled(world: SwarmWorld, live: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """It has left the engine, and the registry lies where nobody answers."""
    reference = None
    if live:
        world.source("1.0.0")
        reference = world.deploy("1.0.0").release
    world.source("1.1.0")
    target = world.target(timeout_s=TIMEOUT_S)
    plan = world.plan(target, "1.1.0", reference)
    outcomes = world.apply(target, plan, "deploy-1.1.0", until="update")
    outcomes["push"] = {**outcomes["push"], "digest": "sha256:" + "1" * 64}
    target.apply(plan.step("update"), world.step_run(plan.step("update"), "deploy-1.1.0", outcomes))

    with pytest.raises(Exception, match="No such image"):
        target.apply(plan.step("wait"), world.step_run(plan.step("wait"), "deploy-1.1.0", outcomes))


def test_a_command_that_is_not_in_the_image(world: SwarmWorld) -> None:
    message = failing(world, live=True, source={}, config={"command": ("nonesuch",)})

    assert 'exec: "nonesuch": executable file not found' in message


def test_more_failures_than_the_configuration_lets_pass(world: SwarmWorld) -> None:
    """Half of the tasks may fail; all do."""
    patient = RollingUpdate(parallelism=1, monitor_s=0.5, max_failure_ratio=0.5)

    message = failing(world, live=True, source={"crash": True}, config={"update": patient})

    assert "task: non-zero exit (3)" in message


def test_waiting_asks_at_most_sixty_questions_a_minute(world: SwarmWorld) -> None:
    """Nothing happens for a minute: the image's health check does not say anything yet."""
    world.source("1.0.0")
    dockerfile = world.project / "Dockerfile"
    dockerfile.write_text(f'{dockerfile.read_text()}HEALTHCHECK --interval=120s CMD ["/bin/busybox", "true"]\n')
    target = world.target(timeout_s=62.0)
    plan = world.plan(target, "1.0.0")
    outcomes = world.apply(target, plan, "deploy-1.0.0", until="wait")
    world.asked.calls.clear()

    with pytest.raises(Exception, match="before the step's deadline") as caught:
        target.apply(plan.step("wait"), world.step_run(plan.step("wait"), "deploy-1.0.0", outcomes))

    looks = [call for call in world.asked.calls if "logs" not in call]
    assert 20 <= len(looks) <= 60
    assert "starting" in str(caught.value)


def test_diagnostics_say_what_the_tasks_say(world: SwarmWorld) -> None:
    world.source("1.0.0", crash=True)
    target, _, _ = world.fail("1.0.0")

    said = "\n".join(target.diagnostics())

    assert f"{world.label}: 0 of 2 replicas run" in said
    assert "task: non-zero exit (3)" in said
    assert "crashed on purpose" in said


def test_a_service_that_somebody_removes_meanwhile(world: SwarmWorld) -> None:
    world.source("1.0.0")
    target = world.target()
    plan = world.plan(target, "1.0.0")
    outcomes = world.apply(target, plan, "deploy-1.0.0", until="wait")
    docker("service", "rm", world.label)

    with pytest.raises(Exception, match="somebody has removed it"):
        target.apply(plan.step("wait"), world.step_run(plan.step("wait"), "deploy-1.0.0", outcomes))
