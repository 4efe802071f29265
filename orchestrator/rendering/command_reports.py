"""The reports of `prepare`, `verify` and `rollback`, and an open question, as text. Made of the same parts as `report`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.projections.decision_required import DecisionRequired
from orchestrator.rendering.report import (
    check_lines,
    closing,
    error_text,
    failed_steps,
    heading,
    mode_line,
    next_line,
    planned,
    ran,
    section,
)
from orchestrator.rendering.text import duration, one_line

if TYPE_CHECKING:
    from orchestrator.projections.command_results import PrepareResult, RollbackResult, VerifyResult


def prepared(result: PrepareResult) -> str:
    """The plan with its digest, and what a failure would go back to."""
    live = result.live_version or "nothing of ours"
    back = result.rollback_version or "nothing: no release was verified here yet"
    by_itself = " (by itself, if it fails)" if result.auto_rollback and result.rollback_version else ""
    facts = [
        f"Live now: {one_line(live)}",
        f"Goes back to: {one_line(back)}{by_itself}",
        f"Deployment ID: {result.deployment_id}",
        f"Plan: {result.plan_digest}",
    ]
    if result.dirty:
        facts.insert(0, "The working tree has changes that are in no commit.")
    return (
        heading("Deployment Plan", result, mode_line(result.mode, dry_run=result.dry_run))
        + section("Steps", planned(result.steps, ""))
        + closing("\n".join(facts) + "\n", next_line(result.next))
    )


def verified(result: VerifyResult, *, begun: bool = False) -> str:
    """The checks with their answers; with *begun* what comes after them."""
    word = "HEALTHY" if result.healthy else "UNHEALTHY"
    verdict = f"Result: {word} ({result.passed} of {result.total} checks passed)\nDeployment ID: {result.deployment_id}\n"
    upper = verify_opening(result) + section("Checks", check_lines(result.checks))
    return ("" if begun else upper) + closing(verdict, next_line(result.next))


def verify_opening(result: VerifyResult) -> str:
    return heading("Deployment Verification", result)


def rolled_back(result: RollbackResult, *, begun: bool = False) -> str:
    """The way back; with *begun* what comes after its steps. A dry run shows what it would do."""
    facts = [
        f"Result: {result.result}",
        *([f"Live now: {one_line(result.live_now)}"] if result.live_now and not result.success else []),
        *([f"Duration: {duration(result.duration_ms / 1000)}"] if result.duration_ms is not None else []),
        f"Deployment ID: {result.deployment_id}",
    ]
    history = f"History updated in {one_line(result.history_path)}\n" if result.history_path else ""
    if result.dry_run:
        history = "Nothing was changed\n"
    errors = failed_steps(result.steps)
    if not errors and result.error is not None:
        errors = error_text(result.error.step, result.error.message)
    return ("" if begun else rollback_opening(result) + _way(result)) + closing(
        errors, "\n".join(facts) + "\n", history + next_line(result.next)
    )


def rollback_opening(result: RollbackResult) -> str:
    return heading("Deployment Rollback", result) + f"To: {one_line(result.rollback_to)}\n"


def decision(question: DecisionRequired) -> str:
    """The question, its options, and the commands that answer it."""
    width = max((len(option.id) for option in question.options), default=0)
    options = "".join(
        f"  {option.id.ljust(width)}  {one_line(option.label)}: {one_line(option.description)}\n" for option in question.options
    )
    about = "".join(f"  {name}: {one_line(str(value))}\n" for name, value in question.detail.items())
    return f"{one_line(question.question)}\n{about}{options}\nAnswer with: {question.answer_with}\n"


def _way(result: RollbackResult) -> str:
    title = f"Rolling back to {result.rollback_to}"
    if result.dry_run:
        return section(title, planned(result.steps, "simulated")) + section("Checks", check_lines(result.checks))
    return section(title, ran(result.steps))
