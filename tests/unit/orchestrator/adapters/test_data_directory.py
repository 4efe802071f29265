"""Where our files lie."""

import os
import pwd
import subprocess
import sys
import tempfile
from pathlib import Path
from types import SimpleNamespace

import pytest

from orchestrator.adapters.data_directory import (
    DirectoryUnusable,
    attempts_directory,
    data_directory,
    deploy_json,
    ensure_private,
    events_db,
    incidents_directory,
    locks_directory,
)


def mode(path: str | Path) -> int:
    return Path(path).stat().st_mode & 0o777


def test_lies_in_the_project_unless_told_otherwise(tmp_path: Path) -> None:
    assert data_directory(tmp_path, {}) == str(tmp_path / ".claude" / "popkit")


def test_an_empty_variable_is_no_choice(tmp_path: Path) -> None:
    assert data_directory(tmp_path, {"CLAUDE_PLUGIN_DATA": ""}) == str(tmp_path / ".claude" / "popkit")


def test_the_variable_decides_for_reading_and_writing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLAUDE_PLUGIN_DATA", str(tmp_path / "with blank"))

    assert data_directory(tmp_path / "project") == str(tmp_path / "with blank")


def test_is_absolute_for_a_relative_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    assert data_directory("sub", {}) == str(tmp_path / "sub" / ".claude" / "popkit")
    assert data_directory("sub", {"CLAUDE_PLUGIN_DATA": "data"}) == str(tmp_path / "data")


def test_names_what_is_in_it() -> None:
    assert deploy_json("/d") == "/d/deploy.json"
    assert events_db("/d") == "/d/events.db"
    assert incidents_directory("/d") == "/d/incidents"
    assert locks_directory("/d") == "/d/locks"


def test_makes_a_private_directory_below_ordinary_parents(tmp_path: Path) -> None:
    old = os.umask(0o022)
    try:
        made = ensure_private(tmp_path / ".claude" / "popkit")
    finally:
        os.umask(old)

    assert mode(made) == 0o700
    assert mode(tmp_path / ".claude") == 0o755


def test_leaves_the_mode_of_a_shared_directory_alone(tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o775)

    ensure_private(shared)

    assert mode(shared) == 0o775


def test_refuses_a_file_in_its_place(tmp_path: Path) -> None:
    (tmp_path / "popkit").write_text("")

    with pytest.raises(DirectoryUnusable, match=r"popkit: cannot make this directory: File exists"):
        ensure_private(tmp_path / "popkit")


def test_says_why_a_directory_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / ".claude").write_text("")

    with pytest.raises(DirectoryUnusable, match=r"popkit: cannot make this directory: .+ \(.+\.claude\)"):
        ensure_private(tmp_path / ".claude" / "popkit")


def test_attempts_lie_in_the_runtime_directory(tmp_path: Path) -> None:
    runtime = tmp_path / "run"
    runtime.mkdir()

    made = attempts_directory("/x/events.db", tmp_path / "project", {"XDG_RUNTIME_DIR": str(runtime)})

    assert made.startswith(f"{runtime}/pop-deploy/attempts-")
    assert (mode(made), mode(runtime / "pop-deploy")) == (0o700, 0o700)


@pytest.mark.parametrize("runtime", ["", "relative", "/does/not/exist"])
def test_attempts_fall_back_to_the_state_directory(tmp_path: Path, runtime: str) -> None:
    environ = {"XDG_RUNTIME_DIR": runtime, "XDG_STATE_HOME": str(tmp_path / "state")}

    made = attempts_directory("/x/events.db", tmp_path / "project", environ)

    assert made.startswith(f"{tmp_path}/state/pop-deploy/attempts-")


def test_attempts_use_the_home_directory_by_default(tmp_path: Path) -> None:
    made = attempts_directory("/x/events.db", tmp_path / "project", {"HOME": str(tmp_path)})

    assert made.startswith(f"{tmp_path}/.local/state/pop-deploy/attempts-")


def test_without_home_the_user_s_own_entry_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pwd, "getpwuid", lambda uid: SimpleNamespace(pw_dir=str(tmp_path)))

    made = attempts_directory("/x/events.db", tmp_path / "project", {})

    assert made.startswith(f"{tmp_path}/.local/state/pop-deploy/attempts-")


def test_a_user_without_entry_and_home_uses_the_temporary_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(uid: int) -> None:
        raise KeyError(uid)

    monkeypatch.setattr(pwd, "getpwuid", unknown)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))

    made = attempts_directory("/x/events.db", tmp_path / "project", {})

    assert made.startswith(f"{tmp_path}/pop-deploy-{os.geteuid()}/attempts-")
    assert mode(tmp_path / f"pop-deploy-{os.geteuid()}") == 0o700


def test_attempts_never_lie_inside_the_project(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path_factory.mktemp("tmp")))
    (tmp_path / "run").mkdir()
    environ = {"XDG_RUNTIME_DIR": str(tmp_path / "run"), "XDG_STATE_HOME": str(tmp_path / "state"), "HOME": str(tmp_path)}

    made = attempts_directory("/x/events.db", tmp_path, environ)

    assert not Path(made).resolve().is_relative_to(tmp_path)
    assert mode(made) == 0o700


def test_each_store_has_attempts_of_its_own(tmp_path: Path) -> None:
    environ = {"XDG_STATE_HOME": str(tmp_path / "state")}
    (tmp_path / "link").symlink_to(tmp_path / "data")

    def attempts(store: str) -> str:
        return attempts_directory(store, tmp_path / "p", environ)

    assert attempts(f"{tmp_path}/data/events.db") == attempts(f"{tmp_path}/link/events.db")
    assert attempts(f"{tmp_path}/data/events.db") != attempts(f"{tmp_path}/other/events.db")
    assert attempts("postgresql://h/a") != attempts("postgresql://h/b")


def test_closes_an_attempts_directory_that_others_could_read(tmp_path: Path) -> None:
    environ = {"XDG_STATE_HOME": str(tmp_path)}
    made = Path(attempts_directory("/x/events.db", tmp_path / "p", environ))
    made.chmod(0o755)

    attempts_directory("/x/events.db", tmp_path / "p", environ)

    assert mode(made) == 0o700


def test_refuses_attempts_behind_a_link(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "pop-deploy").symlink_to(tmp_path / "elsewhere")

    with pytest.raises(DirectoryUnusable, match="is a link"):
        attempts_directory("/x/events.db", tmp_path / "p", {"XDG_STATE_HOME": str(tmp_path)})


def test_imports_nothing_heavy() -> None:
    heavy = {"pathlib", "hashlib", "json", "dataclasses"}
    code = f"import sys, orchestrator.adapters.data_directory; print(*{heavy} & set(sys.modules))"

    found = subprocess.run([sys.executable, "-S", "-c", code], capture_output=True, text=True, check=True, cwd=Path.cwd())

    assert found.stdout.split() == []
