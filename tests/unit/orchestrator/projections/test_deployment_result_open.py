"""The report object of what has not ended yet, of dry runs, and the questions that stand open."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from orchestrator.domain import events as e
from orchestrator.domain.plan import Step
from orchestrator.domain.questions import AFTER_FAILURE, CONFIRM_DEPLOY, CONFIRM_ROLLBACK, DEPLOY_MODE, STEP_OUTCOME
from orchestrator.projections.deployment_result import duration_ms
from orchestrator.projections.step_results import effect_of
from tests.unit.orchestrator.stories import DIGEST, HISTORY, ID, STEPS, Story, dry_run, plan, report, statuses

# --- dry runs -----------------------------------------------------------------


def test_a_dry_run_lists_its_steps_its_checks_and_the_command_that_does_it() -> None:
    result = report(dry_run())

    assert (result.success, result.dry_run, result.mode, result.result) == (True, True, "dry_run", "SIMULATED")
    assert statuses(result.steps) == ["simulated"] * 5
    assert [(check.phase, check.name, check.status, check.duration_s) for check in result.checks] == [
        ("preflight", "docker engine", "pass", 0.04)
    ]
    assert result.next == (f"pop-deploy execute --plan {plan().digest}",)
    assert (result.history_path, result.image, result.duration_ms) == (None, None, 1000)
    assert result.live_now == "1.0.0 (unchanged)"


def test_a_dry_run_whose_checks_failed_is_no_success() -> None:
    result = report(dry_run(success=False))

    assert (result.success, result.result) == (False, "FAILED at preflight")
    assert result.error is not None
    assert (result.error.step, result.error.message) == ("preflight", "registry login: denied: log in with docker login")
    assert result.next == ("pop-deploy execute --target docker --environment production --version 1.2.0 --mode dry_run",)


def test_a_dry_run_without_an_answer_says_so() -> None:
    story = Story(mode="dry_run").prepared().tell(e.DeploymentSimulated(success=False))

    result = report(story)

    assert result.error is not None and result.error.message == "no check said that this deployment can work"


def test_a_simulated_canary_is_a_dry_run() -> None:
    result = report(Story(mode="canary", simulate=True).simulated())

    assert (result.mode, result.dry_run, result.result) == ("canary", True, "SIMULATED")


def test_a_dry_run_that_has_not_asked_yet_is_not_simulated() -> None:
    assert statuses(report(Story(mode="dry_run").prepared()).steps) == ["pending"] * 5


# --- before and between -------------------------------------------------------


@pytest.mark.parametrize(
    ("story", "result", "next_"),
    [
        (Story(), "REQUESTED", [f"pop-deploy execute {ID}", f"pop-deploy abort {ID}"]),
        (
            Story().prepared(),
            "PREPARED",
            [f"pop-deploy confirm {ID}", f"pop-deploy execute {ID}", f"pop-deploy abort {ID}"],
        ),
        (Story(mode="dry_run").prepared(), "PREPARED", [f"pop-deploy execute {ID}", f"pop-deploy abort {ID}"]),
        (Story().prepared().confirmed(), "CONFIRMED", [f"pop-deploy execute {ID}", f"pop-deploy abort {ID}"]),
        (
            Story(mode=None).asked(DEPLOY_MODE),
            "WAITING for deploy_mode",
            [f"pop-deploy decide {ID} deploy_mode=<option> && pop-deploy execute {ID}", f"pop-deploy abort {ID}"],
        ),
        (
            Story().prepared().asked(CONFIRM_DEPLOY),
            "WAITING for confirm_deploy",
            [f"pop-deploy decide {ID} confirm_deploy=<option> && pop-deploy execute {ID}", f"pop-deploy abort {ID}"],
        ),
    ],
)
def test_before_execution_it_says_what_it_waits_for(story: Story, result: str, next_: list[str]) -> None:
    told = report(story)

    assert (told.result, list(told.next)) == (result, next_)
    assert (told.success, told.history_path, told.finished_at, told.duration_ms) == (False, None, None, None)


def test_target_and_mode_are_open_until_they_are_known() -> None:
    result = report(Story(target=None, mode=None))

    assert (result.target, result.mode, result.live_now, result.steps) == (None, None, "", ())
    assert (result.plan_digest, result.rollback_version) == (None, None)


def test_a_refusal_is_the_error_while_nothing_was_done() -> None:
    result = report(Story().prepared().tell(e.DeploymentRefused(rule="stale_plan", message="source has changed")))

    assert (result.result, result.live_now) == ("REFUSED", "1.0.0 (unchanged)")
    assert result.error is not None and (result.error.message, result.error.step) == ("source has changed", "")


def test_what_a_rule_stopped_for_good_is_refused_and_not_just_aborted() -> None:
    story = Story().prepared().tell(e.DeploymentRefused(rule="stale_plan", message="source has changed"))
    story.tell(story.deployment.abort(by="ann", reason="refused"))

    result = report(story)

    assert (result.state, result.result, result.live_now) == ("aborted", "REFUSED", "1.0.0 (unchanged)")
    assert result.error is not None and result.error.message == "source has changed"


def test_a_refusal_is_history_once_it_runs() -> None:
    result = report(Story().tell(e.DeploymentRefused(rule="x", message="y")).verified())

    assert (result.result, result.error) == ("SUCCESS", None)


def test_what_was_left_behind_is_interrupted_and_its_step_unknown() -> None:
    story = Story().executing().done("build", 1).started("push")

    result = report(story)

    assert (result.result, result.state) == ("INTERRUPTED", "executing")
    assert statuses(result.steps) == ["done", "unknown", "pending", "pending", "pending"]
    assert result.live_now == "1.0.0 (unchanged)"
    assert result.next == (f"pop-deploy resume {ID}", f"pop-deploy abort {ID}")
    assert (result.history_path, result.duration_ms) == (None, None)


def test_what_is_at_work_is_running() -> None:
    result = report(Story().executing().done("build", 1).started("push"), running=True)

    assert (result.result, statuses(result.steps)[1]) == ("RUNNING", "running")
    assert result.next == (f"pop-deploy logs {ID} --follow", f"pop-deploy show {ID}")


@pytest.mark.parametrize(("running", "status"), [(True, "running"), (False, "pending")])
def test_a_verification_has_no_verdict_before_it_has_ended(running: bool, status: str) -> None:
    story = Story().deployed().checked("running digest", "pass")

    assert report(story, running=running).steps[-1].status == status


def test_an_interruption_after_the_last_step_leaves_a_release_that_is_not_verified() -> None:
    result = report(Story().deployed())

    assert (result.result, result.live_now) == ("INTERRUPTED", "1.2.0 (not verified)")
    assert result.next == (f"pop-deploy resume {ID}",)


def test_an_unknown_outcome_is_answered_and_resumed() -> None:
    story = Story().executing().done("build", 1).done("push", 1).started("update").asked(STEP_OUTCOME, step="update")

    result = report(story)

    assert (result.result, result.live_now) == ("INTERRUPTED", "unknown: 1.2.0 may be partly live; before it: 1.0.0")
    assert result.next == (
        f"pop-deploy decide {ID} step_outcome=<option> && pop-deploy resume {ID}",
        f"pop-deploy abort {ID}",
    )
    assert result.decision is not None and result.decision.detail == {"step": "update"}


def test_a_paused_canary_that_asks_is_waiting() -> None:
    story = Story(mode="canary").executing().tell(e.DeploymentPaused(reason="10 %"))
    story.tell(e.DecisionRequested(decision_id="canary_pause", question="Go on?", header="Canary", options=[]))

    assert report(story).result == "WAITING for canary_pause"


@pytest.mark.parametrize(
    ("story", "live", "history", "next_"),
    [
        (Story().prepared(), "1.0.0 (unchanged)", None, ()),
        (Story(target=None), "", None, ()),
        (Story().executing().done("build", 1), "1.0.0 (unchanged)", HISTORY, ()),
        (
            Story().executing().done("build", 1).done("push", 1).started("update"),
            "unknown: 1.2.0 may be partly live; before it: 1.0.0",
            HISTORY,
            (f"pop-deploy rollback {ID}",),
        ),
    ],
)
def test_an_abort_says_what_it_left_behind(story: Story, live: str, history: str | None, next_: tuple[str, ...]) -> None:
    story.tell(story.deployment.abort(by="bob", reason=""))

    result = report(story)

    assert (result.result, result.live_now, result.history_path, result.next) == ("ABORTED", live, history, next_)


# --- questions ----------------------------------------------------------------


def test_an_open_question_says_how_to_answer_it() -> None:
    story = Story().prepared().asked(CONFIRM_DEPLOY, plan_digest=DIGEST)

    decision = report(story, options=["--dir", "shop"]).decision

    assert decision is not None
    assert (decision.deployment_id, decision.decision_id, decision.header) == (ID, "confirm_deploy", "Confirm")
    assert [option.id for option in decision.options] == ["proceed", "dry_run_first", "abort"]
    assert decision.options[0].label == "Deploy now"
    assert decision.answer_with == (
        f"pop-deploy decide {ID} confirm_deploy=<option> --dir shop && pop-deploy execute {ID} --dir shop"
    )


def test_a_question_after_the_end_needs_no_second_command() -> None:
    result = report(Story().unhealthy().asked(AFTER_FAILURE))

    assert result.result == "FAILED at health_check"
    assert result.next[0] == f"pop-deploy decide {ID} after_failure=<option>"


def test_a_rollback_that_waits_for_its_confirmation_goes_on_with_rollback() -> None:
    result = report(Story().unhealthy().asked(CONFIRM_ROLLBACK))

    assert result.next[0] == f"pop-deploy decide {ID} confirm_rollback=<option> && pop-deploy rollback {ID}"


# --- small parts --------------------------------------------------------------


def test_a_missing_history_path_is_none() -> None:
    assert report(Story().verified(), history_path="").history_path is None


def test_a_clock_that_was_set_back_makes_no_negative_duration() -> None:
    assert duration_ms("2026-03-18T14:30:22+00:00", "2026-03-18T14:30:20+00:00") == 0
    assert duration_ms("2026-03-18T14:30:22+00:00", None) is None


@pytest.mark.parametrize(
    ("step", "effect"),
    [
        (STEPS[0], "docker build --tag ghcr.io/myorg/myapp:1.2.0 'my app'"),
        (STEPS[1], 'docker.push tags=["latest", "1.2.0"]'),
        (STEPS[2], "docker.run name=myapp"),
        (Step(name="x", title="X", kind="local.copy", inputs={"path": "p" * 90}), f"local.copy path={'p' * 77}..."),
    ],
)
def test_the_effect_of_a_step_is_one_line(step: Step, effect: str) -> None:
    assert effect_of(step) == effect


_TELLERS: list[Callable[[], Story]] = [
    Story,
    lambda: Story().prepared(),
    lambda: Story().verified(),
    lambda: Story().unhealthy().rolled_back(),
    dry_run,
]


@pytest.mark.parametrize("tell", _TELLERS)
def test_identity_and_url_are_always_text(tell: Callable[[], Story]) -> None:
    result = report(tell())

    assert isinstance(result.deployment_id, str) and isinstance(result.deploy_url, str)
