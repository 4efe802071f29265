"""What was acknowledged is there: after SIGKILL, and (by the calls made to the kernel) after a power cut."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from eventstore.chain import verify
from tests.contract.event_store_examples import Steps
from tests.quick import part
from tests.unit.eventstore.stores import end_other_sessions, open_store
from tests.unit.eventstore.workers import ENVIRONMENT, WORKER, Workers


@pytest.fixture
def workers() -> Iterator[Workers]:
    with Workers() as workers:
        yield workers


def test_everything_acknowledged_survives_kills(store_url: str, workers: Workers) -> None:
    """Rounds of four writers at the same store, all killed in the middle of their work."""
    url = store_url
    for round_ in range(part(5)):
        said = workers.until_killed(13 + 7 * round_, *(["endless", url, f"stream-{number}"] for number in range(4)))

        store = open_store(url, projections=[Steps()])
        end_other_sessions(store)
        assert len(said) >= 13 + 7 * round_
        for stream, version in (words.split() for words in said):
            assert store.version(stream) >= int(version)
        for stream in {item.stream for item in store.read_all()}:
            assert [item.version for item in store.read_stream(stream)] == list(range(store.version(stream) + 1))
        assert verify(store.read_all()) == store.head()
        inline = store.query("SELECT stream, done, share FROM steps ORDER BY stream")
        store.rebuild()
        assert store.query("SELECT stream, done, share FROM steps ORDER BY stream") == inline
        store.close()


def test_each_append_waits_for_the_disk_exactly_once(tmp_path: Path, strace: str) -> None:
    """Less would lose in a power cut what was acknowledged, and look fast; more would only be slow."""
    few, many = (_syncs(strace, tmp_path, number) for number in (20, 120))

    assert many - few == 100


def _syncs(strace: str, directory: Path, appends: int) -> int:
    """How often a process waits for the disk that opens a new store, appends so many times and closes it."""
    counted = directory / f"{appends}.strace"
    command = [*WORKER, "times", f"sqlite:///{directory}/{appends}.db", str(appends)]
    tracing = [strace, "-c", "-f", "-o", str(counted), "-e", "trace=fdatasync,fsync"]
    subprocess.run([*tracing, *command], env=ENVIRONMENT, check=True, timeout=120)
    rows = [row.split() for row in counted.read_text(encoding="utf-8").splitlines()]
    return sum(int(row[3]) for row in rows if row and row[-1] in {"fsync", "fdatasync"})
