"""Lock files as the package managers themselves wrote them, and the same after a change that they do not know of."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from orchestrator.domain.readiness import Outcome
from orchestrator.validation import lock_files
from tests.unit.orchestrator.validation.subjects import files, path_of, ran, stand_in, subject

PACKAGE = {"name": "shop", "version": "1.0.0", "dependencies": {"minimist": "0.0.8"}, "devDependencies": {"ms": "^2.1.0"}}
NPM_LOCK = {
    "name": "shop",
    "version": "1.0.0",
    "lockfileVersion": 3,
    "requires": True,
    "packages": {
        "": {"name": "shop", "version": "1.0.0", "dependencies": {"minimist": "0.0.8"}, "devDependencies": {"ms": "^2.1.0"}},
        "node_modules/minimist": {"version": "0.0.8", "license": "MIT"},
        "node_modules/ms": {"version": "2.1.3", "dev": True, "license": "MIT"},
    },
}
YARN_1 = '# yarn lockfile v1\n\n\nminimist@0.0.8:\n  version "0.0.8"\n\nms@^2.1.0, "ms@^2.1.1":\n  version "2.1.3"\n'
YARN_BERRY = """__metadata:
  version: 4

"minimist@npm:0.0.8":
  version: 0.0.8
  linkType: hard

"ms@npm:^2.1.0, ms@npm:^2.1.1":
  version: 2.1.3
  linkType: hard
"""
PNPM = """lockfileVersion: '9.0'

settings:
  autoInstallPeers: true

importers:

  .:
    dependencies:
      minimist:
        specifier: 0.0.8
        version: 0.0.8
    devDependencies:
      ms:
        specifier: ^2.1.0
        version: 2.1.3

packages:

  minimist@0.0.8:
    resolution: {integrity: sha512-x}
"""
POETRY_PROJECT = """[project]
name = "shop"
version = "1.0.0"
requires-python = ">=3.11"
dependencies = []
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"
"""
POETRY_LOCK = """package = []

[metadata]
lock-version = "2.1"
python-versions = ">=3.11"
content-hash = "f5666f5625d676c506924a57dc0520a1f3ed2b2c774baed3dc85353594f8473d"
"""
UV_PROJECT = '[project]\nname = "shop"\nversion = "1.0.0"\ndependencies = ["idna>=3.0", "Click == 8.1.7"]\n'
UV_LOCK = """version = 1

[[package]]
name = "shop"
version = "1.0.0"
source = { editable = "." }

