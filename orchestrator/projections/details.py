"""Everything about one deployment as one object: `details`, for `pop-deploy show`.

Made from its own events: the report that `execute` prints (`DeploymentResult`), and beside it what that leaves out: who asked,
confirmed and decided, when and why; the plan with its inputs; every round of checks; refusals; where the logs are.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from orchestrator.domain import events as e
from orchestrator.domain.deployment import Deployment
from orchestrator.domain.side_events import DecisionGiven, SlotReleased, SlotTaken
from orchestrator.projections.deployment_result import DeploymentResult, deployment_result
from orchestrator.projections.step_logs import StepLog, step_logs
from orchestrator.projections.validation_details import ValidationDetail, validation_details

TAKEN_OVER, RELEASED = "taken_over", "released"

History = Sequence[tuple[e.Event, str]]
"""A deployment's events with their times, in order."""


@dataclass(frozen=True, kw_only=True)
class DecisionDetail:
    """A question that was asked, and its answer. *how*: prompt, yes, decide, ...; None while it stands open."""

    decision_id: str
    question: str
    asked_at: str | None
    answer: str | None = None
    how: str | None = None
    by: str | None = None
    reason: str | None = None
    answered_at: str | None = None


@dataclass(frozen=True, kw_only=True)
class GivenDetail:
    """An answer that was given and is not among the decisions.

    Attributes:
        message: Why it was not taken; None while the process at work has not read it yet.
        at: When that was found; when it was given where it was not read yet.
    """

    decision_id: str
    answer: str
    how: str
    by: str
    reason: str | None
    message: str | None
    at: str


@dataclass(frozen=True, kw_only=True)
class FreezeDetail:
    """A period without deployments, *start* to *end*, that *by* overrode."""

    start: str
    end: str
    freeze_reason: str
    by: str
    reason: str
    at: str


@dataclass(frozen=True, kw_only=True)
class CheckDetail:
    """One check of one round; *phase* is preflight, verify or rollback_verify."""

    phase: str
    round: int
    name: str
    status: str
    message: str
    duration_ms: int
    at: str


@dataclass(frozen=True, kw_only=True)
class RefusalDetail:
    """A rule that said no, and when."""

    rule: str
    message: str
    at: str


@dataclass(frozen=True, kw_only=True)
class ClaimDetail:
    """How its claim on the slot changed hands.

    Attributes:
        what: taken_over, from a dead process, or released, by a person.
        by: Who did it: ``name@host``.
        former_holder: Whose claim it was, with its process.
        reason: Of a release.
        killed: The process was still there, and was killed for the release.
    """

    what: str
    at: str
    by: str
    former_holder: str
    reason: str | None
    killed: bool


@dataclass(frozen=True, kw_only=True)
class PlanDetail:
    """What was planned. *inputs*: what the plan depends on outside its steps; *observed*: version that was live then."""

    digest: str
    kind: str
    auto_rollback: bool
    reference_version: str | None
    observed_version: str | None
    inputs: dict[str, Any]
    steps: tuple[dict[str, Any], ...]


@dataclass(frozen=True, kw_only=True)
class Details:
    """See the module. *result* says how it stands; *running*: a process is at work on it, None if that cannot be told."""

    project: str
    requested_at: str
    updated_at: str
    actor: str
    reason: str
    ci: str
    version_source: str
    commit_time: str | None
    dirty: bool
    caused_by: str | None
    running: bool | None
    result: DeploymentResult
    plan: PlanDetail | None
    decisions: tuple[DecisionDetail, ...]
    given: tuple[GivenDetail, ...]
    freezes: tuple[FreezeDetail, ...]
    validation: tuple[ValidationDetail, ...]
    checks: tuple[CheckDetail, ...]
    refusals: tuple[RefusalDetail, ...]
    claims: tuple[ClaimDetail, ...]
    interrupted_by: str | None
    aborted_by: str | None
    abort_reason: str | None
    release: dict[str, Any] | None
    logs: tuple[StepLog, ...]


