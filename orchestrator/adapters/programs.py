"""What to tell a person whose program could not be started."""

from __future__ import annotations

import os
from pathlib import Path

from orchestrator.targets.base import ToolMissing


def tool_missing(program: str, *, path: str | None, cwd: Path) -> ToolMissing:
    """Why *program* was not found, and what to do about it.

    Args:
        path: Value of PATH where it was looked for; None means the system's default.
        cwd: Where a relative *program* or PATH entry starts.
    """
    if "/" in program:
        if (cwd / program).exists():
            return ToolMissing(_no_interpreter(program))
        return ToolMissing(f"{program}: no such program in {cwd}: create it or correct the path, then try again")
    directories = os.defpath if path is None else path
    if any((cwd / directory / program).is_file() for directory in directories.split(":")):
        return ToolMissing(_no_interpreter(program))
    return ToolMissing(f"{program} is not on PATH ({directories}): install it or add its directory to PATH, then try again")


def _no_interpreter(program: str) -> str:
    return f"{program} exists, but the interpreter that its first line names does not: install that or correct the line"
