"""A process that writes to a store, for the tests that need real ones. Run by `Workers`, talks in lines over its pipes.

Each command says "ready" when it has loaded everything, and begins when it is told "go".
"""

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from eventstore import NO_STREAM, EventStoreError, Guard, WrongExpectedVersion, reading, sqlite, sqlite_file, upgrade
from tests.contract.event_store_examples import NOON, Steps, events
from tests.unit.eventstore.stores import open_store


def say(*words: object) -> None:
    os.write(1, (" ".join(map(str, words)) + "\n").encode())


def heard() -> str:
    return sys.stdin.readline().strip()


def create(url: str) -> None:
    """Open a store that may not exist yet."""
    say("ready")
    heard()
    store = open_store(url, projections=[Steps()])
    say(store.store_id)
    store.close()


def upgrade_with(url: str, migrations: str) -> None:
    """Open a store as a program whose newest revision is 0002."""
    for module in (sqlite, reading, sqlite_file):
        module.REVISIONS = ("0001", "0002")  # type: ignore[attr-defined]
    upgrade.migrations = lambda: Path(migrations)
    create(url)


def race(url: str, own: str, number: str) -> None:
    """Append to a stream that others append to as well, again when they were first; and to one of its own."""
    store = open_store(url, projections=[Steps()])
    say("ready")
    heard()
    for count in range(int(number)):
        while True:
            try:
                version = store.append("shared", events(2), expected_version=store.version("shared")).version
                break
            except WrongExpectedVersion:
                continue
        say(version)
        store.append(own, events(1), expected_version=count - 1)
    store.close()


def stop_before_writing(url: str) -> None:
    """Hold a slot at version 0, and be stopped when the append has been decided but has not begun."""

    def stop() -> str:
        os.kill(os.getpid(), signal.SIGSTOP)
        return NOON

    store = open_store(url, now=stop)
    say("ready")
    heard()
    try:
        say("appended", store.append("deployment", events(1), expected_version=NO_STREAM, guard=Guard("slot", 0)).version)
    except EventStoreError as error:
        say(type(error).__name__)
    store.close()


def endless(url: str, stream: str) -> None:
    """Append until killed; say stream and version when, and only when, it has been acknowledged."""
    store = open_store(url, projections=[Steps()])
    version = store.version(stream)
    say("ready")
    heard()
    while True:
        version = store.append(stream, events(1 + version % 3), expected_version=version).version
        say(stream, version)


def times(url: str, number: str) -> None:
    """Append so many times, one event each."""
    store = open_store(url)
    for version in range(int(number)):
        store.append("a", events(1), expected_version=version - 1)
    store.close()


COMMANDS: dict[str, Callable[..., None]] = {
    "create": create,
    "upgrade": upgrade_with,
    "race": race,
    "stop": stop_before_writing,
    "endless": endless,
    "times": times,
}

if __name__ == "__main__":
    COMMANDS[sys.argv[1]](*sys.argv[2:])
