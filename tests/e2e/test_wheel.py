"""The wheel, installed where there is no source tree: what a user gets. Nothing here imports our packages.

The locked requirements are installed with their hashes into a fresh environment, then the wheel alone.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.e2e

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
VERSION = re.findall(r'^__version__ = "(.+)"$', (ROOT / "orchestrator/__init__.py").read_text(encoding="utf-8"), re.MULTILINE)[0]

UPGRADE = '''
import shutil, sqlite3, sys
from pathlib import Path
import eventstore
from eventstore import NewEvent, reading, sqlite, sqlite_file, upgrade
from eventstore.sqlite import SqliteEventStore

packed = upgrade.migrations()
assert packed == Path(eventstore.__file__).parent / "_migrations", packed

store = SqliteEventStore("sqlite:///events.db")
store.append("a", [NewEvent("Opened", b"{}")], expected_version=-1)
store.close()

# The same program, one revision later.
later = packed / "versions" / "9999_later.py"
later.write_text(f"""
from alembic import op
revision, down_revision = "9999", "{sqlite.REVISIONS[-1]}"
def upgrade():
    op.execute("CREATE TABLE later (x)")
""")
try:
    for module in (sqlite, reading, sqlite_file):
        module.REVISIONS = (*module.REVISIONS, "9999")
    store = SqliteEventStore("sqlite:///events.db")
    assert [event.type for event in store.read_stream("a")] == ["Opened"]
    store.close()
finally:
    later.unlink()

connection = sqlite3.connect("events.db")
print(connection.execute("SELECT version_num FROM alembic_version").fetchone()[0])
print(connection.execute("SELECT count(*) FROM later").fetchone()[0])
'''


def run(*words: str | Path, cwd: Path, timeout_s: float = 60.0) -> subprocess.CompletedProcess[str]:
    """Away from the source tree, and without anything in the environment that leads back to it."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "POP_DEPLOY", "CLAUDE_"))}
    return subprocess.run(
        [str(word) for word in words], cwd=cwd, env=kept, capture_output=True, text=True, timeout=timeout_s, check=False
    )


def done(*words: str | Path, cwd: Path, timeout_s: float = 60.0) -> str:
    finished = run(*words, cwd=cwd, timeout_s=timeout_s)
    assert finished.returncode == 0, f"{words}\n{finished.stdout}\n{finished.stderr}"
    return finished.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("wheel")
    done(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", directory, cwd=ROOT)
    (built,) = directory.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bin directory of an environment that has the wheel."""
    directory = tmp_path_factory.mktemp("installed")
    environment = directory / "environment"
    done(sys.executable, "-m", "venv", "--without-pip", environment, cwd=directory)
    pip = (sys.executable, "-m", "pip", "--python", environment / "bin" / "python", "install", "--quiet")
    done(*pip, "--require-hashes", "-r", ROOT / "requirements" / "runtime.txt", cwd=directory, timeout_s=180.0)
    done(*pip, "--no-deps", "--no-index", wheel, cwd=directory)
    return environment / "bin"


def test_holds_what_has_to_be_in_it_and_nothing_else(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()

    tops = {name.partition("/")[0] for name in names}
    assert tops == {"eventstore", "orchestrator", f"pop_deploy-{VERSION}.dist-info"}
    assert {"eventstore/py.typed", "orchestrator/py.typed"} <= set(names)
    migrations = {f"eventstore/_migrations/versions/{path.name}" for path in (ROOT / "alembic" / "versions").glob("*.py")}
    assert migrations | {"eventstore/_migrations/env.py"} <= set(names)
    assert f"pop_deploy-{VERSION}.dist-info/licenses/LICENSE" in names
    assert [name for name in names if "__pycache__" in name or name.endswith(".pyc")] == []


def test_says_its_version_from_anywhere(installed: Path, tmp_path: Path) -> None:
    assert done(installed / "pop-deploy", "--version", cwd=tmp_path) == f"pop-deploy, version {VERSION}\n"


def test_runs_without_the_source_tree(installed: Path, tmp_path: Path) -> None:
    where = "import eventstore, orchestrator; print(eventstore.__file__, orchestrator.__file__)"

    found = done(installed / "python", "-c", where, cwd=tmp_path).split()

    assert all(Path(path).is_relative_to(installed.parent) for path in found), found


def test_its_requirements_are_all_locked(installed: Path, tmp_path: Path) -> None:
    pip = (sys.executable, "-m", "pip", "--python", installed / "python")

    assert "No broken requirements" in done(*pip, "check", cwd=tmp_path)


def test_shows_the_demo_in_another_directory(installed: Path, tmp_path: Path) -> None:
    demo = tmp_path / "demo.py"
    demo.write_bytes((ROOT / "examples" / "demo.py").read_bytes())

    shown = done(installed / "python", demo, "here", cwd=tmp_path)

    results = [line for line in shown.splitlines() if line.startswith("Result: ")]
    assert results == ["Result: SIMULATED", "Result: SUCCESS", "Result: ROLLED BACK to 1.0.0"]
    assert shown.count("\nshop 1.0.0 ok") == 2
    assert shown.count("(exit code 6)") == 1
    assert (tmp_path / "here" / "my shop" / ".claude" / "popkit" / "events.db").is_file()
    assert not (tmp_path / "here" / "srv" / "run" / "service.json").exists()


def test_upgrades_an_older_store_with_the_migrations_in_the_wheel(installed: Path, tmp_path: Path) -> None:
    assert done(installed / "python", "-c", UPGRADE, cwd=tmp_path).split() == ["9999", "0"]


def test_the_drop_in_works_without_the_source_tree(installed: Path, tmp_path: Path) -> None:
    script = tmp_path / "execute_deployment.py"
    script.write_bytes((ROOT / "scripts" / "execute_deployment.py").read_bytes())

    finished = run(installed / "python", script, "--dir", tmp_path / "missing", cwd=tmp_path)

    assert finished.returncode == 1
    assert "Directory not found" in finished.stderr
    assert finished.stdout == ""
