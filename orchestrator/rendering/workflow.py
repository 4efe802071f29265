"""The workflows as a readable list: each step, what it asks or runs, and what follows. The data are `domain/workflows.py`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from orchestrator.domain.workflow import DECISION, Workflow, WorkflowStep


def text(workflows: Iterable[Workflow]) -> str:
    """One section a workflow."""
    return "\n".join("\n".join(_workflow(each)) + "\n" for each in workflows)


def _workflow(workflow: Workflow) -> Iterator[str]:
    title = f"{workflow.id}: {workflow.description}"
    yield title
    yield "=" * len(title)
    for step in workflow.steps:
        yield from _step(step)


def _step(step: WorkflowStep) -> Iterator[str]:
    yield f"{step.id}: {step.question.question if step.question is not None else step.description}"
    if step.question is not None:
        for option in step.question.options:
            yield f"  {option.id:<14} {option.description} -> {_follower(step, option.id)}"
    if step.command is not None:
        yield f"  {step.command}"
    if step.options_from is not None:
        yield f"  options: {step.options_from}"
    if step.next is not None:
        yield f"  -> {step.next}"
    if step.type != DECISION:
        yield from (f"  {edge.when} -> {edge.next}" for edge in step.edges)


def _follower(step: WorkflowStep, option: str) -> str:
    """An added edge goes before the skill's own."""
    return next((edge.next for edge in step.edges if edge.when == option), step.answers[option])
