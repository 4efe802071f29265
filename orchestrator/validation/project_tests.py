"""Check `tests`: the project's own tests pass.

Detected are the test script of package.json, pytest (else tox), ``go test``, ``cargo test``, and else ``make test``;
``validation.tests`` of deploy.json replaces all of that. npm's placeholder, and a run that found no test, are a SKIP.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from orchestrator.domain.readiness import Outcome
from orchestrator.targets.base import CommandResult
from orchestrator.validation.base import Found, Subject
from orchestrator.validation.commands import Own, has_module, run_all
from orchestrator.validation.reading import names, table, text
from orchestrator.validation.toolchains import interpreter, makes, manager, package_json, pyproject, script

_NONE = "no tests were found; a command that runs them can be set as validation.tests in deploy.json"
_PLACEHOLDER = "no test specified"
_COLLECTED_NOTHING = 5  # pytest's exit code
_INTERACTIVE = {"CI": "true"}  # test runners that watch for changes would never end otherwise
_UNTRACED = {"CI": "true", "PYTHONDONTWRITEBYTECODE": "1"}


def look(subject: Subject) -> Found:
    """Run the tests. Raises `reading.Unreadable`."""
    if argv := subject.config.validation.tests:
        return run_all(subject, [Own(argv, "validation.tests", env=_INTERACTIVE)], none=_NONE)
    commands = list(_detected(subject))
    if not commands and makes(subject.project_dir, "test"):
        commands = [Own(("make", "test"), "target test of the Makefile", env=_INTERACTIVE)]
    return run_all(subject, commands, none=_NONE)


def _detected(subject: Subject) -> Iterator[Own | Found]:
    project = subject.project_dir
    package = package_json(project)
    if package is not None and script(package, "test"):
        yield _script(project, package)
    if _has_python_tests(project):
        yield python_tests(subject, why="tests in Python")
    if (project / "go.mod").is_file():
        yield Own(("go", "test", "./..."), "go.mod", env=_INTERACTIVE, nothing=_go_found_nothing)
    if (project / "Cargo.toml").is_file():
        yield Own(("cargo", "test"), "Cargo.toml", env=_INTERACTIVE, nothing=_cargo_found_nothing)


def _script(project: Path, package: dict[str, Any]) -> Own | Found:
    if _PLACEHOLDER in table(package, "scripts")["test"]:
        return Found(Outcome.SKIP, "package.json has npm's placeholder for a test script: write tests, or set validation.tests")
    installed = (project / "node_modules").is_dir() or not (package.get("dependencies") or package.get("devDependencies"))
    hint = "" if installed else "node_modules is missing: install the dependencies first"
    return Own((manager(project, package), "run", "test"), "scripts.test of package.json", hint, _INTERACTIVE)


def python_tests(subject: Subject, *, why: str, where: tuple[str, ...] = ()) -> Own | Found:
    """pytest in the project's environment, or tox where pytest is not there and tox is configured."""
    python = interpreter(subject.project_dir)
    if has_module(subject, python, "pytest"):
        argv = (python, "-m", "pytest", "-p", "no:cacheprovider", *where)
        return Own(argv, why, env=_UNTRACED, nothing=lambda result: result.exit_code == _COLLECTED_NOTHING)
    if _has_tox(subject.project_dir) and shutil.which("tox") and not where:
        return Own(("tox",), "tox is configured", env=_INTERACTIVE)
    return Found(Outcome.SKIP, f"{python} has no pytest for the {why}: install it there, or set validation.tests")


def _has_python_tests(project: Path) -> bool:
    if table(pyproject(project), "tool", "pytest") or (project / "pytest.ini").is_file() or _has_tox(project):
        return True
    if re.search(r"^\[tool:pytest\]", text(project, "setup.cfg") or "", re.MULTILINE):
        return True
    return any(_is_test(name) for name in names(project, {".py"}, tests=True))


def _has_tox(project: Path) -> bool:
    return (project / "tox.ini").is_file() or bool(table(pyproject(project), "tool", "tox"))


def _is_test(name: str) -> bool:
    file = name.rpartition("/")[2]
    return file.startswith("test_") or file.endswith("_test.py")


def _go_found_nothing(result: CommandResult) -> bool:
    return result.ok and not re.search(r"^ok\s", result.stdout, re.MULTILINE)


def _cargo_found_nothing(result: CommandResult) -> bool:
    return result.ok and not re.search(r"^test result: ok\. [1-9]", result.stdout, re.MULTILINE)
