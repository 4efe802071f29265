"""Answers of others while a process is at work: left to it, taken over once with who and why, and never lost silently."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from eventstore import GuardFailed, WrongExpectedVersion
from orchestrator.domain import events as e
from orchestrator.domain.errors import DecisionOpen, IllegalTransition, NotConfirmed, UsageProblem
from orchestrator.domain.ids import decisions_of
from orchestrator.domain.lifecycle import State
from orchestrator.domain.side_events import DecisionGiven
from orchestrator.services import decide as deciding
from orchestrator.services import decisions
from orchestrator.services.codec import CODEC
from orchestrator.services.decide import answer, ask_to_abort, await_taken, decide, not_taken, take_over
from orchestrator.services.execute import Consent, advance
from orchestrator.services.repository import Journal, load
from orchestrator.services.slot import give_back, hold, take
from orchestrator.services.workspace import Workspace
from tests.unit.orchestrator.services.workspace import YES, World, die

BOB: dict[str, Any] = {"actor": "bob@ci-8", "pid": 200}


def bob(world: World, deployment_id: str) -> tuple[Any, Journal]:
    """Bob's process, with the deployment as the store has it."""
    workspace = world.process(**BOB)
    return workspace, load(workspace, deployment_id)


def given(world: World, deployment_id: str) -> list[DecisionGiven]:
    events = [CODEC.decode(recorded) for recorded in world.store.read_stream(decisions_of(deployment_id))]
    return [event for event in events if isinstance(event, DecisionGiven)]


def held_at_its_question(world: World) -> tuple[Any, Journal]:
    """A process of Ann's that has reserved the slot (as `--all` does) and waits for its confirmation."""
    workspace = world.process()
    journal = world.begin(workspace)
    take(workspace, journal)
    with pytest.raises(DecisionOpen):
        advance(workspace, journal, Consent())
    return workspace, journal


def answered(journal: Journal) -> e.DecisionMade:
    made = journal.deployment.answers["confirm_deploy"]
    assert isinstance(made, e.DecisionMade)
    return made


# Answers


def test_an_answer_is_left_to_the_process_at_work_which_takes_it_over(world: World) -> None:
    anns, journal = held_at_its_question(world)
    bobs, seen = bob(world, journal.deployment.id)

    left = answer(bobs, seen, "confirm_deploy", "proceed", how="decide", reason="CHG-7")
    before = world.types(journal.deployment.id)
    advance(anns, journal, Consent())

    assert left.given == 0 and "DeploymentConfirmed" not in before
    made, confirmed = answered(journal), journal.deployment.confirmation
    assert (made.by, made.how, made.reason, made.given) == ("bob@ci-8", "decide", "CHG-7", 0)
    assert made.given_at == next(iter(world.store.read_stream(decisions_of(seen.deployment.id)))).time
    assert confirmed is not None and (confirmed.by, confirmed.reason) == ("bob@ci-8", "CHG-7")
    assert world.deployment(journal.deployment.id).state is State.VERIFIED


def test_who_wrote_it_down_and_who_gave_it_are_both_on_record(world: World) -> None:
    anns, journal = held_at_its_question(world)
    bobs, seen = bob(world, journal.deployment.id)
    answer(bobs, seen, "confirm_deploy", "proceed", how="decide")

    take_over(anns, journal)

    (left,) = given(world, journal.deployment.id)
    assert (left.by, left.host) == ("bob@ci-8", "ci-7")
    assert world.metadata(journal.deployment.id)[-1]["actor"] == "ann@ci-7"


def test_nothing_is_taken_over_twice(world: World) -> None:
    anns, journal = held_at_its_question(world)
    bobs, seen = bob(world, journal.deployment.id)
    answer(bobs, seen, "confirm_deploy", "dry_run_first", how="decide")

    first, second = take_over(anns, journal), take_over(anns, journal)

    assert (first, second) == (True, False)
    assert world.types(journal.deployment.id).count("DecisionMade") == 1


def test_where_nobody_is_at_work_the_answer_is_recorded_at_once(world: World) -> None:
    journal = world.prepared()
    with pytest.raises(DecisionOpen):
        advance(world.process(), journal, Consent())
    bobs, seen = bob(world, journal.deployment.id)

    done = answer(bobs, seen, "confirm_deploy", "proceed", how="decide")

    assert done.given is None
    assert world.deployment(seen.deployment.id).state is State.CONFIRMED
    assert given(world, seen.deployment.id) == []


def test_what_is_no_option_is_refused_with_the_options_and_left_to_nobody(world: World) -> None:
    _, journal = held_at_its_question(world)
    bobs, seen = bob(world, journal.deployment.id)

    with pytest.raises(UsageProblem, match="confirm_deploy=yes: expected one of proceed, dry_run_first, abort"):
        answer(bobs, seen, "confirm_deploy", "yes", how="decide")

    assert given(world, journal.deployment.id) == []
    assert world.deployment(journal.deployment.id).state is State.PREPARED


