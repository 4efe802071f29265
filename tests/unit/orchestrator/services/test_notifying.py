"""The outbox and its delivery, without processes: what is put into it, when it is tried, what a death in between leaves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise

import pytest

from orchestrator.domain.errors import Interrupted
from orchestrator.domain.events import DecisionMade, DeploymentRefused
from orchestrator.domain.masking import Masker
from orchestrator.domain.notifications import GIVE_UP_AFTER_S, Notification
from orchestrator.domain.questions import CONFIRM_DEPLOY
from orchestrator.domain.receivers import Receiver
from orchestrator.projections import notifications
from orchestrator.services.codec import CODEC
from orchestrator.services.notifying import Delivered, deliver
from orchestrator.services.outbox import Outbox, anything_due, note_receivers
from orchestrator.services.ports import Here, Sent
from tests.unit.orchestrator.histories import Clock, World

HOOK = Receiver(name="hook", command=("hook",))
OK = Sent(delivered=True, message="HTTP 200")
DOWN = Sent(delivered=False, message="HTTP 503")
GONE = Sent(delivered=False, message="HTTP 410", final=True)


class Killed(BaseException):
    """Nothing tidies up after it."""


class Waiting:
    """A clock whose waits cost nothing: it shares its time with the store's."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def now(self) -> str:
        return self._clock.time.isoformat(timespec="microseconds")

    def monotonic(self) -> float:
        return self._clock.time.timestamp()

    def sleep(self, seconds: float) -> None:
        self._clock.wait(seconds=seconds)


class Courier:
    """Answers as *answer* says; remembers what was sent to whom."""

    def __init__(self, answer: Callable[[str, Notification], Sent] = lambda _name, _what: OK) -> None:
        self.answer, self.sent = answer, list[tuple[str, Notification]]()

    def send(self, receiver: Receiver, notification: Notification) -> Sent:
        self.sent.append((receiver.name, notification))
        return self.answer(receiver.name, notification)

    @property
    def versions(self) -> list[str]:
        return [what.version for _, what in self.sent]


def answers(*given: Sent) -> Callable[[str, Notification], Sent]:
    """Each once, then the last one for ever."""
    left = list(given)
    return lambda _name, _what: left.pop(0) if len(left) > 1 else left[0]


@pytest.fixture
def world() -> World:
    return World(clock=Clock(tick_s=0.001))


def box_of(world: World, *receivers: Receiver, project: str = "shop") -> Outbox:
    made = Outbox(
        project=project,
        receivers=receivers or (HOOK,),
        store=world.store,
        mask=Masker(),
        clock=Waiting(world.clock),
        here=Here("ci-7", "boot", "", 42, 1),
        tool_version="1",
        chance=lambda: 0.0,
    )
    note_receivers(made)
    return made


def test_each_receiver_is_told_once_of_what_happened(world: World) -> None:
    box, courier = box_of(world, HOOK, replace(HOOK, name="other")), Courier()
    story = world.deployment(version="1.2.0").to_verified()

    first, second = deliver(box, courier, timeout_s=0), deliver(box, courier, timeout_s=0)

    assert first == Delivered(delivered=2, failed=0, pending=0)
    assert second == Delivered(delivered=0, failed=0, pending=0)
    assert sorted(name for name, _ in courier.sent) == ["hook", "other"]
    (_, told), _ = courier.sent
    assert (told.event, told.version, told.deployment_id, told.actor) == ("verified", "1.2.0", story.id, "ann@ci-7")
    assert told.id.startswith(f"{world.store.store_id}-")


def test_a_new_receiver_is_told_nothing_old_and_an_old_one_nothing_twice(world: World) -> None:
    world.deployment(version="1.0.0").to_verified()
    box, courier = box_of(world), Courier()
    deliver(box, courier, timeout_s=0)
    world.deployment(version="1.1.0").to_verified()
    more = box_of(world, HOOK, replace(HOOK, name="other"))

    deliver(more, courier, timeout_s=0)

    assert [(name, what.version) for name, what in courier.sent] == [("hook", "1.1.0")]


def test_two_commands_that_see_a_new_receiver_at_once_lose_nothing_between_them(world: World) -> None:
    box = box_of(world)
    world.deployment().to_verified()
    late = next(event for event in world.store.read_stream(box.stream) if event.type == "ReceiverAdded")
    box.record(CODEC.decode(late))

    assert deliver(box, Courier(), timeout_s=0).delivered == 1


