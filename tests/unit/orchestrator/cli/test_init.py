"""`pop-deploy init`: its streams and exit codes, and the question it asks on a terminal."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest

from orchestrator.rendering.schemas import schemas

ROOT = Path(__file__).parents[4]
PATH = Path(".claude", "popkit", "deploy.json")
PROGRAM = [sys.executable, "-c", "from orchestrator.cli.main import main; main()", "init"]


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "HOME": str(tmp_path / "home"), "TERM": "dumb"}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    directory = tmp_path / "shop"
    directory.mkdir()
    return directory


def init(project: Path, environ: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*PROGRAM, *arguments],
        cwd=project,
        env=environ,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        stdin=subprocess.DEVNULL,
    )


def on_a_terminal(project: Path, environ: dict[str, str], typed: str) -> tuple[int, str]:
    """Exit code, and what was shown."""
    ours, theirs = pty.openpty()
    child = subprocess.Popen(PROGRAM, cwd=project, env=environ, stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    os.write(ours, typed.encode())
    shown = b""
    try:
        while block := os.read(ours, 65536):
            shown += block
    except OSError:
        pass  # how Linux says that the other end of a pseudo-terminal is closed
    os.close(ours)
    return child.wait(timeout=60), shown.decode()


def test_writes_a_file_and_says_what_is_next(project: Path, environ: dict[str, str]) -> None:
    done = init(project, environ)

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith("Next: pop-deploy execute --mode dry_run --version 0.1.0\n")
    assert (project / PATH).exists()


def test_its_json_is_one_document_as_published(project: Path, environ: dict[str, str]) -> None:
    done = init(project, environ, "--json", "--ci", "manual_only")

    jsonschema.Draft202012Validator(schemas()["init_result"]).validate(json.loads(done.stdout))
    assert done.returncode == 0


@pytest.mark.parametrize("arguments", [(), ("--json",)])
def test_without_a_terminal_it_names_the_flag_that_answers(
    project: Path, environ: dict[str, str], arguments: tuple[str, ...]
) -> None:
    init(project, environ)
    before = (project / PATH).read_bytes()

    done = init(project, environ, *arguments)

    assert (done.returncode, "pop-deploy init --force" in done.stderr) == (2, True)
    assert (project / PATH).read_bytes() == before


def test_with_the_flag_it_replaces_after_a_backup(project: Path, environ: dict[str, str]) -> None:
    init(project, environ)

    done = init(project, environ, "--force", "--project-name", "Other")

    assert (done.returncode, json.loads((project / PATH).read_bytes())["project_name"]) == (0, "Other")
    assert len(list((project / PATH).parent.glob("deploy.json.bak-*"))) == 1


@pytest.mark.parametrize(("typed", "code", "backups"), [("y\n", 0, 1), ("n\n", 2, 0), ("\n", 2, 0)])
def test_on_a_terminal_it_asks_first(project: Path, environ: dict[str, str], typed: str, code: int, backups: int) -> None:
    init(project, environ)

    exit_code, shown = on_a_terminal(project, environ, typed)

    assert (exit_code, "is there already. Replace it? A backup is kept [y/N]" in shown) == (code, True)
    assert len(list((project / PATH).parent.glob("deploy.json.bak-*"))) == backups


def test_refuses_a_directory_that_is_not_there(project: Path, environ: dict[str, str]) -> None:
    done = init(project, environ, "--dir", "nowhere")

    assert (done.returncode, "nowhere" in done.stderr) == (2, True)


def test_names_the_directory_in_what_is_next(project: Path, environ: dict[str, str]) -> None:
    done = init(project.parent, environ, "--dir", "shop")

    assert "pop-deploy execute --mode dry_run --version 0.1.0 --dir shop\n" in done.stdout
