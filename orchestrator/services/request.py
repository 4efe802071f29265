"""Beginning a deployment, and settling what it was not told: the target and the mode."""

from __future__ import annotations

from dataclasses import dataclass, replace

from orchestrator.config import default_target, enabled_targets, environment_name, resolve
from orchestrator.domain import events as e
from orchestrator.domain.deployment import Deployment
from orchestrator.domain.errors import DecisionOpen, PlanStale, UsageProblem
from orchestrator.domain.plan import Mode
from orchestrator.domain.questions import DEPLOY_MODE, DEPLOY_TARGET, DEPLOY_TARGET_NAME, Question, which_target
from orchestrator.domain.versions import checked_version
from orchestrator.projections import deployments
from orchestrator.services.repository import Journal, create, fold
from orchestrator.services.workspace import Workspace


@dataclass(frozen=True, kw_only=True)
class Wish:
    """What the caller asks for; None where it is left open."""

    target: str | None = None
    environment: str | None = None
    version: str | None = None
    mode: Mode | None = None
    simulate: bool = False
    caused_by: str | None = None
    reason: str = ""


def request(workspace: Workspace, wish: Wish, environ: dict[str, str]) -> Journal:
    """Begin a deployment: one event, which has its ID. What cannot begin is refused before that.

    Raises:
        UsageProblem: Unknown target or environment, or no version anywhere.
    """
    environment = environment_name(workspace.config, wish.environment, environ)
    if wish.target is not None and not resolve(workspace.config, wish.target, environment).enabled:
        raise UsageProblem(f"deploy.json: targets.{wish.target}.enabled is false. Set it to true, or name another target.")
    if not enabled_targets(workspace.config, environment):
        raise UsageProblem("deploy.json: no target is enabled. Set targets.<name>.enabled to true.")
    with workspace.stop.breakable(1):
        facts = workspace.files.facts(wish.version)
    if facts.version is None:
        raise UsageProblem("no version: name one with --version, or give package.json, pyproject.toml or a git tag one")
    return create(
        workspace,
        e.DeploymentRequested(
            deployment_id=workspace.new_id(),
            project=workspace.config.project_name,
            environment=environment,
            version=checked_version(facts.version, "--version" if wish.version else facts.version_source),
            version_source=facts.version_source,
            actor=workspace.actor,
            commit_sha=facts.commit_sha,
            commit_time=facts.commit_time,
            dirty=facts.dirty,
            target=wish.target,
            mode=wish.mode,
            simulate=wish.simulate,
            caused_by=wish.caused_by,
            reason=wish.reason,
            ci=workspace.ci,
        ),
    )


def like_plan(workspace: Workspace, wish: Wish, digest: str) -> Wish:
    """``--plan DIGEST``: what *wish* leaves open is as in the deployment that was planned with it.

    A version that was detected then is detected again: if it is another one now, the plan is stale.

    Raises:
        PlanStale: No such plan is on record.
        UsageProblem: Several plans begin like this.
    """
    earlier = deployments.by_plan_digest(workspace.store, digest)
    if earlier is None:
        raise PlanStale(f"no plan {digest} is on record. Next: pop-deploy prepare", [f"plan: {digest} -> none"])
    planned = fold(workspace.store, earlier)[0]
    return replace(
        wish,
        target=wish.target or planned.target,
        environment=wish.environment or planned.requested.environment,
        version=wish.version or planned.given_version,
        mode=wish.mode or planned.plan_mode,
    )


def settle_target(workspace: Workspace, journal: Journal, *, interactive: bool) -> None:
    """Make sure that the deployment has a target: named, answered, or the default where nobody can be asked.

    Raises:
        DecisionOpen: Several targets and none primary, or somebody is there to be asked.
    """
    deployment = journal.deployment
    if deployment.target is not None:
        return
    environment = deployment.requested.environment
    names, default = enabled_targets(workspace.config, environment), default_target(workspace.config, environment)
    answers = {name: made.answer for name, made in deployment.answers.items()}
    chosen = answers.get(DEPLOY_TARGET_NAME)
    if chosen is None and answers.get("deploy_target") in ("primary", "all") and default is not None:
        chosen = default
    if chosen is None and answers.get("deploy_target") == "all":
        chosen = names[0]
    if chosen is not None:
        journal.record(e.TargetSelected(target=chosen, how="decision"))
    elif answers.get("deploy_target") is not None:
        ask(journal, which_target(names))
    elif len(names) == 1 or (default is not None and not interactive):
        journal.record(e.TargetSelected(target=default or names[0], how="default"))
    else:
        ask(journal, DEPLOY_TARGET)


def settle_mode(workspace: Workspace, journal: Journal, *, interactive: bool) -> None:
    """Make sure that the deployment has a mode: named, answered, or a dry run for the first one of its slot."""
    deployment = journal.deployment
    if deployment.mode is not None:
        return
    made = deployment.answers.get(DEPLOY_MODE.decision_id)
    if made is not None:
        journal.record(e.ModeSelected(mode=made.answer, how="decision"))
    elif not interactive and not deployments.has_live(workspace.store, deployment.slot):
        journal.record(e.ModeSelected(mode=Mode.DRY_RUN, how="default"))
    else:
        ask(journal, DEPLOY_MODE)


def siblings(workspace: Workspace, deployment: Deployment) -> list[str]:
    """After the answer ``all``: the other enabled targets."""
    made = deployment.answers.get(DEPLOY_TARGET.decision_id)
    if made is None or made.answer != "all":
        return []
    names = enabled_targets(workspace.config, deployment.requested.environment)
    return [name for name in names if name != deployment.target]


def ask(journal: Journal, question: Question, detail: dict[str, object] | None = None) -> None:
    """Put *question* on record unless it stands there about the very same thing, and stop.

    Raises:
        DecisionOpen: Always.
    """
    deployment, detail = journal.deployment, {**(detail or {}), **({"also": list(question.also)} if question.also else {})}
    standing = deployment.open_decision
    if standing is None or (standing.decision_id, standing.detail) != (question.decision_id, detail):
        journal.record(
            e.DecisionRequested(
                decision_id=question.decision_id,
                question=question.question,
                header=question.header,
                options=[option.to_json() for option in question.options],
                detail=detail,
            )
        )
    raise DecisionOpen(deployment.id, question.decision_id, question.question)
