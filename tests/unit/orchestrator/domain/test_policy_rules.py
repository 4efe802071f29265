"""What an environment forbids."""

from __future__ import annotations

import pytest

from orchestrator.domain import events as e
from orchestrator.domain.deployment import Deployment
from orchestrator.domain.errors import Frozen, NotConfirmed
from orchestrator.domain.policy import check_approval, check_environment
from orchestrator.domain.settings import EnvironmentRules, Freeze

HOLIDAYS = Freeze(start="2026-12-24T00:00:00Z", end="2026-12-27T00:00:00Z", reason="holidays")


def deployment() -> Deployment:
    request = e.DeploymentRequested(
        deployment_id="deploy-1",
        project="shop",
        environment="production",
        version="1.0.0",
        version_source="option",
        actor="ann@ci",
    )
    return Deployment.replay([(request, "2026-12-24T00:00:00+00:00")])


@pytest.mark.parametrize("now", ["2026-12-24T00:00:00+00:00", "2026-12-26T23:59:59+00:00", "2026-12-27T01:30:00+02:00"])
def test_refuses_while_frozen_and_says_until_when_and_why(now: str) -> None:
    with pytest.raises(Frozen, match="frozen until 2026-12-27T00:00:00Z: holidays"):
        check_environment(deployment(), EnvironmentRules(freeze=(HOLIDAYS,)), now)


@pytest.mark.parametrize("now", ["2026-12-23T23:59:59+00:00", "2026-12-27T00:00:00+00:00"])
def test_allows_before_and_after_a_freeze(now: str) -> None:
    check_environment(deployment(), EnvironmentRules(freeze=(HOLIDAYS,)), now)


def test_a_second_person_has_to_confirm_where_that_is_wanted() -> None:
    rules = EnvironmentRules(approvals=1)

    check_approval(deployment(), rules, "bob@ci")
    with pytest.raises(NotConfirmed, match="pop-deploy confirm deploy-1"):
        check_approval(deployment(), rules, "ann@ci")
