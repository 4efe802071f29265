"""What the aggregate decides, and what it refuses."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from orchestrator.domain import events as e
from orchestrator.domain.errors import IllegalTransition, NotConfirmed, PlanStale
from orchestrator.domain.lifecycle import State, Trigger
from orchestrator.domain.plan import Mode
from tests.unit.orchestrator.stories import DIGEST, ID, STEPS, Story, dry_run, plan

# --- deciding -----------------------------------------------------------------


def test_a_confirmation_is_bound_to_the_digest_of_the_plan() -> None:
    deployment = Story().prepared().deployment
    digest = plan().digest

    confirmed = deployment.confirm(digest, how="yes", by="ann", reason="release day")

    assert confirmed == e.DeploymentConfirmed(plan_digest=digest, how="yes", by="ann", reason="release day")


def test_refuses_to_confirm_another_plan() -> None:
    deployment = Story().prepared().deployment

    with pytest.raises(PlanStale, match=f"the plan is {plan().digest}, not {DIGEST}") as stale:
        deployment.confirm(DIGEST, how="yes", by="ann", reason="")

    assert stale.value.differences == (f"plan: {DIGEST} -> {plan().digest}",)


def test_refuses_to_confirm_what_is_not_prepared() -> None:
    with pytest.raises(IllegalTransition, match="cannot confirm"):
        Story().deployment.confirm(DIGEST, how="yes", by="ann", reason="")


def test_refuses_to_confirm_a_dry_run() -> None:
    deployment = Story(mode="dry_run").prepared().deployment

    with pytest.raises(IllegalTransition, match="it is a dry run"):
        deployment.confirm(plan().digest, how="yes", by="ann", reason="")


@pytest.mark.parametrize("shorten", [lambda d: d, lambda d: d.removeprefix("sha256:"), lambda d: d[: len("sha256:") + 8]])
def test_a_digest_may_be_shortened_to_eight_digits(shorten: Callable[[str], str]) -> None:
    deployment = Story().prepared().deployment

    deployment.check_digest(shorten(plan().digest))


@pytest.mark.parametrize("digest", ["", "sha256:", plan().digest.removeprefix("sha256:")[:7], "0" * 64])
def test_refuses_a_digest_that_is_too_short_or_another(digest: str) -> None:
    deployment = Story().prepared().deployment

    with pytest.raises(PlanStale):
        deployment.check_digest(digest)


def test_refuses_to_execute_without_confirmation() -> None:
    deployment = Story().prepared().deployment

    with pytest.raises(NotConfirmed, match=f"pop-deploy confirm {ID}"):
        deployment.start(1)


def test_refuses_to_execute_with_the_confirmation_of_another_plan() -> None:
    story = Story().prepared().confirmed()
    story.deployment.confirmation = e.DeploymentConfirmed(plan_digest=DIGEST, how="yes", by="ann")

    with pytest.raises(NotConfirmed):
        story.deployment.start(1)


def test_refuses_to_execute_twice() -> None:
    deployment = Story().verified().deployment

    with pytest.raises(IllegalTransition, match="cannot execute"):
        deployment.start(8)


def test_execution_carries_its_epoch() -> None:
    assert Story().prepared().confirmed().deployment.start(7) == e.ExecutionStarted(epoch=7)
    assert Story().executing().deployment.epoch == 7


@pytest.mark.parametrize(
    ("story", "unchanged"),
    [
        (Story().executing(), True),
        (Story().executing().broke("build", 1, "no Dockerfile"), True),
        (Story().executing().done("build", 1).done("push", 1).broke("update", 1, "port taken"), False),
    ],
)
def test_a_failure_says_whether_the_target_is_as_it_was(story: Story, unchanged: bool) -> None:
    failure = story.deployment.fail("step", "message", trace="trace", diagnostics=("a", "b"))

    assert failure == e.DeploymentFailed(
        step="step", message="message", trace="trace", unchanged=unchanged, diagnostics=["a", "b"]
    )


def test_refuses_to_abort_what_is_verified() -> None:
    with pytest.raises(IllegalTransition, match="cannot abort"):
        Story().verified().deployment.abort(by="bob", reason="")


def test_require_asks_the_table() -> None:
    Story().verified().deployment.require(Trigger.ROLL_BACK)

    with pytest.raises(IllegalTransition):
        Story().prepared().deployment.require(Trigger.ROLL_BACK)


# --- dry runs -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("request_", "dry", "planned"),
    [
        ({"mode": "dry_run"}, True, Mode.DEPLOY),
        ({"mode": "canary", "simulate": True}, True, Mode.CANARY),
        ({"mode": "deploy"}, False, Mode.DEPLOY),
    ],
)
def test_a_dry_run_plans_the_live_deployment(request_: dict[str, object], dry: bool, planned: Mode) -> None:
    deployment = Story(**request_).deployment

    assert (deployment.dry_run, deployment.plan_mode) == (dry, planned)


@pytest.mark.parametrize("success", [True, False])
def test_a_dry_run_ends_in_simulated(success: bool) -> None:
    deployment = dry_run(success=success).deployment

    assert (deployment.state, deployment.simulated_ok, deployment.effect) == (State.SIMULATED, success, False)
    assert deployment.finished_at is not None and len(STEPS) == 4
