"""Steps and checks of a deployment as every report shows them: `StepResult`, `CheckResult`.

Made from a folded deployment only; no target is asked. The verification stands among the steps, as the last one: that is how
people count, and its number is the total.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from orchestrator.domain.deployment import Deployment
from orchestrator.domain.events import CheckRecorded
from orchestrator.domain.execution import Execution, Status, StepRecord
from orchestrator.domain.lifecycle import State
from orchestrator.domain.plan import CANARY_WATCH, Plan, Step
from orchestrator.projections.canary_result import watch_in_words

HEALTH_CHECK = "health_check"
HEALTH_CHECK_TITLE = "Health check"
SIMULATED = "simulated"
UNKNOWN = "unknown"
PASSED = "passed"
_EVIDENCE = "ask the target itself what runs, then the configured health check"
_LONGEST_VALUE = 80
_NOT_BEGUN = frozenset({State.PREPARED, State.CONFIRMED})


@dataclass(frozen=True, kw_only=True)
class StepResult:
    """One step, or the verification after the last one.

    Attributes:
        step: Name, unique in its list; the verification is ``health_check``.
        number: Position from 1; *total* counts the verification.
        description: Title as shown while it runs.
        command: Argument list where the step is one command.
        effect: In one line what it does: the command, or the kind of step with its inputs.
        status: pending, running, done, passed, failed, simulated, skipped (it will not run any more) or unknown (it may have been
            started; nobody knows its outcome yet).
        duration_s: Seconds; None while it has no outcome.
        found: It was done by a process that died; its effect was found afterwards.
        message: What the step says of itself.
        error: Why it failed, with the end of the real output.
        stderr: The end of what its command wrote to stderr.
    """

    step: str
    number: int
    total: int
    description: str
    command: tuple[str, ...] | None
    effect: str
    status: str
    duration_s: float | None = None
    exit_code: int | None = None
    found: bool = False
    message: str = ""
    error: str | None = None
    stderr: str = ""


@dataclass(frozen=True, kw_only=True)
class CheckResult:
    """One question asked of the world, and its answer.

    Attributes:
        phase: preflight, verify or rollback_verify.
        status: pass, warn, fail or skip.
    """

    phase: str
    name: str
    status: str
    message: str
    duration_s: float


def forward_steps(deployment: Deployment, *, running: bool) -> tuple[StepResult, ...]:
    """The deployment's own steps, the verification last. *running*: a process is at work on it."""
    if deployment.forward is None:
        return ()
    if deployment.state is State.SIMULATED and deployment.plan is not None:
        return planned_steps(deployment.plan, SIMULATED)
    undecided = deployment.state in _NOT_BEGUN or (deployment.under_way and deployment.state is not State.ROLLING_BACK)
    return _results(deployment.forward, latest_checks(deployment.checks, "verify"), undecided=undecided, running=running)


def hook_steps(deployment: Deployment, *, running: bool) -> tuple[StepResult, ...]:
    """Those hooks after a failure that were started."""
    if deployment.on_failure is None:
        return ()
    records = [record for record in deployment.on_failure.records.values() if record.attempt]
    return tuple(_ran(record, number, len(records), _status(record, True, running)) for number, record in enumerate(records, 1))


def rollback_steps(deployment: Deployment, *, running: bool) -> tuple[StepResult, ...]:
    """The steps of the newest way back, its verification last."""
    if deployment.backward is None:
        return ()
    undecided = deployment.state is State.ROLLING_BACK
    checks = latest_checks(deployment.checks, "rollback_verify")
    return _results(deployment.backward, checks, undecided=undecided, running=running)


def planned_steps(plan: Plan, status: str) -> tuple[StepResult, ...]:
    """The steps of a plan that nobody has started, all with *status*."""
    total = len(plan.steps) + 1
    steps = [_planned(step, number, total, status) for number, step in enumerate(plan.steps, 1)]
    return (*steps, _health_check(total, status))


