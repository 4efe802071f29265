"""Bare `pop-deploy`: where a project stands. Run through the command's module, as the group does without a subcommand."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from orchestrator import bootstrap
from orchestrator.cli.commands.status import command
from orchestrator.cli.main import main
from orchestrator.cli.standing import standing_of
from orchestrator.rendering import status
from orchestrator.rendering.json_output import document
from tests.unit.orchestrator.histories import World

Configure = Callable[..., None]


@pytest.fixture
def configure(project: Path) -> Configure:
    def write(**document: Any) -> None:
        target = {"config": {"path": "/srv/shop"}}
        initial = {"project_name": "shop", "default_environment": "production", "targets": {"web": {**target, "type": "local"}}}
        (project / ".claude" / "popkit" / "deploy.json").write_text(json.dumps(initial | document))

    return write


def text(project: Path) -> str:
    return status.text(standing_of(str(project), None), paint=lambda words, colour: words)


def data(project: Path) -> Any:
    return document(standing_of(str(project), None))


def test_an_empty_project_is_told_to_begin_with_init(project: Path) -> None:
    out = text(project)

    assert ".claude/popkit/deploy.json: not found" in out
    assert out.endswith(f"Next: pop-deploy init --dir {project}\n")
    assert not (project / ".claude" / "popkit" / "events.db").exists()


def test_a_configured_project_without_deployments(project: Path, configure: Configure) -> None:
    target = {"type": "local", "config": {"path": "/srv/shop"}}
    configure(targets={"web": {**target, "primary": True}, "old": {**target, "enabled": False}})

    out = text(project)
    assert "shop\n====\n.claude/popkit/deploy.json: valid\n" in out
    assert "  production/web (primary)  nothing deployed yet\n  production/old            not enabled\n" in out
    options = f"--version 0.1.0 --dir {project}"  # nothing says which version it is
    assert out.endswith(f"\n  pop-deploy validate {options}\n  pop-deploy execute {options}\n")


def test_an_invalid_configuration_is_part_of_the_answer(project: Path, configure: Configure, world: World) -> None:
    configure(targets={"web": {"type": "locale"}})
    world.deployment().to_verified()

    out = text(project)
    assert "deploy.json: not valid\n" in out and "targets.web" in out
    assert "production/web  1.2.0  verified" in out
    assert "not in deploy.json" not in out
    assert out.endswith("Next: correct deploy.json\n")


def test_an_unknown_environment_is_part_of_the_answer(
    project: Path, configure: Configure, monkeypatch: pytest.MonkeyPatch
) -> None:
    configure(environments={"production": {}})
    monkeypatch.setenv("POP_DEPLOY_ENVIRONMENT", "prodution")

    assert 'no environment "prodution", did you mean "production"?' in text(project)


def test_says_what_is_live_where_since_when_and_by_whom(project: Path, configure: Configure, world: World) -> None:
    configure()
    world.deployment(version="1.0.0").to_verified()
    world.deployment(version="2.0.0", environment="staging").to_verified().doubt()
    world.deployment(version="3.0.0", target="gone").to_verified()

    out = text(project)
    assert "production/web   1.0.0  verified since 2026-03-18 14:30 UTC by ann@ci-7\n" in out
    assert "staging/web      2.0.0  not verified since" in out
    assert "not in deploy.json any more" in out.split("  production/gone  ")[1].splitlines()[0]


def test_a_failure_midway_leaves_what_is_live_in_doubt(project: Path, configure: Configure, world: World) -> None:
    configure()
    world.deployment(version="1.0.0").to_verified()
    broken = world.deployment(version="1.1.0").to_failed()

    out = text(project)
    assert f"1.0.0  not verified since 2026-03-18 14:30 UTC by ann@ci-7, in doubt: {broken.id} failed" in out
    assert f"Last failure:\n  2026-03-18 14:30 UTC  production/web 1.1.0 ({broken.id})\n      update: port 8080 is taken\n" in out
    assert f"pop-deploy show {broken.id}" in out.split("Next:")[1]


def test_a_rollback_is_told_with_where_it_went(project: Path, configure: Configure, world: World) -> None:
    configure()
    good = world.deployment(version="1.0.0").to_verified()
    world.deployment(version="1.1.0").to_failed().to_rolled_back(good.release)

    assert "production/web 1.1.0, rolled back to 1.0.0" in text(project)


def test_an_open_question_comes_with_the_exact_commands(project: Path, configure: Configure, world: World) -> None:
    configure()
    story = world.deployment().prepare().ask()

    out = text(project)
    assert f"{story.id}  production/web 1.2.0: waits for confirm_deploy" in out
    assert f"pop-deploy decide {story.id} confirm_deploy=<option>" in out
    assert f"pop-deploy execute {story.id}" in out.split("Next:")[1]


def test_an_interrupted_deployment_is_the_first_thing_to_do(project: Path, configure: Configure, world: World) -> None:
    configure()
    world.deployment(target="api").prepare().ask()
    host, boot_id = bootstrap.this_boot()
    story = world.deployment().prepare().confirm().execute()
    story.take_slot(pid=2**22 - 1, host=host, boot_id=boot_id).start("build")

    standing = data(project)
    first, waiting = standing["unfinished"]
    assert (first["deployment_id"], first["situation"], waiting["situation"]) == (story.id, "interrupted", "waiting")
    assert standing["next"] == [f"pop-deploy resume {story.id} --dir {project}"]
    assert f'{story.id}  production/web 1.2.0: interrupted at "Building image"' in text(project)


def test_a_running_deployment_can_be_followed(project: Path, configure: Configure, world: World) -> None:
    configure()
    host, boot_id = bootstrap.this_boot()
    ticks = int(Path(f"/proc/{os.getpid()}/stat").read_text().rpartition(")")[2].split()[19])
    story = world.deployment().prepare().confirm().execute()
    story.take_slot(pid=os.getpid(), host=host, boot_id=boot_id, start_ticks=ticks).start("build")

    assert f'running at "Building image" on {host}' in text(project)
    assert data(project)["next"] == [f"pop-deploy logs {story.id} --follow --dir {project}"]


def test_one_that_ended_but_still_claims_its_slot_is_resumed(project: Path, configure: Configure, world: World) -> None:
    configure()
    host, boot_id = bootstrap.this_boot()
    story = world.deployment().to_executing().run("build").deploy().verify()
    story.take_slot(pid=2**22 - 1, host=host, boot_id=boot_id)

    assert f"{story.id}  production/web 1.2.0: claims its slot\n      pop-deploy resume {story.id}" in text(project)


def test_only_this_project_of_a_store_that_serves_several(project: Path, configure: Configure, world: World) -> None:
    configure()
    world.deployment(project="other").to_failed()
    world.deployment(project="other").prepare().ask()

    standing = data(project)
    assert (standing["unfinished"], standing["last_failure"]) == ([], None)
    assert [target["target"] for target in standing["targets"]] == ["web"]


def test_changes_nothing(project: Path, configure: Configure, world: World) -> None:
    configure()
    world.deployment().to_verified()
    world.store.close()
    before = contents(project)

    text(project)
    assert contents(project) == before


def contents(project: Path) -> dict[str, bytes]:
    """All files but those in which SQLite keeps note of its readers."""
    return {
        path.name: path.read_bytes()
        for path in project.rglob("*")
        if path.is_file() and path.suffix not in {".db-wal", ".db-shm"}
    }


def test_is_what_the_bare_command_shows(
    project: Path, configure: Configure, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    configure()
    monkeypatch.chdir(project)
    with pytest.raises(SystemExit) as ended:
        main([])

    assert not ended.value.code
    assert capsys.readouterr().out.endswith("Next: pop-deploy validate --version 0.1.0, or pop-deploy execute --version 0.1.0\n")


def test_is_one_object_as_json(project: Path, configure: Configure, capsys: pytest.CaptureFixture[str]) -> None:
    configure()
    command.main(["--dir", str(project), "--json"], standalone_mode=False)

    assert json.loads(capsys.readouterr().out)["configuration"]["problem"] is None
