"""How a deployment stands, in words: `result_word`, `succeeded`, `live_now`, `error_of`.

The one rule here: never claim more than the events show. What nobody has on record is called unknown.
"""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.domain.deployment import Deployment
from orchestrator.domain.execution import Status
from orchestrator.domain.lifecycle import UNDER_WAY, State
from orchestrator.domain.plan import CANARY_WEIGHT
from orchestrator.domain.questions import STEP_OUTCOME
from orchestrator.domain.slot_holder import SlotHolder
from orchestrator.projections.step_results import HEALTH_CHECK, failed_checks, latest_checks

PREFLIGHT = "preflight"


@dataclass(frozen=True, kw_only=True)
class ErrorResult:
    """What went wrong.

    Attributes:
        message: With the end of the real output where there is one.
        step: Name of the step, ``health_check`` or ``preflight``; "" where it was none of them.
        trace: Where in the program, for a report to its authors; "" for an ordinary failure.
        holder: Who has the slot instead, where that is what went wrong.
    """

    message: str
    step: str
    trace: str
    holder: SlotHolder | None = None


def succeeded(deployment: Deployment) -> bool:
    """Verified, or simulated without a failed check."""
    return deployment.state is State.VERIFIED or (deployment.state is State.SIMULATED and bool(deployment.simulated_ok))


def recorded_in_history(deployment: Deployment) -> bool:
    """Whether deploy.json's history has a record of it: dry runs and what was aborted without an effect have none."""
    if deployment.state is State.ABORTED:
        return deployment.failure is not None or (deployment.aborted is not None and deployment.aborted.effect)
    return deployment.state in {State.DEPLOYED, State.VERIFIED, State.FAILED, *_GOING_BACK}


def result_word(deployment: Deployment, *, running: bool = False) -> str:
    """One line: SUCCESS, SIMULATED, FAILED at STEP, ROLLED BACK to V, ROLLBACK FAILED, INTERRUPTED, ABORTED, REFUSED, UNHEALTHY,
    RUNNING, WAITING for QUESTION, PREPARED, CONFIRMED or REQUESTED.

    Args:
        running: A process is at work on it. Without one, what is under way is interrupted.
    """
    if deployment.state in UNDER_WAY:
        return _under_way(deployment, running)
    if deployment.state in {State.REQUESTED, State.PREPARED, State.CONFIRMED}:
        return _before_execution(deployment)
    return _ended(deployment)


def live_now(deployment: Deployment) -> str:
    """What is live after it, as far as its own events show; "" while nothing is known."""
    if deployment.state is State.VERIFIED:
        return deployment.requested.version
    if deployment.rollback is not None and deployment.state in _GOING_BACK:
        return _after_rollback(deployment, deployment.rollback.to.version)
    if deployment.prepared is None:
        return ""
    if deployment.forward is None or not deployment.forward.touched_live:
        return _unchanged(deployment)
    if all(record.status is Status.DONE for record in deployment.forward.records.values()):
        return f"{deployment.requested.version} (not verified)"
    partly = f"unknown: {deployment.requested.version} may be partly live{_before(deployment)}"
    return _beside(deployment) or partly


def error_of(deployment: Deployment) -> ErrorResult | None:
    """The error to show, newest first: of the way back, the failure, a failed dry run, a refusal."""
    if deployment.rollback_failure is not None:
        return ErrorResult(
            message=deployment.rollback_failure.message,
            step=deployment.rollback_failure.step,
            trace=deployment.rollback_failure.trace,
        )
    if deployment.failure is not None:
        return ErrorResult(message=deployment.failure.message, step=deployment.failure.step, trace=deployment.failure.trace)
    if deployment.state is State.SIMULATED and not deployment.simulated_ok:
        return ErrorResult(message=_preflight_message(deployment), step=PREFLIGHT, trace="")
    if deployment.state is State.DEPLOYED and not deployment.under_way:
        return ErrorResult(message=failed_checks(latest_checks(deployment.checks, "verify")), step=HEALTH_CHECK, trace="")
    return _refusal(deployment)


def _beside(deployment: Deployment) -> str | None:
    """The stable release and the canary, where nothing but the canary was touched and its last step is known to be done."""
    if not deployment.canary_up or deployment.forward is None or deployment.reference is None:
        return None
    begun = [record for record in deployment.forward.records.values() if record.effect and record.step.live]
    weights = [record for record in begun if record.step.kind == CANARY_WEIGHT]
    if begun != weights or weights[-1].status is not Status.DONE:
        return None
    share = weights[-1].step.inputs["reached"]
    return f"{deployment.reference.version}, and a canary of {deployment.requested.version} that {share:g}% of the requests reach"


_GOING_BACK = frozenset({State.ROLLING_BACK, State.ROLLED_BACK, State.ROLLBACK_FAILED})


def _under_way(deployment: Deployment, running: bool) -> str:
    if running:
        return "RUNNING"
    if not deployment.under_way:
        return "UNHEALTHY"
    question = deployment.open_decision
    if question is not None and question.decision_id != STEP_OUTCOME.decision_id:
        return f"WAITING for {question.decision_id}"
    return "INTERRUPTED"


def _before_execution(deployment: Deployment) -> str:
    if deployment.open_decision is not None:
        return f"WAITING for {deployment.open_decision.decision_id}"
    return "REFUSED" if deployment.refusals else deployment.state.upper()


def _ended(deployment: Deployment) -> str:
    if succeeded(deployment):
        return "SIMULATED" if deployment.state is State.SIMULATED else "SUCCESS"
    if deployment.state is State.SIMULATED:
        return f"FAILED at {PREFLIGHT}"
    if deployment.state is State.FAILED and deployment.failure is not None:
        return f"FAILED at {deployment.failure.step}"
    if deployment.state is State.ROLLED_BACK and deployment.rollback is not None:
        return f"ROLLED BACK to {deployment.rollback.to.version}"
    if deployment.state is State.ABORTED and deployment.refusals and not deployment.effect:
        return "REFUSED"
    return deployment.state.upper().replace("_", " ")


def _after_rollback(deployment: Deployment, to: str) -> str:
    if deployment.state is State.ROLLED_BACK:
        return f"{to} (restored and verified)"
    way = "failed" if deployment.state is State.ROLLBACK_FAILED else "is not finished"
    return f"unknown: the way back from {deployment.requested.version} to {to} {way}"


def _unchanged(deployment: Deployment) -> str:
    if deployment.observed is not None:
        return f"{deployment.observed.version} (unchanged)"
    if deployment.reference is not None:
        return f"unchanged; nothing of ours was seen before it, the last verified was {deployment.reference.version}"
    return "nothing of ours (unchanged)"


def _before(deployment: Deployment) -> str:
    return f"; before it: {deployment.observed.version}" if deployment.observed is not None else ""


def _preflight_message(deployment: Deployment) -> str:
    checks = latest_checks(deployment.checks, PREFLIGHT)
    return failed_checks(checks) or "no check said that this deployment can work"


def _refusal(deployment: Deployment) -> ErrorResult | None:
    if result_word(deployment) != "REFUSED":
        return None
    return ErrorResult(message=deployment.refusals[-1].message, step="", trace="")
