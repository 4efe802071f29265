"""A swarm of three nodes, through the installed command: replicas, canaries and what asks them are on different machines."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.backends.docker import SERVICE_PORT, docker, write_context
from tests.backends.swarm_clients import asking
from tests.backends.swarm_nodes import NODES, SwarmNodes
from tests.backends.traffic import share_of
from tests.e2e.calling import Calls, while_watched
from tests.e2e.project import Project, Ran, ended, wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.swarm, pytest.mark.docker]

HEALTH = {"name": "health", "http": {"path": "/health"}, "interval_s": 0.5, "min_samples": 2}
WATCHED_S = 12
AT_BOTH_ENDS = 3
"""A look at the beginning and one at the end, and where the nodes are: they belong to no second."""


class Shop:
    """A project whose target ``web`` is a service of three replicas on the three nodes."""

    def __init__(self, nodes: SwarmNodes, label: str, project: Project) -> None:
        self.nodes, self.label, self.project = nodes, label, project
        self.network = f"{label}-net"
        made = nodes.docker("network", "create", "--driver", "overlay", "--attachable", self.network)
        assert made.returncode == 0, made.stderr
        project.env.update(nodes.env)
        document = json.loads(project.deploy_json.read_text())
        project.deploy_json.write_text(json.dumps({**document, "project_name": label, "targets": {}}))
        self.config: dict[str, Any] = {
            "image_name": f"{label}/web",
            "registry": nodes.registry,
            "build_context": "image",
            "dockerfile": "image/Dockerfile",
            "service": label,
            "replicas": 3,
            "networks": [self.network],
            "ports": [f"mode=host,target={SERVICE_PORT}"],
            "endpoint_mode": "dnsrr",
            "update": {"parallelism": 1, "order": "start-first", "monitor_s": 0.5},
        }
        self.configure(canary={"steps": [{"weight": 25}, {"pause_s": 2}], "checks": [HEALTH]})

    def configure(self, **config: Any) -> None:
        self.config |= config
        self.project.configure(web={"type": "swarm", "primary": True, "auto_rollback": True, "config": self.config})

    def write(self, version: str, **options: Any) -> None:
        # Swarm names a task to clients once it is healthy; one without a health check while it still starts.
        write_context(
            self.project.path / "image", version=version, label=self.label, **{"dockerfile_healthcheck": True, **options}
        )
        self.project.set_version(version)

    def run(self, mode: str = "deploy") -> Ran:
        return self.project.run("execute", "--mode", mode, "--yes")

    def deploy(self, version: str, mode: str = "deploy") -> Ran:
        self.write(version)
        done = self.run(mode)
        assert done.code == 0, done.out + done.err
        return done

    def docker(self, *words: str) -> str:
        done = self.nodes.docker(*words)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def image(self) -> str:
        return self.docker("service", "inspect", "--format", "{{.Spec.TaskTemplate.ContainerSpec.Image}}", self.label)

    def where(self, name: str | None = None) -> list[str]:
        """The nodes on which tasks run; none where there is no such service."""
        tasks = self.nodes.docker(
            "service", "ps", "--filter", "desired-state=running", "--format", "{{.Node}}", name or self.label
        ).stdout
        return sorted(tasks.split())

    def objects(self) -> dict[str, list[str]]:
        """Everything that is called after this shop, by node."""
        running = {node: sorted(self.containers(node)) for node in NODES}
        services = self.docker("service", "ls", "--filter", f"name={self.label}", "--format", "{{.Name}}").split()
        return {**running, "services": sorted(services)}

    def containers(self, node: str) -> list[str]:
        listed = self.nodes.docker("ps", "--filter", f"name={self.label}", "--format", "{{.Names}}", node=node)
        return listed.stdout.split()


@pytest.fixture
def shop(swarm_nodes: SwarmNodes, swarm_nodes_label: str, project: Project) -> Shop:
    return Shop(swarm_nodes, swarm_nodes_label, project)


def test_replicas_are_on_several_nodes_by_the_digest_that_was_pushed(shop: Shop) -> None:
    shop.deploy("1.0.0")
    assert_spread(shop)
    first = shop.image()
    shop.deploy("1.1.0")
    second = shop.image()

    for version, image in (("1.0.0", first), ("1.1.0", second)):
        pushed = docker("manifest", "inspect", "--insecure", image)
        assert "@sha256:" in image and pushed.returncode == 0, f"{version}: {pushed.stderr}"
    assert first != second
    assert_spread(shop)
    wait_until(lambda: sum(len(shop.containers(node)) for node in NODES) == len(NODES), "the tasks before have gone")


def assert_spread(shop: Shop) -> None:
    """Where a new task starts beside an old one (start-first), Swarm may choose a node that has another one already."""
    where = shop.where()
    assert len(where) == len(NODES) and len(set(where)) > 1, where


def test_a_rollback_brings_every_node_back_to_the_verified_digest(shop: Shop) -> None:
    shop.deploy("1.0.0")
    before = shop.image()
    shop.deploy("1.1.0")
    back = shop.project.run("rollback", "--yes", "--reason", "it is slow")

    assert back.code == 0, back.out + back.err
    assert shop.image() == before
    assert_spread(shop)
    assert shop.project.history[0]["status"] == "rolled_back"


def test_a_canary_on_another_node_is_asked_where_it_is(shop: Shop) -> None:
    """Two replicas of it on two nodes, none of them the manager's: each answers for itself."""
    shop.deploy("1.0.0")
    before = shop.objects()
    shop.configure(
        constraints=["node.role==worker"],
        canary={"steps": [{"weight": 60}, {"pause_s": 3}], "checks": [HEALTH]},
    )
    shop.write("1.1.0")
    process = shop.project.start("execute", "--mode", "canary", "--yes")
    seen: set[str] = set()
    while process.poll() is None:  # it makes, watches and removes the canary
        seen.update(shop.where(f"{shop.label}-canary"))
    done = ended(process)

    assert done.code == 0, done.out + done.err
    assert sorted(seen) == ["node2", "node3"]
    samples = [one for event in shop.project.last.sampled for one in event.samples if one["check"] == "health"]
    assert len(samples) >= 2 and {one["verdict"] for one in samples} == {"pass"}
    assert shop.objects()["services"] == before["services"]


