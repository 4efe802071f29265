"""Does one thing to a store and prints the most memory that this process ever had, in kB: ``python -m benchmarks.programs.peak``.

Arguments: WHAT DIRECTORY. WHAT is one of `DEEDS`; DIRECTORY is a project's data directory. ``append`` changes its store.
"""

import os
import sys
from collections import deque
from collections.abc import Callable
from contextlib import closing, redirect_stdout
from itertools import islice
from pathlib import Path

APPENDS = 200


def append(path: str) -> None:
    """As the program has it: all read models."""
    from benchmarks.deployments import written
    from eventstore.sqlite import SqliteEventStore
    from orchestrator.projections.registry import inline

    with closing(SqliteEventStore(f"sqlite:///{path}", projections=inline())) as store:
        for event in islice(written(), APPENDS):
            store.append(event.stream, [event.new], expected_version=store.version(event.stream))


def verify(path: str) -> None:
    from eventstore import chain
    from eventstore.reading import open_read_only

    with closing(open_read_only(path)) as reader:
        chain.verify(reader.read_all())


def replay(path: str) -> None:
    """Each event's data, decoded as the read models do."""
    from eventstore.reading import open_read_only
    from orchestrator.projections.fields import fields

    with closing(open_read_only(path)) as reader:
        deque((fields(event) for event in reader.read_all()), maxlen=0)


def command(*words: str) -> None:
    """One of the program's own commands, in this process."""
    from orchestrator.cli.main import main

    with Path(os.devnull).open("w") as nowhere, redirect_stdout(nowhere):
        try:
            main(list(words))
        except SystemExit as ended:
            if ended.code:
                raise


DEEDS: dict[str, Callable[[str], None]] = {
    "append": append,
    "history": lambda _: command("history"),
    "metrics": lambda _: command("metrics"),
    "verify": verify,
    "replay": replay,
    "replay of one deployment": lambda _: command("replay", "latest"),
}


def peak_kb() -> int:
    # Not ru_maxrss: that begins with what the parent had when it forked.
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:"))


if __name__ == "__main__":
    deed, directory = sys.argv[1:]
    os.environ["CLAUDE_PLUGIN_DATA"] = directory
    DEEDS[deed](str(Path(directory) / "events.db"))
    sys.stdout.write(f"{peak_kb()}\n")
