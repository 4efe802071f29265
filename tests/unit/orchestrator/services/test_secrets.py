"""No secret reaches the store, whoever watches, or a plan; what a plan says is what is carried out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from orchestrator.domain.errors import UsageProblem
from orchestrator.domain.lifecycle import State
from orchestrator.domain.settings import SecretRef
from orchestrator.services.execute import Consent, advance
from orchestrator.targets.base import StepError, StepOutcome
from tests.unit.orchestrator.services.ports import SECRET, ended_with
from tests.unit.orchestrator.services.workspace import World

TOKEN = {"TOKEN": SecretRef(env="TOKEN")}


def test_a_commands_secret_reaches_the_command_and_nothing_else(world: World) -> None:
    world.before["step-1"] = lambda run: run.command(["build"], env=TOKEN)
    world.after["step-1"] = lambda _run: StepOutcome(f"built with {SECRET}", {"token": SECRET, "nested": [{"a": f"x{SECRET}"}]})

    journal = world.deploy("1.0.0")

    assert world.children.env == [{"TOKEN": SECRET}]
    assert SECRET.encode() not in world.everything()
    assert SECRET not in str(world.history_file.records)
    assert journal.deployment.outcomes()["step-1"] == {"token": "***", "nested": [{"a": "x***"}]}


def test_a_failures_message_output_and_trace_hold_no_secret(world: World) -> None:
    def fail(run: Any) -> None:
        run.command(["build"], env=TOKEN)
        raise StepError(f"login with {SECRET} refused", output_tail=f"401 {SECRET}")

    world.before["step-1"] = fail
    world.children.results = {"build": ended_with(0, stderr="nothing to see\n")}

    journal = world.deploy("1.0.0")

    assert journal.deployment.failure is not None
    assert journal.deployment.failure.message == "login with *** refused\n401 ***"
    assert SECRET.encode() not in world.everything()
    assert SECRET not in str(world.history_file.records)


def test_those_who_watch_see_no_secret(world: World) -> None:
    workspace = world.process()

    def tell(run: Any) -> None:
        run.command(["build"], env=TOKEN)
        run.progress(f"using {SECRET}")

    world.before["step-1"] = tell

    world.deploy("1.0.0", workspace)

    assert "using ***\n" in workspace.narrator.told  # type: ignore[attr-defined]
    assert not [line for line in workspace.narrator.told if SECRET in line]  # type: ignore[attr-defined]


def test_a_missing_secret_fails_the_step_that_needs_it_and_names_it(world: World) -> None:
    world.before["step-1"] = lambda run: run.command(["build"], env={"X": SecretRef(env="NOT_SET")})

    journal = world.deploy("1.0.0")

    assert journal.deployment.failure is not None
    assert "environment variable NOT_SET is not set" in journal.deployment.failure.message
    assert world.children.ran == []


@pytest.mark.parametrize(
    "argv", [["deploy", "--token", "abc12345"], ["deploy", "--password=abc12345"], ["curl", "https://ann:abc12345@host/"]]
)
def test_a_plan_with_a_secret_in_it_is_refused_instead_of_recorded_or_run_without_it(tmp_path: Path, argv: list[str]) -> None:
    world = World(tmp_path, hooks={"before_deploy": [argv]})
    journal = world.begin()

    with pytest.raises(UsageProblem, match=r"plan: holds a secret or what redact matches .*\*\*\*.*Refer to a secret with"):
        advance(world.process(), journal, Consent())

    assert b"abc12345" not in world.everything()
    assert world.children.ran == []


def test_a_plan_that_redact_would_change_is_refused(tmp_path: Path) -> None:
    world = World(tmp_path, hooks={"before_deploy": [["sync", "/srv/internal-shop"]]})
    world.document["redact"] = ["internal-[a-z]+"]

    with pytest.raises(UsageProblem, match=r"/srv/\*\*\*"):
        advance(world.process(), world.begin(), Consent())


def test_a_shells_variable_is_no_secret(tmp_path: Path) -> None:
    argv = ["sh", "-c", 'curl "https://host/hook?token=$HOOK_TOKEN"; notify --password ${PASSWORD}']
    world = World(tmp_path, hooks={"before_deploy": [argv]})

    world.deploy("1.0.0")

    assert world.children.ran == [tuple(argv)]


def test_a_secret_that_is_a_word_of_the_plan_does_not_break_the_way_back(tmp_path: Path) -> None:
    world = World(tmp_path, auto_rollback=True)
    world.deploy("1.0.0")
    world.configure(script={"bad_versions": ["1.1.0"]})
    workspace = world.process()
    workspace.secrets.values["WHERE"] = "web-world"  # type: ignore[attr-defined]
    world.before["step-1"] = lambda run: run.command(["look"], env={"WHERE": SecretRef(env="WHERE")})

    journal = world.deploy("1.1.0", workspace)

    assert journal.deployment.state is State.ROLLED_BACK
    assert world.running == "1.0.0"
    reference = world.deploy("1.0.1").deployment.reference
    assert reference is not None and reference.detail["dir"] == "web-world"


def test_records_of_others_are_taken_in_without_their_secrets(world: World) -> None:
    world.history_file.records = [
        {"timestamp": "2026-01-01T00:00:00Z", "error": "curl --password hunter3-hunter3", "status": "failed"}
    ]

    world.deploy("1.0.0")

    assert b"hunter3" not in world.everything()