def details(
    history: History,
    *,
    running: bool | None,
    latest: bool,
    claims: Sequence[ClaimDetail] = (),
    unread: Iterable[tuple[e.Event, str]] = (),
    history_path: str = "",
    deploy_url: str = "",
    options: Sequence[str] = (),
) -> Details:
    """The details of the deployment with this history.

    Args:
        claims: How its claim on the slot changed hands, see `claim_details`.
        unread: What was given to the process at work and not dealt with yet, with its time.
        running, latest, history_path, deploy_url, options: See `deployment_result`.

    Raises:
        IllegalTransition: The history breaks the lifecycle.
    """
    deployment = Deployment.replay(history)
    request = deployment.requested
    return Details(
        project=request.project,
        requested_at=deployment.requested_at,
        updated_at=deployment.updated_at,
        actor=deployment.actor,
        reason=request.reason,
        ci=request.ci,
        version_source=request.version_source,
        commit_time=request.commit_time,
        dirty=request.dirty,
        caused_by=request.caused_by,
        running=running,
        result=deployment_result(
            deployment,
            history_path=history_path,
            deploy_url=deploy_url,
            running=bool(running),
            latest=latest,
            options=options,
        ),
        plan=_plan(deployment),
        decisions=_decisions(history),
        given=tuple(_given([*history, *unread])),
        freezes=tuple(FreezeDetail(**asdict(event), at=time) for event, time in history if isinstance(event, e.FreezeOverridden)),
        validation=validation_details(history),
        checks=tuple(_check(event, time) for event, time in history if isinstance(event, e.CheckRecorded)),
        refusals=tuple(
            RefusalDetail(rule=event.rule, message=event.message, at=time)
            for event, time in history
            if isinstance(event, e.DeploymentRefused)
        ),
        claims=tuple(claims),
        interrupted_by=deployment.interrupted.signal if deployment.interrupted else None,
        aborted_by=deployment.aborted.by if deployment.aborted else None,
        abort_reason=deployment.aborted.reason if deployment.aborted else None,
        release=deployment.release.to_json() if deployment.release else None,
        logs=step_logs(history),
    )


def claim_details(deployment_id: str, slot_history: Iterable[tuple[e.Event, str, str]]) -> tuple[ClaimDetail, ...]:
    """How the claim of *deployment_id* changed hands, from (event, time, actor) of its slot's stream."""
    found = []
    for event, time, actor in slot_history:
        if isinstance(event, SlotTaken) and event.deployment_id == deployment_id and event.taken_over_from:
            former = event.taken_over_from
            found.append(ClaimDetail(what=TAKEN_OVER, at=time, by=actor, former_holder=former, reason=None, killed=False))
        elif isinstance(event, SlotReleased) and event.deployment_id == deployment_id and event.by:
            former, reason = event.former_holder, event.reason
            found.append(
                ClaimDetail(what=RELEASED, at=time, by=event.by, former_holder=former, reason=reason, killed=event.killed)
            )
    return tuple(found)


def _plan(deployment: Deployment) -> PlanDetail | None:
    prepared, plan = deployment.prepared, deployment.plan
    if prepared is None or plan is None:
        return None
    return PlanDetail(
        digest=prepared.plan_digest,
        kind=prepared.kind,
        auto_rollback=prepared.auto_rollback,
        reference_version=deployment.reference.version if deployment.reference else None,
        observed_version=deployment.observed.version if deployment.observed else None,
        inputs=dict(plan.inputs),
        steps=tuple(step.to_json() for step in plan.steps),
    )


def _decisions(history: History) -> tuple[DecisionDetail, ...]:
    """Every question in the order it was asked; what was answered without being asked (``--yes``) too."""
    found: list[DecisionDetail] = []
    for event, time in history:
        if isinstance(event, e.DecisionRequested):
            found.append(DecisionDetail(decision_id=event.decision_id, question=event.question, asked_at=time))
        if isinstance(event, e.DecisionMade):
            asked = DecisionDetail(decision_id=event.decision_id, question="", asked_at=None)
            if found and found[-1].decision_id == event.decision_id and found[-1].answer is None:
                asked = found.pop()
            reason = event.reason or None
            found.append(replace(asked, answer=event.answer, how=event.how, by=event.by, reason=reason, answered_at=time))
    return tuple(found)


def _given(history: History) -> Iterable[GivenDetail]:
    for event, time in history:
        if isinstance(event, e.DecisionNotTaken | DecisionGiven):
            yield GivenDetail(
                decision_id=event.decision_id,
                answer=event.answer,
                how=event.how,
                by=event.by,
                reason=event.reason or None,
                message=event.message if isinstance(event, e.DecisionNotTaken) else None,
                at=time,
            )


def _check(event: e.CheckRecorded, time: str) -> CheckDetail:
    fields = {name: getattr(event, name) for name in ("phase", "round", "name", "status", "message", "duration_ms")}
    return CheckDetail(**fields, at=time)
