"""The report of a deployment as text: `text` renders a `DeploymentResult` all at once, or what is left after live progress.

The upper part (`opening`, then the steps as they happen) may have been written by `orchestrator.rendering.progress` already; both
write the same lines. Reports of the other commands are in `command_reports`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

from orchestrator.projections.canary_result import CanaryResult
from orchestrator.projections.deployment_result import DeploymentResult
from orchestrator.projections.step_results import CheckResult, StepResult
from orchestrator.rendering.progress import check_line, step_title, step_verdict
from orchestrator.rendering.text import duration, indented, one_line, tail

TITLE = "Deployment Execution"
OUTPUT_LINES = 20
_NOT_BEGUN = frozenset({"requested", "prepared", "confirmed"})
_NOT_SHOWN = frozenset({"pending", "skipped"})


class Heading(Protocol):
    """What the head of every report says."""

    @property
    def target(self) -> str | None: ...

    @property
    def primary(self) -> bool: ...

    @property
    def environment(self) -> str: ...

    @property
    def version(self) -> str: ...


def text(result: DeploymentResult, *, begun: bool = False) -> str:
    """The whole report, or with *begun* what comes after `opening` and what progress has written below it."""
    return ("" if begun else opening(result) + _preflight(result)) + _closing(result)


def opening(result: DeploymentResult) -> str:
    """The head, and what is known already: the plan of what has not begun, the steps that are done or have failed."""
    head = heading(TITLE, result, mode_line(result.mode, dry_run=result.dry_run))
    if result.state == "simulated" or (result.dry_run and result.state in _NOT_BEGUN):
        return head + section("Steps", planned(result.steps, "simulated")) + section("Canary", canary_plan(result.canary))
    if result.state in _NOT_BEGUN:
        return head + section("Plan", planned(result.steps, "")) + section("Canary", canary_plan(result.canary))
    way = result.rollback
    back = section(f"Rolling back to {way.to}", ran(way.steps)) if way is not None else ""
    return head + section("Steps", ran(result.steps)) + section("On failure", ran(result.on_failure)) + back


def canary_plan(canary: CanaryResult | None) -> Iterable[str]:
    """What the weights come to, and how long it can take either way."""
    if canary is None:
        return
    for share in canary.shares:
        together = share.replicas + share.stable_replicas
        yield f"  {share.weight:g}%: {share.replicas} of {together} replicas, reached by {share.reached:g}% of the requests"
    decided = ", and when somebody has decided" if canary.decides else ""
    yield f"  promotion: {duration(canary.shortest_promotion_s)} after the first weight at the earliest{decided}"
    yield (
        f"  rollback: decided within {duration(canary.longest_decision_s)} of the first bad sample, "
        f"the canary removed within {duration(canary.longest_rollback_s)} more"
    )


def heading(title: str, result: Heading, *more: str) -> str:
    """``Target: docker (primary)`` and so on, below *title*; *more* lines come after the target."""
    target = one_line(result.target or "not chosen yet") + (" (primary)" if result.primary else "")
    lines = [
        title,
        "=" * len(title),
        f"Target: {target}",
        *more,
        f"Version: {one_line(result.version)}",
        f"Environment: {one_line(result.environment)}",
    ]
    return "\n".join(lines) + "\n"


def mode_line(mode: str | None, *, dry_run: bool) -> str:
    """``Mode: deploy``; a simulated canary is ``Mode: canary (dry run)``."""
    return f"Mode: {mode or 'not chosen yet'}" + (" (dry run)" if dry_run and mode not in {None, "dry_run"} else "")


def section(title: str, lines: Iterable[str]) -> str:
    """A titled list, or nothing when it is empty."""
    text_ = "\n".join(lines)
    return f"\n{one_line(title)}:\n{text_}\n" if text_ else ""


def planned(steps: Sequence[StepResult], verdict: str) -> Iterable[str]:
    """Each step with what it would do."""
    for step in steps:
        title = step_title(step.number, step.total, step.description)
        yield f"{title} {verdict}" if verdict else title.removesuffix("...")
        yield f"        {one_line(step.effect)}"


def ran(steps: Iterable[StepResult]) -> Iterable[str]:
    """Each step that was started, with its result, as progress writes it."""
    for step in steps:
        if step.status not in _NOT_SHOWN:
            verdict = step_verdict(_status(step), step.duration_s, found=step.found)
            yield f"{step_title(step.number, step.total, step.description)} {verdict}"


def check_lines(checks: Iterable[CheckResult]) -> list[str]:
    return [check_line(check.name, check.status, check.message) for check in checks]


def failed_steps(steps: Iterable[StepResult]) -> str:
    """Why steps failed: the message, and the end of the real output where the message does not have it."""
    return "".join(_failure(step) for step in steps if step.status == "failed")


def next_line(commands: Sequence[str]) -> str:
    """``Next: A, or B`` as long as it is short, else one command a line; `resume` is always in the last line."""
    shown = [one_line(command) for command in commands]
    together = ", or ".join(shown)
    if len(together) <= 100 or shown[0].startswith("pop-deploy resume "):
        return f"Next: {together}\n" if shown else ""
    return "Next:\n" + indented(shown, "  ")


def closing(*parts: str) -> str:
    """Parts of the lower half, those that say something set apart by a blank line."""
    return "".join(f"\n{part}" for part in parts if part)


def _preflight(result: DeploymentResult) -> str:
    checks = [check for check in result.checks if check.phase == "preflight"]
    return section("Checks", check_lines(checks)) if result.state in {*_NOT_BEGUN, "simulated"} else ""


def _status(step: StepResult) -> str:
    return {"unknown": "interrupted", "running": "running now"}.get(step.status, step.status)


def _closing(result: DeploymentResult) -> str:
    return closing(
        _errors(result),
        _notes(result.checks),
        _diagnostics(result.diagnostics),
        _facts(result),
        _what_next(result),
    )


def _errors(result: DeploymentResult) -> str:
    steps = [*result.steps, *result.on_failure, *(result.rollback.steps if result.rollback is not None else ())]
    told = {step.step for step in steps if step.status == "failed"}
    text_ = failed_steps(steps)
    # The checks of a dry run stand above with their answers.
    if result.error is not None and result.error.step not in {*told, "preflight"}:
        text_ += error_text(result.error.step, result.error.message)
    return text_


def _failure(step: StepResult) -> str:
    message = step.error or ""
    rest = tail(step.stderr, OUTPUT_LINES)
    if rest and one_line(rest[-1]) not in one_line(message):
        message += "\n" + "\n".join(f"| {line}" for line in rest)
    return error_text(step.step, message)


def error_text(step: str, message: str) -> str:
    """``Error at push: ...`` with the lines that follow indented."""
    first, *rest = tail(message, OUTPUT_LINES * 3) or ["no message"]
    return f"Error{f' at {step}' if step else ''}: {first}\n{indented(rest, '  ')}"


def _notes(checks: Iterable[CheckResult]) -> str:
    """Checks of the verification that neither passed nor failed: they would be lost in one word."""
    noted = [check for check in checks if check.phase != "preflight" and check.status in {"warn", "skip"}]
    return "".join(f"{line}\n" for line in check_lines(noted))


def _diagnostics(lines: Sequence[str]) -> str:
    shown: list[str] = [line for each in lines for line in tail(each, OUTPUT_LINES)][-2 * OUTPUT_LINES :]
    return "What the target says:\n" + indented(shown, "  ") if shown else ""


def _facts(result: DeploymentResult) -> str:
    planned_only = result.dry_run or result.state in _NOT_BEGUN
    facts: list[tuple[str, str | None]] = [
        ("Result", result.result),
        ("Live now", result.live_now if not result.success else None),
        ("Duration", duration(result.duration_ms / 1000) if result.duration_ms is not None else None),
        ("Deployment ID", result.deployment_id),
        ("Image", result.image),
        ("Plan", result.plan_digest if planned_only else None),
        ("Incident report", result.incident_report),
    ]
    return "".join(f"{name}: {one_line(value)}\n" for name, value in facts if value)


def _what_next(result: DeploymentResult) -> str:
    history = f"History updated in {one_line(result.history_path)}\n" if result.history_path else ""
    if result.dry_run and result.state == "simulated":
        history = "Nothing was changed\n"
    return history + next_line(result.next)
