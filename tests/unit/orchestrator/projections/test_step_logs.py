"""Attempts that were interrupted: they have an end of their own and keep what they had printed."""

from __future__ import annotations

from orchestrator.domain import events as e
from orchestrator.projections.step_logs import INTERRUPTED, RUNNING, StepLog, step_logs
from orchestrator.rendering.logs import footer
from tests.unit.orchestrator.stories import Story


def logs_of(story: Story) -> list[StepLog]:
    return list(step_logs(story.told))


def test_an_attempt_that_was_made_again_is_interrupted_and_keeps_its_output() -> None:
    story = Story().executing().started("build")
    output = {"attachment": "deploy/build/1", "commands": [{"bytes": 12}]}

    story.tell(e.StepProbed(phase="deploy", step="build", attempt=1, answer="not_done", detail="no image", output=output))
    story.started("build", attempt=2)

    first, second = logs_of(story)
    assert (first.status, first.has_output, first.size_bytes, second.status) == (INTERRUPTED, True, 12, RUNNING)
    assert footer(first) == "<== build: interrupted: no image\n"


def test_an_attempt_of_which_nobody_knows_yet_has_no_end() -> None:
    story = Story().executing().started("build")

    story.tell(e.StepProbed(phase="deploy", step="build", attempt=1, answer="unknown", detail="the engine does not answer"))

    assert [log.status for log in logs_of(story)] == [RUNNING]
