"""The dry run's questions to a real swarm: each is really asked, and changes nothing."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from orchestrator.domain.plan import Mode
from orchestrator.domain.settings import SecretRef
from orchestrator.targets.base import Check, CheckStatus
from orchestrator.targets.canary_config import Canary
from orchestrator.targets.swarm import RollingUpdate
from tests.backends.docker import docker, free_port
from tests.backends.swarm import SwarmBackend
from tests.e2e.swarm_world import SwarmWorld

pytestmark = pytest.mark.swarm

PASS, WARN, FAIL, SKIP = CheckStatus.PASS, CheckStatus.WARN, CheckStatus.FAIL, CheckStatus.SKIP


@pytest.fixture
def world(swarm_backend: SwarmBackend, swarm_label: str, tmp_path: Path) -> SwarmWorld:
    world = SwarmWorld(swarm_backend, swarm_label, tmp_path)
    world.source("1.0.0")
    return world


def checks(world: SwarmWorld, mode: Mode = Mode.DEPLOY, **config: Any) -> dict[str, Check]:
    target = world.target(**config)
    return {check.name: check for check in target.preflight(world.plan(target, "1.0.0", mode=mode))}


def test_all_is_well(world: SwarmWorld) -> None:
    world.make_network()

    found = checks(world, Mode.CANARY, networks=(world.network,), canary=Canary())

    assert {"engine", "build files", "registry", "ownership", "swarm", "networks", "ports", "canary"} <= found.keys()
    assert not [check for check in found.values() if check.status is FAIL]
    assert world.services() == []


def test_a_network_that_does_not_exist(world: SwarmWorld) -> None:
    check = checks(world, networks=(f"{world.label}-nonesuch",))["networks"]

    assert check.status is FAIL
    assert f"docker network create --driver overlay {world.label}-nonesuch" in check.message


def test_a_network_of_one_engine_only(world: SwarmWorld) -> None:
    assert docker("network", "create", world.network).returncode == 0

    check = checks(world, networks=(world.network,))["networks"]

    assert (check.status, "one engine only" in check.message) == (FAIL, True)


@pytest.fixture
def taken() -> Iterator[int]:
    port = free_port()
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", port))
        listener.listen()
        yield port


def test_a_port_that_somebody_holds(world: SwarmWorld, taken: int) -> None:
    check = checks(world, replicas=1, ports=(f"mode=host,target=8080,published={taken}",))["ports"]

    assert check.status is FAIL
    assert f"port {taken} is already taken" in check.message


def test_the_port_of_our_own_service_can_be_had(world: SwarmWorld) -> None:
    stop_first = RollingUpdate(order="stop-first", monitor_s=0.3)
    ports = (f"mode=host,target=8080,published={free_port()}",)
    fixed: dict[str, Any] = {"replicas": 1, "ports": ports, "update": stop_first}
    world.deploy("1.0.0", **fixed)

    assert checks(world, **fixed)["ports"].status is PASS


def test_more_replicas_than_nodes_have_ports(world: SwarmWorld) -> None:
    check = checks(world, replicas=3, ports=(f"mode=host,target=8080,published={free_port()}",))["ports"]

    assert check.status is FAIL
    assert "a node of its own" in check.message


def test_start_first_where_the_port_is_taken_by_what_it_replaces(world: SwarmWorld) -> None:
    check = checks(world, replicas=1, ports=(f"mode=host,target=8080,published={free_port()}",))["ports"]

    assert (check.status, "stop-first" in check.message) == (WARN, True)


def test_a_secret_that_is_not_there(world: SwarmWorld) -> None:
    check = checks(world, env={"TOKEN": SecretRef(env="SHOP_NONESUCH")})["secrets"]

    assert (check.status, "SHOP_NONESUCH" in check.message) == (FAIL, True)


def test_where_there_is_no_engine_nothing_is_claimed(world: SwarmWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    target = world.target(networks=("front",))
    plan = world.plan(target, "1.0.0")
    monkeypatch.setenv("DOCKER_HOST", "unix:///nonexistent.sock")

    found = {check.name: check.status for check in target.preflight(plan)}

    assert (found["engine"], found["swarm"]) == (FAIL, FAIL)
    assert (found["networks"], found["ports"], found["ownership"]) == (SKIP, SKIP, SKIP)
