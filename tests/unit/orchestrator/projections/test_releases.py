"""Verified releases, the reference of a failure, and what is live."""

import pytest

from orchestrator.domain.plan import Release, Slot
from orchestrator.projections import releases
from tests.unit.orchestrator.histories import World

WEB = Slot("shop", "production", "web")


@pytest.fixture
def world() -> World:
    return World()


def reference(world: World) -> str | None:
    found = releases.reference(world.store, WEB)
    return found.version if found else None


def live(world: World) -> str | None:
    found = releases.live(world.store, WEB)
    return found.version if found else None


def verified(world: World) -> list[str]:
    return [found.release.version for found in releases.verified(world.store, WEB, limit=10)]


def test_nothing_is_live_before_the_first_deployment(world: World) -> None:
    world.deployment(mode="dry_run").to_simulated()
    world.deployment().to_executing().run("build")

    assert (live(world), reference(world), verified(world)) == (None, None, [])


def test_a_deployed_release_is_live_and_a_verified_one_may_be_gone_back_to(world: World) -> None:
    story = world.deployment(version="1.0.0").to_executing().run("build").deploy()
    deployed = (live(world), reference(world))
    story.verify()

    assert deployed == ("1.0.0", None)
    assert (live(world), reference(world)) == ("1.0.0", "1.0.0")
    assert releases.live(world.store, WEB) == story.release
    (found,) = releases.verified(world.store, WEB, limit=10)
    assert (found.release, found.deployment_id) == (story.release, story.id)
    assert found.verified_at == "2026-03-18T14:30:30.000000+00:00"


def test_a_failed_release_is_live_but_no_reference(world: World) -> None:
    world.deployment(version="1.0.0").to_verified()
    world.deployment(version="1.1.0").to_executing().run("build").deploy().fail(step="health_check")

    assert (live(world), reference(world), verified(world)) == ("1.1.0", "1.0.0", ["1.0.0"])


def test_after_a_rollback_the_restored_release_is_live_and_the_reference(world: World) -> None:
    first = world.deployment(version="1.0.0").to_verified()
    world.deployment(version="1.1.0").to_verified()
    third = world.deployment(version="1.2.0").to_verified()
    third.to_rolled_back(first.release, automatic=False)

    assert (live(world), reference(world)) == ("1.0.0", "1.0.0")
    assert verified(world) == ["1.0.0", "1.2.0", "1.1.0"]
    (found,) = releases.live_slots(world.store, WEB)
    assert (found.put_there_by, found.actor, found.verified, found.in_doubt) == (third.id, "bob@laptop", True, None)


def test_a_failed_verification_takes_the_mark_away_until_the_next_success(world: World) -> None:
    world.deployment(version="1.0.0").to_verified()
    story = world.deployment(version="1.1.0").to_verified()
    story.doubt()
    doubted = (live(world), reference(world), verified(world), releases.find_version(world.store, WEB, "1.1.0"))
    story.verify()

    assert doubted == ("1.1.0", "1.0.0", ["1.0.0"], None)
    assert (live(world), reference(world), verified(world)) == ("1.1.0", "1.1.0", ["1.1.0", "1.0.0"])


def test_verifying_a_restored_release_again_concerns_the_restored_one(world: World) -> None:
    first = world.deployment(version="1.0.0").to_verified()
    world.deployment(version="1.1.0").to_verified().to_rolled_back(first.release)
    first.doubt()

    (found,) = releases.live_slots(world.store, WEB)
    assert (found.verified, reference(world)) == (False, "1.1.0")
    first.verify()
    assert (releases.live_slots(world.store, WEB)[0].verified, reference(world)) == (True, "1.0.0")


def test_finds_a_version_by_the_release_that_was_live_last(world: World) -> None:
    world.deployment(version="1.0.0").to_verified()
    again = world.deployment(version="1.0.0").to_verified()
    world.deployment(version="1.1.0").to_verified()

    found = releases.find_version(world.store, WEB, "1.0.0")
    assert found is not None and found.deployment_id == again.id
    assert releases.find_version(world.store, WEB, "9.9.9") is None


def test_slots_do_not_mix(world: World) -> None:
    world.deployment(version="1.0.0").to_verified()
    world.deployment(version="2.0.0", environment="staging").to_verified()
    world.deployment(version="3.0.0", target="api").to_verified()

    assert (live(world), reference(world)) == ("1.0.0", "1.0.0")
    assert [
        (found.environment, found.target, found.release and found.release.version) for found in releases.live_slots(world.store)
    ] == [
        ("production", "api", "3.0.0"),
        ("production", "web", "1.0.0"),
        ("staging", "web", "2.0.0"),
    ]


def test_at_most_as_many_as_asked_for(world: World) -> None:
    for number in range(5):
        world.deployment(version=f"1.0.{number}").to_verified()

    assert [found.release.version for found in releases.verified(world.store, WEB, limit=2)] == ["1.0.4", "1.0.3"]


def test_a_failure_that_touched_what_is_live_leaves_it_in_doubt(world: World) -> None:
    world.deployment(version="1.0.0").to_verified()
    early = world.deployment(version="1.1.0").to_executing().run("build").fail(step="push").release_slot()
    unchanged = releases.live_slots(world.store, WEB)[0].in_doubt
    late = world.deployment(version="1.2.0").to_failed()

    (found,) = releases.live_slots(world.store, WEB)
    assert (unchanged, found.in_doubt, found.verified) == (None, late.id, False)
    assert found.release == Release(**{**vars_of(found.release), "version": "1.0.0"})
    early.abort()
    world.deployment(version="1.3.0").to_verified()
    late.abort()
    assert releases.live_slots(world.store, WEB)[0].in_doubt is None


def test_an_abort_in_the_middle_leaves_what_is_live_in_doubt(world: World) -> None:
    world.deployment(version="1.0.0").to_verified()
    building = world.deployment().to_executing().run("build").abort().release_slot()
    after_building = releases.live_slots(world.store, WEB)[0].in_doubt
    updating = world.deployment().to_executing().start("update").abort().release_slot()

    assert (building.deployment.state, after_building) == ("aborted", None)
    assert releases.live_slots(world.store, WEB)[0].in_doubt == updating.id


def test_a_failed_rollback_leaves_what_is_live_in_doubt(world: World) -> None:
    first = world.deployment(version="1.0.0").to_verified()
    story = world.deployment(version="1.1.0").to_verified().take_slot()
    story.start_back(first.release).fail_back()

    assert releases.live_slots(world.store, WEB)[0].in_doubt == story.id


def test_a_first_deployment_that_fails_midway_is_told_too(world: World) -> None:
    story = world.deployment().to_failed()

    (found,) = releases.live_slots(world.store)
    assert (found.release, found.in_doubt) == (None, story.id)
    assert live(world) is None


def vars_of(release: Release | None) -> dict[str, object]:
    assert release is not None
    return release.to_json()
