"""Running checks beside each other: `run_checks` gives each answer as it comes, whatever becomes of the check itself.

Each check has a thread of its own, which nobody waits for longer than its deadline: one that hangs holds up neither the others
nor the process's end. Not here: what is checked (`validation/`), and what becomes of the answers (`validate.py`).
"""

from __future__ import annotations

import threading
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

from eventstore import Attachment
from orchestrator.domain.errors import Interrupted, PopDeployError
from orchestrator.domain.readiness import CheckResult, Outcome
from orchestrator.services.ports import CheckLog, CheckLogs, StopSignal
from orchestrator.targets.base import CommandResult, QueryTimeout
from orchestrator.validation.base import Check, Found, Subject

MOST_AT_ONCE = 8
_LOOK_S = 0.1
_GRACE_S = 5.0
LONGEST_MESSAGE = 2000


@dataclass(frozen=True)
class Answer:
    """What one check has found, with its log and what the event says of that."""

    result: CheckResult
    attachment: Attachment | None = None
    output: Mapping[str, Any] | None = None


class _Running:
    """One check under way."""

    def __init__(self, check: Check, subject: Subject, logs: CheckLogs, ended: SimpleQueue[_Running], stop: StopSignal) -> None:
        self.check, self._ended = check, ended
        self.given_up = threading.Event()
        self.log: CheckLog = logs.open(lambda: stop.signal is not None or self.given_up.is_set())
        self._deadline = time.monotonic() + check.timeout_s
        self._subject = replace(subject, run=self._run)
        self.started, self.ended_at = time.monotonic(), 0.0
        self.found: Found | None = None
        self.thread = threading.Thread(target=self._look, name=f"check {check.name}", daemon=True)

    @property
    def overdue(self) -> bool:
        return time.monotonic() >= self._deadline

    def timed_out(self) -> Found:
        return Found(Outcome.FAIL, f"did not end in {self.check.timeout_s:g} s and was given up")

    def _run(
        self, argv: Sequence[str], *, timeout_s: float = 600.0, cwd: Path | None = None, env: Mapping[str, str] | None = None
    ) -> CommandResult:
        left = max(0.1, self._deadline - time.monotonic())
        return self.log.run(argv, timeout_s=min(timeout_s, left), cwd=cwd, env=env)

    def _look(self) -> None:
        try:
            self.found = self.check.look(self._subject)
        except QueryTimeout as late:
            self.found = Found(Outcome.FAIL, str(late))
        except Interrupted:
            self.found = Found(Outcome.SKIP, "stopped")
        except (PopDeployError, OSError) as problem:
            self.found = Found(Outcome.SKIP, f"could not run: {problem}")
        except Exception as mistake:  # noqa: BLE001 - a mistake in one check must not end the others
            self.found = Found(Outcome.SKIP, f"could not run: {type(mistake).__name__}: {mistake}")
            self.log.note(traceback.format_exc())
        self.ended_at = time.monotonic()
        self._ended.put(self)


def run_checks(
    checks: Sequence[Check], subject: Subject, logs: CheckLogs, stop: StopSignal, mask: Callable[[str], str]
) -> Iterator[Answer]:
    """The answers of *checks* in the order in which they end.

    Raises:
        Interrupted: A signal asked us to stop; the commands that were running were ended.
    """
    ended: SimpleQueue[_Running] = SimpleQueue()
    waiting, running = list(checks), list[_Running]()
    try:
        while waiting or running:
            while waiting and len(running) < MOST_AT_ONCE:
                running.append(_Running(waiting.pop(0), subject, logs, ended, stop))
                running[-1].thread.start()
            stop.check()
            for one in _done(ended, running):
                running.remove(one)
                yield _answer(one, mask)
    finally:
        _leave(running)


def _done(ended: SimpleQueue[_Running], running: Sequence[_Running]) -> list[_Running]:
    """Those that have ended, and those whose time is up."""
    try:
        done = [ended.get(timeout=_LOOK_S)]
    except Empty:
        done = []
    late = [one for one in running if one.found is None and one.overdue]
    for one in late:
        one.given_up.set()
    return [one for one in done if one in running] + late


def _answer(one: _Running, mask: Callable[[str], str]) -> Answer:
    found = one.timed_out() if one.given_up.is_set() or one.found is None else one.found
    duration_s = (one.ended_at or time.monotonic()) - one.started
    kept = one.log.packed(f"check/{one.check.name}")
    attachment, output = kept if kept is not None else (None, None)
    result = CheckResult(
        name=one.check.name,
        status=found.status,
        message=mask(found.message)[:LONGEST_MESSAGE],
        blocking=one.check.blocking,
        duration_ms=round(duration_s * 1000),
        log=attachment.name if attachment is not None else None,
    )
    return Answer(result, attachment, output)


def _leave(running: Sequence[_Running]) -> None:
    """End what still runs, and wait a little for it: what it started is ended by the threads themselves."""
    for one in running:
        one.given_up.set()
    until = time.monotonic() + _GRACE_S
    for one in running:
        one.thread.join(max(0.0, until - time.monotonic()))
