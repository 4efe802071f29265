"""Which steps a `docker` target plans, forward and back. The exact plans are in tests/contract/plans/docker."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from orchestrator.domain.errors import CanaryUnsupported, NothingToRollBack, UsageProblem
from orchestrator.domain.plan import Mode, Plan, Release
from orchestrator.domain.settings import SecretRef
from orchestrator.targets.base import Request
from orchestrator.targets.docker import DockerCompose, DockerConfig, DockerRun, DockerTarget
from tests.contract.harness import SLOT, plain_tools

DIGEST = "sha256:" + "1" * 64
CONFIG = DockerConfig(image_name="shop/web", registry="r.example", tags=("latest", "{{version}}"), run=DockerRun(name="shop"))
REQUEST = Request(
    version="1.1.0", mode=Mode.DEPLOY, commit_sha="abc", source_digest=None, observed=None, reference=None, inputs={"config": "x"}
)


def target(config: DockerConfig = CONFIG) -> DockerTarget:
    return DockerTarget(config, plain_tools(Path("/project"), SLOT))


def release(deployment_id: str, version: str = "1.0.0", **detail: Any) -> Release:
    about = {"image": "r.example/shop/web", "image_ref": f"r.example/shop/web:{version}", "tags": ["latest", version]}
    return Release(version=version, deployment_id=deployment_id, detail={**about, "digest": DIGEST, "local": False, **detail})


def names(plan: Plan) -> list[str]:
    return [step.name for step in plan.steps]


def test_plans_only_what_is_configured() -> None:
    compose = DockerCompose(project="shop", service="web")

    assert names(target().plan(REQUEST)) == ["build", "push", "update", "wait"]
    assert names(target(replace(CONFIG, registry=None)).plan(REQUEST)) == ["build", "update", "wait"]
    assert names(target(replace(CONFIG, run=None)).plan(REQUEST)) == ["build", "push"]
    assert names(target(replace(CONFIG, run=None, compose=compose)).plan(REQUEST)) == ["build", "push", "update", "wait"]


def test_titles_are_those_that_people_know() -> None:
    assert [step.title for step in target().plan(REQUEST).steps] == [
        "Building image",
        "Pushing to registry",
        "Updating deployment",
        "Waiting for rollout",
    ]


def test_says_which_steps_change_what_is_live() -> None:
    running, pushing = target().plan(REQUEST), target(replace(CONFIG, run=None)).plan(REQUEST)

    assert [step.name for step in running.steps if step.live and step.effect] == ["update"]
    assert [step.name for step in pushing.steps if step.live and step.effect] == ["push"]


def test_keeps_the_way_back_and_what_is_live() -> None:
    request = replace(REQUEST, observed=release("deploy-b"), reference=release("deploy-a"))

    update = target().plan(request).step("update")

    assert (update.inputs["keep"], update.inputs["replaces"]) == (["deploy-a", "deploy-b"], "deploy-b")


def test_keeps_references_to_secrets_and_never_values(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_TOKEN", "t0p-s3cret")
    secret = {"TOKEN": SecretRef(env="SHOP_TOKEN")}

    plan = target(replace(CONFIG, build_args=secret, run=DockerRun(name="shop", env=secret))).plan(REQUEST)

    assert "t0p-s3cret" not in str(plan.to_json())
    assert plan.step("build").inputs["build_args"] == {"TOKEN": {"env": "SHOP_TOKEN"}}
    assert "--build-arg=TOKEN" in (plan.step("build").command or ())


def test_is_the_same_on_every_machine() -> None:
    here, there = plain_tools(Path("/project"), SLOT), plain_tools(Path("/elsewhere"), SLOT)

    assert DockerTarget(CONFIG, here).plan(REQUEST).digest == DockerTarget(CONFIG, there).plan(REQUEST).digest


def test_names_what_its_plan_depends_on() -> None:
    config = DockerConfig(
        image_name="x",
        build_context="web",
        dockerfile="d/Dockerfile",
        compose=DockerCompose(project="p", service="s", file="c.yml"),
    )

    assert target(config).input_paths() == (Path("/project/web"), Path("/project/d/Dockerfile"), Path("/project/c.yml"))


@pytest.mark.parametrize(
    ("config", "version", "message"),
    [
        (replace(CONFIG, image_name="Shop Web"), "1.0.0", r"^targets\.web\.config\.image_name: expected a lower-case repository"),
        (
            CONFIG,
            "1.0.0 beta",
            r"^targets\.web\.config\.tags: version '1\.0\.0 beta' makes the tag '1\.0\.0 beta', which no image",
        ),
    ],
)
def test_refuses_names_that_no_image_can_have(config: DockerConfig, version: str, message: str) -> None:
    with pytest.raises(UsageProblem, match=message):
        target(config).plan(replace(REQUEST, version=version))


def test_has_no_canary() -> None:
    with pytest.raises(CanaryUnsupported, match="--mode deploy"):
        target().plan(replace(REQUEST, mode=Mode.CANARY))


def test_goes_back_by_digest_with_the_container_as_it_was() -> None:
    run = {
        "name": "old-name",
        "ports": [],
        "env": {},
        "volumes": [],
        "network": None,
        "restart": None,
        "command": None,
        "stable_s": 1,
    }
    to = release("deploy-a", run=run)

    back = target().rollback(target().plan(REQUEST), to)

    wanted = back.steps[0].inputs["release"]
    assert names(back) == ["rollback_update", "rollback_wait"]
    assert (wanted["deployment_id"], wanted["detail"]["digest"], wanted["detail"]["run"]) == ("deploy-a", DIGEST, run)
    assert target().release(back, "deploy-b", {}) == to


@pytest.mark.parametrize(
    ("to", "message"),
    [
        (Release(version="1.0.0", deployment_id="deploy-a"), r"1\.0\.0 has no image digest to go back to"),
        (release("deploy-a"), r"1\.0\.0 was only pushed, never run by this target"),
    ],
)
def test_refuses_a_way_back_that_it_does_not_have(to: Release, message: str) -> None:
    with pytest.raises(NothingToRollBack, match=message):
        target().rollback(target().plan(REQUEST), to)


def test_puts_back_only_the_tags_that_both_releases_moved() -> None:
    pushing = target(replace(CONFIG, run=None))

    back = pushing.rollback(pushing.plan(REQUEST), release("deploy-a"))

    assert [step.inputs["tags"] for step in back.steps] == [["latest"]]


def test_the_release_has_what_a_way_back_needs() -> None:
    plan = target().plan(REQUEST)

    made = target().release(plan, "deploy-b", {"build": {"ids": {"engine": "sha256:2"}}, "push": {"digest": DIGEST}})

    assert made.artifacts == {"r.example/shop/web": DIGEST}
    assert (made.detail["digest"], made.detail["image_ref"]) == (DIGEST, "r.example/shop/web:1.1.0")
    assert names(target().rollback(plan, made)) == ["rollback_update", "rollback_wait"]
