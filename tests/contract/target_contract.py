"""What every kind of target must keep, whatever it deploys to: `TargetContract`. Collected by `test_targets.py` for each kind."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from orchestrator.domain.errors import CanaryUnsupported
from orchestrator.domain.plan import Mode, Plan, Release, Slot, Step
from orchestrator.targets.base import Answer, CheckStatus, ForeignResource, StepError, Target
from tests.contract.harness import Harness

FIRST, SECOND = "deploy-20260318-143022-aaaa", "deploy-20260318-150000-bbbb"


def deployed(
    harness: Harness, version: str, deployment_id: str, reference: Release | None = None
) -> tuple[Target, Plan, Release]:
    """A target with *version* deployed to it, the plan, and the release that it made."""
    harness.change_source(version)
    target = harness.target()
    plan = target.plan(harness.request(version, reference=reference))
    outcomes = harness.run(target, plan, deployment_id)
    return target, plan, target.release(plan, deployment_id, outcomes)


@contextmanager
def unchanged(harness: Harness) -> Iterator[None]:
    """Fails when the world is not the same afterwards."""
    before = harness.world()
    yield
    after = harness.world()

    assert after == before


class TargetContract:
    """The tests ask for a fixture `harness`."""

    def test_makes_the_same_plan_from_the_same_request(self, harness: Harness) -> None:
        first = harness.target().plan(harness.request("1.0.0"))
        second = harness.target().plan(harness.request("1.0.0"))

        assert first == second
        assert first.digest == second.digest

    def test_makes_another_plan_for_another_version(self, harness: Harness) -> None:
        target = harness.target()

        assert target.plan(harness.request("1.0.0")).digest != target.plan(harness.request("1.0.1")).digest

    def test_gives_a_dry_run_the_digest_of_the_live_run(self, harness: Harness) -> None:
        target = harness.target()

        dry = target.plan(harness.request("1.0.0", mode=Mode.DRY_RUN))

        assert dry.digest == target.plan(harness.request("1.0.0", mode=Mode.DEPLOY)).digest
        assert dry.mode.live

    def test_refuses_a_canary_that_it_cannot_do(self, harness: Harness) -> None:
        target = harness.target()
        if target.supports_canary:
            pytest.skip(f"{target.kind} has a canary")

        with pytest.raises(CanaryUnsupported):
            target.plan(harness.request("1.0.0", mode=Mode.CANARY))

    def test_plans_what_the_request_says(self, harness: Harness) -> None:
        request = harness.request("1.0.0")

        plan = harness.target().plan(request)

        assert (plan.kind, plan.version, plan.inputs) == (harness.kind, "1.0.0", request.inputs)
        assert (plan.target, plan.environment) == ("web", "staging")
        assert (plan.release.version, plan.release.commit_sha) == ("1.0.0", request.commit_sha)

    def test_gives_every_step_a_name_of_its_own_and_a_title(self, harness: Harness) -> None:
        steps = harness.target().plan(harness.request("1.0.0")).steps

        assert steps
        assert all(step.name and step.title and step.kind for step in steps)
        assert len({step.name for step in steps}) == len(steps)
        assert any(step.live and step.effect for step in steps)

    def test_plans_survive_json(self, harness: Harness) -> None:
        plan = harness.target().plan(harness.request("1.0.0"))

        read = Plan.from_json(json.loads(json.dumps(plan.to_json())))

        assert read == plan
        assert read.digest == plan.digest

    def test_changes_nothing_by_planning_and_asking(self, harness: Harness) -> None:
        target = harness.target()

        with unchanged(harness):
            plan = target.plan(harness.request("1.0.0"))
            list(target.preflight(plan))
            target.observe()
            target.diagnostics()
            for step in plan.steps:
                target.probe(step, FIRST, {})
            list(target.verify(plan, FIRST, {}))

    def test_passes_its_preflight_where_all_is_well(self, harness: Harness) -> None:
        target = harness.target()

        checks = list(target.preflight(target.plan(harness.request("1.0.0"))))

        assert checks
        assert not [check for check in checks if check.status is CheckStatus.FAIL]
        assert all(check.name and check.message for check in checks)

    def test_observes_nothing_where_nothing_was_deployed(self, harness: Harness) -> None:
        assert harness.target().observe() is None

    def test_fails_the_verification_of_what_was_never_deployed(self, harness: Harness) -> None:
        target = harness.target()
        plan = target.plan(harness.request("1.0.0"))

        assert CheckStatus.FAIL in {check.status for check in target.verify(plan, FIRST, {})}

    def test_probes_each_step_as_not_done_before_and_as_done_after(self, harness: Harness) -> None:
        target = harness.target()
        plan = target.plan(harness.request("1.0.0"))
        outcomes = {}

        for step in plan.steps:
            before = target.probe(step, FIRST, outcomes)
            outcome = target.apply(step, harness.step_run(step, FIRST, outcomes))
            with unchanged(harness):
                after = target.probe(step, FIRST, outcomes)
            outcomes[step.name] = outcome.data
            if step.effect and not step.repeatable:
                assert before.answer is Answer.NOT_DONE, (step.name, before)
                assert after.answer is Answer.DONE, (step.name, after)
                assert dict(after.data) == dict(outcome.data), step.name

    def test_takes_no_step_of_another_deployment_for_its_own(self, harness: Harness) -> None:
        target, plan, _ = deployed(harness, "1.0.0", FIRST)

        answers = {step.name: target.probe(step, SECOND, {}).answer for step in plan.steps if step.effect and step.live}

        assert Answer.DONE not in answers.values(), answers

    def test_leads_to_the_same_when_repeatable_steps_are_done_again(self, harness: Harness) -> None:
        """What resume does with such a step when nobody knows whether it was done."""
        target = harness.target()
        plan = target.plan(harness.request("1.0.0"))
        outcomes = {}
        for step in plan.steps:
            outcomes[step.name] = target.apply(step, harness.step_run(step, FIRST, outcomes)).data
            if step.repeatable or not step.effect:
                outcomes[step.name] = target.apply(step, harness.step_run(step, FIRST, outcomes, attempt=2)).data

        assert target.observe() == target.release(plan, FIRST, outcomes)
        assert {check.status for check in target.verify(plan, FIRST, outcomes)} == {CheckStatus.PASS}

    def test_gives_outcomes_that_survive_json(self, harness: Harness) -> None:
        target = harness.target()
        plan = target.plan(harness.request("1.0.0"))

        outcomes = {name: dict(data) for name, data in harness.run(target, plan, FIRST).items()}

        assert json.loads(json.dumps(outcomes)) == outcomes

    def test_verifies_what_was_deployed(self, harness: Harness) -> None:
        target = harness.target()
        plan = target.plan(harness.request("1.0.0"))
        outcomes = harness.run(target, plan, FIRST)

        with unchanged(harness):
            checks = list(target.verify(plan, FIRST, outcomes))

        assert {check.status for check in checks} == {CheckStatus.PASS}, checks

    def test_observes_the_release_that_was_deployed(self, harness: Harness) -> None:
        target, plan, release = deployed(harness, "1.0.0", FIRST)

        with unchanged(harness):
            observed = target.observe()

        assert observed == release
        assert (release.version, release.deployment_id) == ("1.0.0", FIRST)
        assert release.commit_sha == plan.release.commit_sha
        assert Release.from_json(json.loads(json.dumps(release.to_json()))) == release
        assert isinstance(target.url(release), str)

    def test_replaces_one_release_by_the_next(self, harness: Harness) -> None:
        _, _, first = deployed(harness, "1.0.0", FIRST)

        target, _, second = deployed(harness, "1.1.0", SECOND, first)

        assert target.observe() == second
        assert second.artifacts != first.artifacts

    def test_leads_back_to_the_release_before(self, harness: Harness) -> None:
        _, _, first = deployed(harness, "1.0.0", FIRST)
        target, failed, _ = deployed(harness, "1.1.0", SECOND, first)

        back = target.rollback(failed, first)
        checks = list(target.preflight(back))
        outcomes = harness.run(target, back, SECOND)

        assert not [check for check in checks if check.status is CheckStatus.FAIL]
        assert target.observe() == first
        assert target.release(back, SECOND, outcomes) == first
        assert {check.status for check in target.verify(back, SECOND, outcomes)} == {CheckStatus.PASS}

    def test_probes_the_steps_of_a_rollback(self, harness: Harness) -> None:
        _, _, first = deployed(harness, "1.0.0", FIRST)
        target, failed, _ = deployed(harness, "1.1.0", SECOND, first)
        outcomes = {}

        for step in target.rollback(failed, first).steps:
            before = target.probe(step, SECOND, outcomes)
            outcomes[step.name] = target.apply(step, harness.step_run(step, SECOND, outcomes)).data
            after = target.probe(step, SECOND, outcomes)
            if step.effect and not step.repeatable:
                assert (before.answer, after.answer) == (Answer.NOT_DONE, Answer.DONE), (step.name, before, after)
                assert dict(after.data) == dict(outcomes[step.name])

    def test_plans_rollbacks_that_are_pure_and_survive_json(self, harness: Harness) -> None:
        _, _, first = deployed(harness, "1.0.0", FIRST)
        target, failed, _ = deployed(harness, "1.1.0", SECOND, first)

        with unchanged(harness):
            back = target.rollback(failed, first)

        assert target.rollback(failed, first).digest == back.digest
        assert Plan.from_json(json.loads(json.dumps(back.to_json()))) == back
        assert (back.version, back.release) == ("1.0.0", first)

    def test_rolls_back_harmlessly_when_nothing_was_switched(self, harness: Harness) -> None:
        """The first step of 1.1.0 was done, then something failed: 1.0.0 is live and must stay so."""
        _, _, first = deployed(harness, "1.0.0", FIRST)
        harness.change_source("1.1.0")
        target = harness.target()
        failed = target.plan(harness.request("1.1.0", reference=first))
        step = failed.steps[0]
        target.apply(step, harness.step_run(step, SECOND, {}))

        back = target.rollback(failed, first)
        outcomes = harness.run(target, back, SECOND)

        assert target.observe() == first
        assert {check.status for check in target.verify(back, SECOND, outcomes)} == {CheckStatus.PASS}

    def test_touches_nothing_that_is_not_its_own(self, harness: Harness) -> None:
        harness.make_foreign()
        target = harness.target()

        with unchanged(harness):
            with pytest.raises(ForeignResource, match="adopt"):
                target.observe()
            refused = refusal(harness, target)

        assert refused is not None

    def test_touches_nothing_of_another_slot(self, harness: Harness) -> None:
        deployed(harness, "1.0.0", FIRST)
        target = harness.target(slot=Slot("shop", "production", "web"))

        with unchanged(harness):
            with pytest.raises(ForeignResource, match="adopt"):
                target.observe()
            refused = refusal(harness, target)

        assert refused is not None

    def test_takes_over_what_is_not_its_own_when_told_to(self, harness: Harness) -> None:
        harness.make_foreign()
        target = harness.target(adopt=True)
        plan = target.plan(harness.request("1.0.0"))

        before = target.observe()
        outcomes = harness.run(target, plan, FIRST)

        assert before is None
        assert target.observe() == target.release(plan, FIRST, outcomes)


def refusal(harness: Harness, target: Target) -> Step | None:
    """The first step of a plan that the target refuses to apply, with all before it applied; None when it refuses none."""
    outcomes = {}
    for step in target.plan(harness.request("2.0.0")).steps:
        try:
            outcomes[step.name] = target.apply(step, harness.step_run(step, SECOND, outcomes)).data
        except StepError:
            return step
    return None
