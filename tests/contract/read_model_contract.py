"""What every event store does for its read models: the part of its contract about projections."""

from collections.abc import Callable

import pytest

from eventstore import (
    NO_STREAM,
    EventStore,
    EventStoreError,
    RecordedEvent,
    Rows,
)
from eventstore.revisions import FOLLOWING
from tests.contract.event_store_examples import NOON, PoisonedError, Steps, Versions, event, events

MakeStore = Callable[..., EventStore]


class ReadModelContract:
    """`store` keeps the read model `steps` inline; `make` takes what all backends share, and gives an empty store."""

    def test_read_models_follow_in_the_append_itself(self, store: EventStore) -> None:
        store.append("a", events(2), expected_version=NO_STREAM)
        store.append("b", events(1), expected_version=NO_STREAM)
        store.append("b", [event("StepFailed"), event("Unrelated")], expected_version=0)

        assert store.query("SELECT stream, done, share, last, note FROM steps") == [("a", 2, 1.0, NOON, None)]
        assert store.query("SELECT name, version, position FROM projections") == [("steps", 1, FOLLOWING)]

    def test_rebuilding_gives_what_inline_folding_gave(self, make: MakeStore) -> None:
        store = make(projections=[Steps(), Versions()])
        for version in range(0, 12, 2):
            for stream in ("a", "b", "c"):
                store.append(
                    stream, [event(), event("StepFailed" if version == 4 else "Unrelated")], expected_version=version - 1
                )
        inline = _read_models(store)

        folded = store.rebuild()

        assert folded == 18 + 3
        assert [len(rows) for rows in inline] == [3, 21, 2]
        assert _read_models(store) == inline

    def test_rebuilds_one_read_model_and_leaves_the_others(self, make: MakeStore) -> None:
        store = make(projections=[Steps(), Versions()])
        store.append("a", [*events(2), event("StepFailed"), event("Unrelated"), event()], expected_version=NO_STREAM)

        assert store.rebuild("versions") == 4
        assert store.rebuild("steps") == 4
        assert store.query("SELECT stream, done FROM steps") == [("a", 1)]

    def test_a_failing_rebuild_leaves_the_read_model_as_it_was(self, make: MakeStore) -> None:
        class Moody(Versions):
            moody = False

            def apply(self, event: RecordedEvent, rows: Rows) -> None:
                if Moody.moody:
                    raise PoisonedError
                super().apply(event, rows)

        store = make(projections=[Moody()])
        store.append("a", events(3), expected_version=NO_STREAM)
        Moody.moody = True

        with pytest.raises(PoisonedError):
            store.rebuild()

        assert store.query("SELECT count(*) FROM versions") == [(3,)]

    def test_catch_up_folds_what_it_has_not_seen(self, make: MakeStore) -> None:
        store = make(catch_up=[Steps()])
        store.append("a", [*events(2), event("Unrelated")], expected_version=NO_STREAM)
        before = store.query("SELECT count(*) FROM steps")

        first = store.catch_up("steps")
        again = store.catch_up("steps")
        store.append("a", events(1), expected_version=2)
        more = store.catch_up("steps")

        assert (before, first, again, more) == ([(0,)], 2, 0, 1)
        assert store.query("SELECT stream, done FROM steps") == [("a", 3)]
        assert store.query("SELECT position FROM projections") == [(4,)]

    def test_a_failing_catch_up_keeps_its_checkpoint(self, make: MakeStore) -> None:
        store = make(catch_up=[Steps()])
        store.append("a", events(2), expected_version=NO_STREAM)
        store.catch_up("steps")
        store.append("a", [event(), event("Poisoned")], expected_version=1)

        with pytest.raises(PoisonedError):
            store.catch_up("steps")

        assert store.query("SELECT done FROM steps") == [(2,)]
        assert store.query("SELECT position FROM projections") == [(2,)]

    def test_refuses_names_of_read_models_that_it_does_not_keep(self, make: MakeStore) -> None:
        store = make(projections=[Steps()], catch_up=[Versions()])

        with pytest.raises(EventStoreError, match=r"no such read model: stepz\. Known: steps, versions"):
            store.rebuild("stepz")
        with pytest.raises(EventStoreError, match=r"no such read model: steps\. Known: versions"):
            store.catch_up("steps")

    @pytest.mark.parametrize(
        ("projections", "catch_up"),
        [([Steps(), Steps()], []), ([Steps()], [Steps()]), ([Steps(name="events")], []), ([Steps(name="store")], [])],
        ids=["twice inline", "inline and later", "the events themselves", "the store's own"],
    )
    def test_refuses_read_models_that_share_a_name_or_table(
        self, make: MakeStore, projections: list[Steps], catch_up: list[Steps]
    ) -> None:
        with pytest.raises(EventStoreError, match="needs a name and tables of its own"):
            make(projections=projections, catch_up=catch_up)


def _read_models(store: EventStore) -> list[list[tuple[object, ...]]]:
    return [
        store.query("SELECT * FROM steps ORDER BY stream"),
        store.query("SELECT * FROM versions ORDER BY stream, version"),
        store.query("SELECT * FROM projections ORDER BY name"),
    ]
