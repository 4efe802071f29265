"""The plans of a `docker` target: which steps, with which inputs, and the release they leave. Pure; other modules do them.

A step's inputs are all that its doing depends on: a plan that was recorded means the same after the configuration has changed.
What only an earlier step finds out (the digest) and the deployment's own ID are null here. Start at `forward` and `back`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from orchestrator.domain.errors import NothingToRollBack
from orchestrator.domain.plan import Mode, Plan, Release, Slot, Step
from orchestrator.targets.base import Outcomes, Request
from orchestrator.targets.docker_config import DockerCompose, DockerConfig, DockerRun
from orchestrator.targets.docker_slot import pinned
from orchestrator.targets.image_config import to_json
from orchestrator.targets.image_plans import PUSH, build_step, named_image, plan_back, push_step, released_image

KIND = "docker"
RESTORE = "docker.restore"
RUN, COMPOSE, WAIT = "docker.run", "docker.compose", "docker.wait"


def forward(config: DockerConfig, slot: Slot, request: Request, *, adopt: bool, timeout_s: float) -> Plan:
    """Build, push, update, wait: those that are configured. A dry run has the plan of the live run.

    Raises:
        UsageProblem: No image can have the configured name or a tag of this version.
    """
    image = named_image(config, slot, request.version)
    spec = _spec(config)
    detail = {**image, "local": not config.pushes, **spec}
    release = Release(version=request.version, commit_sha=request.commit_sha, detail=detail)
    steps = [build_step(config, image, timeout_s)]
    if config.pushes:
        steps.append(push_step(image, timeout_s, live=not spec))
    if spec:
        reference, observed = (found.deployment_id if found else None for found in (request.reference, request.observed))
        keep = sorted({one for one in (reference, observed) if one is not None})
        steps += _update_steps("", release, {"adopt": adopt, "keep": keep, "replaces": observed}, timeout_s)
    return Plan(
        target=slot.target,
        kind=KIND,
        environment=slot.environment,
        version=request.version,
        mode=Mode.DEPLOY,
        steps=tuple(steps),
        release=release,
        inputs=request.inputs,
    )


def back(failed: Plan, to: Release, *, adopt: bool, timeout_s: float) -> Plan:
    """The container or service of *to* again, by digest; of a repository that runs nothing, the tags that both releases moved.

    Raises:
        NothingToRollBack: *to* cannot be brought back by this kind of target.
    """
    if "digest" not in to.detail or to.deployment_id is None:
        raise NothingToRollBack(f"{to.version} has no image digest to go back to. Next: pop-deploy rollback --list")
    if {"run", "compose"} & to.detail.keys():
        steps = _update_steps("rollback_", to, {"adopt": adopt, "keep": [], "replaces": None}, timeout_s)
    else:
        steps = [_restore(failed, to, timeout_s)]
    return plan_back(failed, to, steps)


def released(plan: Plan, deployment_id: str, outcomes: Outcomes) -> Release:
    """The release of a finished plan, with all that `back` needs."""
    return released_image(plan, deployment_id, pinned(outcomes))


def _spec(config: DockerConfig) -> dict[str, Any]:
    if config.run is not None:
        return {"run": _run_spec(config.run)}
    return {"compose": _compose_spec(config.compose)} if config.compose is not None else {}


def _run_spec(run: DockerRun) -> dict[str, Any]:
    return {
        "name": run.name,
        "ports": list(run.ports),
        "env": to_json(run.env),
        "volumes": list(run.volumes),
        "network": run.network,
        "restart": run.restart,
        "command": list(run.command) if run.command is not None else None,
        "stable_s": run.stable_s,
    }


def _compose_spec(compose: DockerCompose) -> dict[str, Any]:
    return {"project": compose.project, "service": compose.service, "file": compose.file, "stable_s": compose.stable_s}


def _update_steps(prefix: str, release: Release, how: Mapping[str, Any], timeout_s: float) -> list[Step]:
    detail = release.detail
    place = {"container": detail["run"]["name"]} if "run" in detail else {"service": detail["compose"]["service"]}
    update = Step(
        name=f"{prefix}update",
        title="Updating deployment",
        kind=RUN if "run" in detail else COMPOSE,
        inputs={**place, "image": detail["image_ref"], **how, "release": release.to_json()},
        timeout_s=timeout_s,
    )
    wait = Step(
        name=f"{prefix}wait",
        title="Waiting for rollout",
        kind=WAIT,
        inputs={**place, "release": release.to_json()},
        timeout_s=timeout_s,
        effect=False,
        live=False,
    )
    return [update, wait]


def _restore(failed: Plan, to: Release, timeout_s: float) -> Step:
    moved: list[str] = next((step.inputs["tags"] for step in failed.steps if step.kind == PUSH), [])
    tags = [tag for tag in to.detail["tags"] if tag in moved]
    if any(step.kind in (RUN, COMPOSE) for step in failed.steps):
        raise NothingToRollBack(f"{to.version} was only pushed, never run by this target. Next: pop-deploy rollback --list")
    if not tags:
        raise NothingToRollBack(
            f"{to.version} and {failed.version} share no tag: both are in the registry side by side, nothing has to be put back"
        )
    inputs = {
        "repository": to.detail["image"],
        "digest": to.detail["digest"],
        "tags": tags,
        "members": to.detail.get("members", {}),
    }
    return Step(name="rollback_tags", title="Restoring tags", kind=RESTORE, inputs=inputs, timeout_s=timeout_s, repeatable=True)
