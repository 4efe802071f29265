"""The plans of a `swarm` target: which steps, with which inputs, and the release they leave. Pure; other modules do them.

A step's inputs are all that its doing depends on: a plan that was recorded means the same after the configuration has changed.
What only an earlier step finds out (the digest) and the deployment's own ID are null here. Start at `forward` and `back`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from orchestrator.domain.errors import CanaryUnsupported, NothingToRollBack, UsageProblem
from orchestrator.domain.plan import Mode, Plan, Release, Slot, Step
from orchestrator.targets.base import Outcomes, Request
from orchestrator.targets.canary_config import Canary
from orchestrator.targets.canary_plans import canary_steps, remove_step
from orchestrator.targets.image_config import to_json
from orchestrator.targets.image_plans import build_step, named_image, plan_back, push_step, released_image
from orchestrator.targets.swarm_config import RollingUpdate, StackConfig, SwarmConfig
from orchestrator.targets.swarm_ports import parse_mount, parse_port
from orchestrator.targets.swarm_slot import canary_name, pinned, service_name

KIND = "swarm"
SERVICE, STACK, WAIT = "swarm.service", "swarm.stack", "swarm.wait"

_STACK = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_-]*[A-Za-z0-9])?")


def forward(config: SwarmConfig, slot: Slot, request: Request, *, adopt: bool, timeout_s: float) -> Plan:
    """Build, push, update, wait; a canary goes before the update and is removed after it.

    Raises:
        UsageProblem: No image can have the configured name or a tag of this version.
        CanaryUnsupported: Nothing would lead requests to a canary, or not its share.
    """
    image = named_image(config, slot, request.version)
    detail = {**image, **_spec(config, slot)}
    release = Release(version=request.version, commit_sha=request.commit_sha, detail=detail)
    steps = [build_step(config, image, timeout_s), push_step(image, timeout_s, live=False)]
    update = _update_steps("", release, adopt, timeout_s)
    if request.mode is Mode.CANARY:
        _require_canary(config, slot)
        live = _live_spec(request, config, slot)
        beside = int(live.get("replicas", config.replicas))
        inputs = {**_canary_place(detail), "image": detail["image_ref"], "release": release.to_json()}
        steps += canary_steps(config.canary or Canary(), stable_replicas=beside, inputs=inputs, timeout_s=timeout_s)
        update.append(remove_step(_canary_place(detail), timeout_s=timeout_s))
    return Plan(
        target=slot.target,
        kind=KIND,
        environment=slot.environment,
        version=request.version,
        mode=Mode.CANARY if request.mode is Mode.CANARY else Mode.DEPLOY,
        steps=(*steps, *update),
        release=release,
        inputs=request.inputs,
    )


def back(failed: Plan, to: Release, *, adopt: bool, timeout_s: float) -> Plan:
    """The service of *to* again, as it was and by its digest; before that the canary goes, if there was one.

    Raises:
        NothingToRollBack: *to* cannot be brought back by this kind of target.
    """
    if "digest" not in to.detail or to.deployment_id is None or not {"service", "stack"} & to.detail.keys():
        raise NothingToRollBack(f"{to.version} has no image digest to go back to. Next: pop-deploy rollback --list")
    steps = _update_steps("rollback_", to, adopt, timeout_s)
    if failed.mode is Mode.CANARY:
        steps.insert(0, remove_step(_canary_place(failed.release.detail), timeout_s=timeout_s, prefix="rollback_"))
    return plan_back(failed, to, steps)


def released(plan: Plan, deployment_id: str, outcomes: Outcomes) -> Release:
    """The release of a finished plan, with all that `back` needs: the whole service, not what Swarm remembers of it."""
    return released_image(plan, deployment_id, pinned(outcomes))


def configured_name(config: SwarmConfig, slot: Slot) -> str:
    """The service that *config* means, as Swarm calls it."""
    return service_name(_spec(config, slot))


def _spec(config: SwarmConfig, slot: Slot) -> dict[str, Any]:
    if config.stack is not None:
        return {"stack": _stack_spec(config.stack, slot)}
    rolling = config.rollback or config.update
    return {
        "service": {
            "name": config.service,
            "replicas": config.replicas,
            "ports": [str(parse_port(port)) for port in config.ports],
            "networks": list(config.networks),
            "alias": config.alias,
            "env": to_json(config.env),
            "mounts": [parse_mount(mount) for mount in config.mounts],
            "labels": dict(config.labels),
            "command": list(config.command) if config.command is not None else None,
            "entrypoint": list(config.entrypoint) if config.entrypoint is not None else None,
            "constraints": list(config.constraints),
            "endpoint_mode": config.mode,
            "update": _rolling_spec(config.update),
            "rollback": _rolling_spec(rolling),
        }
    }


def _stack_spec(stack: StackConfig, slot: Slot) -> dict[str, Any]:
    name = stack.name or slot.project
    if _STACK.fullmatch(name) is None:
        raise UsageProblem(f"targets.{slot.target}.config.stack.name: no stack can be called {name!r}. Give it a name here")
    return {"name": name, "file": stack.file, "service": stack.service}


def _rolling_spec(update: RollingUpdate) -> dict[str, Any]:
    """With a failure action of ours: whether and how to go back is decided, and recorded, by us."""
    return {
        "parallelism": update.parallelism,
        "delay_s": float(update.delay_s),
        "order": update.order,
        "monitor_s": float(update.monitor_s),
        "max_failure_ratio": round(float(update.max_failure_ratio), 6),
        "failure_action": "pause",
    }


def _update_steps(prefix: str, release: Release, adopt: bool, timeout_s: float) -> list[Step]:
    detail = release.detail
    place = {"service": service_name(detail), "image": detail["image_ref"], "release": release.to_json()}
    update = Step(
        name=f"{prefix}update",
        title="Updating deployment",
        kind=STACK if "stack" in detail else SERVICE,
        inputs={**place, "adopt": adopt},
        timeout_s=timeout_s,
        # A stack's file is brought about as a whole, and what is there already stays.
        repeatable="stack" in detail,
    )
    wait = Step(
        name=f"{prefix}wait",
        title="Waiting for rollout",
        kind=WAIT,
        inputs=place,
        timeout_s=timeout_s,
        effect=False,
        live=False,
    )
    return [update, wait]


def _require_canary(config: SwarmConfig, slot: Slot) -> None:
    if config.stack is not None:
        raise CanaryUnsupported(f"{slot}: a service of a stack's file has no canary. Use --mode deploy.")
    if not config.networks:
        raise CanaryUnsupported(
            f"{slot}: a canary shares its alias with the stable service in a network, and there is none. "
            f"Name one in targets.{slot.target}.config.networks, or use --mode deploy."
        )
    if config.mode != "dnsrr":
        raise CanaryUnsupported(
            f"{slot}: behind one virtual address a canary would get half of the requests. "
            f'Set targets.{slot.target}.config.endpoint_mode to "dnsrr", or use --mode deploy.'
        )


def _live_spec(request: Request, config: SwarmConfig, slot: Slot) -> Mapping[str, Any]:
    """The service that a canary stands beside, as it was deployed, whatever the new release will be like."""
    if request.observed is None:
        return {}
    live: Mapping[str, Any] = request.observed.detail.get("service", {})
    shares = live.get("endpoint_mode") == "dnsrr" and live.get("alias") == config.alias and live.get("name") == config.service
    if not shares or not set(config.networks) <= set(live["networks"]):
        raise CanaryUnsupported(
            f"{slot}: {request.observed.version} was deployed with another service, alias, endpoint_mode or other networks: "
            "a canary beside it would not get its share of the requests. Deploy once with --mode deploy."
        )
    return live


def _canary_place(detail: Mapping[str, Any]) -> dict[str, Any]:
    return {"service": service_name(detail), "canary": canary_name(service_name(detail))}
