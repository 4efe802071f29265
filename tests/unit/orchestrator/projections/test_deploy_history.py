"""The history of deploy.json: which deployment has a record, what it says, and where foreign records stand."""

from typing import Any

import pytest

from orchestrator.projections import deploy_history
from orchestrator.projections.deploy_history import LONGEST_ERROR, moment_of
from tests.unit.orchestrator.histories import World


@pytest.fixture
def world() -> World:
    return World()


def statuses(world: World) -> list[tuple[str, str]]:
    return [(record["version"], record["status"]) for record in deploy_history.records(world.store, "shop")]


def test_a_success_has_every_key_that_has_a_value(world: World) -> None:
    story = world.deployment().to_verified()

    (record,) = deploy_history.records(world.store, "shop")
    assert record == {
        "timestamp": "2026-03-18T14:30:33.000000+00:00",
        "target": "web",
        "version": "1.2.0",
        "status": "success",
        "commit_sha": "0a1b2c3d",
        "duration_ms": 7000,
        "deployment_id": story.id,
        "environment": "production",
        "mode": "deploy",
        "actor": "ann@ci-7",
        "store_id": world.store.store_id,
    }
    assert list(record)[:6] == ["timestamp", "target", "version", "status", "commit_sha", "duration_ms"]


def test_a_key_without_a_value_is_left_out(world: World) -> None:
    world.deployment(commit_sha=None).to_verified()

    assert "commit_sha" not in deploy_history.records(world.store, "shop")[0]


def test_a_failure_says_why_and_a_rollback_adds_a_record_of_its_own(world: World) -> None:
    good = world.deployment(version="1.0.0").to_verified()
    story = world.deployment(version="1.1.0").to_failed(reference=good.release)
    story.to_rolled_back(good.release)

    back, failed, success = deploy_history.records(world.store, "shop")
    assert (back["status"], back["version"], back["rollback_to"]) == ("rolled_back", "1.1.0", "1.0.0")
    assert (back["deployment_id"], back["actor"], back["duration_ms"]) == (story.id, "policy auto_rollback", 3000)
    assert (failed["status"], failed["version"], failed["error"]) == ("failed", "1.1.0", "port 8080 is taken")
    assert "error" not in back and "rollback_to" not in failed
    assert success["version"] == "1.0.0"


def test_a_verified_deployment_keeps_its_success_when_it_is_left(world: World) -> None:
    good = world.deployment(version="1.0.0").to_verified()
    world.deployment(version="1.1.0").to_verified().to_rolled_back(good.release, automatic=False)

    assert statuses(world) == [("1.1.0", "rolled_back"), ("1.1.0", "success"), ("1.0.0", "success")]


def test_a_success_that_could_not_be_left_is_a_failure_until_the_rollback_is_done(world: World) -> None:
    good = world.deployment(version="1.0.0").to_verified()
    story = world.deployment(version="1.1.0").to_verified().take_slot()
    story.start_back(good.release).fail_back().release_slot()
    between = deploy_history.records(world.store, "shop")
    story.to_rolled_back(good.release, automatic=False)

    assert (between[0]["status"], between[0]["error"]) == ("failed", "rollback failed at restore: the engine is down")
    assert list(between[0]).index("error") == list(between[0]).index("duration_ms") + 1
    assert statuses(world) == [("1.1.0", "rolled_back"), ("1.1.0", "success"), ("1.0.0", "success")]
    assert "error" not in deploy_history.records(world.store, "shop")[1]


def test_each_rollback_of_a_deployment_has_a_record(world: World) -> None:
    first = world.deployment(version="1.0.0").to_verified()
    second = world.deployment(version="1.1.0").to_verified()
    second.to_rolled_back(first.release, automatic=False)
    world.clock.wait(hours=1)
    first.to_rolled_back(second.release, automatic=False)
    second.verify().to_rolled_back(first.release, automatic=False)

    newest = deploy_history.records(world.store, "shop")[:3]
    assert [(record["version"], record["rollback_to"]) for record in newest] == [
        ("1.1.0", "1.0.0"),
        ("1.0.0", "1.1.0"),
        ("1.1.0", "1.0.0"),
    ]
    assert [record["duration_ms"] for record in newest] == [3000, 3000, 3000]


def test_a_failed_rollback_leaves_the_failure_as_it_was(world: World) -> None:
    good = world.deployment(version="1.0.0").to_verified()
    story = world.deployment(version="1.1.0").to_failed(reference=good.release).take_slot()
    story.start_back(good.release).fail_back()

    assert deploy_history.records(world.store, "shop")[0]["error"] == "port 8080 is taken"
    assert statuses(world) == [("1.1.0", "failed"), ("1.0.0", "success")]


