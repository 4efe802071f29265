"""Who claims a slot."""

from orchestrator.domain.plan import Slot
from orchestrator.projections import slots
from tests.unit.orchestrator.histories import HOST, World

WEB = Slot("shop", "production", "web")


def test_the_holder_is_named_with_its_process_and_epoch() -> None:
    world = World()
    first = world.deployment().to_verified()
    second = world.deployment().to_executing()

    found = slots.holder(world.store, WEB)
    assert found is not None and second.guard is not None
    assert (found.deployment_id, found.host, found.pid, found.epoch) == (second.id, HOST, 4242, second.guard.version)
    assert found.epoch == 2
    assert first.id != found.deployment_id


def test_a_released_slot_has_no_holder_and_keeps_its_epoch() -> None:
    world = World()
    world.deployment().to_verified()

    (last,) = slots.holders(world.store)
    assert slots.holder(world.store, WEB) is None
    assert (last.deployment_id, last.epoch, last.target) == (None, 1, "web")


def test_a_takeover_names_the_new_process() -> None:
    world = World()
    world.deployment().to_executing().resume()

    found = slots.holder(world.store, WEB)
    assert found is not None
    assert (found.pid, found.epoch) == (5151, 1)


def test_a_project_may_have_a_slash_in_its_name() -> None:
    world = World()
    story = world.deployment(project="@scope/shop").to_executing()

    found = slots.holder(world.store, story.slot)
    assert found is not None
    assert (found.project, found.environment, found.target) == ("@scope/shop", "production", "web")
