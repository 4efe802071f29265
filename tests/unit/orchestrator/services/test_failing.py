"""What follows a failure: the way back by itself where the configuration says so, and the commands of the user."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from orchestrator.domain import events as e
from orchestrator.domain.errors import PopDeployError
from orchestrator.domain.ids import stream_of
from orchestrator.domain.lifecycle import State
from orchestrator.services.deploy_history import publish_history
from orchestrator.targets.base import CheckStatus, SecretMissing, StepError
from tests.unit.orchestrator.services.ports import ended_with
from tests.unit.orchestrator.services.workspace import World

CHANGED = {"fail_at": "step-3", "outcome": "changed"}
"""The last step, the one that makes a release live, fails after its effect."""


@pytest.fixture
def world(tmp_path: Path) -> World:
    """1.0.0 is live and verified; what fails goes back by itself."""
    world = World(tmp_path, auto_rollback=True)
    world.deploy("1.0.0")
    world.configure(script={"bad_versions": ["1.1.0"]})
    return world


def test_a_failed_verification_goes_back_to_the_verified_release(world: World) -> None:
    journal = world.deploy("1.1.0")

    assert journal.deployment.state is State.ROLLED_BACK
    assert (world.live, world.running) == ("1.0.0", "1.0.0")
    assert journal.deployment.rollback is not None
    assert (journal.deployment.rollback.automatic, journal.deployment.rollback.by) == (True, "policy auto_rollback")
    assert journal.deployment.rollback.reason == "health_check failed"
    assert world.slot_events()[-1] == "SlotReleased"


def test_the_failure_and_the_start_of_the_way_back_are_one_append(world: World) -> None:
    world.deploy("1.1.0")

    assert ("deployment", ("DeploymentFailed", "RollbackStarted")) in world.store.appends


def test_the_rollback_is_a_record_of_its_own(world: World) -> None:
    world.deploy("1.1.0")

    back, failed, first = world.history_file.records
    assert (back["status"], back["version"], back["rollback_to"]) == ("rolled_back", "1.1.0", "1.0.0")
    assert (failed["status"], failed["version"], failed["error"]) == (
        "failed",
        "1.1.0",
        "live release: 1.1.0 is bad, as the script says",
    )
    assert (first["status"], first["version"]) == ("success", "1.0.0")


def test_a_step_that_changed_what_is_live_and_failed_goes_back(world: World) -> None:
    world.configure(script=CHANGED)

    journal = world.deploy("1.2.0")

    assert (journal.deployment.state, world.running) == (State.ROLLED_BACK, "1.0.0")
    assert journal.deployment.failure is not None
    assert (journal.deployment.failure.step, journal.deployment.failure.unchanged) == ("step-3", False)


def test_nothing_goes_back_when_nothing_live_was_touched(world: World) -> None:
    world.configure(script={"fail_at": "step-2"})

    journal = world.deploy("1.2.0")

    assert journal.deployment.state is State.FAILED
    assert journal.deployment.failure is not None and journal.deployment.failure.unchanged
    assert "RollbackStarted" not in world.types(journal.deployment.id)
    assert (world.live, world.running) == ("1.0.0", "1.0.0")


def test_nothing_goes_back_when_the_target_knows_that_the_step_changed_nothing(world: World) -> None:
    world.configure(script={"fail_at": "step-3"})

    journal = world.deploy("1.2.0")

    assert journal.deployment.state is State.FAILED
    assert journal.deployment.failure is not None and journal.deployment.failure.unchanged
    assert world.running == "1.0.0"


def test_nothing_goes_back_without_a_verified_release(tmp_path: Path) -> None:
    world = World(tmp_path, auto_rollback=True, script={"verify": "fail"})

    journal = world.deploy("1.0.0")

    assert journal.deployment.state is State.FAILED
    assert journal.deployment.failure is not None and not journal.deployment.failure.unchanged


def test_nothing_goes_back_unless_the_configuration_says_so(world: World) -> None:
    world.configure(auto_rollback=False)

    journal = world.deploy("1.1.0")

    assert journal.deployment.state is State.FAILED
    assert world.running == "1.1.0"


def test_nothing_goes_back_to_a_release_that_is_the_same(world: World) -> None:
    world.configure(script={"verify": "fail"})

    journal = world.deploy("1.0.0")

    assert journal.deployment.state is State.FAILED
    assert journal.deployment.reference is not None and journal.deployment.reference.version == "1.0.0"


def test_a_way_back_whose_step_fails_says_so_and_needs_a_person(world: World) -> None:
    world.before["restore"] = raising(StepError("the old release is gone", exit_code=3))

    journal = world.deploy("1.1.0")

    assert journal.deployment.state is State.ROLLBACK_FAILED
    assert journal.deployment.rollback_failure is not None
    assert (journal.deployment.rollback_failure.step, journal.deployment.rollback_failure.message) == (
        "restore",
        "the old release is gone",
    )
    assert world.slot_events()[-1] == "SlotReleased"
    assert world.history_file.records[0]["status"] == "failed"


def test_a_way_back_whose_release_is_not_healthy_says_so(world: World) -> None:
    world.configure(health_check={"url": "http://127.0.0.1:1/"}, script={"bad_versions": []})
    world.health = [CheckStatus.FAIL, CheckStatus.FAIL]

    journal = world.deploy("1.2.0")

    assert journal.deployment.state is State.ROLLBACK_FAILED
    assert journal.deployment.rollback_failure is not None
    assert journal.deployment.rollback_failure.message == "health check: as the test says"


def test_a_way_back_that_cannot_be_planned_does_not_keep_the_failure_off_the_record(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orchestrator.targets.fake.FakeTarget.rollback", raising(PopDeployError("its image is gone")))

    journal = world.deploy("1.1.0")

    assert journal.deployment.state is State.FAILED
    assert journal.deployment.failure is not None
    assert journal.deployment.failure.diagnostics[-1] == "not rolled back: its image is gone"


@pytest.mark.parametrize("what", ["rollback", "diagnostics", "verify"])
def test_no_mistake_in_a_target_keeps_a_failure_off_the_record(world: World, monkeypatch: pytest.MonkeyPatch, what: str) -> None:
    monkeypatch.setattr(f"orchestrator.targets.fake.FakeTarget.{what}", raising(KeyError("tags")))

    journal = world.deploy("1.1.0")

    assert journal.deployment.failure is not None
    assert world.deployment(journal.deployment.id).failure is not None
    assert world.slot_events()[-1] == "SlotReleased"


def test_a_verification_that_cannot_be_asked_fails_and_goes_back(world: World) -> None:
    world.configure(health_check={"url": "http://127.0.0.1:1/"}, script={"bad_versions": []})
    world.health = [SecretMissing("environment variable PROBE is not set")]

    journal = world.deploy("1.2.0")

    assert journal.deployment.state is State.ROLLED_BACK
    assert journal.deployment.failure is not None
    assert "PROBE is not set" in journal.deployment.failure.message


def test_nothing_that_could_be_asked_is_no_success(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(tmp_path)
    monkeypatch.setattr("orchestrator.targets.fake.FakeTarget.verify", lambda *_: iter(()))

    journal = world.deploy("1.0.0")

    assert journal.deployment.state is State.FAILED
    assert journal.deployment.failure is not None
    assert journal.deployment.failure.message == "no check could be asked: nothing proves that the release works"


# What a failed step leaves


def test_a_failed_step_keeps_message_code_output_and_trace(tmp_path: Path) -> None:
    world = World(tmp_path, hooks={"before_deploy": [["migrate", "up"]]})
    world.children.results = {"migrate": ended_with(3, stdout="migrating\n", stderr="table is locked\n")}

    journal = world.deploy("1.0.0")

    failed = next(event for event in world.events(journal.deployment.id) if isinstance(event, e.StepFailed))
    assert (failed.step, failed.exit_code, failed.stderr) == ("before_deploy-1", 3, "table is locked\n")
    assert failed.message == "migrate up: exit code 3\ntable is locked"
    assert "StepError" in failed.trace and "step_runner" in failed.trace
    assert failed.output == {"attachment": "deploy/before_deploy-1/1"}
    output = world.store.attachments(stream_of(journal.deployment.id), "deploy/before_deploy-1/1")
    assert b"".join(output) == b"migrating\ntable is locked\n"


def test_a_command_that_does_not_end_in_time_is_a_failure(tmp_path: Path) -> None:
    world = World(tmp_path, timeout_s=30, hooks={"before_deploy": [["migrate"]]})
    world.children.results = {"migrate": ended_with(143, stdout="still at it\n", timed_out=True)}

    journal = world.deploy("1.0.0")

    assert journal.deployment.failure is not None
    assert "migrate: no end after" in journal.deployment.failure.message
    assert "(timeout_s), stopped" in journal.deployment.failure.message
    assert "still at it" in journal.deployment.failure.message


def test_a_mistake_in_a_target_is_a_failure_of_its_step_and_goes_back(world: World) -> None:
    world.configure(script={"bad_versions": []})
    world.after["step-3"] = raising(KeyError("digest"))

    journal = world.deploy("1.2.0")

    assert journal.deployment.state is State.ROLLED_BACK
    assert journal.deployment.failure is not None
    assert journal.deployment.failure.message == "KeyError: 'digest'"
    assert "KeyError" in journal.deployment.failure.trace


def test_a_command_that_succeeded_before_the_step_failed_lends_it_no_exit_code(tmp_path: Path) -> None:
    world = World(tmp_path)

    def look_then_fail(run: Any) -> None:
        run.command(["look"])
        raise StepError("nothing there")

    world.before["step-1"] = look_then_fail

    journal = world.deploy("1.0.0")

    assert journal.deployment.forward is not None and journal.deployment.forward.failed is not None
    assert journal.deployment.forward.failed.exit_code is None


# on_failure


def test_the_users_commands_run_before_the_failure_is_final(world: World) -> None:
    world.configure(hooks={"on_failure": [["page", "ann"]]})

    journal = world.deploy("1.1.0")

    assert world.children.ran == [("page", "ann")]
    types = world.types(journal.deployment.id)
    last = len(types) - types[::-1].index("StepSucceeded") - 1
    assert types.index("DeploymentFailed") > types.index("CheckRecorded")
    assert journal.deployment.on_failure is not None and journal.deployment.on_failure.outcomes == {"on_failure-1": {}}
    assert last > types.index("DeploymentFailed"), "the last step is the one of the way back"


def test_a_users_command_that_fails_stops_neither_record_nor_way_back(world: World) -> None:
    world.configure(hooks={"on_failure": [["page", "ann"]]})
    world.children.results = {"page": ended_with(1)}

    journal = world.deploy("1.1.0")

    assert journal.deployment.state is State.ROLLED_BACK
    assert journal.deployment.on_failure is not None and journal.deployment.on_failure.failed is not None


def test_the_users_commands_do_not_run_after_a_success(world: World) -> None:
    world.configure(hooks={"on_failure": [["page", "ann"]]})

    world.deploy("1.2.0")

    assert world.children.ran == []


def test_what_failed_without_an_effect_is_in_the_history_too(tmp_path: Path) -> None:
    world = World(tmp_path, script={"fail_at": "step-1"})

    world.deploy("1.0.0")
    publish_history(world.process())

    assert [(record["status"], record["version"]) for record in world.history_file.records] == [("failed", "1.0.0")]


def raising(error: Exception) -> Any:
    def do(*_args: object) -> None:
        raise error

    return do
