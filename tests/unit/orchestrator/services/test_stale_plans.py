"""A plan that no longer holds is refused and says what has changed; the digest of a dry run is the one to execute."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from orchestrator.domain.errors import (
    PlanStale,
)
from orchestrator.domain.lifecycle import State
from orchestrator.domain.plan import Mode
from orchestrator.services.confirm import confirm
from orchestrator.services.execute import Consent, advance
from orchestrator.services.repository import load
from orchestrator.services.request import Wish, like_plan
from tests.unit.orchestrator.services.workspace import World, digest_of


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda world: setattr(world.files, "source", "sha256:2"), "source: sha256:1 -> sha256:2"),
        (lambda world: setattr(world.files, "commit", "c2"), "commit: c1 -> c2"),
        (lambda world: setattr(world.files, "version", "1.0.1"), "version: 1.0.0 -> 1.0.1"),
        (lambda world: world.configure(timeout_s=5), "config: sha256:"),
        (lambda world: world.configure(script={"steps": 2}), "step step-3"),
    ],
    ids=["source", "commit", "version", "configuration", "steps"],
)
def test_a_prepared_plan_that_no_longer_holds_is_refused_and_says_why(
    world: World, change: Callable[[World], None], named: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orchestrator.targets.fake.FakeTarget.input_paths", lambda target: (target.tools.project_dir,))
    journal = world.prepared()
    confirm(world.process(), journal, how="confirm")
    change(world)

    with pytest.raises(PlanStale, match="the plan no longer holds; changed: ") as refused:
        advance(world.process(), load(world.process(), journal.deployment.id), Consent())

    assert any(difference.startswith(named) for difference in refused.value.differences), refused.value.differences
    assert (world.effects, world.deployment(journal.deployment.id).state) == ([], State.CONFIRMED)
    assert world.deployment(journal.deployment.id).refusals[-1].rule == "stale_plan"
    assert world.slot_events() == ["SlotTaken", "SlotReleased"]


def test_a_plan_is_stale_when_somebody_deployed_meanwhile(world: World) -> None:
    journal = world.prepared(version="1.1.0")
    confirm(world.process(), journal, how="confirm")
    world.deploy("1.0.0")

    with pytest.raises(PlanStale, match=r"observed: none -> 1\.0\.0"):
        advance(world.process(), load(world.process(), journal.deployment.id), Consent())


def test_a_version_that_was_named_is_not_looked_for_again(world: World) -> None:
    journal = world.prepared(version="3.0.0")
    confirm(world.process(), journal, how="confirm")
    world.files.version = "1.0.1"

    advance(world.process(), load(world.process(), journal.deployment.id), Consent())

    assert world.live == "3.0.0"


def test_a_dry_runs_digest_is_the_one_to_execute(world: World) -> None:
    dry = world.begin(mode=Mode.DRY_RUN)
    advance(world.process(), dry, Consent())
    workspace = world.process()
    wish = like_plan(workspace, Wish(), digest_of(dry)[:20])

    journal = world.begin(workspace, **vars(wish))
    advance(workspace, journal, Consent(yes=True, plan_digest=digest_of(dry)))

    assert (wish.target, wish.environment, wish.mode, wish.version) == ("web", "default", Mode.DEPLOY, None)
    assert journal.deployment.state is State.VERIFIED


def test_the_plan_of_a_named_version_brings_that_version_along(world: World) -> None:
    dry = world.begin(mode=Mode.DRY_RUN, version="7.0.0")
    advance(world.process(), dry, Consent())

    assert like_plan(world.process(), Wish(), digest_of(dry)).version == "7.0.0"


def test_a_digest_that_nobody_planned_is_refused(world: World) -> None:
    with pytest.raises(PlanStale, match=r"no plan sha256:0123456789 is on record\. Next: pop-deploy prepare"):
        like_plan(world.process(), Wish(), "sha256:0123456789")


def test_executing_a_stale_digest_names_what_changed_since(world: World) -> None:
    dry = world.begin(mode=Mode.DRY_RUN)
    advance(world.process(), dry, Consent())
    world.configure(timeout_s=7)
    journal = world.begin()

    with pytest.raises(PlanStale) as refused:
        advance(world.process(), journal, Consent(yes=True, plan_digest=digest_of(dry)))

    assert [difference.partition(":")[0] for difference in refused.value.differences] == [
        "config",
        "step step-1",
        "step step-2",
        "step step-3",
    ]
    assert world.effects == []
