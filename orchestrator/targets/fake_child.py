"""Makes one effect in the world of a `fake` target: run as a program by its child steps, called by the others.

Arguments: DIRECTORY LINE LIVE DELAY_S KILL_PID. LINE is "" for a step without an effect; LIVE is what `live.json` is to hold, or
"" when the step does not change it. KILL_PID is the process to kill in the middle of the effect (`fake.py` says what for), or 0.
Imports nothing of ours.
"""

import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path


def main(arguments: list[str]) -> None:
    directory, line, live, delay_s, kill_pid = arguments
    print(f"fake: at work on {line}", flush=True)
    time.sleep(float(delay_s))

    def midway() -> None:
        if int(kill_pid):
            os.kill(int(kill_pid), signal.SIGKILL)

    make_effect(directory, line, live, midway)
    print("fake: done", flush=True)


def make_effect(directory: str, line: str, live: str, midway: Callable[[], None]) -> None:
    """Set what is live, then count the effect by a line in ``effects.log``, durably.

    In this order, because the line is what a probe looks for: an effect that was not counted is made again, and setting what is
    live a second time changes nothing.
    """
    world = Path(directory)
    world.mkdir(parents=True, exist_ok=True)
    if live:
        temporary = world / f"live.json.{os.getpid()}"
        _write(temporary, live, os.O_TRUNC)
        temporary.replace(world / "live.json")
    midway()
    if line:
        _write(world / "effects.log", line + "\n", os.O_APPEND)


def _write(path: Path, text: str, how: int) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | how, 0o644)
    try:
        os.write(descriptor, text.encode())
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


if __name__ == "__main__":
    main(sys.argv[1:])
