"""Making a plan: what the target would do now, with everything that the plan depends on.

Used by `prepare.py` to record a plan, and by `execute.py` to see whether a recorded one still holds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from orchestrator.config import ResolvedTarget, enabled_targets, resolve
from orchestrator.domain.deployment import Deployment
from orchestrator.domain.errors import CanaryUnsupported, UsageProblem
from orchestrator.domain.plan import CANARY_WATCH, Mode, Plan, Release, Step
from orchestrator.projections import deployments, releases
from orchestrator.services.ports import SourceFacts
from orchestrator.services.road import HOOK
from orchestrator.services.workspace import Workspace
from orchestrator.targets.base import Request, Target


@dataclass(frozen=True)
class Planned:
    """A plan with what it was made from."""

    settings: ResolvedTarget
    target: Target
    plan: Plan
    on_failure: tuple[Step, ...]
    reference: Release | None
    observed: Release | None


def make_plan(workspace: Workspace, deployment: Deployment, facts: SourceFacts | None = None) -> Planned:
    """Observe the target, digest the sources, and let the target plan.

    Args:
        facts: The project as it is now; as it was when the deployment was requested if None.

    Raises:
        CanaryUnsupported: This kind has no canary; names those that have.
        Unreachable, ForeignResource: See `targets.base`; nothing was changed.
    """
    settings, target = require_supported(workspace, deployment)
    if not deployment.dry_run:
        workspace.children.stand_by()
    observed = target.observe()
    reference = _reference(workspace, deployment, settings.kind)
    if deployment.plan_mode is Mode.CANARY:
        _require_stable(deployment, observed, reference)
    plan = target.plan(_request(workspace, deployment, facts, settings, target, observed, reference))
    before = _hooks("before_deploy", settings.hooks.before_deploy, settings.timeout_s)
    after = _hooks("after_deploy", settings.hooks.after_deploy, settings.timeout_s)
    # A watch has a deadline of its own, that of its canary.
    steps = [step if step.kind == CANARY_WATCH else replace(step, timeout_s=settings.timeout_s) for step in plan.steps]
    return Planned(
        settings=settings,
        target=target,
        plan=replace(plan, steps=(*before, *steps, *after)),
        on_failure=_hooks("on_failure", settings.hooks.on_failure, settings.timeout_s),
        reference=reference,
        observed=observed,
    )


def _require_stable(deployment: Deployment, observed: Release | None, reference: Release | None) -> None:
    """A canary is held against what is live, and its way back leads there: that has to be known as good.

    Raises:
        CanaryUnsupported: Nothing is live, or nobody has verified it.
    """
    if observed is None or reference is None or observed.deployment_id != reference.deployment_id:
        live = f"{observed.version}, which is live, is not verified" if observed is not None else "nothing is live"
        raise CanaryUnsupported(
            f"{deployment.slot}: a canary needs a verified release beside it, and {live}. "
            + ("Next: pop-deploy verify, or --mode deploy" if observed is not None else "Next: --mode deploy")
        )


def require_supported(workspace: Workspace, deployment: Deployment) -> tuple[ResolvedTarget, Target]:
    """The deployment's target, if it can do what is wanted.

    Raises:
        CanaryUnsupported: This kind has no canary; names those that have.
    """
    settings, target = open_target(workspace, deployment)
    if deployment.plan_mode is Mode.CANARY and not target.supports_canary:
        raise CanaryUnsupported(
            f"{settings.name} is of kind {settings.kind}, which has no canary: {_with_canary(workspace, deployment)}"
        )
    return settings, target


def _with_canary(workspace: Workspace, deployment: Deployment) -> str:
    """What of this project has one, and what can be done instead."""
    where = deployment.slot
    others = [resolve(workspace.config, name, where.environment) for name in enabled_targets(workspace.config, where.environment)]
    able = [each.name for each in others if workspace.make_target(each, replace(where, target=each.name)).supports_canary]
    if not able:
        return "only swarm and kubernetes have one. Next: --mode deploy"
    has = "has" if len(able) == 1 else "have"
    return f"of this deploy.json {', '.join(able)} {has} one. Next: --target {able[0]}, or --mode deploy"


def _reference(workspace: Workspace, deployment: Deployment, kind: str) -> Release | None:
    """The last verified release, if a target of this kind made it: no other could bring it back."""
    found = releases.reference(workspace.store, deployment.slot)
    made = deployments.get(workspace.store, found.deployment_id) if found is not None and found.deployment_id else []
    return found if made and made[0].kind == kind else None


def open_target(workspace: Workspace, deployment: Deployment) -> tuple[ResolvedTarget, Target]:
    """The deployment's target as it is configured now.

    Raises:
        UsageProblem: deploy.json does not have it any more, or has made another kind of it.
    """
    slot = deployment.slot
    settings = resolve(workspace.config, slot.target, slot.environment)
    planned = deployment.prepared.kind if deployment.prepared is not None else settings.kind
    if planned != settings.kind:
        raise UsageProblem(
            f"deploy.json: targets.{slot.target} is of kind {settings.kind} now, and {deployment.id} was planned for {planned}. "
            "Give the new kind a name of its own, and this one its old kind back."
        )
    return settings, workspace.make_target(settings, slot)


def source_digest(workspace: Workspace, target: Target) -> str | None:
    """Digest of the target's inputs as they are now; None where it has none."""
    paths = target.input_paths()
    return workspace.files.digest(paths, target.input_excludes(), dockerignore=target.honours_dockerignore) if paths else None


def _request(
    workspace: Workspace,
    deployment: Deployment,
    facts: SourceFacts | None,
    settings: ResolvedTarget,
    target: Target,
    observed: Release | None,
    reference: Release | None,
) -> Request:
    requested = deployment.requested
    version = (facts.version if facts else None) or requested.version
    commit = facts.commit_sha if facts else requested.commit_sha
    source = source_digest(workspace, target)
    inputs = {
        "config": settings.digest,
        "commit": commit,
        "source": source,
        "observed": _shown(observed),
        "reference": _shown(reference),
    }
    return Request(
        version=version,
        mode=deployment.plan_mode,
        commit_sha=commit,
        source_digest=source,
        observed=observed,
        reference=reference,
        inputs=inputs,
    )


def _shown(release: Release | None) -> str | None:
    """A release in one line, exact enough to notice any change."""
    if release is None:
        return None
    artifacts = ", ".join(f"{name}={digest}" for name, digest in sorted(release.artifacts.items()))
    return " ".join(filter(None, (release.version, release.deployment_id, artifacts)))


def _hooks(when: str, commands: Sequence[Sequence[str]], timeout_s: float) -> tuple[Step, ...]:
    """The user's own commands as steps: recorded and resumable like any other."""
    return tuple(
        Step(
            name=f"{when}-{number}",
            title=f"Running {' '.join(argv)}"[:60],
            kind=HOOK,
            inputs={"argv": list(argv)},
            command=tuple(argv),
            timeout_s=timeout_s,
            live=False,
        )
        for number, argv in enumerate(commands, 1)
    )