def latest_checks(checks: Sequence[CheckRecorded], *phases: str) -> tuple[CheckResult, ...]:
    """The newest round of each of *phases*, in that order."""
    return tuple(
        CheckResult(
            phase=check.phase,
            name=check.name,
            status=check.status,
            message=check.message,
            duration_s=seconds(check.duration_ms),
        )
        for phase in phases
        for check in _latest_round(checks, phase)
    )


def healthy(checks: Iterable[CheckResult]) -> bool:
    """None failed and at least one passed: what was only skipped is no evidence."""
    statuses = [check.status for check in checks]
    return "fail" not in statuses and "pass" in statuses


def failed_checks(checks: Iterable[CheckResult]) -> str:
    """What the failed ones say, for an error; "" when none failed."""
    return "; ".join(f"{check.name}: {check.message}" for check in checks if check.status == "fail")


def seconds(duration_ms: int) -> float:
    return round(duration_ms / 1000, 3)


def effect_of(step: Step) -> str:
    """What *step* does, in one line; see `StepResult.effect`."""
    if step.command is not None:
        import shlex

        return shlex.join(step.command)
    if step.kind == CANARY_WATCH:
        return watch_in_words(step)
    inputs = [f"{name}={_short(value)}" for name, value in step.inputs.items() if value not in (None, "", [], {})]
    return " ".join([step.kind, *inputs])


def _short(value: Any) -> str:
    import json

    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _LONGEST_VALUE else text[: _LONGEST_VALUE - 3] + "..."


def _results(execution: Execution, checks: Sequence[CheckResult], *, undecided: bool, running: bool) -> tuple[StepResult, ...]:
    total = len(execution.records) + 1
    steps = [
        _ran(record, number, total, _status(record, undecided, running))
        for number, record in enumerate(execution.records.values(), 1)
    ]
    reached = all(step.status == Status.DONE for step in steps)
    # Checks of an earlier round may be on record while this one is still to come: they say nothing about it.
    if undecided:
        return (*steps, _health_check(total, Status.RUNNING if running and reached else Status.PENDING))
    if not reached or not checks:
        return (*steps, _health_check(total, Status.SKIPPED))
    good, duration_s = healthy(checks), round(sum(check.duration_s for check in checks), 3)
    error = None if good else failed_checks(checks) or "no check could be asked: nothing proves that the release works"
    return (*steps, _health_check(total, PASSED if good else Status.FAILED, duration_s=duration_s, error=error))


def _status(record: StepRecord, undecided: bool, running: bool) -> str:
    if record.status is Status.RUNNING and not running:
        return UNKNOWN
    if record.status is Status.PENDING and not undecided:
        return Status.SKIPPED
    return record.status


def _ran(record: StepRecord, number: int, total: int, status: str) -> StepResult:
    ended = record.status in {Status.DONE, Status.FAILED}
    return StepResult(
        step=record.step.name,
        number=number,
        total=total,
        description=record.step.title,
        command=record.step.command,
        effect=effect_of(record.step),
        status=status,
        duration_s=seconds(record.duration_ms) if ended else None,
        exit_code=record.exit_code,
        found=record.found,
        message=record.message,
        error=record.error if record.status is Status.FAILED else None,
        stderr=record.stderr,
    )


def _planned(step: Step, number: int, total: int, status: str) -> StepResult:
    return StepResult(
        step=step.name,
        number=number,
        total=total,
        description=step.title,
        command=step.command,
        effect=effect_of(step),
        status=status,
    )


def _health_check(total: int, status: str, **known: Any) -> StepResult:
    return StepResult(
        step=HEALTH_CHECK,
        number=total,
        total=total,
        description=HEALTH_CHECK_TITLE,
        command=None,
        effect=_EVIDENCE,
        status=status,
        **known,
    )


def _latest_round(checks: Sequence[CheckRecorded], phase: str) -> list[CheckRecorded]:
    newest = max((check.round for check in checks if check.phase == phase), default=0)
    return [check for check in checks if check.phase == phase and check.round == newest]
