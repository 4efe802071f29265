"""Exact plans, as data: ``plans/KIND/CASE.json`` holds a configuration, a request, and what must come of them.

With ``rollback_to`` (a release) in a case, the plan that is compared is the way back to it. To add a case: write the first two
parts, and look hard at what pytest says is missing.
"""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from orchestrator.config.convert import Converter
from orchestrator.domain.plan import Mode, Release, Slot
from orchestrator.targets import registry
from orchestrator.targets.base import Request
from tests.contract.harness import plain_tools

PLANS = Path(__file__).parent / "plans"
CASES = sorted(PLANS.glob("*/*.json"))


@pytest.mark.parametrize("case", CASES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_plans_exactly_these_steps(case: Path) -> None:
    wanted = json.loads(case.read_text())
    kind, converter = case.parent.name, Converter()
    config_type = registry.config_type(kind)
    assert config_type is not None
    config = converter.read(wanted["config"], config_type, ("config",))
    assert not converter.problems
    tools = plain_tools(Path("/project"), Slot("shop", "production", kind))

    target = registry.create(kind, config, SimpleNamespace(adopt=False), tools)
    plan = target.plan(request(**wanted["request"]))
    if "rollback_to" in wanted:
        plan = target.rollback(plan, Release.from_json(wanted["rollback_to"]))

    assert [step.to_json() for step in plan.steps] == wanted["steps"]
    assert plan.release.to_json() == wanted["release"]


def test_finds_its_cases() -> None:
    assert CASES


def request(version: str, commit_sha: str | None = None, observed: Any = None, reference: Any = None) -> Request:
    return Request(
        version=version,
        mode=Mode.DEPLOY,
        commit_sha=commit_sha,
        source_digest="sha256:source",
        observed=Release.from_json(observed) if observed else None,
        reference=Release.from_json(reference) if reference else None,
        inputs={},
    )
