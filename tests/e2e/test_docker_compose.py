"""The docker target in a compose project, on a real engine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from orchestrator.targets.base import Answer, CheckStatus, ForeignResource, StepError
from orchestrator.targets.docker import DockerCompose
from tests.backends.docker import SERVICE_PORT, DockerBackend, docker
from tests.e2e.docker_world import DockerWorld, failed

pytestmark = pytest.mark.docker


@pytest.fixture
def world(docker_backend: DockerBackend, docker_label: str, tmp_path: Path) -> DockerWorld:
    return DockerWorld(docker_backend, docker_label, tmp_path)


def compose(world: DockerWorld, **changed: Any) -> dict[str, Any]:
    """Configuration of a target whose service ``web`` stands beside another one, in a file with a blank in its path."""
    side = f"{world.label}/side"
    world.source("side")
    assert docker("build", "--tag", side, str(world.project)).returncode == 0
    (world.project / "de ploy").mkdir(exist_ok=True)
    (world.project / "de ploy" / "compose.yaml").write_text(
        "services:\n"
        f'  web:\n    image: never/used\n    build: .\n    ports: ["127.0.0.1:{world.port}:{SERVICE_PORT}"]\n'
        f"  side:\n    image: {side}\n"
    )
    settings = {"file": "de ploy/compose.yaml", "project": world.label, "service": "web", "stable_s": 0.2}
    return {"run": None, "compose": DockerCompose(**{**settings, **changed})}


def test_runs_the_service_by_digest_beside_the_others(world: DockerWorld) -> None:
    config = compose(world)
    world.source("1.0.0")

    done = world.deploy("1.0.0", **config)

    assert world.inspect(f"{world.label}-web-1", ".Config.Image") == f"{world.repository}@{done.release.detail['digest']}"
    assert world.containers() == {f"{world.label}-web-1": "running", f"{world.label}-side-1": "running"}
    assert world.served() == "1.0.0"
    assert done.verdicts() == {"containers": CheckStatus.PASS, "digest": CheckStatus.PASS}
    assert done.target.observe() == done.release


def test_replaces_the_service_and_goes_back_by_digest(world: DockerWorld) -> None:
    first, second = world.two_versions(**compose(world))
    side = world.inspect(f"{world.label}-side-1", ".Id")
    served = world.served()

    back = world.roll_back(second, first.release)

    assert (served, world.served()) == ("1.1.0", "1.0.0")
    assert world.inspect(f"{world.label}-side-1", ".Id") == side
    assert back.target.observe() == first.release
    assert set(back.verdicts().values()) == {CheckStatus.PASS}


def test_runs_a_local_image_without_a_registry(world: DockerWorld) -> None:
    config = compose(world)
    world.source("1.0.0")

    done = world.deploy("1.0.0", registry=None, **config)

    assert world.served() == "1.0.0"
    assert set(done.verdicts().values()) == {CheckStatus.PASS}


def test_probes_and_repeats_the_update(world: DockerWorld) -> None:
    config = compose(world)
    world.source("1.0.0")
    target = world.target(**config)
    plan = world.plan(target, "1.0.0")
    outcomes = world.apply(target, plan, "deploy-1.0.0", until="update")
    step = plan.step("update")

    before = target.probe(step, "deploy-1.0.0", outcomes)
    done = target.apply(step, world.step_run(step, "deploy-1.0.0", outcomes))
    made = world.inspect(f"{world.label}-web-1", ".Id")
    after = target.probe(step, "deploy-1.0.0", outcomes)
    again = target.apply(step, world.step_run(step, "deploy-1.0.0", outcomes, attempt=2))

    assert (before.answer, after.answer) == (Answer.NOT_DONE, Answer.DONE)
    assert done.data == after.data == again.data
    assert world.inspect(f"{world.label}-web-1", ".Id") == made


def test_leaves_a_service_alone_that_is_not_ours(world: DockerWorld) -> None:
    config = compose(world)
    file = world.project / "de ploy" / "compose.yaml"
    docker("compose", "--project-name", world.label, "--file", str(file), "up", "--detach", "--no-build", "side")
    config = compose(world, service="side")
    target = world.target(**config)
    ours = world.inspect(f"{world.label}-side-1", ".Id")

    with pytest.raises(ForeignResource, match=rf"{world.label}-side-1 .*adopt"):
        target.observe()
    with pytest.raises(StepError, match="does not carry our labels"):
        plan = world.plan(world.target(adopt=True, **config), "1.0.0")
        world.apply(
            target, type(plan).from_json({**plan.to_json(), "steps": not_adopting(plan.to_json()["steps"])}), "deploy-1.0.0"
        )

    assert world.inspect(f"{world.label}-side-1", ".Id") == ours


def not_adopting(steps: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{**step, "inputs": {**step["inputs"], **({"adopt": False} if "adopt" in step["inputs"] else {})}} for step in steps]


def test_stops_the_container_that_served_before_it_was_a_compose_project(world: DockerWorld) -> None:
    world.source("0.9.0")
    world.deploy("0.9.0")
    config = compose(world)
    world.source("1.0.0")

    done = world.deploy("1.0.0", **config)

    assert world.served() == "1.0.0"
    assert world.containers()[world.label] == "exited"
    assert done.target.observe() == done.release


def test_the_dry_run_reads_the_compose_file(world: DockerWorld) -> None:
    good = world.target(**compose(world))
    wrong_service = world.target(**compose(world, service="nothere"))
    no_file = world.target(**compose(world, file="nothere.yaml"))
    world.source("1.0.0")

    def message(target: Any) -> str:
        return failed(list(target.preflight(world.plan(target, "1.0.0")))).get("compose file", "")

    assert message(good) == ""
    assert "has no service nothere; it has: side, web" in message(wrong_service).replace("web, side", "side, web")
    assert "There is no compose file" in message(no_file)


def test_a_service_that_ends_fails_the_wait_with_its_last_lines(world: DockerWorld) -> None:
    config = compose(world)
    world.source("1.0.0", crash=True)

    with pytest.raises(StepError, match=r"ended with exit code 3(.|\n)*crashed on purpose"):
        world.deploy("1.0.0", **config)
