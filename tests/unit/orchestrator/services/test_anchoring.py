"""After a deployment its signed head is handed out; when that fails, it is said and recorded, and nothing else changes."""

from dataclasses import replace

from eventstore import Head
from orchestrator.adapters.anchoring import AnchorUndelivered
from orchestrator.domain.ids import AUDIT_STREAM
from orchestrator.services.anchoring import failures, publish_anchor
from orchestrator.services.request import Wish, request
from tests.unit.orchestrator.services.workspace import World


class Receiver:
    def __init__(self, problem: Exception | None = None) -> None:
        self.problem = problem
        self.got: list[tuple[str, Head]] = []

    def publish(self, store_id: str, head: Head) -> None:
        self.got.append((store_id, head))
        if self.problem is not None:
            raise self.problem


def test_hands_out_the_head_of_an_ended_deployment(world: World) -> None:
    journal, receiver = world.deploy("1.0.0"), Receiver()
    workspace = world.process()
    said = publish_anchor(replace(workspace, anchors=receiver), journal)

    assert said is None
    assert receiver.got == [(world.store.store_id, world.store.head())]
    assert list(failures(world.store)) == []


def test_a_head_that_was_not_delivered_is_said_and_recorded(world: World) -> None:
    journal = world.deploy("1.0.0")
    head = world.store.head()
    workspace = world.process()
    said = publish_anchor(replace(workspace, anchors=Receiver(AnchorUndelivered("vault is sealed"))), journal)

    assert said == f"the signed head (event {head.position}) was not delivered: vault is sealed"
    assert [line.endswith(said) for line in failures(world.store)] == [True]
    assert world.store.version(AUDIT_STREAM) == 0


def test_nothing_is_handed_out_while_a_deployment_waits_or_where_nobody_is_named(world: World) -> None:
    receiver = Receiver()
    workspace = world.process()
    waiting = request(workspace, Wish(target="web", version="1.0.0"), {})
    publish_anchor(replace(workspace, anchors=receiver), waiting)
    publish_anchor(workspace, waiting)

    assert receiver.got == []
