"""The aggregate: what it folds from events, what it decides, what it refuses."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import pytest

from orchestrator.domain import events as e
from orchestrator.domain.deployment import Deployment
from orchestrator.domain.errors import HistoryBroken, IllegalTransition
from orchestrator.domain.execution import Execution, Phase, Status
from orchestrator.domain.lifecycle import State
from orchestrator.domain.plan import Mode, Release, Slot
from orchestrator.domain.questions import AFTER_FAILURE, CONFIRM_DEPLOY, DEPLOY_MODE, STEP_OUTCOME
from tests.unit.orchestrator.stories import HOOK, ID, OLD, Story, dry_run, plan

# --- folding ------------------------------------------------------------------


def test_a_request_gives_it_its_name_and_its_slot() -> None:
    deployment = Story().deployment

    assert (deployment.id, deployment.state, deployment.slot) == (ID, State.REQUESTED, Slot("shop", "production", "docker"))
    assert (deployment.mode, deployment.actor, deployment.dry_run) == (Mode.DEPLOY, "ann@ci-7", False)


def test_target_and_mode_may_be_settled_after_the_request() -> None:
    story = Story(target=None, mode=None)
    before = (story.deployment.target, story.deployment.mode)

    story.tell(e.TargetSelected(target="docker", how="decision"), e.ModeSelected(mode="canary", how="decision"))

    assert before == (None, None)
    assert (story.deployment.target, story.deployment.mode) == ("docker", Mode.CANARY)


def test_it_has_no_slot_before_its_target_is_known() -> None:
    with pytest.raises(ValueError, match="has no target yet"):
        _ = Story(target=None).deployment.slot


def test_nothing_can_be_said_of_a_deployment_that_nobody_requested() -> None:
    with pytest.raises(ValueError, match="begins with DeploymentRequested"):
        _ = Deployment().requested


def test_an_answer_closes_its_question_and_no_other() -> None:
    story = Story(mode=None).asked(DEPLOY_MODE)
    other = e.DecisionMade(decision_id="deploy_target", answer="primary", how="decide", by="bob")
    made = dataclasses.replace(other, decision_id="deploy_mode", answer="deploy")

    story.tell(other)
    still_open = story.deployment.open_decision
    story.tell(made)

    assert still_open is not None and still_open.decision_id == "deploy_mode"
    assert story.deployment.open_decision is None
    assert story.deployment.answers["deploy_mode"] == made


def test_asking_again_forgets_the_earlier_answer() -> None:
    story = Story().prepared().asked(CONFIRM_DEPLOY)
    story.tell(e.DecisionMade(decision_id="confirm_deploy", answer="dry_run_first", how="prompt", by="ann"))

    story.asked(CONFIRM_DEPLOY)

    assert "confirm_deploy" not in story.deployment.answers


def test_preparing_brings_the_plan_the_way_back_and_what_was_live() -> None:
    deployment = Story().prepared(on_failure=(HOOK,)).deployment

    assert deployment.plan == plan()
    assert (deployment.reference, deployment.observed) == (OLD, OLD)
    assert deployment.forward is not None and list(deployment.forward.records) == ["build", "push", "update", "wait"]
    assert deployment.on_failure is not None and [r.step for r in deployment.on_failure.records.values()] == [HOOK]


def test_the_first_release_of_a_slot_has_nothing_to_go_back_to() -> None:
    deployment = Story().prepared(reference=None, observed=None).deployment

    assert (deployment.reference, deployment.observed) == (None, None)


def test_a_started_step_is_in_doubt_until_its_outcome_is_on_record() -> None:
    story = Story().executing().started("build")
    doubtful = story.deployment.running_step
    assert doubtful is not None and doubtful.step.name == "build" and doubtful.started is not None

    story.tell(e.StepSucceeded(phase="deploy", step="build", attempt=1, data={"image": "x"}, exit_code=0, duration_ms=5))

    assert story.deployment.running_step is None
    assert story.deployment.outcomes() == {"build": {"image": "x"}}
    assert (doubtful.status, doubtful.started, doubtful.exit_code, doubtful.duration_ms) == (Status.DONE, None, 0, 5)


def test_a_failed_step_keeps_what_it_said() -> None:
    story = Story().executing().broke("build", 2, "no Dockerfile", exit_code=1, stderr="oops", trace="Traceback")

    assert story.deployment.forward is not None and story.deployment.forward.failed is not None
    record = story.deployment.forward.failed
    assert (record.error, record.exit_code, record.stderr, record.trace) == ("no Dockerfile", 1, "oops", "Traceback")
    assert story.deployment.forward.next is record


def test_the_next_step_is_the_first_without_a_success() -> None:
    story = Story().executing().done("build", 1)

    assert story.deployment.forward is not None and story.deployment.forward.next is not None
    assert story.deployment.forward.next.step.name == "push"
    assert Execution.of(Phase.DEPLOY, []).next is None


def test_a_found_success_closes_the_question_about_it() -> None:
    story = Story().executing().started("push").asked(STEP_OUTCOME, step="push")

    story.tell(e.StepSucceeded(phase="deploy", step="push", attempt=1, found=True))

    assert story.deployment.open_decision is None
    assert story.deployment.forward is not None and story.deployment.forward.records["push"].found


def test_a_success_leaves_another_question_open() -> None:
    story = Story().executing().started("push").asked(AFTER_FAILURE)

    story.tell(e.StepSucceeded(phase="deploy", step="push", attempt=1))

    assert story.deployment.open_decision is not None


def test_interruption_is_remembered_until_somebody_goes_on() -> None:
    story = Story().executing().started("push").tell(e.DeploymentInterrupted(signal="SIGTERM", step="push"))
    interrupted = story.deployment.interrupted

    story.tell(e.DeploymentResumed(by="bob", host="h"))

    assert interrupted is not None and interrupted.signal == "SIGTERM"
    assert story.deployment.interrupted is None


def test_a_later_attempt_is_a_new_start_of_the_same_step() -> None:
    story = Story().executing().started("push").tell(e.DeploymentInterrupted(signal="SIGINT", step="push"))

    story.tell(e.StepProbed(phase="deploy", step="push", attempt=1, answer="not_done", detail="no such tag"))
    story.started("push", attempt=2)

    record = story.deployment.running_step
    assert record is not None and record.attempt == 2
    assert story.deployment.interrupted is None


@pytest.mark.parametrize(
    ("tell", "effect", "touched_live"),
    [
        (lambda s: s, False, False),
        (lambda s: s.done("build", 1), True, False),
        (lambda s: s.done("build", 1).done("push", 1).started("update"), True, True),
    ],
)
def test_an_effect_counts_from_the_moment_it_may_have_begun(
    tell: Callable[[Story], Story], effect: bool, touched_live: bool
) -> None:
    deployment = tell(Story().executing()).deployment

    assert deployment.effect is effect
    assert deployment.forward is not None and deployment.forward.touched_live is touched_live


def test_nothing_has_an_effect_before_there_is_a_plan() -> None:
    assert (Story().deployment.effect, Story().deployment.outcomes(), Story().deployment.executions) == (False, {}, [])


def test_verification_rounds_are_counted_with_those_before_execution() -> None:
    story = Story().prepared()
    first = story.deployment.next_round()
    story.checked("engine", "pass", phase="preflight", number=1)

    assert (first, story.deployment.next_round()) == (1, 2)


def test_a_verified_deployment_knows_its_release_and_its_end() -> None:
    deployment = Story().verified().deployment

    assert deployment.state is State.VERIFIED
    assert deployment.release == Release(version="1.2.0", commit_sha="c" * 40, deployment_id=ID)
    assert (deployment.started_at, deployment.finished_at) == (
        "2026-03-18T14:30:22.000000+00:00",
        "2026-03-18T14:31:52.000000+00:00",
    )


def test_verifying_again_leaves_the_end_where_it_was() -> None:
    story = Story().verified()
    ended = story.deployment.finished_at
    assert story.deployment.release is not None

    story.tell(e.DeploymentVerified(release=story.deployment.release.to_json(), round=2), after_s=60)

    assert story.deployment.finished_at == ended


def test_a_release_that_fails_a_later_verification_is_not_under_way() -> None:
    story = Story().deployed()
    before = story.deployment.under_way

    story.checked("health check", "pass").tell(e.DeploymentVerified(release=OLD.to_json(), round=1))
    story.tell(e.VerificationFailed(message="http status 500", round=2))

    assert before is True
    assert (story.deployment.state, story.deployment.under_way) == (State.DEPLOYED, False)


def test_a_rollback_has_its_own_steps_and_its_own_end() -> None:
    story = Story().unhealthy()
    failed_at = story.deployment.finished_at

    story.rolled_back()

    deployment = story.deployment
    assert deployment.state is State.ROLLED_BACK
    assert deployment.rollback is not None and deployment.rollback.to == OLD and deployment.rollback.automatic
    assert deployment.rollback.finished_at is not None and failed_at is not None
    assert deployment.finished_at == failed_at < deployment.rollback.finished_at
    assert [execution.phase for execution in deployment.executions] == [Phase.DEPLOY, Phase.ON_FAILURE, Phase.ROLLBACK]


def test_a_second_rollback_counts_its_attempts_on() -> None:
    story = Story().unhealthy().rollback_failed()
    failure = story.deployment.rollback_failure

    story.going_back(automatic=False)

    assert failure is not None and failure.step == "restore"
    assert story.deployment.rollback_failure is None
    assert story.deployment.backward is not None
    record = story.deployment.backward.records["restore"]
    assert (record.attempt, record.status) == (1, Status.PENDING)


def test_a_canary_pauses_and_continues() -> None:
    story = Story(mode="canary").executing().tell(e.DeploymentPaused(reason="10 %"))
    paused = story.deployment.state

    story.tell(e.DeploymentContinued(by="bob"))

    assert (paused, story.deployment.state) == (State.PAUSED, State.EXECUTING)


def test_a_refusal_is_kept_and_changes_no_state() -> None:
    story = Story().prepared().tell(e.DeploymentRefused(rule="validation", message="score 40"))

    assert story.deployment.state is State.PREPARED
    assert [refusal.rule for refusal in story.deployment.refusals] == ["validation"]


def test_aborting_closes_the_question_and_ends_it() -> None:
    story = Story().prepared().asked(CONFIRM_DEPLOY)

    story.tell(story.deployment.abort(by="bob", reason="wrong version"), after_s=5)

    deployment = story.deployment
    assert (deployment.state, deployment.open_decision, deployment.effect) == (State.ABORTED, None, False)
    assert deployment.aborted is not None and deployment.aborted.effect is False
    assert deployment.finished_at == deployment.updated_at


def test_aborting_a_failed_one_leaves_its_end_where_it_was() -> None:
    story = Story().unhealthy()
    ended = story.deployment.finished_at

    story.tell(story.deployment.abort(by="bob", reason=""), after_s=60)

    assert story.deployment.finished_at == ended
    assert story.deployment.aborted is not None and story.deployment.aborted.effect is True


# --- replay -------------------------------------------------------------------


@pytest.mark.parametrize(
    "story",
    [
        Story().verified(),
        Story().unhealthy(on_failure=(HOOK,)).rolled_back(),
        Story().unhealthy().rollback_failed(),
        dry_run(),
        Story().prepared().asked(CONFIRM_DEPLOY),
    ],
)
def test_replay_gives_the_same_deployment_every_time(story: Story) -> None:
    replayed = Deployment.replay(story.told)

    assert replayed == story.deployment
    assert Deployment.replay(story.told) == replayed


@pytest.mark.parametrize("left_out", [e.DeploymentPrepared, e.DeploymentConfirmed, e.ExecutionStarted, e.DeploymentDeployed])
def test_replay_refuses_a_history_with_a_missing_transition(left_out: type[e.Event]) -> None:
    history = [(event, time) for event, time in Story().verified().told if not isinstance(event, left_out)]

    with pytest.raises(IllegalTransition):
        Deployment.replay(history)


def test_replay_refuses_two_deployments_in_one_stream() -> None:
    story = Story().verified()

    with pytest.raises(HistoryBroken, match="a deployment begins with DeploymentRequested, and with one only"):
        Deployment.replay([*story.told, *story.told])


def test_replay_refuses_a_plan_that_is_none() -> None:
    story = Story().prepared()
    broken = [
        (dataclasses.replace(event, plan={**event.plan, "steps": [5]}) if hasattr(event, "plan") else event, at)
        for event, at in story.told
    ]

    with pytest.raises(
        HistoryBroken, match=r"DeploymentPrepared does not follow from what is on record before it .*audit verify"
    ):
        Deployment.replay(broken)
