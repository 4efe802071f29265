"""`pop-deploy show`, as typed."""

import os
from pathlib import Path

from orchestrator import bootstrap
from orchestrator.domain.events import DeploymentRefused
from tests.unit.orchestrator.cli.conftest import Run
from tests.unit.orchestrator.histories import World


def test_tells_everything_about_a_deployment_that_was_rolled_back(world: World, run: Run) -> None:
    good = world.deployment(version="1.0.0").to_verified()
    story = world.deployment(version="1.1.0", reason="release day").to_failed(reference=good.release)
    story.to_rolled_back(good.release)

    out = run("show", story.id).out
    assert "Result: ROLLED BACK to 1.0.0" in out
    assert "Target: production/web (primary), docker" in out
    assert "by ann@ci-7" in out and "Reason: release day" in out
    assert "confirm_deploy = proceed by ann@ci-7 (yes)" in out
    assert "[3/5] Updating deployment... failed (0.5s)" in out
    assert "Rolled back to 1.0.0:\n  [1/2] Bringing 1.0.0 back... done (1s)" in out
    assert "Error at update: update broke" in out and "| no space" in out
    assert "Goes back to: 1.0.0 (by itself, if it fails)" in out


def test_json_is_one_object_with_the_report_and_what_is_beside_it(world: World, run: Run) -> None:
    story = world.deployment().to_verified()

    data = run("show", "latest", "--json").data
    assert data["result"]["deployment_id"] == story.id
    assert (data["result"]["state"], data["result"]["success"], data["running"]) == ("verified", True, False)
    assert data["plan"]["inputs"] == {"commit": "0a1b2c3d"}
    assert [step["name"] for step in data["plan"]["steps"]] == ["build", "push", "update", "wait"]
    assert data["decisions"][0]["answer"] == "proceed" and data["decisions"][0]["asked_at"] is None
    assert data["checks"][0]["name"] == "health check"
    assert data["logs"][0]["name"] == "deploy/build/1"


def test_an_open_question_and_its_answer_are_one_decision(world: World, run: Run) -> None:
    story = world.deployment().prepare().ask()
    asked = run("show", story.id).out
    story.confirm(by="bob@laptop", reason="looks good")

    assert "confirm_deploy: open since" in asked and "Result: WAITING for confirm_deploy" in asked
    (decision,) = run("show", story.id, "--json").data["decisions"]
    assert (decision["by"], decision["how"], decision["reason"]) == ("bob@laptop", "yes", "looks good")
    assert decision["asked_at"] < decision["answered_at"]


def test_what_has_not_begun_shows_its_plan(world: World, run: Run) -> None:
    world.deployment(mode="dry_run").to_simulated()

    out = run("show", "latest").out
    assert "Plan:\n  [1/5] Building image\n        docker build .\n" in out
    assert "preflight 1" in out


def test_a_refusal_stands_there(world: World, run: Run) -> None:
    world.deployment().prepare().record(DeploymentRefused(rule="freeze", message="holidays until 2026-12-27"))

    assert "freeze: holidays until 2026-12-27" in run("show", "latest").out


def test_says_where_the_logs_are(world: World, run: Run) -> None:
    story = world.deployment().to_executing().start("build").finish("build", log="x" * 2000)

    assert f"build (attempt 1): 2.0 kB, pop-deploy logs {story.id} build" in run("show", "latest").out


def test_a_step_of_a_dead_process_is_interrupted_and_resume_comes_next(world: World, run: Run) -> None:
    host, boot_id = bootstrap.this_boot()
    story = world.deployment().prepare().confirm().execute()
    story.take_slot(pid=2**22 - 1, host=host, boot_id=boot_id).start("build")

    ended = run("show", story.id)
    assert "Result: INTERRUPTED\n" in ended.out
    assert f"pop-deploy resume {story.id}" in ended.out


def test_a_step_of_a_living_process_is_running(world: World, run: Run) -> None:
    host, boot_id = bootstrap.this_boot()
    ticks = int(Path(f"/proc/{os.getpid()}/stat").read_text().rpartition(")")[2].split()[19])
    story = world.deployment().prepare().confirm().execute()
    story.take_slot(pid=os.getpid(), host=host, boot_id=boot_id, start_ticks=ticks).start("build")

    ended = run("show", story.id)
    assert "Result: RUNNING" in ended.out and "Building image... running now" in ended.out
    assert f"pop-deploy logs {story.id} --follow" in ended.out


def test_a_process_on_another_machine_may_be_running(world: World, run: Run) -> None:
    story = world.deployment().to_executing().start("build")

    assert "INTERRUPTED (or running on another host)" in run("show", story.id).out
    assert run("show", story.id, "--json").data["running"] is None


def test_a_deployment_that_another_one_followed_says_nothing_of_now(world: World, run: Run) -> None:
    first = world.deployment(version="1.0.0").to_verified()
    world.deployment(version="1.1.0").to_verified()

    assert "Live now: 1.1.0" in run("show", "latest").out
    assert "Live now" not in run("show", first.id).out