def test_an_answer_that_comes_too_late_is_on_record_as_not_taken(world: World) -> None:
    anns, journal = held_at_its_question(world)
    bobs, seen = bob(world, journal.deployment.id)
    answer(bobs, seen, "confirm_deploy", "proceed", how="decide")
    carls = world.process(actor="carl@ci-9", pid=300)
    late = answer(carls, load(carls, journal.deployment.id), "confirm_deploy", "abort", how="decide", reason="no!")
    assert late.given is not None

    advance(anns, journal, Consent())

    done = world.deployment(journal.deployment.id)
    refused = not_taken(done, late.given)
    assert done.state is State.VERIFIED
    assert refused is not None and (refused.by, refused.answer, refused.reason) == ("carl@ci-9", "abort", "no!")
    assert "It was answered before: proceed, by bob@ci-8 (decide)" in refused.message


def test_an_answer_that_a_rule_refuses_is_refused_to_who_gives_it(world: World) -> None:
    world.document["environments"] = {"default": {"approvals": 1}}
    _, journal = held_at_its_question(world)
    anns = world.process(pid=101)

    with pytest.raises(NotConfirmed, match="needs a second person"):
        answer(anns, load(anns, journal.deployment.id), "confirm_deploy", "proceed", how="decide")

    assert given(world, journal.deployment.id) == []


def test_no_append_of_another_ever_collides_with_the_process_at_work(world: World) -> None:
    found: list[str] = []

    def meddle(_run: Any) -> None:
        bobs, seen = bob(world, journal.deployment.id)
        with pytest.raises(UsageProblem, match="no question is open"):
            answer(bobs, seen, "confirm_deploy", "proceed", how="decide")
        ask_to_abort(bobs, seen, reason="stop it")
        world.clock.sleep(1)
        found.append(str(seen.deployment.state))

    world.before["step-2"] = meddle
    workspace = world.process()
    journal = world.begin(workspace)

    advance(workspace, journal, YES)

    assert found == ["executing"]
    assert journal.deployment.state is State.ABORTED


