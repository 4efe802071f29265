"""A canary on a real swarm: its share of the requests, its promotion, a bad version caught; nothing of it is left behind."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from orchestrator.domain.errors import CanaryUnsupported
from orchestrator.domain.plan import Mode, Plan
from orchestrator.targets.base import Answer, StepError
from orchestrator.targets.canary_config import Canary, Pause, Weight
from orchestrator.targets.swarm import SwarmTarget
from tests.backends.docker import docker, write_context
from tests.backends.swarm import SwarmBackend
from tests.e2e.project import Project, Ran, ended, wait_until
from tests.e2e.swarm_world import Outcomes, SwarmWorld, get

pytestmark = pytest.mark.swarm

DEPLOY = ("execute", "--mode", "deploy", "--yes")
CANARY = ("execute", "--mode", "canary", "--yes")
AWHILE = 60


@pytest.fixture
def world(swarm_backend: SwarmBackend, swarm_label: str, tmp_path: Path) -> SwarmWorld:
    world = SwarmWorld(swarm_backend, swarm_label, tmp_path)
    world.make_network()
    return world


# The driver


class Beside:
    """A canary of 1.1.0 beside three replicas of 1.0.0, at its first weight."""

    def __init__(self, world: SwarmWorld) -> None:
        self.world = world
        self.config: dict[str, Any] = {
            "replicas": 3,
            "networks": (world.network,),
            "canary": Canary(steps=(Weight(weight=25), Pause(pause_s=1), Weight(weight=60))),
        }
        world.source("1.0.0")
        self.stable = world.deploy("1.0.0", **self.config)
        world.source("1.1.0")
        self.target: SwarmTarget = world.target(**self.config)
        self.plan: Plan = world.plan(self.target, "1.1.0", self.stable.release, Mode.CANARY)
        self.outcomes: Outcomes = world.apply(self.target, self.plan, "deploy-1.1.0", until="watch_2")

    @property
    def canary(self) -> str:
        return f"{self.world.label}-canary"


@pytest.fixture
def beside(world: SwarmWorld) -> Beside:
    return Beside(world)


def test_answers_to_the_same_name_with_its_share_of_the_addresses(beside: Beside) -> None:
    world = beside.world
    image = world.container_spec()["Image"]

    asked = docker("run", "--rm", "--network", world.network, image, "/bin/busybox", "nslookup", world.label).stdout

    addresses = {line.split()[-1] for line in asked.splitlines() if line.startswith("Address") and "127.0.0.11" not in line}
    assert len(addresses) == 4, asked
    # What is asked by that name comes from both, by their shares.
    loop = f"for i in {' '.join(map(str, range(60)))}; do /bin/busybox nc {world.label} 8080 < /req; done"
    said = _ask_many(world, image, loop)
    assert said["1.0.0"] + said["1.1.0"] == 60
    assert 3 <= said["1.1.0"] <= 30, said


def _ask_many(world: SwarmWorld, image: str, loop: str) -> Counter[str]:
    """The test image's wget cannot ask by name; netcat can."""
    script = f"printf 'GET /version HTTP/1.0\\r\\n\\r\\n' > /req; {loop}"
    ran = docker("run", "--rm", "--network", world.network, image, "/bin/busybox", "sh", "-c", script)
    return Counter(line for line in ran.stdout.split() if line in ("1.0.0", "1.1.0"))


def test_both_sides_are_known_by_one_question(beside: Beside) -> None:
    beside.world.asked.calls.clear()

    sides = beside.target.sides(beside.plan, "deploy-1.1.0", beside.outcomes)

    assert len(beside.world.asked.calls) == 1
    assert (sides.canary.name, sides.canary.wanted, sides.canary.ready, sides.canary.restarts) == (beside.canary, 1, 1, 0)
    assert (sides.stable.name, sides.stable.wanted, sides.stable.ready) == (beside.world.label, 3, 3)


