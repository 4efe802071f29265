"""What can be typed next, for every state of a deployment: `next_commands`. Commands only; nothing is asked or done."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from orchestrator.domain.deployment import Deployment
from orchestrator.domain.lifecycle import UNDER_WAY, State
from orchestrator.domain.plan import Mode
from orchestrator.projections.decision_required import answer_with


def next_commands(deployment: Deployment, *, running: bool = False, options: Sequence[str] = ()) -> tuple[str, ...]:
    """Commands that make sense from here, the likeliest first.

    Args:
        running: A process is at work on it.
        options: What every command for this project needs besides, for example ``["--dir", "shop"]``.
    """
    words = _words(deployment, running)
    commands = [shlex.join(["pop-deploy", *command, *options]) for command in words]
    if deployment.open_decision is not None and not running:
        commands.insert(0, answer_with(deployment, deployment.open_decision.decision_id, options=options))
    return tuple(commands)


def resume_or_abort(deployment: Deployment, *, options: Sequence[str] = ()) -> tuple[str, ...]:
    """After a signal, also before anything was begun: whoever sees it need not know how far it had come."""
    return tuple(shlex.join(["pop-deploy", verb, deployment.id, *options]) for verb in ("resume", "abort"))


def _words(deployment: Deployment, running: bool) -> list[list[str]]:
    if running:
        canary = [["promote", deployment.id], ["abort", deployment.id]] if deployment.canary_watched else []
        return [*canary, ["logs", deployment.id, "--follow"], ["show", deployment.id]]
    if deployment.state in UNDER_WAY:
        return _left_behind(deployment)
    if deployment.state in {State.REQUESTED, State.PREPARED, State.CONFIRMED}:
        return _before_execution(deployment)
    return _ended(deployment)


def _left_behind(deployment: Deployment) -> list[list[str]]:
    if not deployment.under_way:
        return [["verify", deployment.id], ["rollback", deployment.id]]
    if deployment.state is State.PAUSED:
        return [["promote", deployment.id], ["resume", deployment.id], ["abort", deployment.id]]
    ways: list[list[str]] = [] if deployment.open_decision is not None else [["resume", deployment.id]]
    return [*ways, ["abort", deployment.id]] if deployment.state in {State.EXECUTING, State.PAUSED} else ways


def _before_execution(deployment: Deployment) -> list[list[str]]:
    abort = ["abort", deployment.id]
    if deployment.open_decision is not None:
        return [abort]
    if deployment.refusals and deployment.refusals[-1].rule == "stale_plan":
        # It will never be this plan again.
        return [_prepare(deployment), abort]
    if deployment.state is State.PREPARED and not deployment.dry_run:
        return [["confirm", deployment.id], ["execute", deployment.id], abort]
    return [["execute", deployment.id], abort]


def _prepare(deployment: Deployment) -> list[str]:
    return ["prepare", *_again(deployment)[1:]]


def _ended(deployment: Deployment) -> list[list[str]]:
    way_back, report = [["rollback", deployment.id]] if _can_go_back(deployment) else [], ["incident", deployment.id]
    match deployment.state:
        case State.VERIFIED:
            # Without an ID these mean the newest deployment of the primary target.
            name = [] if deployment.prepared is not None and deployment.prepared.primary else [deployment.id]
            return [["verify", *name], *([["rollback", *name]] if deployment.reference is not None else [])]
        case State.SIMULATED:
            return [_live(deployment)] if deployment.simulated_ok else [_again(deployment, Mode.DRY_RUN)]
        case State.FAILED:
            return [["logs", deployment.id], _again(deployment), *way_back, ["abort", deployment.id]]
        case State.ROLLED_BACK:
            return [["logs", deployment.id], _again(deployment), report]
        case State.ROLLBACK_FAILED:
            return [["logs", deployment.id], ["rollback", deployment.id], report]
    return way_back


def _can_go_back(deployment: Deployment) -> bool:
    """Something may have changed, and there is a release to go back to."""
    return deployment.reference is not None and deployment.forward is not None and deployment.forward.touched_live


def _live(deployment: Deployment) -> list[str]:
    assert deployment.prepared is not None  # noqa: S101 - SIMULATED implies it
    return ["execute", "--plan", deployment.prepared.plan_digest]


def _again(deployment: Deployment, mode: Mode | None = None) -> list[str]:
    request = deployment.requested
    target = ["--target", deployment.target] if deployment.target else []
    where = ["--environment", request.environment, "--version", request.version]
    return ["execute", *target, *where, "--mode", str(mode or deployment.plan_mode)]
