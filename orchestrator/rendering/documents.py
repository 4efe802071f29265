"""The shapes of JSON answers that are made as plain dicts: lists that have to be fast, and the short words of maintenance.

The other answers are dataclasses of `orchestrator.projections`. Both kinds become schemas in `rendering/schemas.py`.
"""

from __future__ import annotations

from typing import NotRequired, TypedDict

from orchestrator.projections.command_results import PrepareResult
from orchestrator.projections.deployment_result import DeploymentResult


class DeploymentsResult(TypedDict):
    """Several deployments of one command, in the order in which they were made.

    Attributes:
        success: There is at least one, and all of them succeeded.
    """

    deployments: list[DeploymentResult]
    success: bool


class PrepareResults(TypedDict):
    """Several plans of one command."""

    deployments: list[PrepareResult]
    success: bool


class StepUnderWay(TypedDict):
    """The step that runs, or ran when its process died. *total* counts the verification."""

    name: str
    title: str | None
    number: int | None
    total: int | None
    started_at: str | None


class ListedError(TypedDict):
    """Where a deployment failed; *step* is None where it was no step."""

    step: str | None
    message: str


class ListedDeployment(TypedDict):
    """One deployment as `history` lists it. Times are UTC, ISO 8601 with offset.

    Attributes:
        target: None while the question which one is open.
        status: waiting, running, success, failed, rolled_back, aborted or simulated; coarser than the state.
        duration_ms: From started_at (a dry run: from the request) to finished_at.
        effect: A step that changes something may have started; touched_live: one that changes what is live.
        simulated_ok: No check of the dry run failed; None until it has ended.
        decision_id: The question that stands open.
        freeze_override: Why it ran although the environment was frozen.
        rollback_to: Version that its latest rollback goes, or went, back to.
    """

    deployment_id: str
    project: str
    environment: str
    target: str | None
    mode: str | None
    dry_run: bool
    simulate: bool
    version: str
    state: str
    status: str
    requested_at: str
    started_at: str | None
    finished_at: str | None
    updated_at: str
    duration_ms: int | None
    commit_sha: str | None
    dirty: bool
    actor: str
    reason: str
    caused_by: str | None
    kind: str | None
    plan_digest: str | None
    effect: bool
    touched_live: bool
    simulated_ok: bool | None
    decision_id: str | None
    question: str | None
    interrupted_by: str | None
    freeze_override: str | None
    rollback_to: str | None
    rollback_started_at: str | None
    rollback_by: str | None
    step: StepUnderWay | None
    error: ListedError | None


class ListedEdit(TypedDict):
    """A change of deploy.json. *fields*: where; *taken_in_by*: who saw what was changed outside."""

    at: str
    by: str
    taken_in_by: str | None
    fields: list[str]


class History(TypedDict):
    """Deployments, newest first.

    Attributes:
        configuration_edits: Of deploy.json, newest first; only with ``--all-attempts``.
    """

    deployments: list[ListedDeployment]
    configuration_edits: NotRequired[list[ListedEdit]]


class DurationsOf(TypedDict):
    """Milliseconds of *count* durations; None where there was none."""

    count: int
    p50_ms: float | None
    p95_ms: float | None


class StepNumbers(DurationsOf):
    """Of one step. *phase* is deploy, on_failure or rollback; *failed* counts failures."""

    phase: str
    step: str
    failed: int


class SlotNumbers(TypedDict):
    """Of one slot; project, environment and target are None where several are counted together.

    Attributes:
        attempts: Live deployments that began to run.
        outcomes: What became of them, outcome to number.
        simulated: Dry runs that ended; they are no attempts.
        success_rate: Successes among ended attempts, 0 to 1; None while none has ended.
        duration: Of deployments that were verified.
        rollback: Of rollbacks that were verified.
    """

    project: str | None
    environment: str | None
    target: str | None
    attempts: int
    outcomes: dict[str, int]
    simulated: int
    success_rate: float | None
    duration: DurationsOf
    rollback: DurationsOf
    steps: list[StepNumbers]


