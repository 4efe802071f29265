"""The report object: what it says for every state, and that it never says more than the events show."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from orchestrator.domain import events as e
from orchestrator.domain.plan import Release, Step
from orchestrator.domain.questions import AFTER_FAILURE, CONFIRM_DEPLOY, CONFIRM_ROLLBACK, DEPLOY_MODE, STEP_OUTCOME
from orchestrator.projections.deployment_result import DeploymentResult, deployment_result, duration_ms
from orchestrator.projections.step_results import StepResult, effect_of
from tests.unit.orchestrator.stories import COMMIT, DIGEST, ID, OLD, STEPS, Story, dry_run, plan

HISTORY = ".claude/popkit/deploy.json"
HOOK = Step(name="page", title="Paging", kind="hook", command=("page", "ann"))


def report(story: Story, **known: object) -> DeploymentResult:
    return deployment_result(story.deployment, **({"history_path": HISTORY, "deploy_url": ""} | known))  # type: ignore[arg-type]


def statuses(steps: tuple[StepResult, ...]) -> list[str]:
    return [step.status for step in steps]


# --- a success ----------------------------------------------------------------


def test_a_success_says_what_where_when_and_from_which_commit() -> None:
    result = report(Story().verified(), deploy_url="https://shop.test/")

    assert (result.deployment_id, result.target, result.primary, result.environment) == (ID, "docker", True, "production")
    assert (result.version, result.mode, result.dry_run, result.success) == ("1.2.0", "deploy", False, True)
    assert (result.state, result.result, result.error) == ("verified", "SUCCESS", None)
    assert (result.started_at, result.finished_at) == ("2026-03-18T14:30:22.000000+00:00", "2026-03-18T14:31:52.000000+00:00")
    assert (result.duration_ms, result.commit_sha, result.actor) == (90_000, COMMIT, "ann@ci-7")
    assert (result.plan_digest, result.rollback_version) == (plan().digest, "1.0.0")
    assert (result.deploy_url, result.history_path) == ("https://shop.test/", HISTORY)
    assert result.next == ("pop-deploy verify", "pop-deploy rollback")


def test_the_verification_is_the_last_step_and_counted() -> None:
    result = report(Story().verified())

    assert [(step.step, step.number, step.total) for step in result.steps] == [
        ("build", 1, 5),
        ("push", 2, 5),
        ("update", 3, 5),
        ("wait", 4, 5),
        ("health_check", 5, 5),
    ]
    assert statuses(result.steps) == ["done", "done", "done", "done", "passed"]
    assert [step.duration_s for step in result.steps] == [45.0, 12.0, 3.0, 30.0, 0.0]
    assert [step.description for step in result.steps][::4] == ["Building image", "Health check"]
    assert result.steps[0].command == ("docker", "build", "--tag", "ghcr.io/myorg/myapp:1.2.0", "my app")
    assert [step.exit_code for step in result.steps] == [0, 0, None, None, None]


def test_image_and_digest_come_from_the_newest_step_that_has_them() -> None:
    result = report(Story().verified())

    assert (result.image, result.digest) == ("ghcr.io/myorg/myapp:1.2.0", DIGEST)


def test_an_image_is_named_without_its_digest() -> None:
    result = report(Story().executing().done("build", 1, data={"image": f"ghcr.io/myorg/myapp:1.2.0@{DIGEST}"}))

    assert (result.image, result.digest) == ("ghcr.io/myorg/myapp:1.2.0", None)


def test_a_digest_without_an_image_is_no_image() -> None:
    result = report(Story().executing().done("build", 1, data={"digest": DIGEST}))

    assert (result.image, result.digest) == (None, None)


def test_a_target_that_is_not_primary_is_named_in_the_next_commands() -> None:
    result = report(Story().verified(primary=False))

    assert result.next == (f"pop-deploy verify {ID}", f"pop-deploy rollback {ID}")


def test_other_options_of_the_project_stand_in_every_next_command() -> None:
    result = report(Story().verified(), options=["--dir", "my shop"])

    assert result.next == ("pop-deploy verify --dir 'my shop'", "pop-deploy rollback --dir 'my shop'")


def test_a_later_deployment_takes_away_what_it_says_of_now() -> None:
    assert report(Story().verified()).live_now == "1.2.0"
    assert report(Story().verified(), latest=False).live_now == ""


def test_the_caller_may_say_what_is_next() -> None:
    assert report(Story().verified(), next=["pop-deploy history"]).next == ("pop-deploy history",)


def test_a_step_that_was_found_done_says_so() -> None:
    result = report(Story().executing().done("build", 0, found=True, message="the image is there"))

    assert (result.steps[0].found, result.steps[0].message) == (True, "the image is there")


def test_the_checks_are_those_of_the_newest_verification() -> None:
    story = Story().verified()
    story.checked("health check", "fail", "http status 500", number=2).tell(e.VerificationFailed(message="x", round=2))

    result = report(story)

    assert [(check.phase, check.name, check.status) for check in result.checks] == [("verify", "health check", "fail")]


def test_a_release_that_turned_bad_later_is_no_success() -> None:
    story = Story().verified()
    story.checked("health check", "fail", "http status 500", number=2).tell(e.VerificationFailed(message="x", round=2))

    result = report(story)

    assert (result.success, result.result, result.live_now) == (False, "UNHEALTHY", "1.2.0 (not verified)")
    assert result.error is not None and (result.error.step, result.error.message) == (
        "health_check",
        "health check: http status 500",
    )
    assert result.steps[-1].status == "failed"
    assert result.next == (f"pop-deploy verify {ID}", f"pop-deploy rollback {ID}")


# --- failures -----------------------------------------------------------------


def test_a_failure_before_the_target_was_touched_leaves_what_was_live() -> None:
    story = Story().executing().broke("build", 2, "no Dockerfile", exit_code=1, stderr="open Dockerfile: no such file")
    result = report(story.failed("build", "no Dockerfile", trace="Traceback ..."))

    assert (result.success, result.state, result.result) == (False, "failed", "FAILED at build")
    assert result.live_now == "1.0.0 (unchanged)"
    assert result.error is not None
    assert (result.error.message, result.error.step, result.error.trace) == ("no Dockerfile", "build", "Traceback ...")
    assert (result.steps[0].error, result.steps[0].exit_code) == ("no Dockerfile", 1)
    assert result.steps[0].stderr == "open Dockerfile: no such file"
    assert statuses(result.steps) == ["failed", "skipped", "skipped", "skipped", "skipped"]
    assert result.next == (
        f"pop-deploy logs {ID}",
        "pop-deploy execute --target docker --environment production --version 1.2.0 --mode deploy",
        f"pop-deploy abort {ID}",
    )


@pytest.mark.parametrize(
    ("known", "said"),
    [
        ({"observed": OLD, "reference": None}, "1.0.0 (unchanged)"),
        ({"observed": Release(version="0.9"), "reference": OLD}, "0.9 (unchanged)"),
        ({"observed": None, "reference": None}, "nothing of ours (unchanged)"),
        (
            {"observed": None, "reference": OLD},
            "unchanged; nothing of ours was seen before it, the last verified was 1.0.0",
        ),
    ],
)
def test_unchanged_is_what_was_seen_and_not_what_should_be_there(known: dict[str, Release | None], said: str) -> None:
    story = Story().executing(**known).broke("build", 2, "no Dockerfile").failed("build", "no Dockerfile")

    assert report(story).live_now == said


def test_a_failure_halfway_does_not_say_what_is_live() -> None:
    story = (
        Story().executing().done("build", 1).done("push", 1).broke("update", 1, "port is taken").failed("update", "port is taken")
    )

    result = report(story)

    assert result.live_now == "unknown: 1.2.0 may be partly live; before it: 1.0.0"
    assert f"pop-deploy rollback {ID}" in result.next


def test_a_failure_halfway_of_the_first_release_has_nothing_before_it() -> None:
    story = Story().executing(reference=None, observed=None).done("build", 1).done("push", 1)
    story.broke("update", 1, "port is taken").failed("update", "port is taken")

    result = report(story)

    assert result.live_now == "unknown: 1.2.0 may be partly live"
    assert (result.rollback_version, [command for command in result.next if "rollback" in command]) == (None, [])


def test_an_unhealthy_release_is_live_and_not_verified() -> None:
    result = report(Story().unhealthy())

    assert (result.result, result.live_now) == ("FAILED at health_check", "1.2.0 (not verified)")
    assert (result.steps[-1].status, result.steps[-1].duration_s) == ("failed", 30.0)
    assert result.steps[-1].error == "health check: http status 500, expected 200"
    assert result.history_path == HISTORY


def test_a_verification_that_asked_nothing_is_no_pass() -> None:
    story = Story().deployed().checked("running digest", "skip", "the engine does not answer")
    story.failed("health_check", "no check could be asked")

    result = report(story)

    assert result.steps[-1].status == "failed"
    assert result.steps[-1].error is not None and "no check could be asked" in result.steps[-1].error
    assert result.success is False


def test_hooks_that_ran_because_of_the_failure_are_listed_on_their_own() -> None:
    other = Step(name="mail", title="Mailing", kind="hook", command=("mail",))
    story = Story().executing(on_failure=(HOOK, other)).broke("build", 1, "no Dockerfile")
    story.done("page", 0.5, phase="on_failure").failed("build", "no Dockerfile", diagnostics=["web: exited (1)"])

    result = report(story)

    assert [(step.step, step.status, step.number, step.total) for step in result.on_failure] == [("page", "done", 1, 1)]
    assert result.diagnostics == ("web: exited (1)",)


# --- ways back ----------------------------------------------------------------


def test_after_a_rollback_the_restored_version_is_live() -> None:
    result = report(Story().unhealthy().rolled_back())

    assert (result.success, result.state, result.result) == (False, "rolled_back", "ROLLED BACK to 1.0.0")
    assert result.live_now == "1.0.0 (restored and verified)"
    assert result.error is not None and result.error.step == "health_check"
    assert result.rollback is not None
    assert (result.rollback.to, result.rollback.automatic, result.rollback.duration_ms) == ("1.0.0", True, 2000)
    assert statuses(result.rollback.steps) == ["done", "passed"]
    assert (result.steps[-1].status, result.duration_ms) == ("failed", 90_000)


def test_after_a_failed_rollback_nobody_knows_what_is_live() -> None:
    result = report(Story().unhealthy().rollback_failed())

    assert (result.result, result.state) == ("ROLLBACK FAILED", "rollback_failed")
    assert result.live_now == "unknown: the way back from 1.2.0 to 1.0.0 failed"
    assert result.error is not None and (result.error.step, result.error.message) == ("restore", "no such container")
    assert result.rollback is not None and statuses(result.rollback.steps) == ["failed", "skipped"]
    assert result.diagnostics == ("web: exited (1)",)
    assert result.next == (f"pop-deploy logs {ID}", f"pop-deploy rollback {ID}")


def test_a_second_way_back_does_not_show_the_verdict_on_the_first() -> None:
    story = Story().unhealthy().going_back().done("restore", 2, phase="rollback")
    story.checked("running digest", "fail", "another one", phase="rollback_verify", number=2)
    story.tell(e.RollbackFailed(step="health_check", message="running digest: another one"))

    first = report(story)
    second = report(story.going_back(automatic=False))

    assert first.rollback is not None and statuses(first.rollback.steps) == ["done", "failed"]
    assert second.rollback is not None and statuses(second.rollback.steps) == ["pending", "pending"]
    assert (second.result, second.rollback.duration_ms) == ("INTERRUPTED", None)
    assert second.live_now == "unknown: the way back from 1.2.0 to 1.0.0 is not finished"
    assert second.next == (f"pop-deploy resume {ID}",)


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
