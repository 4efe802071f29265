"""`pop-deploy replay`, as typed, and the replay itself."""

import pytest

from eventstore.memory import MemoryEventStore
from orchestrator.domain.events import EVENTS, DeploymentVerified
from orchestrator.projections import replaying
from tests.unit.orchestrator.cli.conftest import Run
from tests.unit.orchestrator.histories import World


def test_shows_each_event_with_the_states_around_it(world: World, run: Run) -> None:
    good = world.deployment(version="1.0.0").to_verified()
    story = world.deployment(version="1.1.0").to_failed(reference=good.release).to_rolled_back(good.release)

    ended = run("replay", story.id)
    lines = ended.out.splitlines()
    assert ended.code == 0
    assert "* -> requested" in lines[0] and "1.1.0 to production/web (deploy)" in lines[0]
    assert any("failed -> rolling_back" in line and "to 1.0.0 automatically" in line for line in lines)
    assert lines[-1] == f"{story.id} is rolled back at version 16."


def test_json_has_who_wrote_what(world: World, run: Run) -> None:
    story = world.deployment().to_verified()

    data = run("replay", "latest", "--json").data
    assert (data["deployment_id"], data["state"], data["legal"], data["problem"]) == (story.id, "verified", True, None)
    first = data["events"][0]
    assert (first["version"], first["event"], first["before"], first["after"]) == (0, "DeploymentRequested", None, "requested")
    assert (data["events"][1]["actor"], data["events"][1]["host"]) == ("ann@ci-7", "ci-7")
    assert data["events"][-1]["data"]["round"] == 1


def test_goes_back_in_time(world: World, run: Run) -> None:
    story = world.deployment().to_verified()

    data = run("replay", story.id, "--at", "4", "--json").data
    assert (data["state"], len(data["events"])) == ("executing", 5)


def test_a_history_that_breaks_the_lifecycle_is_found(world: World, run: Run) -> None:
    story = world.deployment()
    story.record(DeploymentVerified(release=story.release.to_json(), round=1))

    ended = run("replay", story.id, "--json")
    assert ended.code == 1
    assert (ended.data["legal"], len(ended.data["events"])) == (False, 1)
    assert "version 1, DeploymentVerified" in ended.data["problem"]
    assert "not legal" in run("replay", story.id).out


@pytest.mark.parametrize("text", ["nonsense", "deploy-2026"])
def test_an_unknown_or_ambiguous_id_is_wrong_usage(world: World, run: Run, text: str) -> None:
    world.deployment(id="deploy-20260318-143022-k3f9")
    world.deployment(id="deploy-20260318-143022-k3fa")

    ended = run("replay", text)
    assert (ended.code, ended.out) == (2, "")
    assert "deploy-20260318-143022-k3f9" in ended.err


def test_without_any_deployment_it_is_wrong_usage(run: Run) -> None:
    assert run("replay", "latest").code == 2


def test_every_event_of_a_deployment_has_a_summary() -> None:
    of_other_streams = {
        "DecisionGiven",
        "SlotTaken",
        "SlotReleased",
        "HistoryImported",
        "ConfigurationChanged",
        "AnchorFailed",
        "ValidationStarted",
        "ValidationFixed",
        "ValidationCheckRecorded",
        "ValidationFinished",
        "ReceiverAdded",
        "NotificationsQueued",
        "DeliveryStarted",
        "DeliverySucceeded",
        "DeliveryFailed",
        "Event",
    }

    assert {event.__name__ for event in replaying._SUMMARIES} == set(EVENTS) - of_other_streams


def test_the_same_history_gives_the_same_replay() -> None:
    world = World()
    story = world.deployment().to_verified()
    assert isinstance(world.store, MemoryEventStore)
    from orchestrator.domain.ids import stream_of
    from orchestrator.services.codec import CODEC

    def once() -> replaying.Replay:
        return replaying.replay(
            story.id, [(CODEC.decode(event), event) for event in world.store.read_stream(stream_of(story.id))]
        )

    assert once() == once()
