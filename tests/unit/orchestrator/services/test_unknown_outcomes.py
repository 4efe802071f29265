"""What neither a step's own records nor the target can tell: a question for a person, and what the answers lead to."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.domain import events as e
from orchestrator.domain.errors import Interrupted, OutcomeUnknown
from orchestrator.domain.lifecycle import State
from orchestrator.services.abort import abort
from orchestrator.services.decide import decide
from orchestrator.services.execute import Consent, advance
from orchestrator.services.ports import Settled
from orchestrator.services.repository import load
from orchestrator.services.slot import claimant
from tests.unit.orchestrator.services.ports import ended_with
from tests.unit.orchestrator.services.workspace import SLOT, YES, World, die


@pytest.fixture
def unknown(world: World) -> tuple[World, str]:
    """Killed in step-2, of which the target cannot tell; the question was put."""
    world.configure(script={"unknown_at": "step-2"})
    world.before["step-2"] = die
    deployment_id = world.crash("1.0.0")
    with pytest.raises(OutcomeUnknown, match="nobody knows whether step-2 was done"):
        world.resume(deployment_id)
    return world, deployment_id


def test_an_unknown_outcome_becomes_a_question(unknown: tuple[World, str]) -> None:
    world, deployment_id = unknown

    asked = world.deployment(deployment_id).open_decision

    assert asked is not None
    assert (asked.decision_id, asked.detail["step"]) == ("step_outcome", "step-2")
    assert [option["id"] for option in asked.options] == ["done", "not_done", "abort"]
    assert world.types(deployment_id)[-2:] == ["StepProbed", "DecisionRequested"]
    assert world.effects == ["step-1"]


def test_asking_again_puts_no_second_question(unknown: tuple[World, str]) -> None:
    world, deployment_id = unknown

    with pytest.raises(OutcomeUnknown):
        world.resume(deployment_id)

    assert world.types(deployment_id).count("DecisionRequested") == 1


@pytest.mark.parametrize(("answer", "made"), [("done", ["step-1", "step-3"]), ("not_done", ["step-1", "step-2", "step-3"])])
def test_a_persons_answer_leads_on(unknown: tuple[World, str], answer: str, made: list[str]) -> None:
    world, deployment_id = unknown
    workspace = world.process(actor="eve@desk")
    decide(workspace, load(workspace, deployment_id), "step_outcome", answer, how="decide")

    journal = world.resume(deployment_id)

    assert journal.deployment.state is State.VERIFIED
    assert journal.deployment.open_decision is None
    assert world.effects == made
    probed = [event for event in world.events(deployment_id) if isinstance(event, e.StepProbed)][-1]
    assert (probed.answer, probed.detail) == (answer, "eve@desk says so")


def test_the_answer_abort_closes_it_and_frees_the_slot(unknown: tuple[World, str]) -> None:
    world, deployment_id = unknown
    workspace = world.process()

    decide(workspace, load(workspace, deployment_id), "step_outcome", "abort", how="decide", reason="looks bad")

    done = world.deployment(deployment_id)
    assert (done.state, done.aborted and done.aborted.reason, done.aborted and done.aborted.effect) == (
        State.ABORTED,
        "looks bad",
        True,
    )
    assert claimant(workspace, SLOT) is None


def test_an_answer_holds_for_one_step_only(world: World) -> None:
    world.configure(script={"unknown_at": "step-1"})
    world.before["step-1"] = die
    deployment_id = world.crash("1.0.0")
    with pytest.raises(OutcomeUnknown):
        world.resume(deployment_id)
    workspace = world.process()
    decide(workspace, load(workspace, deployment_id), "step_outcome", "done", how="decide")
    world.configure(script={"unknown_at": "step-2"})
    world.before["step-2"] = die
    with world.dying():
        world.resume(deployment_id)

    with pytest.raises(OutcomeUnknown, match="step-2"):
        world.resume(deployment_id)

    asked = world.deployment(deployment_id).open_decision
    assert asked is not None and asked.detail["step"] == "step-2"


def test_the_same_step_is_asked_about_again_when_it_was_started_again(unknown: tuple[World, str]) -> None:
    world, deployment_id = unknown
    workspace = world.process()
    decide(workspace, load(workspace, deployment_id), "step_outcome", "not_done", how="decide")
    world.before["step-2"] = die
    with world.dying():
        world.resume(deployment_id)

    with pytest.raises(OutcomeUnknown):
        world.resume(deployment_id)

    assert world.deployment(deployment_id).open_decision is not None


def test_a_target_that_can_tell_after_all_answers_the_question_itself(unknown: tuple[World, str]) -> None:
    world, deployment_id = unknown
    world.configure(script={"unknown_at": None})

    journal = world.resume(deployment_id)

    assert journal.deployment.state is State.VERIFIED
    made = [event for event in world.events(deployment_id) if isinstance(event, e.DecisionMade)][-1]
    assert (made.decision_id, made.answer, made.how, made.by) == ("step_outcome", "not_done", "probe", "the target")
    assert journal.deployment.open_decision is None


def test_giving_up_a_way_back_that_nobody_can_tell_about_says_that_it_failed(tmp_path: Path) -> None:
    world = World(tmp_path, auto_rollback=True)
    world.deploy("1.0.0")
    world.configure(script={"bad_versions": ["1.1.0"], "unknown_at": "restore"})
    world.before["restore"] = die
    deployment_id = world.crash("1.1.0")
    with pytest.raises(OutcomeUnknown):
        world.resume(deployment_id)
    workspace = world.process(actor="eve@desk")

    decide(workspace, load(workspace, deployment_id), "step_outcome", "abort", how="decide")

    done = world.deployment(deployment_id)
    assert done.state is State.ROLLBACK_FAILED
    assert done.rollback_failure is not None
    assert (done.rollback_failure.step, "given up by eve@desk" in done.rollback_failure.message) == ("restore", True)
    assert claimant(workspace, SLOT) is None


@pytest.mark.parametrize(
    ("settled", "made"),
    [
        (Settled(started=False), 1),
        (Settled(started=True, exit_codes={"main": 0}), 0),
    ],
    ids=["never started", "ended with 0"],
)
def test_a_hooks_own_records_say_whether_it_ran(tmp_path: Path, settled: Settled, made: int) -> None:
    world = World(tmp_path, hooks={"before_deploy": [["migrate"]]})
    world.store.die_at = ("after", "StepStarted")
    deployment_id = world.crash("1.0.0")
    world.children.settled = {"deploy-before_deploy-1-1": settled}

    journal = world.resume(deployment_id)

    assert journal.deployment.state is State.VERIFIED
    assert len(world.children.ran) == made


@pytest.mark.parametrize(
    "settled", [Settled(started=True, exit_codes={"main": 143}), Settled(started=True, unknown="its records are gone")]
)
def test_a_hook_that_was_stopped_midway_is_a_question(tmp_path: Path, settled: Settled) -> None:
    world = World(tmp_path, hooks={"before_deploy": [["migrate"]]})
    world.store.die_at = ("after", "StepStarted")
    deployment_id = world.crash("1.0.0")
    world.children.settled = {"deploy-before_deploy-1-1": settled}

    with pytest.raises(OutcomeUnknown):
        world.resume(deployment_id)

    assert world.children.ran == []


def test_on_another_boot_the_target_is_asked_and_nothing_concluded(world: World) -> None:
    world.after["step-2"] = die
    deployment_id = world.crash("1.0.0")

    journal = world.resume(deployment_id, boot_id="boot-2")

    assert journal.deployment.state is State.VERIFIED
    assert world.effects == ["step-1", "step-2", "step-3"]


def test_a_step_that_only_waits_is_done_again(world: World) -> None:
    world.configure(script={"steps": [{"name": "one", "live": True}, {"name": "wait", "effect": False}]})
    world.before["wait"] = die
    deployment_id = world.crash("1.0.0")

    journal = world.resume(deployment_id)

    assert journal.deployment.state is State.VERIFIED
    assert journal.deployment.forward is not None and journal.deployment.forward.records["wait"].attempt == 2


def test_a_repeatable_step_of_which_nobody_knows_is_done_again(world: World) -> None:
    world.configure(
        script={"steps": [{"name": "build", "repeatable": True}, {"name": "go", "live": True}], "unknown_at": "build"}
    )
    world.after["build"] = die
    deployment_id = world.crash("1.0.0")

    world.resume(deployment_id)

    assert world.effects == ["build", "build", "go"]


def test_what_an_abandoned_attempt_printed_is_kept_when_it_is_made_again(tmp_path: Path) -> None:
    world = World(tmp_path, script={"steps": [{"name": "one", "child": True}, {"name": "two", "live": True}]})
    world.before["one"] = lambda run: (run.command(["half"]), die(run))[1]
    world.children.results = {"half": ended_with(0, stdout="half done\n")}
    deployment_id = world.crash("1.0.0")

    world.resume(deployment_id)

    probed = next(event for event in world.events(deployment_id) if isinstance(event, e.StepProbed))
    assert (probed.answer, probed.output) == ("not_done", {"attachment": "deploy/one/1"})
    assert world.children.left == []


def test_aborting_an_interrupted_deployment_stops_its_children_keeps_their_output_and_frees_the_slot(tmp_path: Path) -> None:
    world = World(tmp_path, hooks={"before_deploy": [["migrate"]]})
    world.children.results = {"migrate": ended_with(143, stdout="half way\n", interrupted=True)}
    journal = world.begin()
    with pytest.raises(Interrupted):
        advance(world.process(), journal, YES)
    workspace = world.process(actor="eve@desk")

    abort(workspace, load(workspace, journal.deployment.id), reason="wrong version")

    done = world.deployment(journal.deployment.id)
    assert (done.state, done.aborted and done.aborted.by) == (State.ABORTED, "eve@desk")
    assert world.children.waits == [0]
    assert b"half way" in world.everything()
    assert world.children.left == []
    assert claimant(workspace, SLOT) is None


def test_an_interrupted_one_can_be_resumed_by_execute_too(world: World) -> None:
    world.before["step-2"] = die
    deployment_id = world.crash("1.0.0")
    workspace = world.process()
    journal = load(workspace, deployment_id)

    advance(workspace, journal, Consent(yes=True))

    assert journal.deployment.state is State.VERIFIED
