"""docs/validation-checks.md says of every check which scope has it and whether it blocks, as the registry does."""

from __future__ import annotations

from orchestrator.domain.readiness import Scope
from orchestrator.validation.registry import CHECKS
from tests.architecture.imports import ROOT

PAGE = ROOT / "docs" / "validation-checks.md"


def test_the_page_and_the_registry_agree() -> None:
    rows = [line.strip("|").split("|") for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| `")]
    said = [tuple(cell.strip() for cell in row[:3]) for row in rows if row[1].strip() in ("standard", "full")]

    known = [check for check in CHECKS if check.scope is not Scope.QUICK]
    assert said == [(f"`{check.name}`", str(check.scope), "yes" if check.blocking else "no") for check in known]


def test_every_check_has_a_name_of_its_own() -> None:
    assert len({check.name for check in CHECKS}) == len(CHECKS)
