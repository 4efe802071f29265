"""Which release may be gone back to."""

from __future__ import annotations

from dataclasses import replace

import pytest

from orchestrator.domain.errors import NothingToRollBack
from orchestrator.domain.plan import Release
from orchestrator.domain.policy import back_to, same_release
from tests.unit.orchestrator.stories import OLD, Story

OLDER = Release(version="0.9.0", deployment_id="deploy-20260201-000000-zzzz", artifacts={"app": "sha256:" + "0" * 64})


def test_without_a_wish_it_is_the_release_that_was_verified_before() -> None:
    assert back_to(Story().verified().deployment, [OLD, OLDER], None) == OLD


def test_a_reference_that_is_no_longer_kept_gives_way_to_the_newest_that_is() -> None:
    assert back_to(Story().verified().deployment, [OLDER], None) == OLDER


def test_without_a_reference_it_is_the_newest_verified_one() -> None:
    assert back_to(Story().verified(reference=None).deployment, [OLD, OLDER], None) == OLD


def test_a_wished_version_is_taken_where_it_is_verified() -> None:
    assert back_to(Story().verified().deployment, [OLD, OLDER], "0.9.0") == OLDER


def test_refuses_a_version_that_was_never_verified_and_names_those_that_were() -> None:
    with pytest.raises(NothingToRollBack, match=r"no verified release 3\.0 to go back to; there are: 1\.0\.0, 0\.9\.0"):
        back_to(Story().verified().deployment, [OLD, OLD, OLDER], "3.0")


def test_refuses_to_go_back_to_what_is_being_left() -> None:
    deployment = Story().verified().deployment
    assert deployment.release is not None

    with pytest.raises(NothingToRollBack, match=r"no verified release before 1\.2\.0"):
        back_to(deployment, [deployment.release], None)


def test_refuses_a_version_when_there_is_none_at_all() -> None:
    with pytest.raises(NothingToRollBack, match="there are: none"):
        back_to(Story().verified().deployment, [], "1.0.0")


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (OLD, replace(OLD, version="1.0.0-again"), True),
        (OLD, replace(OLD, deployment_id="another"), True),
        (OLD, replace(OLD, deployment_id="another", version="1.0.1"), False),
        (OLD, replace(OLD, deployment_id="another", artifacts={}), False),
        (Release(version="1"), Release(version="1"), False),
        (OLD, None, False),
        (None, OLD, False),
    ],
)
def test_a_release_is_the_same_by_its_deployment_or_by_what_it_is_made_of(
    one: Release | None, other: Release | None, same: bool
) -> None:
    assert same_release(one, other) is same
