"""The process of one tool call: the command line, as it is, and a lifeline to the server that started it.

Standard input is the lifeline: a pipe on which nothing ever comes. Its end means that the call was cancelled, that the client has
gone, or that the server has died by whatever means; then this process sends itself SIGINT, once. So a deployment is interrupted
in order, on record, and `resume` finishes it. Run as ``python -m orchestrator.mcp.child EXECUTE ...`` by `calls.py` only.
"""

from __future__ import annotations

import fcntl
import os
import signal
import sys
import threading


def main() -> None:
    # A server that a shell started with & ignores SIGINT, and so would we until the command catches it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    threading.Thread(target=_interrupt_at_end_of, args=(_lifeline(),), daemon=True).start()
    try:
        from orchestrator.cli import main as command_line

        command_line.main()
    except KeyboardInterrupt:
        sys.exit(8)  # before the command has begun: nothing was done


def _lifeline() -> int:
    """Standard input under another number; what runs from here on finds none, as without a terminal."""
    lifeline = fcntl.fcntl(0, fcntl.F_DUPFD_CLOEXEC, 3)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    return lifeline


def _interrupt_at_end_of(lifeline: int) -> None:
    while os.read(lifeline, 512):
        pass
    os.kill(os.getpid(), signal.SIGINT)


if __name__ == "__main__":
    main()