def test_each_side_can_be_asked_past_the_other(beside: Beside) -> None:
    sides = beside.target.sides(beside.plan, "deploy-1.1.0", beside.outcomes)
    beside.world.asked.calls.clear()

    canary, stable = (beside.target.endpoints(side, 8080) for side in (sides.canary, sides.stable))
    again = beside.target.endpoints(sides.canary, None)

    assert again == canary
    assert [get(int(url.rpartition(":")[2]), "/version") for url in canary] == ["1.1.0"]
    assert [get(int(url.rpartition(":")[2]), "/version") for url in stable] == ["1.0.0"] * 3
    assert len(beside.world.asked.calls) <= 1  # the node's address


def test_a_weight_is_known_as_done_by_what_runs(beside: Beside) -> None:
    first, second = (step for step in beside.plan.steps if step.kind == "canary.weight")

    def answers() -> list[Answer]:
        return [beside.target.probe(step, "deploy-1.1.0", beside.outcomes).answer for step in (first, second)]

    assert answers() == [Answer.DONE, Answer.NOT_DONE]
    done = beside.target.apply(second, beside.world.step_run(second, "deploy-1.1.0", beside.outcomes))

    assert done.data == {"replicas": 2, "reached": 40.0}
    assert answers() == [Answer.NOT_DONE, Answer.DONE]
    assert beside.target.probe(first, "deploy-1.2.0", beside.outcomes).answer is Answer.NOT_DONE


def test_the_stable_service_is_not_touched_by_a_canary_and_its_removal(beside: Beside) -> None:
    index = docker("service", "inspect", "--format", "{{.Version.Index}}", beside.world.label).stdout

    beside.world.roll_back(beside.target, beside.plan, "deploy-1.1.0", beside.stable.release)

    assert docker("service", "inspect", "--format", "{{.Version.Index}}", beside.world.label).stdout == index
    assert beside.world.services() == [beside.world.label]
    assert beside.target.observe() == beside.stable.release


def test_a_crashing_canary_fails_at_its_weight(world: SwarmWorld) -> None:
    beside = Beside(world)
    world.source("1.2.0", crash=True)
    plan = world.plan(beside.target, "1.2.0", beside.stable.release, Mode.CANARY)

    with pytest.raises(StepError, match=r"task: non-zero exit \(3\)"):
        world.apply(beside.target, plan, "deploy-1.2.0")

    world.roll_back(beside.target, plan, "deploy-1.2.0", beside.stable.release)
    assert world.services() == [world.label]


def test_a_foreign_service_with_the_canarys_name_is_not_touched(world: SwarmWorld) -> None:
    world.source("1.0.0")
    config: dict[str, Any] = {"replicas": 1, "networks": (world.network,), "canary": Canary()}
    first = world.deploy("1.0.0", **config)
    name = f"{world.label}-canary"
    image = world.container_spec()["Image"]
    assert docker("service", "create", "--detach", "--no-resolve-image", "--name", name, image).returncode == 0
    before = world.spec(name)
    target = world.target(**config)
    plan = world.plan(target, "1.1.0", first.release, Mode.CANARY)

    with pytest.raises(StepError, match="does not carry our labels"):
        world.apply(target, plan, "deploy-1.1.0")
    world.roll_back(target, plan, "deploy-1.1.0", first.release)

    assert world.spec(name) == before
    assert {check.name: str(check.status) for check in target.preflight(plan)}["canary"] == "fail"


def test_refuses_a_canary_that_no_request_would_reach(world: SwarmWorld) -> None:
    world.source("1.0.0")

    with pytest.raises(CanaryUnsupported, match="there is none"):
        world.plan(world.target(networks=(), canary=Canary()), "1.0.0", mode=Mode.CANARY)
    with pytest.raises(CanaryUnsupported, match="endpoint_mode"):
        world.plan(world.target(networks=(world.network,), endpoint_mode="vip", ports=()), "1.0.0", mode=Mode.CANARY)


