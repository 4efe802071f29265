"""The plans of a `kubernetes` target: which steps, with which inputs, and the release they leave. Pure; other modules do them.

A step's inputs are all that its doing depends on. What only an earlier step finds out (the objects, the digest) and the
deployment's own ID are not in them. Start at `forward` and `back`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from orchestrator.domain.errors import CanaryUnsupported, NothingToRollBack
from orchestrator.domain.plan import CANARY_REMOVE, Mode, Plan, Release, Slot, Step
from orchestrator.targets.base import Outcomes, Request
from orchestrator.targets.canary_config import Canary
from orchestrator.targets.canary_plans import canary_steps, remove_step
from orchestrator.targets.image_plans import build_step, named_image, plan_back, push_step, released_image
from orchestrator.targets.kubernetes_cli import Place
from orchestrator.targets.kubernetes_config import DEPLOYMENT, KubernetesConfig
from orchestrator.targets.kubernetes_objects import find
from orchestrator.targets.kubernetes_slot import found_out

KIND = "kubernetes"
RENDER, MIGRATE = "kubernetes.render", "kubernetes.migrate"
APPLY, WAIT, PRUNE = "kubernetes.apply", "kubernetes.wait", "kubernetes.prune"

_SLACK_S = 60.0
"""A rollout that is ended by its progress deadline must not be ended by its step's before."""


def place_of(config: KubernetesConfig) -> Place:
    return Place(config.kubeconfig, config.context, config.namespace)


def forward(config: KubernetesConfig, slot: Slot, request: Request, *, adopt: bool, timeout_s: float) -> Plan:
    """Render, build, push, migrate, update, wait, prune: those that are configured; a canary comes before the update.

    Raises:
        UsageProblem: No image can have the configured name or a tag of this version.
        CanaryUnsupported: The workload is no Deployment.
    """
    if request.mode is Mode.CANARY and config.workload[0] != DEPLOYMENT:
        raise CanaryUnsupported(f"{slot}: only a Deployment can have a canary, not {config.deployment}. Use --mode deploy.")
    image = named_image(config, slot, request.version)
    release = Release(version=request.version, commit_sha=request.commit_sha, detail={**image, **_spec(config)})
    canary = request.mode is Mode.CANARY
    inputs = {"place": place_of(config).to_json(), "adopt": adopt, "release": release.to_json()}
    steps = [_render(config, timeout_s), build_step(config, image, timeout_s), push_step(image, timeout_s, live=False)]
    if config.migrations:
        steps.append(_migrate(inputs, timeout_s))
    if canary:
        steps += canary_steps(
            config.canary or Canary(),
            stable_replicas=_stable_replicas(config, request.observed),
            inputs={**inputs, "ingress": config.ingress},
            timeout_s=timeout_s,
            exact=config.ingress is not None,
        )
    steps += _update(inputs, timeout_s)
    if canary:
        steps.append(remove_step(inputs, timeout_s=timeout_s))
    if config.prune:
        steps.append(_prune(inputs, timeout_s))
    return Plan(
        target=slot.target,
        kind=KIND,
        environment=slot.environment,
        version=request.version,
        mode=Mode.CANARY if canary else Mode.DEPLOY,
        steps=tuple(steps),
        release=release,
        inputs=request.inputs,
    )


def back(config: KubernetesConfig, failed: Plan, to: Release, *, adopt: bool, timeout_s: float) -> Plan:
    """What is left of a canary away, and the recorded objects of *to* applied again.

    Raises:
        NothingToRollBack: *to* has no recorded objects, or had them elsewhere.
    """
    if not to.detail.get("objects") or not to.detail.get("digest") or to.deployment_id is None:
        raise NothingToRollBack(f"{to.version} has no recorded manifests to go back to. Next: pop-deploy rollback --list")
    if to.detail["namespace"] != config.namespace:
        raise NothingToRollBack(
            f"{to.version} ran in namespace {to.detail['namespace']}, this target is in {config.namespace} now. "
            "Next: pop-deploy rollback --list"
        )
    inputs = {"place": place_of(config).to_json(), "adopt": adopt, "release": to.to_json()}
    steps = []
    if any(step.kind == CANARY_REMOVE for step in failed.steps):
        steps.append(remove_step(inputs, timeout_s=timeout_s, prefix="rollback_"))
    kept = [step.name for step in failed.steps if step.kind == MIGRATE]
    steps += _update({**inputs, "cannot_be_undone": kept}, timeout_s, prefix="rollback_")
    if config.prune:
        steps.append(_prune(inputs, timeout_s, prefix="rollback_"))
    return plan_back(failed, to, steps)


def released(plan: Plan, deployment_id: str, outcomes: Outcomes) -> Release:
    """The release of a finished plan, with all that `back` needs."""
    return released_image(plan, deployment_id, found_out(outcomes))


def _spec(config: KubernetesConfig) -> dict[str, Any]:
    kind, name = config.workload
    return {
        "namespace": config.namespace,
        "workload": {"kind": kind, "name": name, "container": config.container},
        "progress_deadline_s": config.progress_deadline_s,
    }


def _stable_replicas(config: KubernetesConfig, observed: Release | None) -> int:
    """Of the release that is live, by its own manifests; by the configuration where an autoscaler decides."""
    found = find(observed.detail.get("objects", ()), *config.workload) if observed is not None else None
    said = ((found or {}).get("spec") or {}).get("replicas")
    return int(said if said is not None else config.replicas or 1)


def _render(config: KubernetesConfig, timeout_s: float) -> Step:
    chart = {"path": config.chart.path, "values": list(config.chart.values)} if config.chart is not None else None
    return Step(
        name="render",
        title="Rendering manifests",
        kind=RENDER,
        inputs={
            "namespace": config.namespace,
            "manifests": config.manifests,
            "kustomize": config.kustomize,
            "chart": chart,
            "migrations": list(config.migrations),
        },
        timeout_s=timeout_s,
        effect=False,
        live=False,
    )


def _migrate(inputs: Mapping[str, Any], timeout_s: float) -> Step:
    return Step(name="migrate", title="Running migrations", kind=MIGRATE, inputs=inputs, timeout_s=timeout_s)


def _update(inputs: Mapping[str, Any], timeout_s: float, *, prefix: str = "") -> list[Step]:
    detail = inputs["release"]["detail"]
    workload = f"{detail['workload']['kind']} {detail['workload']['name']}"
    update = Step(
        name=f"{prefix}update",
        title="Updating deployment",
        kind=APPLY,
        inputs={"workload": workload, "image": detail["image_ref"], **inputs},
        timeout_s=timeout_s,
    )
    wait = Step(
        name=f"{prefix}wait",
        title="Waiting for rollout",
        kind=WAIT,
        inputs={"workload": workload, "place": inputs["place"], "release": inputs["release"]},
        timeout_s=max(timeout_s, (detail["progress_deadline_s"] or 0) + _SLACK_S),
        effect=False,
        live=False,
    )
    return [update, wait]


def _prune(inputs: Mapping[str, Any], timeout_s: float, *, prefix: str = "") -> Step:
    return Step(
        name=f"{prefix}prune",
        title="Removing what the manifests left out",
        kind=PRUNE,
        inputs=inputs,
        timeout_s=timeout_s,
        repeatable=True,
    )
