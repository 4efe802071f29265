"""Runs the project's own commands (build, tests, integration tests): one after the other, each with a deadline.

What they write into the tree is the project's own business. Which commands these are is said in `build`, `project_tests` and
`integration_tests`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from orchestrator.domain.readiness import Outcome
from orchestrator.targets.base import CommandResult, QueryTimeout, ToolMissing
from orchestrator.validation.base import Found, Subject
from orchestrator.validation.parts import ended, together

DEADLINE_S = 1800.0
_ONE_AT_A_TIME = threading.Lock()  # tests that read what the build writes would see half of it


def _never(_: CommandResult) -> bool:
    return False


@dataclass(frozen=True, slots=True)
class Own:
    """A command of the project's own.

    Attributes:
        why: What names it: ``validation.build``, ``scripts.build of package.json``.
        hint: What to do first where it fails, or "".
        nothing: Whether its output says that there was nothing to do, so that it proves nothing.
    """

    argv: tuple[str, ...]
    why: str
    hint: str = ""
    env: Mapping[str, str] = field(default_factory=dict)
    nothing: Callable[[CommandResult], bool] = _never


def run_all(subject: Subject, commands: Sequence[Own | Found], *, none: str) -> Found:
    """Run every command to its end. Passed are they together when all have ended with 0; a missing program is a SKIP.

    Args:
        commands: A `Found` among them stands for a command that is known to be impossible.
        none: Reason of the SKIP where there is no command at all.
    """
    if not _ONE_AT_A_TIME.acquire(timeout=2 * DEADLINE_S):
        return Found(Outcome.SKIP, "another command of the project's own has not ended: stop it, then validate again")
    try:
        return together([_run(subject, one) if isinstance(one, Own) else one for one in commands], none=none)
    finally:
        _ONE_AT_A_TIME.release()


def has_module(subject: Subject, python: str, module: str) -> bool:
    """Whether *python* can run ``-m MODULE``; also False where there is no *python*."""
    try:
        return subject.run((python, "-m", module, "--version"), timeout_s=60.0).ok
    except (ToolMissing, QueryTimeout):
        return False


def _run(subject: Subject, own: Own) -> Found:
    try:
        result = subject.run(own.argv, timeout_s=DEADLINE_S, env=own.env)
    except ToolMissing as error:
        return Found(Outcome.SKIP, f"{error} ({own.why})")
    except QueryTimeout:
        return Found(Outcome.FAIL, f"{_name(own)} did not end in {DEADLINE_S:g} s and was stopped ({own.why}): see its log")
    if own.nothing(result):
        return Found(Outcome.SKIP, f"{_name(own)} found nothing to run ({own.why})")
    if result.ok:
        return Found(Outcome.PASS, f"{_name(own)} ended well after {result.duration_ms / 1000:.1f} s ({own.why})")
    return Found(Outcome.FAIL, f"{ended(result)} ({own.why}){f'; {own.hint}' if own.hint else ''}")


def _name(own: Own) -> str:
    return " ".join(own.argv[:3])
