"""What the tests of validation share; the project in git is the fixture ``shop``."""

from __future__ import annotations

from typing import Any

from tests.e2e.project import Project

PRODUCTION = ("--environment", "production")


def own(project: Project, **checks: dict[str, Any]) -> None:
    """Checks of the project's own; each passes unless *argv* says otherwise."""
    project.configure(top={"validation": {"checks": {name: {"scope": "quick", **check} for name, check in checks.items()}}})
