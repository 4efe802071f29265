"""What prepare, verify and rollback answer."""

from __future__ import annotations

import pytest

from orchestrator.projections.command_results import prepare_result, rollback_result, simulated_rollback, verify_result
from orchestrator.projections.step_results import CheckResult
from tests.unit.orchestrator.stories import BACK, COMMIT, ID, OLD, Story, plan

HISTORY = ".claude/popkit/deploy.json"


def check(status: str) -> CheckResult:
    return CheckResult(phase="verify", name=status, status=status, message="", duration_s=0)


def test_a_prepared_plan_names_its_steps_its_digest_and_its_way_back() -> None:
    result = prepare_result(Story().prepared(auto_rollback=True).deployment)

    assert (result.deployment_id, result.plan_digest, result.state) == (ID, plan().digest, "prepared")
    assert (result.target, result.environment, result.version, result.mode) == ("docker", "production", "1.2.0", "deploy")
    assert [step.step for step in result.steps] == ["build", "push", "update", "wait", "health_check"]
    assert {step.status for step in result.steps} == {"pending"}
    assert (result.rollback_version, result.live_version, result.auto_rollback) == ("1.0.0", "1.0.0", True)
    assert (result.commit_sha, result.dirty, result.dry_run) == (COMMIT, False, False)


def test_without_a_mode_a_live_deployment_is_planned() -> None:
    assert prepare_result(Story(mode=None).prepared().deployment).mode == "deploy"


def test_the_first_plan_of_a_slot_has_nothing_to_go_back_to() -> None:
    result = prepare_result(Story().prepared(reference=None, observed=None).deployment)

    assert (result.rollback_version, result.live_version) == (None, None)


def test_refuses_to_show_a_plan_that_is_not_there() -> None:
    with pytest.raises(ValueError, match="has no plan yet"):
        prepare_result(Story().deployment)


def test_a_verification_counts_its_checks() -> None:
    result = verify_result(Story().verified().deployment)

    assert (result.healthy, result.passed, result.total, result.version) == (True, 2, 2, "1.2.0")
    assert [check.name for check in result.checks] == ["running digest", "health check"]


@pytest.mark.parametrize(
    ("statuses", "healthy"),
    [
        (["pass"], True),
        (["pass", "skip"], True),
        (["pass", "warn"], True),
        (["pass", "fail"], False),
        (["skip"], False),
        ([], False),
    ],
)
def test_only_a_pass_without_a_failure_is_healthy(statuses: list[str], healthy: bool) -> None:
    result = verify_result(Story().verified().deployment, checks=[check(status) for status in statuses])

    assert (result.healthy, result.total) == (healthy, len(statuses))


def test_after_a_rollback_the_restored_version_is_what_was_verified() -> None:
    result = verify_result(Story().unhealthy().rolled_back().deployment)

    assert (result.version, result.healthy, [check.phase for check in result.checks]) == ("1.0.0", True, ["rollback_verify"])


def test_a_rollback_names_what_it_left_and_what_it_restored() -> None:
    result = rollback_result(Story().unhealthy().rolled_back().deployment, history_path=HISTORY)

    assert (result.version, result.rollback_to, result.success, result.result) == ("1.2.0", "1.0.0", True, "ROLLED BACK to 1.0.0")
    assert (result.duration_ms, result.history_path, result.error, result.dry_run) == (2000, HISTORY, None, False)
    assert [step.status for step in result.steps] == ["done", "passed"]
    assert result.plan_digest == plan(*BACK, version="1.0.0").digest


def test_a_failed_rollback_says_why() -> None:
    result = rollback_result(Story().unhealthy().rollback_failed().deployment, history_path=HISTORY)

    assert (result.success, result.result, result.diagnostics) == (False, "ROLLBACK FAILED", ("web: exited (1)",))
    assert result.error is not None and result.error.message == "no such container"


def test_a_rollback_that_is_interrupted_has_not_failed() -> None:
    result = rollback_result(Story().unhealthy().going_back().deployment, history_path=HISTORY)

    assert (result.result, result.error, result.finished_at, result.duration_ms) == ("INTERRUPTED", None, None, None)


def test_refuses_to_report_a_rollback_that_never_began() -> None:
    with pytest.raises(ValueError, match="has no rollback"):
        rollback_result(Story().verified().deployment, history_path=HISTORY)


def test_a_simulated_rollback_changes_nothing_and_says_how_to_do_it() -> None:
    result = simulated_rollback(Story().verified().deployment, plan(*BACK, version="1.0.0"), OLD, options=["--dir", "shop"])

    assert (result.dry_run, result.success, result.result, result.state) == (True, True, "SIMULATED", "verified")
    assert [step.status for step in result.steps] == ["simulated", "simulated"]
    assert result.next == (f"pop-deploy rollback {ID} --to 1.0.0 --dir shop",)
    assert (result.live_now, result.history_path, result.started_at) == ("1.2.0", None, None)


def test_a_simulated_rollback_with_a_failed_check_is_no_success() -> None:
    deployment = Story().verified().deployment

    result = simulated_rollback(deployment, plan(*BACK, version="1.0.0"), OLD, checks=[check("fail")])

    assert (result.success, result.result, result.next) == (False, "FAILED at preflight", ())
