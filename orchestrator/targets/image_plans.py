"""What the plans of all targets that run an image share: `build_step`, `push_step` (`docker_images` does them), the plan of a way
back, and the release that is left. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from orchestrator.domain.errors import UsageProblem
from orchestrator.domain.plan import Plan, Release, Slot, Step
from orchestrator.targets import docker_cli as cli
from orchestrator.targets.image_config import VERSION_PLACEHOLDER, ImageConfig, fill_tag, from_json, to_json, valid_tag

BUILD, PUSH = "docker.build", "docker.push"


def named_image(config: ImageConfig, slot: Slot, version: str) -> dict[str, Any]:
    """``image`` without a tag, ``tags``, and ``image_ref``: the image with the tag that says the version.

    Raises:
        UsageProblem: No image can have the configured name or a tag of this version.
    """
    where = f"targets.{slot.target}.config"
    try:
        repository = config.require_repository()
    except ValueError as error:
        raise UsageProblem(f"{where}.{error}") from error
    tags = list(dict.fromkeys(fill_tag(template, version) for template in config.tags))
    for tag in tags:
        if not valid_tag(tag):
            raise UsageProblem(f"{where}.tags: version {version!r} makes the tag {tag!r}, which no image can have")
    telling = next((template for template in config.tags if VERSION_PLACEHOLDER in template), config.tags[0])
    return {"image": repository, "tags": tags, "image_ref": f"{repository}:{fill_tag(telling, version)}"}


def build_step(config: ImageConfig, image: Mapping[str, Any], timeout_s: float) -> Step:
    platforms = list(config.distinct_platforms)
    inputs = {
        "repository": image["image"],
        "image": image["image_ref"],
        "tags": image["tags"],
        "context": config.build_context,
        "dockerfile": config.dockerfile,
        "platforms": platforms,
        "build_args": to_json(config.build_args),
        "local": not config.pushes,
    }
    return Step(
        name="build",
        title="Building image",
        kind=BUILD,
        inputs=inputs,
        command=None if len(platforms) > 1 else _shown_build(inputs),
        timeout_s=timeout_s,
        repeatable=True,
        live=False,
    )


def _shown_build(inputs: Mapping[str, Any]) -> tuple[str, ...]:
    return cli.build(
        context=inputs["context"],
        dockerfile=inputs["dockerfile"],
        references=[f"{inputs['repository']}:{tag}" for tag in inputs["tags"]],
        build_args=from_json(inputs["build_args"]),
        platform=next(iter(inputs["platforms"]), None),
    )


def push_step(image: Mapping[str, Any], timeout_s: float, *, live: bool) -> Step:
    tags = image["tags"]
    return Step(
        name="push",
        title="Pushing to registry",
        kind=PUSH,
        inputs={"repository": image["image"], "image": image["image_ref"], "tags": tags},
        command=cli.push(f"{image['image']}:{tags[0]}") if len(tags) == 1 else None,
        timeout_s=timeout_s,
        repeatable=True,
        live=live,
    )


def plan_back(failed: Plan, to: Release, steps: Sequence[Step]) -> Plan:
    """The plan of a rollback from *failed* to *to* by *steps*."""
    return Plan(
        target=failed.target,
        kind=failed.kind,
        environment=failed.environment,
        version=to.version,
        mode=failed.mode,
        steps=tuple(steps),
        release=to,
        inputs={"leaves": failed.digest},
    )


def released_image(plan: Plan, deployment_id: str, found: Mapping[str, Any]) -> Release:
    """The release of a finished plan, with all that a way back to it needs.

    Args:
        found: What its steps found out; its ``digest`` pins the image.
    """
    if plan.release.deployment_id is not None:
        return plan.release  # of a rollback: what was made by an earlier deployment
    detail = {**plan.release.detail, **found}
    return Release(
        version=plan.version,
        commit_sha=plan.release.commit_sha,
        deployment_id=deployment_id,
        artifacts={detail["image"]: detail["digest"]},
        detail=detail,
    )
