"""The project's own commands: build, tests, integration tests. Python, pytest and make are real, other tools stand-ins."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from orchestrator.domain.readiness import Outcome
from orchestrator.validation import build, commands, integration_tests, project_tests
from orchestrator.validation.base import Found
from orchestrator.validation.commands import Own, run_all
from tests.unit.orchestrator.validation.subjects import files, path_of, ran, stand_in, subject

TRUE, FALSE = [sys.executable, "-c", "pass"], [sys.executable, "-c", "import sys; sys.exit('no such module: left')"]
PLACEHOLDER = 'echo "Error: no test specified" && exit 1'
PYTHON_PACKAGE = """[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"
[project]
name = "shop"
version = "1.2.0"
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "project").mkdir()
    return tmp_path / "project"


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory that alone is on PATH."""
    monkeypatch.setenv("PATH", path_of(tmp_path / "bin"))
    return tmp_path / "bin"


def own_python(project: Path, *, says: str = "1 passed", code: int = 0) -> None:
    """Give the project an environment of its own. What pytest really says there is tried in tests/e2e."""
    stand_in(project / ".venv" / "bin", "python", expects=["-m", "pytest"], says=says, code=code)
    program = project / ".venv" / "bin" / "python"
    asked = "if '--version' in sys.argv:\n    sys.exit(0)\nsys.exit(code)"
    program.write_text(program.read_text(encoding="utf-8").replace("sys.exit(code)", asked), encoding="utf-8")


CONFIGURED = {"build": build, "tests": project_tests, "integration_tests": integration_tests}


@pytest.mark.parametrize("key", CONFIGURED)
@pytest.mark.parametrize(("argv", "status"), [(TRUE, Outcome.PASS), (FALSE, Outcome.FAIL)], ids=["ends well", "fails"])
def test_runs_the_configured_command_and_nothing_else(project: Path, key: str, argv: list[str], status: Outcome) -> None:
    files(project, {"package.json": json.dumps({"scripts": {"build": "exit 1", "test": "exit 1", "test:integration": "exit 1"}})})
    checked = subject(project, validation={key: argv})

    found = CONFIGURED[key].look(checked)  # type: ignore[attr-defined]

    assert (found.status, ran(checked)) == (status, [tuple(argv)])
    assert f"validation.{key}" in found.message
    assert ("no such module: left" in found.message) == (status is Outcome.FAIL)


@pytest.mark.parametrize("key", CONFIGURED)
def test_a_project_without_such_a_command_is_a_skip_that_says_where_to_name_one(project: Path, key: str) -> None:
    found = CONFIGURED[key].look(subject(project))  # type: ignore[attr-defined]

    assert (found.status, f"validation.{key}" in found.message) == (Outcome.SKIP, True)


@pytest.mark.parametrize(("lock", "tool"), [("package-lock.json", "npm"), ("yarn.lock", "yarn"), ("pnpm-lock.yaml", "pnpm")])
def test_builds_with_the_package_manager_whose_lock_file_is_there(project: Path, tools: Path, lock: str, tool: str) -> None:
    files(project, {"package.json": '{"scripts": {"build": "vite build"}}', lock: ""})
    stand_in(tools, tool, expects=["run", "build"])

    found = build.look(subject(project))

    assert (found.status, f"{tool} run build" in found.message) == (Outcome.PASS, True)


def test_a_failed_build_says_that_the_dependencies_are_not_installed(project: Path, tools: Path) -> None:
    files(project, {"package.json": '{"scripts": {"build": "vite build"}, "devDependencies": {"vite": "5"}}'})
    stand_in(tools, "npm", code=127, error="sh: 1: vite: not found\n\nnpm notice new version\n")

    found = build.look(subject(project))

    assert found.status is Outcome.FAIL
    assert "npm run build ended with 127: sh: 1: vite: not found" in found.message
    assert "node_modules is missing: install the dependencies first" in found.message


def test_a_missing_program_is_a_skip_with_its_name(project: Path, tools: Path) -> None:
    files(project, {"package.json": '{"scripts": {"build": "vite build"}}'})

    found = build.look(subject(project))

    assert (found.status, "npm is not on PATH" in found.message) == (Outcome.SKIP, True)


def test_a_part_that_could_not_run_keeps_the_whole_from_passing(project: Path, tools: Path) -> None:
    files(project, {"package.json": '{"scripts": {"build": "vite build"}}', "go.mod": "module shop\n"})
    stand_in(tools, "npm")

    found = build.look(subject(project))

    assert found.status is Outcome.SKIP
    assert found.message.startswith("go is not on PATH")
    assert "npm run build ended well" in found.message


@pytest.mark.parametrize(
    ("tool", "extra", "expects"),
    [
        ("uv", {"uv.lock": ""}, ["build", "--out-dir"]),
        ("hatch", {}, ["build"]),
        ("go", {"go.mod": "module shop\n"}, ["build", "-o", "./..."]),
        ("cargo", {"Cargo.toml": ""}, ["build", "--target-dir"]),
    ],
)
def test_what_can_build_elsewhere_does(project: Path, tools: Path, tool: str, extra: dict[str, str], expects: list[str]) -> None:
    files(project, {"pyproject.toml": PYTHON_PACKAGE} if tool in ("uv", "hatch") else {})
    files(project, extra)
    stand_in(tools, tool, expects=expects)
    checked = subject(project)

    found = build.look(checked)

    assert found.status is Outcome.PASS, found.message
    assert any("pop-deploy-build-" in word for word in ran(checked)[-1])


def test_a_python_package_without_a_build_tool_is_a_skip(project: Path, tools: Path) -> None:
    files(project, {"pyproject.toml": PYTHON_PACKAGE})

    found = build.look(subject(project))

    assert (found.status, "install the package build" in found.message) == (Outcome.SKIP, True)


def test_an_application_in_python_is_not_built(project: Path, tools: Path) -> None:
    files(project, {"pyproject.toml": "[tool.ruff]\n"})

    assert build.look(subject(project)).message.startswith("nothing to build was found")


def test_makes_what_the_makefile_calls_build_and_test(project: Path) -> None:
    files(project, {"Makefile": "test := no target\nbuild: \n\t@echo built\ntest:\n\t@echo no; false\n"})

    assert build.look(subject(project)).status is Outcome.PASS
    assert project_tests.look(subject(project)).status is Outcome.FAIL


def test_a_variable_of_a_makefile_is_no_target(project: Path) -> None:
    files(project, {"Makefile": "test := x\nbuild = y\nbuild-all:\n"})

    assert build.look(subject(project)).status is Outcome.SKIP
    assert project_tests.look(subject(project)).status is Outcome.SKIP


def test_the_placeholder_of_npm_is_no_test(project: Path, tools: Path) -> None:
    files(project, {"package.json": json.dumps({"scripts": {"test": PLACEHOLDER}})})
    checked = subject(project)

    found = project_tests.look(checked)

    assert (found.status, "placeholder" in found.message, ran(checked)) == (Outcome.SKIP, True, [])


def test_tells_test_scripts_that_nobody_watches(project: Path, tools: Path) -> None:
    files(project, {"package.json": '{"scripts": {"test": "vitest"}}'})
    tools.mkdir()
    (tools / "npm").write_text('#!/bin/sh\n[ "$CI" = true ]\n')
    (tools / "npm").chmod(0o755)

    assert project_tests.look(subject(project)).status is Outcome.PASS


@pytest.mark.parametrize(
    ("code", "says", "status", "words"),
    [
        (0, "1 passed in 0.01s", Outcome.PASS, "ended well"),
        (1, "1 failed in 0.01s", Outcome.FAIL, "1 failed"),
        (2, "1 error in 0.01s", Outcome.FAIL, "1 error"),
        (5, "no tests ran in 0.00s", Outcome.SKIP, "found nothing to run"),
    ],
)
def test_runs_pytest_of_the_projects_own_environment(project: Path, code: int, says: str, status: Outcome, words: str) -> None:
    own_python(project, says=says, code=code)
    files(project, {"tests/test_shop.py": ""})
    checked = subject(project)

    found = project_tests.look(checked)

    assert (found.status, words in found.message) == (status, True), found.message
    assert ran(checked)[-1] == (str(project / ".venv/bin/python"), "-m", "pytest", "-p", "no:cacheprovider")


def test_an_environment_without_pytest_is_a_skip(project: Path, tools: Path) -> None:
    files(project, {"tests/test_shop.py": ""})

    found = project_tests.look(subject(project))

    assert (found.status, "has no pytest" in found.message) == (Outcome.SKIP, True)


@pytest.mark.parametrize(
    ("tool", "file", "says", "status"),
    [
        ("go", "go.mod", "ok  \tshop\t0.002s\n", Outcome.PASS),
        ("go", "go.mod", "?   \tshop\t[no test files]\n", Outcome.SKIP),
        ("cargo", "Cargo.toml", "test result: ok. 3 passed; 0 failed; 0 ignored\n", Outcome.PASS),
        ("cargo", "Cargo.toml", "test result: ok. 0 passed; 0 failed; 0 ignored\n", Outcome.SKIP),
    ],
)
def test_a_run_without_tests_is_no_pass(project: Path, tools: Path, tool: str, file: str, says: str, status: Outcome) -> None:
    files(project, {file: ""})
    stand_in(tools, tool, expects=["test"], says=says)

    assert project_tests.look(subject(project)).status is status


def test_finds_integration_tests_by_script_and_by_directory(project: Path, tools: Path) -> None:
    own_python(project)
    files(
        project,
        {"package.json": '{"scripts": {"test:integration": "x"}}', "tests/integration/test_api.py": "def test_x(): ...\n"},
    )
    stand_in(tools, "npm", expects=["run", "test:integration"])
    checked = subject(project)

    found = integration_tests.look(checked)

    assert found.status is Outcome.PASS, found.message
    assert ("npm", "run", "test:integration") in ran(checked)
    assert ran(checked)[-1][-1] == "tests/integration"


def test_a_command_that_does_not_end_fails(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commands, "DEADLINE_S", 0.2)
    waits = [sys.executable, "-c", "import threading; threading.Event().wait()"]

    found = build.look(subject(project, validation={"build": waits}))

    assert (found.status, "did not end in 0.2 s" in found.message) == (Outcome.FAIL, True)


def test_the_projects_own_commands_never_run_at_the_same_time(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commands, "DEADLINE_S", 0.05)
    commands._ONE_AT_A_TIME.acquire()
    try:
        found = run_all(subject(project), [Own(tuple(TRUE), "x")], none="")
    finally:
        commands._ONE_AT_A_TIME.release()

    assert (found.status, "has not ended" in found.message) == (Outcome.SKIP, True)
    assert run_all(subject(project), [Own(tuple(TRUE), "x")], none="").status is Outcome.PASS


def test_what_stops_a_command_frees_the_way_for_the_next(project: Path) -> None:
    class Stopped(Exception):
        pass

    def explode(*_: object, **__: object) -> None:
        raise Stopped

    checked = subject(project)
    object.__setattr__(checked, "run", explode)
    with pytest.raises(Stopped):
        run_all(checked, [Own(tuple(TRUE), "x")], none="")

    assert run_all(subject(project), [Own(tuple(TRUE), "x")], none="").status is Outcome.PASS
    assert run_all(subject(project), [], none="nothing") == Found(Outcome.SKIP, "nothing")
