"""Check `integration-tests`: the project's integration tests pass.

They are ``validation.integration_tests`` of deploy.json, else a script of package.json with that name, else tests in Python in
``tests/integration`` or ``integration_tests``.
"""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.validation.base import Found, Subject
from orchestrator.validation.commands import Own, run_all
from orchestrator.validation.project_tests import python_tests
from orchestrator.validation.reading import names
from orchestrator.validation.toolchains import manager, package_json, script

_NONE = "no integration tests were found; a command that runs them can be set as validation.integration_tests in deploy.json"
_SCRIPTS = ("test:integration", "integration", "test:e2e", "e2e")
_DIRECTORIES = ("tests/integration", "test/integration", "integration_tests")


def look(subject: Subject) -> Found:
    """Run them. Raises `reading.Unreadable`."""
    if argv := subject.config.validation.integration_tests:
        return run_all(subject, [Own(argv, "validation.integration_tests", env={"CI": "true"})], none=_NONE)
    return run_all(subject, list(_detected(subject)), none=_NONE)


def _detected(subject: Subject) -> Iterator[Own | Found]:
    package = package_json(subject.project_dir) or {}
    if name := script(package, *_SCRIPTS):
        argv = (manager(subject.project_dir, package), "run", name)
        yield Own(argv, f"scripts.{name} of package.json", env={"CI": "true"})
    for directory in _DIRECTORIES:
        if any(names(subject.project_dir, {".py"}, below=directory, tests=True)):
            yield python_tests(subject, why=f"tests in {directory}", where=(directory,))