def test_what_ran_into_its_verification_is_a_success_until_it_fails(world: World) -> None:
    story = world.deployment().to_executing().run("build").deploy()
    before = statuses(world)
    story.fail(step="health_check", message="got 500")

    assert (before, statuses(world)) == ([("1.2.0", "success")], [("1.2.0", "failed")])


def test_dry_runs_running_and_dropped_deployments_have_no_record(world: World) -> None:
    world.deployment(mode="dry_run").to_simulated()
    world.deployment().prepare().abort()
    world.deployment(target="api").to_executing().abort()
    world.deployment().to_executing().run("build")

    assert deploy_history.records(world.store, "shop") == []


def test_an_abort_after_an_effect_is_a_failure(world: World) -> None:
    world.deployment().to_executing().run("build").abort(reason="took too long")

    (record,) = deploy_history.records(world.store, "shop")
    assert (record["status"], record["error"]) == ("failed", "aborted by bob@laptop: took too long")


def test_closing_a_failed_deployment_changes_nothing(world: World) -> None:
    story = world.deployment().to_failed()
    before = deploy_history.records(world.store, "shop")
    story.abort()

    assert deploy_history.records(world.store, "shop") == before


def test_a_later_verification_is_no_new_deployment(world: World) -> None:
    story = world.deployment().to_verified()
    before = deploy_history.records(world.store, "shop")
    world.clock.wait(days=1)
    story.doubt().verify()

    assert deploy_history.records(world.store, "shop") == before


def test_has_the_newest_fifty(world: World) -> None:
    for number in range(60):
        world.deployment(version=f"1.0.{number}").to_verified()

    found = statuses(world)
    assert len(found) == 50
    assert (found[0], found[-1]) == (("1.0.59", "success"), ("1.0.10", "success"))
    assert len(deploy_history.records(world.store, "shop", limit=3)) == 3


def test_a_long_error_keeps_its_two_ends(world: World) -> None:
    message = "it began like this" + "x" * 10_000 + "and ended like that"
    world.deployment().to_executing().run("build").fail(message=message)

    error = deploy_history.records(world.store, "shop")[0]["error"]
    assert error.startswith("it began like this") and error.endswith("and ended like that")
    assert len(error) < LONGEST_ERROR + 20


# --- records of others --------------------------------------------------------------


def foreign(version: str, timestamp: Any) -> dict[str, Any]:
    return {"version": version, "status": "success", "timestamp": timestamp, "deployed_by": "make"}


def test_foreign_records_take_their_place_by_time_with_their_own_keys(world: World) -> None:
    world.deployment(version="2.0").to_verified()
    world.clock.wait(days=1)
    world.deployment(version="3.0").to_verified()
    between = foreign("0.9", "2026-03-18T23:00:00+02:00")
    oldest = foreign("0.1", "2020-01-01T00:00:00")
    world.take_in(oldest, between)

    found = deploy_history.records(world.store, "shop")
    assert [record["version"] for record in found] == ["3.0", "0.9", "2.0", "0.1"]
    assert found[1] == between
    assert found[3] == oldest


def test_a_time_without_an_offset_counts_as_utc(world: World) -> None:
    world.take_in(foreign("1", "2026-01-01T10:30:00"), foreign("2", "2026-01-01T12:00:00+02:00"))

    assert [record["version"] for record in deploy_history.records(world.store, "shop")] == ["1", "2"]


def test_what_is_no_time_keeps_its_place_among_its_neighbours(world: World) -> None:
    in_the_file = [
        foreign("6", "2026-01-02T00:00:00Z"),
        foreign("5", "yesterday"),
        foreign("4", None),
        foreign("3", "2026-01-01T00:00:00Z"),
        foreign("2", 17),
        {"version": "1"},
    ]
    world.take_in(*reversed(in_the_file))

    assert deploy_history.records(world.store, "shop") == in_the_file


def test_counts_how_often_a_record_was_taken_in(world: World) -> None:
    world.take_in(foreign("1", "2026-01-01T00:00:00Z"), foreign("1", "2026-01-01T00:00:00Z"))
    world.take_in(foreign("2", "2026-01-01T00:00:00Z"))

    assert sorted(deploy_history.imported_counts(world.store, "shop").values()) == [1, 2]
    assert all(len(identity) == 64 for identity in deploy_history.imported_counts(world.store, "shop"))


@pytest.mark.parametrize(
    ("timestamp", "moment"),
    [
        ("1970-01-01T00:00:00.000001+00:00", 1),
        ("1970-01-01T01:00:00+01:00", 0),
        ("1970-01-01", 0),
        ("0001-01-01T00:00:00+23:59", -62135683140000000),
        ("9999-12-31T23:59:59-23:59", 253402387139000000),
        ("", None),
        (None, None),
        (5, None),
        (["2026"], None),
    ],
)
def test_reads_the_times_that_other_tools_write(timestamp: Any, moment: int | None) -> None:
    assert moment_of(timestamp) == moment
