"""What has happened to a deployment, in the past tense: every event of its stream, and the base of all events.

Fields are JSON values, so that reading gives back what was written; plans, releases and checks stand here in their JSON form. Who
wrote an event, where and with which version of the tool stands in its metadata. A changed field needs a new `schema_version` here
and an upcaster in `services/codec.py`. The events of other streams are in `side_events.py`, `validation_events.py` and
`notification_events.py`.
"""

from __future__ import annotations

from dataclasses import Field, dataclass, field
from typing import Any, ClassVar, dataclass_transform

from orchestrator.domain.lifecycle import Trigger

Json = dict[str, Any]
EVENTS: dict[str, type[Event]] = {}  # stored name to class, for the codec


@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(field,))
class Event:
    """Base of all; *trigger* is the lifecycle's trigger that the event stands for, if any.

    An event is a frozen dataclass with keywords only. Its class becomes one when its first event is made: that takes 0.3 ms each,
    and of some fifty classes a command meets a dozen.
    """

    trigger: ClassVar[Trigger | None] = None
    schema_version: ClassVar[int] = 1
    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]

    def __init_subclass__(cls) -> None:
        EVENTS[cls.__name__] = cls

    def __init__(self, **values: Any) -> None:
        made = dataclass(frozen=True, kw_only=True)(type(self))
        made.__init__(self, **values)


# --- asking -----------------------------------------------------------------


class DeploymentRequested(Event):
    """Somebody wants a version deployed. Target and mode may still be open.

    Attributes:
        simulate: `--dry-run` beside a live mode: the mode's plan is simulated.
        caused_by: Deployment that this one retries or belongs to.
        actor: Who asked: ``name@host``.
        commit_time: When the commit was made, for the lead time.
        ci: CI system that asked, or "".
    """

    deployment_id: str
    project: str
    environment: str
    version: str
    version_source: str
    actor: str
    commit_sha: str | None = None
    commit_time: str | None = None
    dirty: bool = False
    target: str | None = None
    mode: str | None = None
    simulate: bool = False
    caused_by: str | None = None
    reason: str = ""
    ci: str = ""


class DecisionRequested(Event):
    """A question stands open. *options* are ``{id, label, description}``."""

    decision_id: str
    question: str
    header: str
    options: list[dict[str, str]]
    detail: Json = field(default_factory=dict)


class DecisionMade(Event):
    """A question was answered: *how* is prompt, option, yes, answers, default, script, decide, confirm or probe (by the target).

    *given*: it was given to the process at work, at this version of the stream of decisions, *given_at* this time.
    """

    decision_id: str
    answer: str
    how: str
    by: str
    reason: str = ""
    given: int | None = None
    given_at: str | None = None


class DecisionNotTaken(Event):
    """Somebody's answer came to nothing, and *message* says why: it came too late, or a rule refused it.

    *given*: see `DecisionMade`; None for one that was typed at the prompt.
    """

    decision_id: str
    answer: str
    how: str
    by: str
    message: str
    reason: str = ""
    given: int | None = None
    given_at: str | None = None


class TargetSelected(Event):
    target: str
    how: str


class ModeSelected(Event):
    mode: str
    how: str


# --- planning ---------------------------------------------------------------


class DeploymentPrepared(Event):
    """The plan, what it would go back to, and what was live when it was made.

    Attributes:
        plan: `Plan.to_json`.
        on_failure: Steps (`Step.to_json`) that run when the deployment fails.
        reference: `Release.to_json` of the last verified release, or None.
        observed: `Release.to_json` of what the target said was live, or None.
        by: Who planned: ``name@host``.
    """

    trigger = Trigger.PREPARE
    plan: Json
    plan_digest: str
    on_failure: list[Json]
    reference: Json | None
    observed: Json | None
    auto_rollback: bool
    kind: str
    primary: bool
    by: str = ""


class CheckRecorded(Event):
    """One check's answer. *phase* is preflight, verify or rollback_verify; *round* counts verifications from 1."""

    phase: str
    round: int
    name: str
    status: str
    message: str
    duration_ms: int = 0


class DeploymentSimulated(Event):
    trigger = Trigger.SIMULATE
    success: bool


