"""Stores with many events, as the program itself would have written them. Not a benchmark.

Streams, event classes, codec, hash chain and read models are the product's own; only the appends are made in bulk, without an
fsync for each, because a million of them would take minutes. A store is kept in the cache, outside the checkout, until it would
hold something else: another schema, other read models, other events or another chain.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache as once
from itertools import islice
from pathlib import Path

from benchmarks.deployments import deployments
from benchmarks.harness import cache
from eventstore.chain import GENESIS, link
from eventstore.events import Head, RecordedEvent
from eventstore.reading import COLUMNS
from eventstore.revisions import REVISIONS
from eventstore.schema import sqlite_ddl
from eventstore.sqlite import SqliteEventStore
from orchestrator.projections.registry import inline

_INSERT = f"INSERT INTO events ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_FIRST = datetime(2024, 1, 1, tzinfo=UTC)
_SAMPLE = 1_000


def store_with(events: int) -> Path:
    """A project's data directory whose store has at least *events* events, with all read models."""
    directory = cache() / f"events-{events}-{_content_digest()}"
    if not directory.exists():
        for outdated in cache().glob(f"events-{events}-*"):
            shutil.rmtree(outdated)
        draft = cache() / f"draft-{os.getpid()}"
        draft.mkdir(mode=0o700)
        _write(draft / "events.db", events)
        draft.rename(directory)
    return directory


def _write(path: Path, count: int) -> None:
    SqliteEventStore(f"sqlite:///{path}").close()
    connection = sqlite3.connect(path, isolation_level=None)
    # Nobody minds losing it: it is renamed into its place when it is complete.
    connection.execute("PRAGMA synchronous = OFF")
    connection.execute("BEGIN")
    connection.executemany(_INSERT, _recorded(count))
    connection.execute("COMMIT")
    connection.close()
    SqliteEventStore(f"sqlite:///{path}", projections=inline()).close()


def _recorded(count: int) -> Iterator[RecordedEvent]:
    """Whole deployments, until there are *count* events."""
    head, versions = Head(0, GENESIS), dict[str, int]()
    for made in deployments(_FIRST):
        for event in made:
            version = versions.get(event.stream, -1) + 1
            versions[event.stream] = version
            recorded = link(head, event.stream, version, event.time, event.new)
            head = Head(recorded.position, recorded.hash)
            yield recorded
        if head.position >= count:
            return


@once
def _content_digest() -> str:
    """Of all that decides what such a store holds: schema, read models, and the first events with their hashes."""
    models = [(model.name, model.version, [table.create_statements() for table in model.tables]) for model in inline()]
    digest = hashlib.sha256(repr((REVISIONS, sqlite_ddl(), models)).encode())
    for event in islice(_recorded(_SAMPLE), _SAMPLE):
        digest.update(event.hash)
    return digest.hexdigest()[:12]