def test_a_store_that_several_projects_share_tells_each_project_s_receivers_of_it_alone(world: World) -> None:
    box, courier = box_of(world), Courier()
    world.deployment(project="blog").to_verified()

    assert not anything_due(box)
    assert deliver(box, courier, timeout_s=0).delivered == 0
    assert anything_due(box_of(world, project="blog")) is False  # it was not known when that happened


def test_a_question_that_was_answered_meanwhile_calls_nobody(world: World) -> None:
    box, courier = box_of(world), Courier()
    open_one = world.deployment(version="1.0.0").ask(CONFIRM_DEPLOY)
    world.deployment(version="1.1.0").ask(CONFIRM_DEPLOY).record(
        DecisionMade(decision_id=CONFIRM_DEPLOY.decision_id, answer="abort", how="prompt", by="ann")
    )

    deliver(box, courier, timeout_s=0)

    assert [(what.event, what.deployment_id) for _, what in courier.sent] == [("waiting", open_one.id)]


def test_it_is_tried_again_within_the_time_that_is_given_and_later_by_the_next(world: World) -> None:
    box, courier = box_of(world), Courier(answers(DOWN, DOWN, DOWN, DOWN, OK))
    world.deployment().to_verified()

    first = deliver(box, courier, timeout_s=10)  # waits 2 s and 4 s; not another 8 s
    due_later = anything_due(box)
    world.clock.wait(seconds=8)
    due_now, second = anything_due(box), deliver(box, courier, timeout_s=60)

    assert first == Delivered(delivered=0, failed=0, pending=1)
    assert (due_later, due_now) == (False, True)
    assert second == Delivered(delivered=1, failed=0, pending=0)
    assert len({what.line() for _, what in courier.sent}) == 1


def test_a_wait_that_the_receiver_asks_for_is_kept(world: World) -> None:
    box = box_of(world)
    world.deployment().to_verified()
    courier = Courier(answers(replace(DOWN, retry_after_s=300.0), OK))

    deliver(box, courier, timeout_s=200)
    tried = len(courier.sent)
    done = deliver(box, courier, timeout_s=400)

    assert (tried, len(courier.sent), done.delivered) == (1, 2, 1)


def test_one_that_is_refused_for_good_is_kept_and_not_tried_again(world: World) -> None:
    box, courier = box_of(world), Courier(answers(GONE))
    world.deployment().to_verified()

    assert deliver(box, courier, timeout_s=0) == Delivered(delivered=0, failed=1, pending=0)
    world.clock.wait(days=1)

    assert not anything_due(box)
    (kept,) = notifications.undelivered(world.store, "shop", notifications.FAILED, 10)
    assert (kept.error, kept.attempts, kept.due_at) == ("HTTP 410", 1, None)


def test_what_never_arrives_is_given_up_after_days_and_kept(world: World) -> None:
    box, courier = box_of(world), Courier(answers(DOWN))
    world.deployment().to_verified()
    begun = world.clock.time

    while not (done := deliver(box, courier, timeout_s=0)).failed:
        world.clock.wait(hours=1)

    assert done == Delivered(delivered=0, failed=1, pending=0)
    assert timedelta(0) < world.clock.time - begun - timedelta(seconds=GIVE_UP_AFTER_S) < timedelta(hours=2)
    (kept,) = notifications.undelivered(world.store, "shop", notifications.FAILED, 10)
    assert kept.attempts == len(courier.sent) > 70


def test_one_that_always_fails_holds_up_no_other(world: World) -> None:
    box = box_of(world)
    for version in ("1.0.0", "1.1.0", "1.2.0"):
        world.deployment(version=version).to_verified()
    courier = Courier(lambda _name, what: DOWN if what.version == "1.0.0" else OK)

    done = deliver(box, courier, timeout_s=10)

    assert (done.delivered, done.pending) == (2, 1)
    assert courier.versions[:3] == ["1.0.0", "1.1.0", "1.2.0"]


def test_a_receiver_that_is_down_is_left_alone_and_the_others_get_theirs(world: World) -> None:
    box = box_of(world, HOOK, replace(HOOK, name="up"))
    for version in ("1.0.0", "1.1.0", "1.2.0"):
        world.deployment(version=version).to_verified()
    courier = Courier(lambda name, _what: DOWN if name == "hook" else OK)

    done = deliver(box, courier, timeout_s=0)

    assert (done.delivered, done.pending) == (3, 3)
    assert [name for name, _ in courier.sent].count("hook") == 1


