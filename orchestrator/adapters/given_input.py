"""Runs a command that gets something on its standard input and is not to keep us: anchors and notifications go to such commands.

Not for steps, which outlive us (`child.py`), nor for questions (`query.py`).
"""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

_SHOWN_BYTES = 2000


def run(argv: Sequence[str], given: bytes, cwd: Path, timeout_s: float) -> str:
    """Why *argv* failed, or "". At its end, or when its time is up, it and all that it started are killed.

    Files instead of pipes: a child that it leaves behind must not keep us waiting.
    """
    with tempfile.TemporaryFile() as file, tempfile.TemporaryFile() as said:
        file.write(given)
        file.seek(0)
        try:
            child = subprocess.Popen(
                list(argv), cwd=cwd, stdin=file, stdout=subprocess.DEVNULL, stderr=said, start_new_session=True
            )
        except OSError as error:
            return f"{argv[0]}: {error.strerror}"
        try:
            code = child.wait(timeout_s)
        except subprocess.TimeoutExpired:
            return f"{argv[0]} did not end within {timeout_s:g} s"
        finally:
            with suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
            child.wait()
        said.seek(max(0, said.seek(0, os.SEEK_END) - _SHOWN_BYTES))
        words = said.read().decode(errors="replace").strip()
    return f"{argv[0]} ended with exit code {code}" + (f": {words}" if words else "") if code else ""