def test_whoever_takes_the_slot_at_the_same_moment_is_not_overtaken(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = world.prepared()
    with pytest.raises(DecisionOpen):
        advance(world.process(), journal, Consent())
    bobs, seen = bob(world, journal.deployment.id)
    anns, held = world.process(), decisions.held_elsewhere

    def looked_too_early(workspace: Workspace, journal_: Journal) -> bool:
        found = held(workspace, journal_)
        take(anns, journal)
        return found

    monkeypatch.setattr(deciding, "held_elsewhere", looked_too_early)
    with pytest.raises(GuardFailed):
        decide(bobs, seen, "confirm_deploy", "proceed", how="decide")

    journal.record(e.DeploymentRefused(rule="test", message="Ann's own append still fits"))
    assert world.types(journal.deployment.id)[-2:] == ["DecisionRequested", "DeploymentRefused"]


# Abort


def test_a_running_deployment_stops_before_its_next_step(world: World) -> None:
    def stop(_run: Any) -> None:
        bobs, seen = bob(world, journal.deployment.id)
        assert ask_to_abort(bobs, seen, reason="wrong version") == 0
        world.clock.sleep(1)

    world.before["step-2"] = stop
    workspace = world.process()
    journal = world.begin(workspace)

    advance(workspace, journal, YES)

    done = world.deployment(journal.deployment.id)
    assert world.effects == ["step-1", "step-2"]  # what ran was finished
    assert done.state is State.ABORTED and done.aborted is not None
    assert (done.aborted.by, done.aborted.reason, done.aborted.effect) == ("bob@ci-8", "wrong version", True)
    assert world.types(done.id)[-3:] == ["StepSucceeded", "DecisionMade", "DeploymentAborted"]
    assert world.slot_events()[-1] == "SlotReleased"


def test_after_the_last_step_there_is_nothing_to_abort_and_that_is_said(world: World) -> None:
    def stop(_run: Any) -> None:
        bobs, seen = bob(world, journal.deployment.id)
        ask_to_abort(bobs, seen, reason="too late")

    world.before["step-3"] = stop
    workspace = world.process()
    journal = world.begin(workspace)

    advance(workspace, journal, YES)

    done = world.deployment(journal.deployment.id)
    assert done.state is State.VERIFIED
    (refused,) = done.not_taken
    assert (refused.decision_id, refused.by) == ("abort", "bob@ci-8") and "is verified: cannot abort" in refused.message


def test_an_abort_is_refused_at_once_where_all_steps_are_done(world: World) -> None:
    journal = world.deploy("1.0.0")
    workspace = world.process()
    with hold(workspace, journal):
        bobs, seen = bob(world, journal.deployment.id)

        with pytest.raises(IllegalTransition, match="is verified: cannot abort"):
            ask_to_abort(bobs, seen, reason="")

    assert given(world, journal.deployment.id) == []


def test_where_nobody_is_at_work_nobody_is_asked_to_stop(world: World) -> None:
    journal = world.prepared()
    bobs, seen = bob(world, journal.deployment.id)

    assert ask_to_abort(bobs, seen, reason="") is None


# Crashes


def test_an_answer_that_a_killed_process_has_not_taken_over_is_taken_once_by_the_next(world: World) -> None:
    anns, journal = held_at_its_question(world)
    bobs, seen = bob(world, journal.deployment.id)
    answer(bobs, seen, "confirm_deploy", "proceed", how="decide")
    world.store.die_at = ("before", "DeploymentConfirmed")
    with world.dying():
        advance(anns, journal, Consent())

    done = world.resume(journal.deployment.id, actor="carl@ci-9")

    assert done.deployment.state is State.VERIFIED
    assert answered(done).by == "bob@ci-8"
    assert world.types(done.deployment.id).count("DecisionMade") == 1


def test_an_answer_that_a_killed_process_has_just_taken_over_is_not_taken_again(world: World) -> None:
    anns, journal = held_at_its_question(world)
    bobs, seen = bob(world, journal.deployment.id)
    answer(bobs, seen, "confirm_deploy", "proceed", how="decide")
    world.store.die_at = ("after", "DeploymentConfirmed")
    with world.dying():
        advance(anns, journal, Consent())

    done = world.resume(journal.deployment.id, actor="carl@ci-9")

    assert done.deployment.state is State.VERIFIED
    assert world.types(done.deployment.id).count("DecisionMade") == 1
    assert done.deployment.not_taken == []


def test_a_request_to_stop_outlives_the_process_that_was_asked_and_comes_before_any_question(world: World) -> None:
    world.configure(script={"unknown_at": "step-2"})

    def stop_and_die(run: Any) -> None:
        bobs, seen = bob(world, journal.deployment.id)
        ask_to_abort(bobs, seen, reason="it hangs")
        die(run)

    world.before["step-2"] = stop_and_die
    workspace = world.process()
    journal = world.begin(workspace)
    with world.dying():
        advance(workspace, journal, YES)

    done = world.resume(journal.deployment.id, actor="carl@ci-9")

    assert done.deployment.state is State.ABORTED
    assert done.deployment.aborted is not None and done.deployment.aborted.by == "bob@ci-8"
    assert world.effects == ["step-1"]
    probed = [event for event in world.events(done.deployment.id) if isinstance(event, e.StepProbed)]
    assert [event.detail for event in probed] == ["not asked: it was given up"]


# Waiting for it


def test_who_gave_it_sees_what_became_of_it(world: World) -> None:
    anns, journal = held_at_its_question(world)
    bobs, seen = bob(world, journal.deployment.id)
    left = answer(bobs, seen, "confirm_deploy", "proceed", how="decide")
    assert left.given is not None
    early = await_taken(bobs, seen, left.given, 0)

    take_over(anns, journal)

    assert not early
    assert await_taken(bobs, seen, left.given, 0)
    assert seen.deployment.state is State.CONFIRMED


def test_what_a_process_that_has_gone_left_is_dealt_with_by_who_gave_it(world: World) -> None:
    anns, journal = held_at_its_question(world)
    bobs, seen = bob(world, journal.deployment.id)
    left = answer(bobs, seen, "confirm_deploy", "proceed", how="decide")
    give_back(anns, journal)
    assert left.given is not None

    assert await_taken(bobs, seen, left.given, 0)
    assert world.deployment(journal.deployment.id).state is State.CONFIRMED


def test_a_secret_in_a_reason_is_not_stored(world: World) -> None:
    _, journal = held_at_its_question(world)
    bobs, seen = bob(world, journal.deployment.id)
    bobs.mask.add("hunter2-hunter2")

    answer(bobs, seen, "confirm_deploy", "proceed", how="decide", reason="login with hunter2-hunter2")

    assert b"hunter2" not in world.everything()
    assert given(world, journal.deployment.id)[0].reason == "login with ***"


def test_following_takes_in_what_others_recorded(world: World) -> None:
    journal = world.prepared()
    _, seen = bob(world, journal.deployment.id)
    seen.record(e.DeploymentRefused(rule="x", message="y"))
    with pytest.raises(WrongExpectedVersion):
        journal.record(e.DeploymentRefused(rule="x", message="z"))

    behind = journal.behind()
    journal.catch_up()

    assert behind and not journal.behind()
    assert journal.version == seen.version
    assert [refusal.message for refusal in journal.deployment.refusals] == ["y"]


@pytest.fixture
def two(tmp_path: Path) -> World:
    world = World(tmp_path, targets={})
    for name in ("web", "api", "shop", "blog", "docs"):
        world.configure(name)
    return world


def test_of_more_than_four_targets_four_are_shown_and_any_is_taken(two: World) -> None:
    journal = two.begin(target=None, mode=None)
    with pytest.raises(DecisionOpen):
        advance(two.process(), journal, Consent())
    decide(two.process(), journal, "deploy_target", "specific", how="decide")
    with pytest.raises(DecisionOpen):
        advance(two.process(), journal, Consent())
    asked = journal.deployment.open_decision
    assert asked is not None

    decide(two.process(), journal, "deploy_target_name", "docs", how="decide")
    advance(two.process(), journal, Consent())

    assert [option["id"] for option in asked.options] == ["web", "api", "shop", "blog"]
    assert asked.detail == {"also": ["docs"]}
    assert (journal.deployment.target, journal.deployment.state) == ("docs", State.SIMULATED)
