"""A short soak test, so that what the long one (`make soak`) proves is asked by every `make test`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.soak import checks, place, soak

pytestmark = pytest.mark.e2e


def test_no_event_is_lost_and_no_slot_held_twice_while_processes_are_killed(tmp_path: Path) -> None:
    check_soaked(tmp_path, None)


@pytest.mark.postgres
def test_the_same_holds_on_postgresql(tmp_path: Path, postgres_url: str) -> None:
    check_soaked(tmp_path, postgres_url)


def check_soaked(directory: Path, store: str | None) -> None:
    at = place.make(directory, slots=20, store=store)

    done, failed = soak.run(at, seconds=10, processes=8, kill_every_s=0.3, seed=1)
    figures, problems = checks.check(at)

    assert failed + problems == []
    assert min(done.kills, done.stops, figures.takeovers) > 0
    assert figures.deployments >= figures.verified > 20
