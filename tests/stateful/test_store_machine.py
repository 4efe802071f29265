"""Any sequence of calls: the durable store and the one in memory answer alike, and their read models are what a rebuild gives."""

import tempfile
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from eventstore import Attachment, EventStore, EventStoreError, Guard, StoreUnavailable
from eventstore.chain import verify
from eventstore.memory import MemoryEventStore
from eventstore.reading import open_read_only
from eventstore.sqlite import SqliteEventStore
from tests.contract.event_store_examples import NOON, Clock, PoisonedError, Steps, Versions, event
from tests.quick import part

STREAMS = st.sampled_from(["deployment-1", "deployment-2", "slot-a", "Deployment-1", "ünï"])
TYPES = ["StepSucceeded", "StepFailed", "Unrelated", "Poisoned"]
EVENTS = st.lists(st.builds(event, st.sampled_from(TYPES[:3] * 5 + TYPES[3:]), number=st.integers(0, 9)), max_size=4)
ATTACHMENTS = st.lists(
    st.builds(Attachment, st.sampled_from(["output", "log", ""]), st.lists(st.binary(max_size=3), max_size=3).map(tuple)),
    max_size=2,
)
OFF_BY = st.sampled_from([0, 0, 0, 0, -1, 1, 3])
TABLES = [
    "SELECT * FROM steps ORDER BY stream",
    "SELECT * FROM versions ORDER BY stream, version",
    "SELECT * FROM later ORDER BY stream",
    "SELECT * FROM projections ORDER BY name",
]
OPTIONS: dict[str, Any] = {"projections": [Steps(), Versions()], "catch_up": [Steps(name="later")]}


class Stores(RuleBasedStateMachine):
    """Both stores have clocks of their own that give the same times, so that even the hashes must be equal."""

    def __init__(self) -> None:
        super().__init__()
        self.directory = tempfile.TemporaryDirectory()
        self.path = Path(self.directory.name) / "events.db"
        self.times = [NOON]
        self.durable = self.open()
        self.memory = MemoryEventStore(**OPTIONS, now=self.now)

    def now(self) -> str:
        return self.times[-1]

    def open(self) -> SqliteEventStore:
        return SqliteEventStore(f"sqlite:///{self.path}", **OPTIONS, now=self.now)

    def both(self, call: Callable[[EventStore], Any]) -> Any:
        """What *call* gives or raises, which must be the same for both."""
        durable, memory = (_outcome(call, store) for store in (self.durable, self.memory))
        assert durable == memory
        return durable

    @initialize()
    def begin(self) -> None:
        self.clock = Clock()

    @rule(
        stream=STREAMS,
        events=EVENTS,
        off_by=OFF_BY,
        guard=st.none() | st.tuples(STREAMS, OFF_BY),
        attachments=st.just([]) | ATTACHMENTS,
    )
    def append(
        self, stream: str, events: list[Any], off_by: int, guard: tuple[str, int] | None, attachments: list[Attachment]
    ) -> None:
        self.times.append(self.clock())
        expected = self.memory.version(stream) + off_by
        held = Guard(guard[0], self.memory.version(guard[0]) + guard[1]) if guard else None

        kind, _ = self.both(
            lambda store: store.append(stream, events, expected_version=expected, guard=held, attachments=attachments)
        )

        legal = events and off_by == 0 and (guard is None or guard[1] == 0)
        if kind == "returned":
            assert legal
        elif legal and not attachments:
            assert kind == "PoisonedError"

    @rule(stream=STREAMS, after=st.integers(-2, 6))
    def read_stream(self, stream: str, after: int) -> None:
        self.both(lambda store: (list(store.read_stream(stream, after)), store.version(stream)))

    @rule(after=st.integers(-2, 12), types=st.none() | st.sets(st.sampled_from(TYPES)))
    def read_all(self, after: int, types: Collection[str] | None) -> None:
        self.both(lambda store: list(store.read_all(after, types)))

    @rule(stream=STREAMS, name=st.sampled_from(["output", "log", ""]))
    def read_attachment(self, stream: str, name: str) -> None:
        self.both(lambda store: list(store.attachments(stream, name)))

    @rule(name=st.sampled_from(["later", "steps", "unknown"]))
    def catch_up(self, name: str) -> None:
        self.both(lambda store: store.catch_up(name))

    @rule(name=st.sampled_from([None, "steps", "versions", "later", "unknown"]))
    def rebuild(self, name: str | None) -> None:
        self.both(lambda store: store.rebuild(name))

    @rule(statement=st.sampled_from(["SELECT * FROM unknown", "SELECT"]))
    def ask_nonsense(self, statement: str) -> None:
        self.both(lambda store: store.query(statement))

    @rule()
    def reopen(self) -> None:
        self.durable.close()
        self.durable = self.open()

    @invariant()
    def they_agree(self) -> None:
        self.both(lambda store: (store.head(), list(store.read_all()), [store.query(table) for table in TABLES]))
        assert verify(self.durable.read_all()) == self.durable.head()

    def teardown(self) -> None:
        reader = open_read_only(str(self.path), [("steps", 1), ("versions", 1)], catch_up=[("later", 1)])
        inline = [reader.query(table) for table in TABLES[:2]]
        reader.close()
        self.durable.rebuild("steps")
        self.durable.rebuild("versions")
        assert [self.durable.query(table) for table in TABLES[:2]] == inline
        self.durable.close()
        self.memory.close()
        self.directory.cleanup()


def _outcome(call: Callable[[EventStore], Any], store: EventStore) -> tuple[str, Any]:
    try:
        return "returned", call(store)
    except StoreUnavailable as error:
        return type(error).__name__, str(error).split(": ", 1)[1]  # Before it stands the path, or "memory".
    except (EventStoreError, PoisonedError) as error:
        return type(error).__name__, str(error)


TestStores = Stores.TestCase
TestStores.settings = settings(
    max_examples=part(100),
    stateful_step_count=30,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
