"""Edits of deploy.json by others: on record once, by the next command that writes, without a value of any field."""

from __future__ import annotations

import copy
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from threading import Barrier
from typing import Any

import orjson
import pytest

from eventstore.sqlite import SqliteEventStore
from orchestrator.domain.ids import configuration_stream
from orchestrator.domain.masking import Masker
from orchestrator.domain.side_events import ConfigurationChanged
from orchestrator.projections import configuration as read_model
from orchestrator.projections.registry import inline
from orchestrator.services import configuration
from orchestrator.services.codec import CODEC
from orchestrator.services.deploy_history import publish_history
from tests.unit.orchestrator.services.workspace import World

DOCUMENT: dict[str, Any] = {
    "version": "1.0",
    "targets": {"web": {"type": "fake", "config": {"dir": "there", "tags": ["a", "b"]}}},
    "history": [],
}
SECRET = "hunter2-in-plain-sight"


def edited(**config: Any) -> dict[str, Any]:
    """`DOCUMENT` with another configuration of its target."""
    document = copy.deepcopy(DOCUMENT)
    document["targets"]["web"]["config"].update(config)
    return document


def saved(world: World, document: dict[str, Any], *, actor: str = "ann@ci-7") -> None:
    """Somebody has saved *document*, and a command comes along."""
    world.history_file.document = document
    publish_history(world.process(actor=actor))


def recorded(world: World) -> list[ConfigurationChanged]:
    return [CODEC.decode(event) for event in world.store.read_stream(configuration_stream("shop"))]


def test_the_first_look_is_nobodys_edit(world: World) -> None:
    saved(world, DOCUMENT)

    (first,) = recorded(world)
    assert (first.before, first.by) == (None, "")
    assert read_model.changes(world.store.inner) == []


def test_an_edit_is_taken_in_once_with_its_place_and_who_saw_it(world: World) -> None:
    saved(world, DOCUMENT)
    saved(world, edited(dir="elsewhere"), actor="bob@ci-8")
    saved(world, edited(dir="elsewhere"), actor="cid@ci-9")

    first, edit = recorded(world)
    assert (edit.before, edit.by, list(edit.changed)) == (first.after, "outside", ["targets.web.config.dir"])
    (shown,) = read_model.changes(world.store.inner, "shop")
    assert (shown.by, shown.taken_in_by, shown.places) == ("outside", "bob@ci-8", ("targets.web.config.dir",))
    metadata = orjson.loads(list(world.store.read_stream(configuration_stream("shop")))[1].metadata)
    assert (metadata["actor"], metadata["taken_in_by"]) == ("outside", "bob@ci-8")


def test_what_is_added_removed_and_put_back_is_told_apart(world: World) -> None:
    saved(world, DOCUMENT)
    added = edited(registry="r")
    del added["targets"]["web"]["config"]["tags"]
    saved(world, added)
    saved(world, DOCUMENT)

    first, there, back = recorded(world)
    assert there.changed.keys() == back.changed.keys() == {"targets.web.config.registry", "targets.web.config.tags"}
    assert there.changed["targets.web.config.tags"] is None
    assert back.changed["targets.web.config.registry"] is None
    assert back.after == first.after


def test_the_history_and_the_layout_are_no_configuration(world: World) -> None:
    saved(world, DOCUMENT)
    saved(world, {"history": [{"version": "1"}], **{key: DOCUMENT[key] for key in ("targets", "version")}})

    assert len(recorded(world)) == 1


def test_no_value_of_a_field_is_stored(world: World) -> None:
    saved(world, edited(password=SECRET))
    saved(world, edited(password=f"another-{SECRET}"))

    assert len(recorded(world)) == 2
    assert SECRET.encode() not in world.everything()


def test_what_init_writes_is_its_actors_own_and_what_was_edited_before_is_not(world: World) -> None:
    saved(world, DOCUMENT)
    before, after = edited(dir="elsewhere"), edited(dir="detected")
    configuration.note_own(world.store, "shop", before, after, actor="ann@ci-7", host="ci-7", mask=Masker(()))
    saved(world, after)

    assert [change.by for change in recorded(world)] == ["", "outside", "ann@ci-7"]


def test_one_that_was_never_seen_is_its_actors_from_the_beginning(world: World) -> None:
    configuration.note_own(world.store, "shop", None, DOCUMENT, actor="ann@ci-7", host="ci-7", mask=Masker(()))
    saved(world, DOCUMENT)

    assert [change.by for change in recorded(world)] == ["ann@ci-7"]


def test_a_file_with_very_many_fields_is_looked_at_less_deeply(world: World) -> None:
    many = {**DOCUMENT, "other tool": {f"key {number}": {"a": 1, "b": 2} for number in range(1500)}}
    saved(world, many)
    many["other tool"]["key 7"] = {"a": 1, "b": 3}
    saved(world, many)

    assert list(recorded(world)[1].changed) == ["other tool.key 7"]


def test_a_rebuild_gives_what_the_appends_gave(world: World) -> None:
    for document in (DOCUMENT, edited(dir="elsewhere"), DOCUMENT):
        saved(world, document)
    before = read_model.changes(world.store.inner), read_model.last_seen(world.store.inner, "shop")

    world.store.inner.rebuild("deploy_history")

    assert (read_model.changes(world.store.inner), read_model.last_seen(world.store.inner, "shop")) == before


@pytest.mark.parametrize("first_look", [True, False])
def test_many_at_once_record_it_once(tmp_path: Path, first_look: bool) -> None:
    url, together = f"sqlite:///{tmp_path}/events.db", Barrier(6)
    with closing(SqliteEventStore(url, projections=inline())) as store:
        if not first_look:
            configuration.take_in(store, "shop", DOCUMENT, actor="ann", host="ci-7", mask=Masker(()))

    def look(_number: int) -> None:
        with closing(SqliteEventStore(url, projections=inline())) as one:
            together.wait(10)
            configuration.take_in(one, "shop", edited(dir="elsewhere"), actor="ann", host="ci-7", mask=Masker(()))

    with ThreadPoolExecutor(together.parties) as threads:
        list(threads.map(look, range(together.parties)))

    with closing(SqliteEventStore(url, projections=inline())) as store:
        assert store.version(configuration_stream("shop")) == (0 if first_look else 1)
