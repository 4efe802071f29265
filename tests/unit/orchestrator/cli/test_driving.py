"""Driving a deployment from a command: which exit code, and what the report then says."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest

from orchestrator.cli import driving, errors
from orchestrator.cli.ui import Ui
from orchestrator.domain.errors import PopDeployError
from orchestrator.domain.lifecycle import State
from orchestrator.domain.plan import Mode
from orchestrator.rendering.progress import SilentProgress
from orchestrator.services.decide import ask_to_abort
from orchestrator.services.execute import Consent
from orchestrator.services.repository import Journal, load
from orchestrator.services.rollback import choose, roll_back
from orchestrator.services.slot import take
from tests.unit.orchestrator.services.workspace import YES, World, die


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def silent(*, as_json: bool = True) -> Ui:
    return Ui(as_json=as_json, interactive=False, progress=SilentProgress(), options=())


def drive(world: World, journal: Journal, consent: Consent = YES) -> driving.Ended:
    return driving.drive(world.process(), journal, consent, silent())


@pytest.mark.parametrize(
    ("script", "code"),
    [
        ({}, errors.DONE),
        ({"fail_at": "step-1"}, errors.FAILED),
        ({"verify": "fail"}, errors.FAILED),
        ({"bad_versions": ["1.1.0"]}, errors.ROLLED_BACK),
        ({"bad_versions": ["1.1.0"], "fail_at": "restore"}, errors.ROLLBACK_FAILED),
    ],
)
def test_the_end_of_a_deployment_decides_the_code(world: World, script: dict[str, object], code: int) -> None:
    if "bad_versions" in script:
        world.configure(auto_rollback=True)
        world.deploy("1.0.0")
        world.files.version = "1.1.0"
    world.configure(script=script)

    assert drive(world, world.begin()).code == code


@pytest.mark.parametrize(("automatic", "code"), [(False, errors.DONE), (True, errors.ROLLED_BACK)])
def test_a_way_back_that_is_resumed_ends_like_one_that_was_not_interrupted(world: World, automatic: bool, code: int) -> None:
    world.configure(auto_rollback=automatic)
    world.deploy("1.0.0")
    world.before["restore"] = die
    if automatic:
        world.configure(script={"bad_versions": ["1.1.0"]})
        left = world.crash("1.1.0")
    else:
        journal = world.deploy("1.1.0")
        left = journal.deployment.id
        with world.dying():
            roll_back(world.process(), journal, choose(world.process(), journal.deployment, None), reason="too slow")

    resumed = load(world.process(), left)

    assert (drive(world, resumed).code, resumed.deployment.state) == (code, State.ROLLED_BACK)


def test_a_question_is_3_and_the_deployment_stays(world: World) -> None:
    journal = world.begin()

    done = drive(world, journal, Consent(begun_here=True))

    assert (done.code, journal.deployment.state) == (errors.WAITING, State.PREPARED)


def test_a_refusal_is_5_and_closes_what_this_command_began(world: World) -> None:
    journal = world.begin(mode=Mode.CANARY)

    done = drive(world, journal)

    assert (done.code, journal.deployment.state, done.result.result) == (errors.REFUSED, State.ABORTED, "REFUSED")
    assert done.result.error is not None and "has no canary" in done.result.error.message


def test_a_refusal_leaves_what_another_command_began(world: World) -> None:
    journal = world.begin(mode=Mode.CANARY)

    done = drive(world, journal, Consent(yes=True))

    assert (done.code, journal.deployment.state) == (errors.REFUSED, State.REQUESTED)


def test_a_claimed_slot_is_8(world: World) -> None:
    world.before["step-1"] = die
    dead = world.crash("1.0.0")

    done = drive(world, world.begin())

    assert done.code == errors.INTERRUPTED
    assert done.result.error is not None and f"pop-deploy resume {dead}" in done.result.error.message


def test_a_store_that_fails_in_the_middle_is_8_because_nothing_has_ended(world: World) -> None:
    world.store.fail_at = "StepSucceeded"

    done = drive(world, world.begin())

    assert (done.code, done.result.success) == (errors.INTERRUPTED, False)
    assert done.result.error is not None and "no space left" in done.result.error.message
    assert done.result.next[0] == f"pop-deploy resume {done.result.deployment_id}"


def test_a_store_that_fails_before_anything_began_is_1(world: World) -> None:
    journal = world.begin()
    world.store.fail_at = "DeploymentPrepared"

    done = drive(world, journal)

    assert (done.code, journal.deployment.state) == (errors.FAILED, State.REQUESTED)


def test_a_signal_is_8(world: World) -> None:
    workspace = world.process()
    world.after["step-1"] = lambda _run: setattr(workspace.stop, "signal", signal.SIGTERM)

    done = driving.drive(workspace, world.begin(workspace), YES, silent())

    assert (done.code, done.result.result) == (errors.INTERRUPTED, "INTERRUPTED")


def test_a_history_that_could_not_be_written_is_not_claimed_to_be(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.history_file.unwritable = True
    ui = silent()

    done = driving.drive(world.process(), world.begin(), YES, ui)
    ui.report(done)
    ui.warn("deploy.json: permission denied")

    out, err = capsys.readouterr()
    assert done.code == errors.DONE
    assert json.loads(out)["history_path"] is None
    assert err.count("deploy.json: permission denied") == 1


def test_the_message_of_an_error_holds_no_secret(world: World) -> None:
    workspace = world.process()
    workspace.mask.add("hunter2-hunter2")  # type: ignore[attr-defined]
    journal = world.begin(workspace)

    done = driving.ended(workspace, journal, silent(), PopDeployError("login with hunter2-hunter2 refused"))

    assert done.result.error is not None and done.result.error.message == "login with *** refused"


def test_a_target_that_was_removed_has_no_url(world: World) -> None:
    journal = world.deploy("1.0.0")
    world.document["targets"] = {"other": {"type": "fake", "config": {"dir": "other"}}}

    done = driving.ended(world.process(), journal, silent())

    assert (done.code, done.result.deploy_url) == (errors.DONE, "")


@pytest.mark.parametrize(
    ("state", "code"),
    [
        ("failed", 1),
        ("deployed", 1),
        ("simulated", 1),
        ("rolled_back", 6),
        ("rollback_failed", 7),
        ("executing", 8),
        ("aborted", 0),
    ],
)
def test_states_without_success_have_their_codes(state: str, code: int) -> None:
    assert errors.code_of_state(state, success=False) == code


def test_a_deployment_that_another_one_gave_up_is_no_success_of_the_command_that_drove_it(world: World) -> None:
    workspace = world.process()
    journal = world.begin(workspace)
    take(workspace, journal)
    bobs = world.process(actor="bob@ci-8", pid=200)
    ask_to_abort(bobs, load(bobs, journal.deployment.id), reason="wrong version")

    done = driving.drive(workspace, journal, YES, silent())

    assert (done.code, journal.deployment.state, world.effects) == (errors.FAILED, State.ABORTED, [])
