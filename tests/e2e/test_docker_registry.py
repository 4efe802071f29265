"""Registries of the docker target, for real: logins, a registry that is down, pushes that are repeated, lists of platforms."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from orchestrator.domain.errors import NothingToRollBack
from orchestrator.targets.base import Answer, CheckStatus, StepError
from tests.backends.docker import DockerBackend, docker, free_port
from tests.e2e.docker_world import Deployed, DockerWorld, failed

pytestmark = pytest.mark.docker


@pytest.fixture
def world(docker_backend: DockerBackend, docker_label: str, tmp_path: Path) -> DockerWorld:
    return DockerWorld(docker_backend, docker_label, tmp_path)


def log_in(monkeypatch: pytest.MonkeyPatch, directory: Path, registry: str, login: str | None) -> None:
    """A docker configuration with *login* (``user:password``) for *registry*, or with none."""
    directory.mkdir()
    auths = {registry: {"auth": base64.b64encode(login.encode()).decode()}} if login else {}
    (directory / "config.json").write_text(json.dumps({"auths": auths}))
    monkeypatch.setenv("DOCKER_CONFIG", str(directory))


def push_only(world: DockerWorld, version: str, **config: Any) -> Deployed:
    world.source(version)
    return world.deploy(version, run=None, tags=("latest", "{{version}}"), **config)


# Logins


def test_pushes_with_the_login_that_docker_has(world: DockerWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    registry = world.backend.auth_registry
    log_in(monkeypatch, tmp_path / "login", registry, f"{world.backend.user}:{world.backend.password}")
    world.source("1.0.0")

    done = world.deploy("1.0.0", registry=registry)
    checks = {check.name: check for check in done.target.preflight(done.plan)}

    digest = world.backend.registry_digest(f"{world.label}/web", "1.0.0", auth=True)
    assert done.outcomes["push"]["digest"] == digest
    assert checks["registry"].status is CheckStatus.PASS
    assert done.target.probe(done.plan.step("push"), "deploy-1.0.0", done.outcomes).answer is Answer.DONE


@pytest.mark.parametrize(
    ("login", "said"),
    [
        ("ci:wrong", r"refuses the login that Docker has for it\. Log in again \(docker login localhost"),
        (None, r"Docker has no login for localhost:\d+\. Log in \(docker login localhost"),
    ],
)
def test_a_login_that_is_wrong_or_missing_is_found_out_by_the_dry_run_and_the_push(
    world: DockerWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, login: str | None, said: str
) -> None:
    registry = world.backend.auth_registry
    log_in(monkeypatch, tmp_path / "login", registry, login)
    world.source("1.0.0")
    target = world.target(registry=registry)
    plan = world.plan(target, "1.0.0")

    checks = failed(list(target.preflight(plan)))
    with pytest.raises(StepError, match=said) as caught:
        world.apply(target, plan, "deploy-1.0.0")

    assert list(checks) == ["registry"]
    assert "docker login localhost" in checks["registry"]
    assert not caught.value.effect
    assert caught.value.output_tail in str(caught.value)
    assert world.containers() == {}


def test_a_push_that_nobody_can_be_asked_about_is_done_again_and_says_why(
    world: DockerWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The client says "no such manifest" when the registry refuses its login: that is not what is passed on."""
    registry = world.backend.auth_registry
    log_in(monkeypatch, tmp_path / "login", registry, f"{world.backend.user}:{world.backend.password}")
    world.source("1.0.0")
    target = world.target(registry=registry)
    plan = world.plan(target, "1.0.0")
    outcomes = world.apply(target, plan, "deploy-1.0.0", until="update")

    log_in(monkeypatch, tmp_path / "lost", registry, "ci:wrong")
    answer = target.probe(plan.step("push"), "deploy-1.0.0", outcomes)

    assert answer.answer is Answer.NOT_DONE
    assert "refuses the login" in answer.detail
    assert answer.detail.endswith("Doing it again is harmless.")


def test_a_registry_that_is_down_is_named(world: DockerWorld) -> None:
    registry = f"127.0.0.1:{free_port()}"
    world.source("1.0.0")
    target = world.target(registry=registry)
    plan = world.plan(target, "1.0.0")

    checks = failed(list(target.preflight(plan)))
    with pytest.raises(StepError, match=rf"Registry {registry} does not answer \(connection refused\)"):
        world.apply(target, plan, "deploy-1.0.0")

    assert list(checks) == ["registry"]
    assert f"Registry {registry} does not answer (connection refused)" in checks["registry"]
    assert checks["registry"].endswith("connection refused")


# Pushes


def test_pushes_what_was_built_even_if_the_tag_has_moved_since(world: DockerWorld) -> None:
    world.source("1.0.0")
    target = world.target()
    plan = world.plan(target, "1.0.0")
    outcomes = world.apply(target, plan, "deploy-1.0.0", until="push")
    world.source("somebody else's")
    docker("build", "--tag", f"{world.repository}:1.0.0", str(world.project))

    for name in ("push", "update", "wait"):
        outcomes[name] = target.apply(plan.step(name), world.step_run(plan.step(name), "deploy-1.0.0", outcomes)).data

    assert world.served() == "1.0.0"
    assert world.inspect(f"{world.repository}:1.0.0", ".Id") == outcomes["build"]["ids"]["engine"]


