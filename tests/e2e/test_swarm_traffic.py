"""A swarm's service under requests: what a client inside its network loses while releases are replaced.

The image has a HEALTHCHECK: without one Swarm names a replica to clients while it still starts.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from orchestrator.domain.plan import Mode
from orchestrator.targets.canary_config import Canary, Weight
from orchestrator.targets.swarm import RollingUpdate
from tests.backends.swarm import SwarmBackend
from tests.e2e.swarm_traffic import LOST, SwarmTraffic
from tests.e2e.swarm_world import SwarmWorld

pytestmark = pytest.mark.swarm


@pytest.fixture
def world(swarm_backend: SwarmBackend, swarm_label: str, tmp_path: Path) -> SwarmWorld:
    world = SwarmWorld(swarm_backend, swarm_label, tmp_path)
    world.make_network()
    return world


def config(world: SwarmWorld, **changed: Any) -> dict[str, Any]:
    update = RollingUpdate(parallelism=1, order="start-first", monitor_s=0.5)
    return {"replicas": 3, "networks": (world.network,), "update": update, **changed}


def test_start_first_loses_no_request(world: SwarmWorld) -> None:
    world.source("1.0.0", dockerfile_healthcheck=True)
    first = world.deploy("1.0.0", **config(world))
    world.source("1.1.0", dockerfile_healthcheck=True)
    traffic = SwarmTraffic(world.label, world.network, world.container_spec()["Image"], world.label)

    with traffic.flowing():
        world.deploy("1.1.0", reference=first.release, **config(world))

    assert traffic.lost == 0, traffic.answers
    assert {"1.0.0", "1.1.0"} <= traffic.answers.keys()


def test_a_canary_gets_its_share_and_nothing_is_lost_by_its_coming_and_going(world: SwarmWorld) -> None:
    with_canary = config(world, canary=Canary(steps=(Weight(weight=34),)))
    world.source("1.0.0", dockerfile_healthcheck=True)
    first = world.deploy("1.0.0", **with_canary)
    world.source("1.1.0", dockerfile_healthcheck=True)
    target = world.target(**with_canary)
    plan = world.plan(target, "1.1.0", first.release, Mode.CANARY)
    traffic = SwarmTraffic(world.label, world.network, world.container_spec()["Image"], world.label)

    with traffic.flowing():
        world.apply(target, plan, "deploy-1.1.0", until="update")
        world.roll_back(target, plan, "deploy-1.1.0", first.release)

    assert traffic.lost == 0, traffic.answers
    # One of four answers, while it is up.
    assert 0 < traffic.answers["1.1.0"] <= 0.4 * traffic.sent
    assert LOST not in traffic.answers
