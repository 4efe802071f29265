"""Attempts, outcomes and durations."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.projections import metrics
from orchestrator.projections.buckets import ERROR, bucket_of, duration_of, percentile
from tests.unit.orchestrator.histories import STEPS, World


@pytest.fixture
def world() -> World:
    return World()


def test_without_data_there_is_nothing_and_no_zero(world: World) -> None:
    found = metrics.read(world.store)

    assert found.slots == ()
    assert found.total.success_rate is None
    assert found.total.duration == metrics.Durations(0, None, None)


def test_each_attempt_is_in_one_outcome(world: World) -> None:
    good = world.deployment(version="1.0.0").to_verified()
    world.deployment().to_verified().to_rolled_back(good.release, automatic=False)
    world.deployment().to_failed()
    world.deployment().to_failed().to_rolled_back(good.release)
    world.deployment().to_failed().abort()
    world.deployment().to_executing().abort().release_slot()
    world.deployment().to_failed().take_slot().start_back(good.release).fail_back().release_slot()
    world.deployment().to_executing()

    (slot,) = metrics.read(world.store).slots
    assert (slot.project, slot.environment, slot.target) == ("shop", "production", "web")
    assert slot.attempts == 8
    assert (slot.success, slot.failed, slot.rolled_back, slot.rollback_failed, slot.aborted) == (1, 2, 2, 1, 1)
    assert slot.success_rate == pytest.approx(1 / 7)


def test_dry_runs_and_what_never_began_are_no_attempts(world: World) -> None:
    world.deployment(mode="dry_run").to_simulated()
    world.deployment(mode="dry_run").to_simulated(success=False)
    world.deployment().prepare().abort()

    (slot,) = metrics.read(world.store).slots
    assert (slot.attempts, slot.simulated, slot.aborted, slot.success_rate) == (0, 2, 0, None)


def test_durations_are_those_of_verified_deployments_and_rollbacks(world: World) -> None:
    good = world.deployment().to_verified()  # 7 s from its first step
    story = world.deployment().to_executing()
    world.clock.wait(hours=1)
    story.fail().to_rolled_back(good.release)  # 3 s

    (slot,) = metrics.read(world.store).slots
    assert slot.duration.count == 1 and slot.rollback.count == 1
    assert slot.duration.p50_ms == pytest.approx(7000, rel=ERROR)
    assert slot.rollback.p95_ms == pytest.approx(3000, rel=ERROR)


def test_a_later_verification_counts_no_second_duration(world: World) -> None:
    world.deployment().to_verified().doubt().verify()

    assert metrics.read(world.store).total.duration.count == 1


def test_steps_have_durations_of_their_own_the_slowest_first(world: World) -> None:
    world.deployment().to_executing().run("build", duration_ms=45_000).run("push", duration_ms=12_000).fail_step("update").fail()
    world.deployment().to_executing().run("build", duration_ms=45_000)

    steps = metrics.read(world.store).total.steps
    assert [(step.phase, step.step, step.duration.count, step.failed) for step in steps] == [
        ("deploy", "build", 2, 0),
        ("deploy", "push", 1, 0),
        ("deploy", "update", 0, 1),
    ]
    assert steps[0].duration.p50_ms == pytest.approx(45_000, rel=ERROR)
    assert steps[2].duration.p95_ms is None


def test_a_step_that_was_found_done_has_no_duration(world: World) -> None:
    world.deployment().to_executing().start("build").finish("build", found=True, duration_ms=0)

    assert metrics.read(world.store).total.steps == ()


def test_filters_and_total_over_slots(world: World) -> None:
    world.deployment().to_verified()
    world.deployment(target="api").to_verified()
    world.deployment(target="api", environment="staging").to_failed()

    everything = metrics.read(world.store)
    assert [(slot.environment, slot.target) for slot in everything.slots] == [
        ("production", "api"),
        ("production", "web"),
        ("staging", "api"),
    ]
    assert (everything.total.attempts, everything.total.success, everything.total.target) == (3, 2, None)
    assert everything.total.steps[0].duration.count in {2, 3}
    assert [slot.environment for slot in metrics.read(world.store, target="api").slots] == ["production", "staging"]
    assert metrics.read(world.store, target="api", environment="staging").total.success_rate == 0.0
    assert metrics.read(world.store, project="other").slots == ()


def test_costs_the_same_number_of_rows_however_many_deployments_there_are(world: World) -> None:
    for _ in range(3):
        world.deployment().to_verified()
    (few,) = world.store.query("SELECT count(*) FROM metrics_durations")
    for _ in range(30):
        world.deployment().to_verified()

    assert world.store.query("SELECT count(*) FROM metrics_durations") == [few]
    assert few[0] == len(STEPS) + 1


# --- the scale ----------------------------------------------------------------------


@given(st.integers(min_value=0, max_value=7 * 24 * 3600 * 1000))
def test_a_bucket_is_at_most_two_percent_off(duration_ms: int) -> None:
    assert duration_of(bucket_of(duration_ms)) == pytest.approx(duration_ms, rel=ERROR + 1e-9)


@given(st.lists(st.integers(min_value=0, max_value=10**8), min_size=1, max_size=200), st.sampled_from([50, 95, 99.9, 100]))
def test_a_percentile_is_at_most_two_percent_off_the_exact_one(durations: list[int], percent: float) -> None:
    counts: dict[int, int] = {}
    for duration in durations:
        counts[bucket_of(duration)] = counts.get(bucket_of(duration), 0) + 1
    exact = sorted(durations)[math.ceil(percent / 100 * len(durations)) - 1]

    assert percentile(counts, percent) == pytest.approx(exact, rel=0, abs=exact * ERROR + 0.0501)


def test_a_week_is_in_bucket_506() -> None:
    assert bucket_of(7 * 24 * 3600 * 1000) == 506
    assert percentile({}, 50) is None