def test_a_canary_on_another_node_that_is_bad_is_caught_and_leaves_nothing(shop: Shop) -> None:
    shop.deploy("1.0.0")
    before, image = shop.objects(), shop.image()
    shop.write("1.1.0", health="failing", dockerfile_healthcheck=False)
    done = shop.run("canary")

    assert done.code == 6, done.out + done.err
    assert "the canary failed: health" in done.out and "HTTP 500, expected 200" in done.out
    wait_until(lambda: shop.objects() == before, "nothing of it is left on any node")
    assert shop.image() == image


def test_a_watched_canary_asks_the_swarm_once_a_second(shop: Shop) -> None:
    shop.configure(canary={"steps": [{"weight": 60}, {"pause_s": WATCHED_S}], "checks": [HEALTH]})
    shop.deploy("1.0.0")
    calls = Calls(shop.project, "docker")
    shop.deploy("1.1.0", "canary")

    made, took_s = while_watched(calls, shop.project)
    assert took_s >= WATCHED_S
    assert 5 < made <= took_s + AT_BOTH_ENDS


# Under requests


def test_start_first_loses_no_request(shop: Shop, tmp_path: Path) -> None:
    shop.deploy("1.0.0")
    with asking(shop.nodes.docker, shop.label, shop.network, shop.image(), tmp_path / "clients") as clients:
        shop.deploy("1.1.0")

    assert clients.lost == 0, clients.problems
    assert set(clients.answers) == {"1.0.0", "1.1.0"}
    assert clients.sent > 250


def test_a_canary_and_its_promotion_lose_no_request(shop: Shop, tmp_path: Path) -> None:
    shop.deploy("1.0.0")
    with asking(shop.nodes.docker, shop.label, shop.network, shop.image(), tmp_path / "clients") as clients:
        shop.deploy("1.1.0", "canary")

    assert clients.lost == 0, clients.problems
    assert set(clients.answers) == {"1.0.0", "1.1.0"}


def test_a_bad_canary_costs_no_more_than_its_weights_share(shop: Shop, tmp_path: Path) -> None:
    """It looks healthy and answers 500 to all that is asked of it: one of four replicas, 25 percent."""
    shop.deploy("1.0.0")
    check = {**HEALTH, "http": {"path": "/version"}, "failure_limit": 8}
    shop.configure(canary={"steps": [{"weight": 25}, {"pause_s": 30}], "checks": [check]})
    shop.write("1.1.0", health="broken")
    with asking(shop.nodes.docker, shop.label, shop.network, shop.image(), tmp_path / "clients") as clients:
        done = shop.run("canary")

    assert done.code == 6, done.out + done.err
    assert "(1 of 4 replicas, 25% reached)" in done.out
    assert set(clients.problems) == {"status 500"}
    sent, got, likely = share_of("status 500", clients.times, weight=0.25)
    assert sent > 100
    assert got <= likely
    assert clients.lost < 0.25 * clients.sent
