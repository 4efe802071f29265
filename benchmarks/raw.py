"""The other side: durable events as one writes them by hand with sqlite3 and orjson. Not a benchmark.

One table with one index, WAL, an fsync for every commit; no hash chain, no triggers, no versions checked by more than the index.
A loop that runs steps has two small tables besides: who holds the slot, and what each deployment is doing.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import orjson

_CREATE = """CREATE TABLE events (
    position INTEGER PRIMARY KEY, stream TEXT NOT NULL, version INTEGER NOT NULL, type TEXT NOT NULL,
    time TEXT NOT NULL, data BLOB NOT NULL, metadata BLOB NOT NULL, UNIQUE (stream, version))"""
_CREATE_SLOTS = "CREATE TABLE slots (name TEXT PRIMARY KEY, holder TEXT NOT NULL)"
_CREATE_DEPLOYMENTS = "CREATE TABLE deployments (id TEXT PRIMARY KEY, state TEXT NOT NULL, step TEXT, updated_at TEXT NOT NULL)"
_INSERT = "INSERT INTO events (stream, version, type, time, data, metadata) VALUES (?, ?, ?, ?, ?, ?)"
_READ = (
    "SELECT position, stream, version, type, schema_version, time, data, metadata, previous_hash, hash "
    "FROM events ORDER BY position"
)


class RawEvents:
    """A file of events, opened for one run: a new one on each call of `open`, as every command opens its store."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._runs = 0
        connection = sqlite3.connect(path)
        for statement in (_CREATE, _CREATE_SLOTS, _CREATE_DEPLOYMENTS):
            connection.execute(statement)
        connection.close()

    def open(self) -> RawStream:
        self._runs += 1
        connection = sqlite3.connect(self._path, isolation_level=None)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        return RawStream(connection, f"deployment-{self._runs:08}")


class RawStream:
    """A stream of its own in an open file."""

    def __init__(self, connection: sqlite3.Connection, stream: str) -> None:
        self._connection, self._stream, self._version = connection, stream, -1

    def append(self, type_: str, data: dict[str, Any], metadata: dict[str, Any]) -> None:
        """One event, one durable commit."""
        self._connection.execute("BEGIN IMMEDIATE")
        self._insert(type_, data, metadata)
        self._connection.execute("COMMIT")

    def append_bytes(self, stream: str, version: int, type_: str, data: bytes, metadata: bytes) -> None:
        """One event of any stream, its JSON made already; one durable commit."""
        self._connection.execute("BEGIN IMMEDIATE")
        time = datetime.now(UTC).isoformat(timespec="microseconds")
        self._connection.execute(_INSERT, (stream, version, type_, time, data, metadata))
        self._connection.execute("COMMIT")

    def begin(self) -> None:
        """Take the slot, and appear in the list of deployments."""
        self._connection.execute("BEGIN IMMEDIATE")
        self._connection.execute("INSERT OR REPLACE INTO slots VALUES ('shop/production/web', ?)", (self._stream,))
        self._connection.execute("INSERT INTO deployments VALUES (?, 'executing', NULL, '')", (self._stream,))
        self._connection.execute("COMMIT")

    def record(self, type_: str, data: dict[str, Any], metadata: dict[str, Any], step: str | None) -> None:
        """One event of a step while the slot is still ours, and which *step* runs from now on; one durable commit."""
        self._connection.execute("BEGIN IMMEDIATE")
        (holder,) = self._connection.execute("SELECT holder FROM slots WHERE name = 'shop/production/web'").fetchone()
        if holder != self._stream:
            raise RuntimeError(f"the slot is held by {holder}")
        time = self._insert(type_, data, metadata)
        self._connection.execute("UPDATE deployments SET step = ?, updated_at = ? WHERE id = ?", (step, time, self._stream))
        self._connection.execute("COMMIT")

    def _insert(self, type_: str, data: dict[str, Any], metadata: dict[str, Any]) -> str:
        self._version += 1
        time = datetime.now(UTC).isoformat(timespec="microseconds")
        row = (self._stream, self._version, type_, time, orjson.dumps(data), orjson.dumps(metadata))
        self._connection.execute(_INSERT, row)
        return time

    def insert(self, type_: str, data: dict[str, Any], metadata: dict[str, Any]) -> None:
        """One event and nothing else; one durable commit."""
        self._connection.execute("BEGIN IMMEDIATE")
        self._insert(type_, data, metadata)
        self._connection.execute("COMMIT")

    def close(self) -> None:
        self._connection.close()


def verify(path: Path) -> bytes:
    """Walk the chain of one of our stores by one cursor and hashlib; the last hash.

    Raises:
        ValueError: Something was changed. Nobody is told what.
    """
    connection = sqlite3.connect(path, isolation_level=None)
    expected, last = 0, bytes(32)
    try:
        for position, stream, version, type_, schema, time, data, metadata, previous, recorded in connection.execute(_READ):
            expected += 1
            header = f"{position}\n{stream}\n{version}\n{type_}\n{schema}\n{time}\n{len(data)}\n{len(metadata)}\n"
            digest = sha256(previous)
            digest.update(header.encode())
            digest.update(data)
            digest.update(metadata)
            if position != expected or previous != last or digest.digest() != recorded:
                raise ValueError(position)
            last = recorded
    finally:
        connection.close()
    return last


def read_all(path: Path) -> Iterator[dict[str, Any]]:
    """The data of every event of one of our stores, by one cursor over all of its columns."""
    connection = sqlite3.connect(path, isolation_level=None)
    try:
        for row in connection.execute(_READ):
            yield orjson.loads(row[6])
    finally:
        connection.close()
