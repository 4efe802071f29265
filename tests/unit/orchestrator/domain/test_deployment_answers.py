"""What an answer is good for, and when a step counts as an effect that did not happen."""

from __future__ import annotations

import pytest

from orchestrator.domain import events as e
from orchestrator.domain.lifecycle import State
from orchestrator.domain.questions import CONFIRM_ROLLBACK, STEP_OUTCOME
from tests.unit.orchestrator.stories import Story


def answered(story: Story, decision_id: str, answer: str) -> Story:
    return story.tell(e.DecisionMade(decision_id=decision_id, answer=answer, how="decide", by="eve@desk"))


@pytest.mark.parametrize(
    "next_event",
    [
        e.StepSucceeded(phase="deploy", step="push", attempt=1, found=True),
        e.StepStarted(
            phase="deploy", step="push", number=2, total=5, attempt=2, host="", boot_id="", pid_namespace="", attempt_dir=""
        ),
    ],
)
def test_an_answer_about_a_step_is_used_up_when_the_step_goes_on(next_event: e.Event) -> None:
    story = Story().executing().started("push").asked(STEP_OUTCOME, step="push")
    answered(story, "step_outcome", "done")

    story.tell(next_event)

    assert "step_outcome" not in story.deployment.answers


def test_a_confirmed_rollback_is_confirmed_once() -> None:
    story = Story().verified().asked(CONFIRM_ROLLBACK, to="1.0.0")
    answered(story, "confirm_rollback", "proceed")

    story.going_back(automatic=False)

    assert "confirm_rollback" not in story.deployment.answers
    assert story.deployment.asked["confirm_rollback"].detail == {"to": "1.0.0"}


def test_a_step_that_failed_without_an_effect_has_none() -> None:
    story = Story().executing().broke("update", 1, "port taken", effect=False)

    assert story.deployment.forward is not None
    assert (story.deployment.forward.touched_live, story.deployment.effect) == (False, False)
    assert story.deployment.fail("update", "port taken").unchanged


def test_an_earlier_attempt_that_nobody_saw_end_may_have_had_one() -> None:
    story = Story().executing().started("update").started("update", attempt=2)

    story.tell(e.StepFailed(phase="deploy", step="update", attempt=2, message="port taken", effect=False))

    assert story.deployment.forward is not None and story.deployment.forward.touched_live


@pytest.mark.parametrize(("source", "given"), [("option", "1.2.0"), ("package.json", None)])
def test_only_a_version_that_somebody_named_is_given(source: str, given: str | None) -> None:
    assert Story(version_source=source).deployment.given_version == given


def test_a_release_that_was_left_and_brought_back_can_be_verified_and_left_again() -> None:
    story = Story().verified().rolled_back()
    assert story.deployment.release is not None

    story.tell(e.DeploymentVerified(release=story.deployment.release.to_json(), round=3))
    verified = story.deployment.state
    story.rolled_back()

    assert (verified, story.deployment.state) == (State.VERIFIED, State.ROLLED_BACK)