def test_a_push_that_was_done_is_found_and_not_done_again(world: DockerWorld) -> None:
    world.source("1.0.0")
    target = world.target(tags=("latest", "{{version}}"))
    plan = world.plan(target, "1.0.0")
    built = world.apply(target, plan, "deploy-1.0.0", until="push")
    step = plan.step("push")

    before = target.probe(step, "deploy-1.0.0", built)
    pushed = target.apply(step, world.step_run(step, "deploy-1.0.0", built))
    after = target.probe(step, "deploy-1.0.0", built)
    again = world.step_run(step, "deploy-1.0.0", built, attempt=2)
    repeated = target.apply(step, again)

    assert (before.answer, after.answer) == (Answer.NOT_DONE, Answer.DONE)
    assert pushed.data == after.data == repeated.data
    assert again.names == []


def test_verifies_every_tag_of_a_target_that_only_pushes(world: DockerWorld) -> None:
    done = push_only(world, "1.0.0")

    assert [step.name for step in done.plan.steps] == ["build", "push"]
    assert done.plan.step("push").live
    assert done.verdicts() == {"registry latest": CheckStatus.PASS, "registry 1.0.0": CheckStatus.PASS}
    assert done.target.observe() is None


def test_notices_that_somebody_else_has_moved_a_tag(world: DockerWorld) -> None:
    done = push_only(world, "1.0.0")
    world.source("somebody else's")
    docker("build", "--tag", f"{world.repository}:latest", str(world.project))
    docker("push", f"{world.repository}:latest")

    assert done.verdicts() == {"registry latest": CheckStatus.FAIL, "registry 1.0.0": CheckStatus.PASS}


def test_puts_the_moving_tags_back(world: DockerWorld) -> None:
    first, second = push_only(world, "1.0.0"), push_only(world, "1.1.0")
    docker("image", "rm", "--force", first.outcomes["build"]["ids"]["engine"])
    step = second.target.rollback(second.plan, first.release).steps[0]

    before = second.target.probe(step, "deploy-1.1.0", {})
    back = world.roll_back(second, first.release)
    after = second.target.probe(step, "deploy-1.1.0", {})

    assert world.backend.registry_digest(f"{world.label}/web", "latest") == first.release.detail["digest"]
    assert world.backend.registry_digest(f"{world.label}/web", "1.1.0") == second.release.detail["digest"]
    assert (before.answer, after.answer) == (Answer.NOT_DONE, Answer.DONE)
    assert after.data == back.outcomes["rollback_tags"]
    assert set(back.verdicts().values()) == {CheckStatus.PASS}


def test_refuses_to_go_back_where_versions_lie_side_by_side(world: DockerWorld) -> None:
    world.source("1.0.0")
    first = world.deploy("1.0.0", run=None)
    world.source("1.1.0")
    second = world.deploy("1.1.0", run=None)

    with pytest.raises(NothingToRollBack, match="share no tag"):
        second.target.rollback(second.plan, first.release)


# Several platforms

BOTH = ("linux/amd64", "linux/arm64")


def test_pushes_one_list_for_several_platforms_and_runs_from_it(world: DockerWorld) -> None:
    world.source("1.0.0")

    done = world.deploy("1.0.0", platforms=BOTH, tags=("latest", "{{version}}"))

    digest = world.backend.registry_digest(f"{world.label}/web", "1.0.0")
    listed = json.loads(docker("manifest", "inspect", "--insecure", f"{world.repository}:1.0.0").stdout)
    assert done.outcomes["push"]["digest"] == digest == world.backend.registry_digest(f"{world.label}/web", "latest")
    assert sorted(entry["platform"]["architecture"] for entry in listed["manifests"]) == ["amd64", "arm64"]
    assert world.inspect(world.label, ".Config.Image") == f"{world.repository}@{digest}"
    assert world.served() == "1.0.0"


def test_puts_a_list_of_platforms_back(world: DockerWorld) -> None:
    first, second = push_only(world, "1.0.0", platforms=BOTH), push_only(world, "1.1.0", platforms=BOTH)

    back = world.roll_back(second, first.release)

    assert world.backend.registry_digest(f"{world.label}/web", "latest") == first.release.detail["digest"]
    assert set(back.verdicts().values()) == {CheckStatus.PASS}


def test_refuses_an_image_of_another_platform_than_asked_for(world: DockerWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    """The classic builder takes cached layers of another platform without a word."""
    world.source("1.0.0")
    monkeypatch.setenv("DOCKER_BUILDKIT", "0")
    docker("build", "--tag", f"{world.repository}:cached", str(world.project))
    target = world.target(platforms=BOTH)

    with pytest.raises(StepError, match=r"made linux/amd64 when asked for linux/arm64\. Install docker's buildx") as caught:
        world.apply(target, world.plan(target, "1.0.0"), "deploy-1.0.0")

    assert not caught.value.effect