def test_who_dies_after_sending_leaves_an_intent_and_it_is_sent_again_with_the_same_id(world: World) -> None:
    box = box_of(world)
    world.deployment().to_verified()

    def die(_name: str, _what: Notification) -> Sent:
        raise Killed

    first, second = Courier(die), Courier()
    with pytest.raises(Killed):
        deliver(box, first, timeout_s=0)
    (left,) = notifications.waiting(world.store, "shop")

    done = deliver(box, second, timeout_s=5)

    assert (left.attempts, left.error) == (1, notifications.NO_OUTCOME)
    assert done.delivered == 1
    assert first.sent == second.sent


def test_who_dies_again_and_again_waits_longer_each_time(world: World) -> None:
    box, moments = box_of(world), list[datetime]()
    world.deployment().to_verified()

    def die(_name: str, _what: Notification) -> Sent:
        moments.append(world.clock.time)
        raise Killed

    for _ in range(3):
        with pytest.raises(Killed):
            deliver(box, Courier(die), timeout_s=100)

    assert [round((later - earlier).total_seconds()) for earlier, later in pairwise(moments)] == [2, 4]


def test_a_signal_ends_it_after_the_attempt_with_everything_on_record(world: World) -> None:
    box, courier = box_of(world, HOOK, replace(HOOK, name="other")), Courier(answers(DOWN))
    world.deployment().to_verified()

    class Stopped(Waiting):
        def sleep(self, seconds: float) -> None:
            raise Interrupted("SIGTERM")

    done = deliver(replace(box, clock=Stopped(world.clock)), courier, timeout_s=60)

    assert done == Delivered(delivered=0, failed=0, pending=2)
    assert len(courier.sent) == 1
    assert sorted((left.attempts, left.error) for left in notifications.waiting(world.store, "shop")) == [
        (0, ""),
        (1, "HTTP 503"),
    ]


def test_nothing_is_sent_to_a_receiver_that_deploy_json_names_no_more(world: World) -> None:
    box = box_of(world, HOOK, replace(HOOK, name="gone"))
    world.deployment().to_verified()
    deliver(box, Courier(answers(DOWN)), timeout_s=0)
    world.clock.wait(hours=2)
    only_hook, courier = replace(box, receivers=(HOOK,)), Courier()

    done = deliver(only_hook, courier, timeout_s=0)

    assert [name for name, _ in courier.sent] == ["hook"]
    assert done.pending == 0
    assert [left.receiver for left in notifications.waiting(world.store, "shop")] == ["gone"]


def test_no_secret_and_no_long_text_is_sent_or_recorded(world: World) -> None:
    masker = Masker()
    masker.add("tok-8472-abcdef")
    box = replace(box_of(world, replace(HOOK, events=("refused",))), mask=masker)
    world.deployment().record(DeploymentRefused(rule="gate", message="tok-8472-abcdef " + "x" * 5000))
    courier = Courier(answers(replace(DOWN, message="HTTP 500: tok-8472-abcdef " + "y" * 5000)))

    deliver(box, courier, timeout_s=0)

    ((_, told),) = courier.sent
    assert told.detail.startswith("gate: *** xxx")
    assert len(told.line()) < 2000
    assert all(b"tok-8472" not in event.data and len(event.data) < 2000 for event in world.store.read_stream(box.stream))


def test_much_that_nobody_wants_is_not_looked_at_again_and_again(world: World) -> None:
    box = box_of(world, replace(HOOK, events=("rollback_failed",)))
    for _ in range(40):
        world.deployment().to_verified()

    due = anything_due(box)
    deliver(box, Courier(), timeout_s=0)

    assert due
    assert not anything_due(box)


def test_the_outbox_is_the_same_when_it_is_folded_anew(world: World) -> None:
    box = box_of(world)
    for version in ("1.0.0", "1.1.0"):
        world.deployment(version=version).to_verified()
    deliver(box, Courier(answers(DOWN, OK, GONE)), timeout_s=60)
    before = outbox(world)

    world.store.rebuild("notifications")

    assert outbox(world) == before


def outbox(world: World) -> object:
    return (
        notifications.known_receivers(world.store, "shop"),
        notifications.waiting(world.store, "shop"),
        notifications.undelivered(world.store, "shop", notifications.FAILED, 99),
    )
