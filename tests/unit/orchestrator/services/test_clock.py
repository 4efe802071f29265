"""A clock that steps backwards: positions decide what came first, steps are measured by the monotonic clock, and no rule is
weakened by what was recorded with a later time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from orchestrator.domain.errors import Frozen
from orchestrator.domain.lifecycle import State
from orchestrator.projections import deploy_history, deployments, releases
from orchestrator.projections.buckets import ZERO
from orchestrator.services.confirm import confirm
from orchestrator.services.deploy_history import publish_history
from orchestrator.services.execute import Consent, advance
from orchestrator.services.repository import load
from orchestrator.targets.base import StepRun
from tests.unit.orchestrator.services.workspace import SLOT, World

NOON = datetime(2026, 3, 18, 12, tzinfo=UTC)
MARCH = {"from": "2026-03-01T00:00:00Z", "to": "2026-03-10T00:00:00Z", "reason": "holidays"}


@pytest.fixture
def back(world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    """A world whose events are an hour older than those before them, each of them."""
    hours = iter(range(10_000))
    monkeypatch.setattr(
        world.store.inner, "_now", lambda: (NOON - timedelta(hours=next(hours))).isoformat(timespec="microseconds")
    )
    return world


def test_the_history_is_in_the_order_of_the_events(back: World) -> None:
    for version in ("1.0.0", "1.1.0", "1.2.0"):
        back.deploy(version)

    records = deploy_history.records(back.store, "shop")
    times = [record["timestamp"] for record in records]
    assert [record["version"] for record in records] == ["1.2.0", "1.1.0", "1.0.0"]
    assert times == sorted(times), "the clock did not step back"
    assert [row.version for row in deployments.newest(back.store, limit=3)] == ["1.2.0", "1.1.0", "1.0.0"]


def test_what_others_wrote_takes_its_place_by_time_among_ours(back: World) -> None:
    back.deploy("1.0.0")
    back.history_file.records = [{"timestamp": "1999-01-01T00:00:00Z", "target": "web", "version": "0.1.0", "status": "success"}]
    publish_history(back.process())
    back.deploy("1.1.0")

    assert [record["version"] for record in deploy_history.records(back.store, "shop")] == ["1.1.0", "1.0.0", "0.1.0"]


def test_the_way_back_leads_to_what_went_live_before(back: World) -> None:
    for version in ("1.0.0", "1.1.0"):
        back.deploy(version)

    live = releases.live(back.store, SLOT)
    assert live is not None and live.version == "1.1.0"
    assert [found.release.version for found in releases.verified(back.store, SLOT, limit=5)] == ["1.1.0", "1.0.0"]


def test_no_duration_is_negative_and_steps_are_measured_by_the_monotonic_clock(back: World) -> None:
    def takes_long(_run: StepRun) -> None:
        back.clock.sleep(90)

    back.before["step-2"] = takes_long
    journal = back.deploy("1.0.0")

    deployment = back.deployment(journal.deployment.id)
    assert deployment.forward is not None
    assert [record["duration_ms"] for record in deploy_history.records(back.store, "shop")] == [0]
    assert 90_000 <= (deployment.forward.records["step-2"].duration_ms or 0) < 95_000
    assert min(bucket for (bucket,) in back.store.query("SELECT bucket FROM metrics_durations WHERE bucket >= -1")) == ZERO


def test_a_freeze_counts_by_the_time_it_is_now_whatever_was_recorded(world: World) -> None:
    world.document["environments"] = {"default": {"freeze": [MARCH]}}
    journal = world.prepared()
    confirm(world.process(), journal, how="confirm")
    world.clock.sleep(-9 * 24 * 3600)

    with pytest.raises(Frozen, match="holidays"):
        advance(world.process(), load(world.process(), journal.deployment.id), Consent())

    assert (world.effects, world.deployment(journal.deployment.id).state) == ([], State.CONFIRMED)
