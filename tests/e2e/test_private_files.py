"""What we write is for its user alone, whatever the umask says; what was there before keeps its mode."""

from __future__ import annotations

import os
import shutil
import stat
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from tests.e2e.project import COMMAND, Gate, Project, ended, wait_until

pytestmark = pytest.mark.e2e

LIVE = ("execute", "--mode", "deploy", "--yes")


def under(umask: int) -> tuple[str, ...]:
    """The command as a shell with that umask starts it."""
    return (sys.executable, "-S", "-c", f"import os, sys; os.umask({umask}); os.execv({COMMAND!r}, [{COMMAND!r}, *sys.argv[1:]])")


def modes(*roots: Path) -> dict[str, int]:
    """Permissions of everything below *roots*, by path."""
    found = {}
    for path in (path for root in roots for path in (root, *root.rglob("*"))):
        with suppress(FileNotFoundError):  # a draft of what runs
            found[str(path)] = stat.S_IMODE(path.lstat().st_mode)
    return found


def open_to_others(found: dict[str, int]) -> list[str]:
    return [f"{path} {mode:o}" for path, mode in found.items() if mode & 0o077]


def ready(project: Project, *, build: list[str] | None = None) -> Path:
    """A project whose data directory is still to be made; its deploy.json lies there with mode 0644 afterwards."""
    state = project.root / "state"
    project.env["XDG_STATE_HOME"] = str(state)
    project.configure(local={"config": {"path": "../the place", "source": "public", "build": build or ["true"]}})
    return state


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077], ids=oct)
def test_everything_but_the_users_deploy_json_is_private(project: Project, umask: int) -> None:
    state = ready(project)
    project.data.chmod(0o700)
    project.deploy_json.chmod(0o644)

    for words in (LIVE, ("rollback", "--list"), ("prepare",), ("init", "--force")):
        done = project.run(*words, program=under(umask))
        assert done.code == 0, done.err + done.out

    found = modes(project.data, state)
    assert {Path(path).name.partition("-")[0] for path in found} >= {"events.db", "locks", "deploy.json", "pop"}
    users = [path for path in found if path.startswith(str(project.deploy_json))]
    assert {found.pop(path) for path in users} == {0o644}, "deploy.json and the copy of it that init --force keeps"
    assert len(users) == 2
    assert open_to_others(found) == []


@pytest.mark.parametrize("umask", [0o000, 0o077], ids=oct)
def test_what_a_running_step_leaves_is_private(project: Project, umask: int) -> None:
    gate = Gate(project.root / "gate")
    state = ready(project, build=gate.hook)
    project.data.chmod(0o700)
    driver = project.start(*LIVE, program=under(umask))
    gate.wait()

    wait_until(lambda: list(state.rglob("out-0")), "the build's output is kept")
    found = modes(project.data, state)
    gate.open()
    done = ended(driver)
    gate.close()

    assert done.code == 0, done.err
    assert any(path.endswith("/out-0") for path in found) and any(path.endswith("/claim") for path in found)
    assert any(path.endswith("events.db-wal") for path in found)
    found.pop(str(project.deploy_json))
    assert open_to_others(found) == []


def test_a_data_directory_that_is_missing_is_made_private(project: Project) -> None:
    shutil.rmtree(project.path / ".claude")

    done = project.run("init", program=under(0))

    assert done.code == 0, done.err + done.out
    assert open_to_others(modes(project.data)) == []


def test_a_store_that_is_shared_on_purpose_keeps_its_directory_and_is_private_itself(project: Project) -> None:
    state = ready(project)
    project.data.chmod(0o777)

    done = project.run(*LIVE, program=under(0))

    assert done.code == 0
    assert stat.S_IMODE(project.data.stat().st_mode) == 0o777
    assert open_to_others(modes(project.data / "events.db", state)) == []
    assert stat.S_IMODE((project.data / "locks").stat().st_mode) == 0o777, "who may write there may lock"


def test_an_attempts_directory_of_somebody_else_is_refused(project: Project) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can give a directory away")
    state = ready(project)
    (state / "pop-deploy").mkdir(parents=True)
    os.chown(state / "pop-deploy", 12345, 12345)

    done = project.run(*LIVE)

    assert done.code == 1
    assert f"{state / 'pop-deploy'}: belongs to user 12345" in done.err
    assert project.live is None


def test_an_attempts_directory_that_was_open_is_closed(project: Project) -> None:
    state = ready(project)
    (state / "pop-deploy").mkdir(parents=True)
    (state / "pop-deploy").chmod(0o777)

    project.deploy()

    assert open_to_others(modes(state / "pop-deploy")) == []