class MetricsDocument(TypedDict):
    """Attempts, outcomes and durations. *percentile_error*: how far off percentiles are at most, as a fraction."""

    total: SlotNumbers
    targets: list[SlotNumbers]
    percentile_error: float


class AttemptLog(TypedDict):
    """One attempt of one step, with its whole output; what is not UTF-8 is replaced.

    Attributes:
        status: running, done, failed or interrupted.
        found: It was found done by a later process.
        size_bytes: Of the output as it was.
        notes: What the step itself had to say.
    """

    phase: str
    step: str
    attempt: int
    title: str
    status: str
    started_at: str
    duration_ms: int | None
    found: bool
    error: str | None
    size_bytes: int
    notes: list[str]
    output: str


class LogsDocument(TypedDict):
    """What the steps of a deployment printed, in the order in which they started."""

    deployment_id: str
    logs: list[AttemptLog]


class CheckLog(TypedDict):
    """What one check has found and printed; what is not UTF-8 is replaced. *status*: pass, warn, fail or skip."""

    name: str
    status: str
    message: str
    blocking: bool
    duration_ms: int
    output: str


class CheckLogsDocument(TypedDict):
    """What the checks of a validation printed."""

    validation_id: str
    logs: list[CheckLog]


class ListedRelease(TypedDict):
    """A release that can be gone back to. *live*: it is what is live now."""

    version: str
    deployment_id: str
    commit_sha: str | None
    verified_at: str
    live: bool


class ReleasesDocument(TypedDict):
    """The verified releases of a slot, newest first."""

    target: str
    environment: str
    releases: list[ListedRelease]


class WorkflowOption(TypedDict):
    """An answer, and the step that follows it."""

    id: str
    label: str
    description: str
    next: str


class WorkflowEdge(TypedDict):
    """What goes before ``next``: *when* is an answer or how the step ended. All of them are added to the deploy skill's graph."""

    when: str
    next: str
    added: bool


class StepOfWorkflow(TypedDict):
    """One step of a workflow.

    Attributes:
        type: script, user_decision, skill or terminal.
        header: At most 12 characters.
        next_map: Option to step, as in the options.
        decision_id: Of ``pop-deploy decide``.
        options_from: What the options are, where only the project can tell.
        command: With ID for the deployment's, and <option> for the chosen one's.
        added: The deploy skill does not have this step.
    """

    id: str
    description: str
    type: str
    script: NotRequired[str]
    args: NotRequired[str]
    skill: NotRequired[str]
    question: NotRequired[str]
    header: NotRequired[str]
    options: NotRequired[list[WorkflowOption]]
    next_map: NotRequired[dict[str, str]]
    decision_id: NotRequired[str]
    next: NotRequired[str]
    command: NotRequired[str]
    options_from: NotRequired[str]
    edges: list[WorkflowEdge]
    added: bool


class WorkflowGraph(TypedDict):
    """One workflow; it begins with its first step."""

    id: str
    name: str
    version: int
    description: str
    steps: list[StepOfWorkflow]


class WorkflowDocument(WorkflowGraph):
    """The workflow deploy-execute, and under *workflows* all of them by their IDs."""

    workflows: dict[str, WorkflowGraph]


class CompletionScript(TypedDict):
    """What makes *shell* complete."""

    shell: str
    script: str


class ErrorBody(TypedDict):
    """What went wrong. An error may carry more keys of its own: the rule, the holder of a slot, the decision that stands open.

    Attributes:
        kind: Name of the error, for programs.
        exit_code: As the process exits.
    """

    kind: str
    message: str
    exit_code: int


class ErrorDocument(TypedDict):
    """Printed instead of a command's own answer, whatever the command, when it could not be done."""

    success: bool
    error: ErrorBody