# The whole road


class Shop:
    """A project with a target ``web`` on the swarm, deployed by the installed command."""

    def __init__(self, world: SwarmWorld, project: Project) -> None:
        self.world, self.project = world, project
        document = json.loads(project.deploy_json.read_text())
        project.deploy_json.write_text(json.dumps({**document, "project_name": world.label, "targets": {}}))
        config = {
            "image_name": f"{world.label}/web",
            "registry": world.backend.registry,
            "build_context": "image",
            "dockerfile": "image/Dockerfile",
            "service": world.label,
            "replicas": 4,
            "networks": [world.network],
            "ports": ["mode=host,target=8080"],
            "update": {"parallelism": 2, "order": "start-first", "monitor_s": 0.5},
            "canary": {
                "steps": [{"weight": 25}, {"pause_s": 2}],
                "checks": [{"name": "health", "http": {"path": "/health"}, "interval_s": 0.5, "min_samples": 2}],
            },
        }
        project.configure(web={"type": "swarm", "primary": True, "auto_rollback": True, "config": config})
        self.source("1.0.0")
        done = self.run(*DEPLOY)
        assert done.code == 0, done.out + done.err

    def source(self, version: str, **options: Any) -> None:
        write_context(self.project.path / "image", version=version, label=self.world.label, **options)
        self.project.set_version(version)

    def canary(self, **changed: Any) -> None:
        entry = json.loads(self.project.deploy_json.read_text())["targets"]["web"]
        entry["config"]["canary"].update(changed)
        self.project.configure(web=entry)

    def run(self, *words: str) -> Ran:
        return self.project.run(*words)

    def services(self) -> list[str]:
        return self.world.services()

    def live(self) -> Mapping[str, Any]:
        return {"services": self.services(), "objects": self.world.objects(), "spec": self.world.spec()}


@pytest.fixture
def shop(world: SwarmWorld, project: Project) -> Shop:
    return Shop(world, project)


@pytest.mark.e2e
def test_a_good_canary_is_promoted_and_nothing_of_it_is_left(shop: Shop) -> None:
    before = shop.live()
    shop.source("1.1.0")
    done = shop.run(*CANARY)

    assert done.code == 0, done.out + done.err
    assert "Canary at 25% (1 of 5 replicas, 20% reached)... done" in done.out
    assert shop.world.tasks() == ["Running"] * 4
    wait_until(lambda: shop.world.served() == ["1.1.0"] * 4, "the tasks before have gone")
    wait_until(lambda: len(shop.world.objects()["running"]) == 4, "the canary's containers have gone")
    after = shop.live()
    assert after["objects"] | {"running": []} == before["objects"] | {"running": []}
    assert shop.project.history[0]["version"] == "1.1.0"


@pytest.mark.e2e
def test_a_bad_version_is_caught_and_the_stable_service_is_as_it_was(shop: Shop) -> None:
    before = shop.live()
    shop.source("1.1.0", health="failing")
    done = shop.run(*CANARY)

    assert done.code == 6, done.out + done.err
    assert "the canary failed: health" in done.out
    assert shop.live() == before
    assert shop.world.served() == ["1.0.0"] * 4


@pytest.mark.e2e
def test_a_canary_that_somebody_aborts_goes_as_a_whole(shop: Shop) -> None:
    before = shop.live()
    shop.canary(steps=[{"weight": 25}, {"pause_s": AWHILE}], deadline_s=600)
    shop.source("1.1.0")
    process = shop.project.start(*CANARY)
    wait_until(lambda: f"{shop.world.label}-canary" in shop.services(), "the canary is made")
    wait_until(lambda: shop.project.last.sampled, "it is watched")

    aborted = shop.run("abort", shop.project.last.id, "--reason", "not today")
    done = ended(process)

    assert aborted.code == 0, aborted.out + aborted.err
    assert shop.live() == before, done.out + done.err
