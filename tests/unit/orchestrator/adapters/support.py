"""What several tests of the adapters need: a user without privileges, and a process that dies at a chosen instant."""

import ctypes  # noqa: F401 - imported lazily by what runs without privileges
import os
import pickle
import shutil
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

NOBODY = 65534


def without_privileges(action: Callable[[], Any]) -> Any:
    """What *action* returns or raises when the user ``nobody`` runs it; permissions mean nothing to root.

    Everything *action* needs must be imported already, since the interpreter's own files may be out of that user's reach.
    """
    if os.geteuid() != 0:
        return action()
    reading, writing = os.pipe()
    if (child := os.fork()) == 0:
        try:
            os.setgroups([])
            os.setgid(NOBODY)
            os.setuid(NOBODY)
            try:
                outcome: Any = (True, action())
            except Exception as error:  # noqa: BLE001 - it is raised again in the parent
                traceback.print_exc()
                outcome = (False, error)
            os.write(writing, pickle.dumps(outcome))
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        answer = pipe.read()
    os.waitpid(child, 0)
    succeeded, value = pickle.loads(answer)  # noqa: S301 - our own child wrote it
    if not succeeded:
        raise value
    return value


@contextmanager
def directory_for_all() -> Iterator[Path]:
    """A directory that every user may write to; those of pytest are closed to others."""
    path = Path(tempfile.mkdtemp())
    path.chmod(0o777)
    yield path
    shutil.rmtree(path)


def run_python(code: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Run *code* in another interpreter, from the repository's root."""
    root = Path(__file__).parents[4]
    argv = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.run(argv, cwd=root, capture_output=True, text=True, timeout=60, check=False)