class DeploymentApproved(Event):
    """One person of those that the environment wants agreed to the plan with this digest. *given*: see `DecisionMade`."""

    plan_digest: str
    how: str
    by: str
    reason: str = ""
    given: int | None = None
    given_at: str | None = None


class FreezeOverridden(Event):
    """The deployment runs in a period without deployments, because *by* said so: *start*, *end* and *freeze_reason* name it."""

    start: str
    end: str
    by: str
    reason: str
    freeze_reason: str = ""


class DriftAccepted(Event):
    """What somebody changed at the target by hand, *drift* in words, may be overwritten, because *by* said so."""

    drift: list[str]
    by: str
    reason: str


class DeploymentConfirmed(Event):
    """Somebody confirmed the plan with this digest."""

    trigger = Trigger.CONFIRM
    plan_digest: str
    how: str
    by: str
    reason: str = ""


class DeploymentRefused(Event):
    """A rule said no; the state is unchanged."""

    rule: str
    message: str


# --- running ----------------------------------------------------------------


class ExecutionStarted(Event):
    """The slot is held at *epoch*."""

    trigger = Trigger.EXECUTE
    epoch: int


class StepStarted(Event):
    """Intent: from here on the step *may* have started. *phase* is deploy, on_failure or rollback."""

    phase: str
    step: str
    number: int
    total: int
    attempt: int
    host: str
    boot_id: str
    pid_namespace: str
    attempt_dir: str


class StepProbed(Event):
    """After a crash the target was asked whether the step's effect was made: done, not_done or unknown.

    *output*: of the attempt, where it is over and no outcome will say it.
    """

    phase: str
    step: str
    attempt: int
    answer: str
    detail: str
    output: Json | None = None


class StepSucceeded(Event):
    """The effect was made. *found*: not by this process, the probe found it. *output*: digest and size of its log."""

    phase: str
    step: str
    attempt: int
    message: str = ""
    data: Json = field(default_factory=dict)
    exit_code: int | None = None
    duration_ms: int = 0
    found: bool = False
    output: Json | None = None


class StepFailed(Event):
    """*effect*: it may have changed something; False where the target knows that this attempt did not."""

    phase: str
    step: str
    attempt: int
    message: str
    exit_code: int | None = None
    duration_ms: int = 0
    stderr: str = ""
    trace: str = ""
    output: Json | None = None
    effect: bool = True


class DeploymentInterrupted(Event):
    """A signal stopped the process; the claim on the slot stays."""

    signal: str
    step: str | None


class DeploymentResumed(Event):
    """Another process goes on. *taken_over_from*: whose claim on the slot it took over, "" where the slot was free."""

    by: str
    host: str
    taken_over_from: str = ""


class DeploymentPaused(Event):
    trigger = Trigger.PAUSE
    reason: str


class DeploymentContinued(Event):
    trigger = Trigger.CONTINUE
    by: str
    reason: str = ""


class DeploymentDeployed(Event):
    """All steps are done; the release (`Release.to_json`) is live, not yet verified."""

    trigger = Trigger.DEPLOY
    release: Json


class DeploymentVerified(Event):
    """The target's evidence and the health check passed: the release may be gone back to."""

    trigger = Trigger.VERIFY
    release: Json
    round: int


class VerificationFailed(Event):
    """A verification that was asked for later failed."""

    trigger = Trigger.DOUBT
    message: str
    round: int


class DeploymentFailed(Event):
    """*unchanged*: no step that changes what is live had started."""

    trigger = Trigger.FAIL
    step: str
    message: str
    trace: str = ""
    unchanged: bool = False
    diagnostics: list[str] = field(default_factory=list)


class DeploymentAborted(Event):
    """*effect*: a step of it may have changed something."""

    trigger = Trigger.ABORT
    by: str
    reason: str
    effect: bool


# --- going back -------------------------------------------------------------


class RollbackStarted(Event):
    """*to* is the release (`Release.to_json`); *automatic*: by the policy, not by a person."""

    trigger = Trigger.ROLL_BACK
    plan: Json
    plan_digest: str
    to: Json
    automatic: bool
    by: str
    reason: str = ""


class RolledBack(Event):
    trigger = Trigger.RESTORE
    release: Json
    round: int


class RollbackFailed(Event):
    trigger = Trigger.FAIL_ROLLBACK
    step: str
    message: str
    trace: str = ""
    diagnostics: list[str] = field(default_factory=list)
