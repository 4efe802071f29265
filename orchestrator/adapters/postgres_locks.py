"""Slot locks of a team: advisory locks of a PostgreSQL session, freed by the server when the session ends.

The session may end before its holder does: a network that drops, a server that restarts. So it is watched while it holds a lock,
and its holder is asked to stop as soon as it is gone: what still runs then is no longer protected, only fenced (see `slot.py`).
"""

from __future__ import annotations

import hashlib
import select
import signal
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from eventstore.postgres_connection import DROPPED_AFTER_S
from orchestrator.adapters import holders
from orchestrator.adapters.signals import StopFlag
from orchestrator.domain.plan import Slot
from orchestrator.services.ports import Here

if TYPE_CHECKING:
    import psycopg

LOOK_EVERY_S = 1.0
OUTLIVE_S = 20.0
"""How long a command may go on after the process that asked for it has died."""
GRACE_S = 3.0
"""What it gets after TERM. Whoever takes the slot over on another machine waits for both."""


class PostgresLock:
    """A held lock, and the thread that watches its session."""

    def __init__(self, connection: psycopg.Connection[Any], lost: Callable[[], None]) -> None:
        self._connection, self._lost = connection, lost
        self._released = threading.Event()
        self._poll = select.poll()
        self._poll.register(connection.fileno(), select.POLLIN | select.POLLHUP | select.POLLERR)
        threading.Thread(target=self._watch, name="slot lock", daemon=True).start()

    def release(self) -> None:
        self._released.set()
        self._connection.close()  # the server frees the lock with the session

    def _watch(self) -> None:
        """Nothing ever comes on an idle session but its end; a silent cut shows as an error of the socket after a few seconds."""
        from psycopg import Error

        while not self._released.wait(LOOK_EVERY_S):
            try:
                if self._poll.poll(0):
                    self._connection.execute("SELECT 1")
            except (Error, OSError):
                if not self._released.is_set():
                    self._lost()
                return


class PostgresLocks:
    """The locks of one store.

    Args:
        connect: Opens a session of its own; see `eventstore.postgres_connection.connect`.
        stop: Set when a lock is lost.
        say: Told why.
    """

    def __init__(self, connect: Callable[[], psycopg.Connection[Any]], stop: StopFlag, say: Callable[[str], None]) -> None:
        self._connect, self._stop, self._say = connect, stop, say
        self._spare: psycopg.Connection[Any] | None = None

    def try_acquire(self, slot: Slot) -> PostgresLock | None:
        """The lock of *slot*, or None while another session holds it."""
        return self._try(slot.stream, str(slot))

    def try_named(self, name: str) -> PostgresLock | None:
        return self._try(name, name)

    def _try(self, name: str, shown: str) -> PostgresLock | None:
        connection, self._spare = self._usable_spare() or self._connect(), None
        # Not the server's hash: every version of this program must come to the same number.
        key = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], signed=True)
        row = connection.execute("SELECT pg_try_advisory_lock(%s)", (key,)).fetchone()
        if row is None or not row[0]:
            self._spare = connection  # whoever waits asks again soon
            return None
        return PostgresLock(connection, lambda: self._lose(shown))

    def notice_s(self, holder: Here) -> float:
        """Nothing for a process that is certainly dead here, whose commands can be found. Elsewhere the server may have given a
        session up before its process knows, and a command may go on for a while after its process has died."""
        dead = holders.at_work(holder.host, holder.boot_id, holder.pid, holder.start_ticks, holder.pid_namespace) is False
        return 0.0 if dead else DROPPED_AFTER_S + 2 * LOOK_EVERY_S + OUTLIVE_S + GRACE_S

    def close(self) -> None:
        if self._spare is not None:
            self._spare.close()
            self._spare = None

    def _usable_spare(self) -> psycopg.Connection[Any] | None:
        return self._spare if self._spare is not None and not self._spare.closed else None

    def _lose(self, shown: str) -> None:
        self._say(f"{shown}: the session that holds the lock was dropped by the network or the server: stopping")
        self._stop.set(signal.SIGTERM)