[package.metadata]
requires-dist = [
    { name = "click", specifier = "==8.1.7" },
    { name = "idna", specifier = ">=3.0" },
]
"""


@pytest.fixture(autouse=True)
def no_tools(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", path_of(tmp_path / "nothing"))


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "project").mkdir()
    return tmp_path / "project"


def with_package(project: Path, lock: str, content: str, **changes: object) -> None:
    files(project, {"package.json": json.dumps({**PACKAGE, **changes}), lock: content})


LOCKS = {
    "npm": ("package-lock.json", json.dumps(NPM_LOCK)),
    "shrinkwrap": ("npm-shrinkwrap.json", json.dumps(NPM_LOCK)),
    "yarn 1": ("yarn.lock", YARN_1),
    "yarn berry": ("yarn.lock", YARN_BERRY),
    "pnpm": ("pnpm-lock.yaml", PNPM),
}


@pytest.mark.parametrize("lock", LOCKS.values(), ids=LOCKS)
def test_passes_a_lock_file_that_agrees_with_package_json(project: Path, lock: tuple[str, str]) -> None:
    with_package(project, *lock)

    found = lock_files.look(subject(project))

    assert (found.status, found.message) == (Outcome.PASS, f"{lock[0]} agrees with package.json on 2 dependencies")


@pytest.mark.parametrize("change", [{"minimist": "0.0.9"}, {"minimist": "0.0.8", "left-pad": "1.0.0"}], ids=["range", "added"])
@pytest.mark.parametrize("lock", LOCKS.values(), ids=LOCKS)
def test_fails_a_lock_file_that_does_not_agree(project: Path, lock: tuple[str, str], change: dict[str, str]) -> None:
    with_package(project, *lock, dependencies=change)

    found = lock_files.look(subject(project))

    assert found.status is Outcome.FAIL
    assert f"{lock[0]} does not agree with package.json on {'left-pad' if 'left-pad' in change else 'minimist'}" in found.message
    assert "renew it with" in found.message


def test_fails_an_npm_lock_file_that_lacks_a_package_it_asks_for(project: Path) -> None:
    packages = {name: entry for name, entry in NPM_LOCK["packages"].items() if name != "node_modules/ms"}  # type: ignore[attr-defined]
    with_package(project, "package-lock.json", json.dumps({**NPM_LOCK, "packages": packages}))

    assert "does not agree with package.json on ms" in lock_files.look(subject(project)).message


def test_compares_the_workspaces_of_npm_too(project: Path) -> None:
    packages = {**NPM_LOCK["packages"], "packages/web": {"dependencies": {"ms": "^2.1.0"}}}  # type: ignore[dict-item]
    with_package(project, "package-lock.json", json.dumps({**NPM_LOCK, "packages": packages}), workspaces=["packages/*"])
    files(project, {"packages/web/package.json": json.dumps({"dependencies": {"ms": "^2.1.0", "chalk": "5"}})})

    assert "on chalk" in lock_files.look(subject(project)).message


@pytest.mark.parametrize("place", ["/etc", "../other", "packages/../../other"])
def test_a_lock_file_leads_nowhere_outside_the_project(project: Path, place: str) -> None:
    packages = {**NPM_LOCK["packages"], place: {"dependencies": {"chalk": "5"}}}  # type: ignore[dict-item]
    with_package(project, "package-lock.json", json.dumps({**NPM_LOCK, "packages": packages}))

    assert lock_files.look(subject(project)).status is Outcome.PASS


@pytest.mark.parametrize(
    "broken", ["{", "[]", "\x00", '{"packages": {"": 3}}'], ids=["cut off", "a list", "binary", "a number for a package"]
)
def test_fails_a_broken_npm_lock_file_without_a_traceback(project: Path, broken: str) -> None:
    with_package(project, "package-lock.json", broken)

    assert lock_files.look(subject(project)).status is Outcome.FAIL


def test_skips_a_lock_file_of_npm_6_that_does_not_say_what_was_asked_for(project: Path) -> None:
    old = {"lockfileVersion": 1, "dependencies": {"minimist": {"version": "0.0.8"}, "ms": {"version": "2.1.3"}}}
    with_package(project, "package-lock.json", json.dumps(old))

    assert lock_files.look(subject(project)).status is Outcome.SKIP


@pytest.mark.parametrize("tool", ["npm", "yarn", "pnpm", "bun"])
def test_warns_of_a_missing_lock_file(project: Path, tool: str) -> None:
    files(project, {"package.json": json.dumps({**PACKAGE, "packageManager": f"{tool}@1.0.0"})})

    found = lock_files.look(subject(project))

    assert (found.status, found.message.split(" ")[1:3]) == (Outcome.WARN, ["is", "missing,"])


def test_has_nothing_to_lock_where_nothing_is_asked_for(project: Path) -> None:
    files(project, {"package.json": '{"name": "shop"}'})

    found = lock_files.look(subject(project))

    assert (found.status, "no dependencies" in found.message) == (Outcome.SKIP, True)


def test_asks_pnpm_itself_where_it_is_there(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with_package(project, "pnpm-lock.yaml", PNPM)
    refusal = ' ERR_PNPM_OUTDATED_LOCKFILE  Cannot install with "frozen-lockfile"\n'
    stand_in(tmp_path / "bin", "pnpm", expects=["install", "--frozen-lockfile", "--lockfile-only"], says=refusal, code=1)
    monkeypatch.setenv("PATH", path_of(tmp_path / "bin"))

    assert lock_files.look(subject(project)).status is Outcome.FAIL


def test_skips_a_pnpm_lock_file_of_a_version_it_cannot_read(project: Path) -> None:
    with_package(project, "pnpm-lock.yaml", "lockfileVersion: 5.4\n\nspecifiers:\n  ms: ^2.1.0\n")

    assert lock_files.look(subject(project)).status is Outcome.SKIP


def test_passes_the_lock_file_that_poetry_wrote(project: Path) -> None:
    files(project, {"pyproject.toml": POETRY_PROJECT, "poetry.lock": POETRY_LOCK})

    assert lock_files.look(subject(project)).status is Outcome.PASS


def test_fails_a_poetry_lock_after_a_change_of_what_is_asked_for(project: Path) -> None:
    files(project, {"pyproject.toml": POETRY_PROJECT.replace(">=3.11", ">=3.10"), "poetry.lock": POETRY_LOCK})

    found = lock_files.look(subject(project))

    assert (found.status, "poetry lock" in found.message) == (Outcome.FAIL, True)


def test_a_change_that_locks_nothing_leaves_a_poetry_lock_current(project: Path) -> None:
    files(project, {"pyproject.toml": POETRY_PROJECT.replace("1.0.0", "1.0.1"), "poetry.lock": POETRY_LOCK})

    assert lock_files.look(subject(project)).status is Outcome.PASS


def test_without_uv_a_lock_file_with_the_right_names_is_no_pass(project: Path) -> None:
    files(project, {"pyproject.toml": UV_PROJECT, "uv.lock": UV_LOCK})

    found = lock_files.look(subject(project))

    assert (found.status, "uv is not on PATH" in found.message) == (Outcome.SKIP, True)


def test_fails_a_uv_lock_without_a_package_that_is_asked_for(project: Path) -> None:
    files(project, {"pyproject.toml": UV_PROJECT.replace('"idna>=3.0"', '"idna>=3.0", "httpx"'), "uv.lock": UV_LOCK})

    assert lock_files.look(subject(project)).status is Outcome.FAIL


OUTDATED = (
    "error: The lockfile at `uv.lock` needs to be updated, but `--check` was provided.\n\nhint: To update, run `uv lock`.\n"
)


@pytest.mark.parametrize(
    ("code", "error", "status"),
    [(0, "Resolved 5 packages\n", Outcome.PASS), (1, OUTDATED, Outcome.FAIL), (2, "error: no network\n", Outcome.SKIP)],
)
def test_believes_uv(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, error: str, status: Outcome
) -> None:
    files(project, {"pyproject.toml": UV_PROJECT, "uv.lock": UV_LOCK})
    stand_in(tmp_path / "bin", "uv", expects=["lock", "--check"], code=code, error=error)
    monkeypatch.setenv("PATH", path_of(tmp_path / "bin"))

    assert lock_files.look(subject(project)).status is status


@pytest.mark.parametrize(
    ("requirements", "status", "words"),
    [
        ("idna==3.7 --hash=sha256:aa\nclick==8.1.7 \\\n  --hash=sha256:bb\n", Outcome.PASS, "pins 2 packages, with hashes"),
        ("# ours\nidna==3.7  # fixed\n--index-url x\n", Outcome.PASS, "pins 1 package, without hashes"),
        ("idna==3.7\nclick>=8\nzope.interface\n", Outcome.WARN, "does not pin click, zope-interface"),
        ("idna==3.*\n", Outcome.WARN, "does not pin idna"),
    ],
)
def test_requirements_have_to_be_pinned(project: Path, requirements: str, status: Outcome, words: str) -> None:
    files(project, {"requirements.txt": requirements})

    found = lock_files.look(subject(project))

    assert (found.status, words in found.message) == (status, True), found.message


def test_constraints_pin_what_requirements_leave_open(project: Path) -> None:
    files(project, {"requirements.txt": "-c fixed.txt\nClick>=8\n", "fixed.txt": "click==8.1.7\n"})

    assert lock_files.look(subject(project)).status is Outcome.PASS


def test_fails_requirements_that_lack_what_their_source_asks_for(project: Path) -> None:
    files(project, {"requirements.in": "click\nidna\n", "requirements.txt": "click==8.1.7\n"})

    found = lock_files.look(subject(project))

    assert (found.status, "lacks idna" in found.message) == (Outcome.FAIL, True)


def test_one_answer_for_all_package_managers_is_the_worst(project: Path) -> None:
    with_package(project, "package-lock.json", json.dumps(NPM_LOCK))
    files(project, {"requirements.txt": "click\n"})

    found = lock_files.look(subject(project))

    assert found.status is Outcome.WARN
    assert found.message.startswith("requirements.txt does not pin click")
    assert "package-lock.json agrees" in found.message


def test_the_fix_has_npm_write_its_lock_file_and_runs_no_script(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files(project, {"package.json": json.dumps(PACKAGE)})
    stand_in(tmp_path / "bin", "npm", expects=["install", "--package-lock-only", "--ignore-scripts"])
    monkeypatch.setenv("PATH", path_of(tmp_path / "bin"))
    checked = subject(project)

    said = lock_files.fix(checked)

    assert said == "package-lock.json renewed by npm"
    assert len(ran(checked)) == 1


def test_the_fix_leaves_alone_what_is_well_and_says_nothing_where_npm_is_missing(project: Path) -> None:
    with_package(project, "package-lock.json", json.dumps(NPM_LOCK))
    checked = subject(project)

    assert (lock_files.fix(checked), ran(checked)) == ("", [])

    (project / "package-lock.json").unlink()
    assert lock_files.fix(checked) == ""
