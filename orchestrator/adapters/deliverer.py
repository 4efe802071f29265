"""Starts the process that delivers notifications in the background: `start`. What it does is in `orchestrator.notifying`.

It is in a session of its own and holds nothing of ours, no pipe either: who waits for this command's end or output is not kept.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Mapping
from contextlib import suppress

from orchestrator.adapters.signals import STOPPING

# What is open without close-on-exec (a pipe of the CI system's) is closed before anything else. The project's directory is not on
# the path (-P): its modules could have the names of ours.
_CODE = (
    "import os, sys; os.closerange(3, 1 << 16); sys.path.append(sys.argv[1]); "
    "from orchestrator.notifying import background; background(sys.argv[2])"
)
_ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))  # noqa: PTH100, PTH120 - see data_directory
_started: list[int] = []


def start(directory: str, environ: Mapping[str, str]) -> None:
    """Have what is due in the outbox of the project in *directory* delivered. Costs a process; is not waited for.

    Args:
        environ: Its environment: the store's URL and the secrets of receivers stand there and in no argument.

    Raises:
        OSError: It cannot be started.
    """
    for pid in tuple(_started):  # only whoever lives long, as a server does, has any
        with suppress(ChildProcessError):
            if os.waitpid(pid, os.WNOHANG) == (0, 0):
                continue
        _started.remove(pid)
    null = [(os.POSIX_SPAWN_OPEN, number, os.devnull, os.O_RDWR, 0) for number in range(3)]
    argv = [sys.executable, *(("-B",) if sys.dont_write_bytecode else ()), "-P", "-c", _CODE, _ROOT, directory]
    defaults = (*STOPPING, signal.SIGPIPE, signal.SIGCHLD)
    _started.append(
        os.posix_spawn(sys.executable, argv, environ, file_actions=null, setsid=True, setsigmask=(), setsigdef=defaults)
    )
