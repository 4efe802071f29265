"""The report object: what it says for every state, and that it never says more than the events show."""

from __future__ import annotations

import pytest

from orchestrator.domain import events as e
from orchestrator.domain.plan import Release, Step
from tests.unit.orchestrator.stories import COMMIT, DIGEST, HISTORY, HOOK, ID, OLD, Story, plan, report, statuses

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
    assert result.next == (f"pop-deploy logs {ID}", f"pop-deploy rollback {ID}", f"pop-deploy incident {ID}")


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
