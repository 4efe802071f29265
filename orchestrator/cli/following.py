"""Following a deployment that another process drives: its events, and the live output of the step that runs.

Nothing is changed or locked. What a step printed is shown once: live as far as this process can see it, the rest from the store
when the step has ended. Start at `Following.until_end`.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from hashlib import sha256
from typing import TYPE_CHECKING, Protocol

from orchestrator.cli.logs import Screen, output
from orchestrator.domain.deployment import Deployment
from orchestrator.domain.errors import PopDeployError
from orchestrator.domain.ids import stream_of
from orchestrator.domain.lifecycle import State
from orchestrator.projections import slots
from orchestrator.projections.step_logs import RUNNING, StepLog, StepLogs
from orchestrator.rendering import logs as rendering
from orchestrator.rendering.text import one_line
from orchestrator.services.codec import CODEC

if TYPE_CHECKING:
    from eventstore.store import EventReader

POLL_S = 0.2
BEGIN_S = 10.0
"""How long a deployment that has not begun is waited for."""
_ALIVE_S = 1.0
_BEFORE = frozenset({State.REQUESTED, State.PREPARED, State.CONFIRMED})


class Live(Protocol):
    """What a running attempt prints, masked."""

    def read(self) -> bytes:
        """What can be shown since the last call."""
        ...


OpenLive = Callable[[StepLog, Deployment], Live]
"""Raises PopDeployError when an attempt cannot be followed from here; the message says why."""
AtWork = Callable[[slots.Holder], bool | None]


class Following:
    """Follows one deployment.

    Args:
        step: Only this one, or all.
        open_live: Opens the live output of an attempt.
        at_work: Whether the holder of the slot still runs; None when that cannot be told.
        sleep: Between two looks.
    """

    def __init__(
        self,
        reader: EventReader,
        deployment_id: str,
        step: str | None,
        screen: Screen,
        *,
        open_live: OpenLive,
        at_work: AtWork,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._reader, self._id, self._step, self._screen = reader, deployment_id, step, screen
        self._open_live, self._at_work, self._sleep = open_live, at_work, sleep
        self._deployment, self._logs, self._version = Deployment(), StepLogs(), -1
        self._running: _Running | None = None
        self._asked = 0.0

    def until_end(self) -> str:
        """Show what comes until nothing more will. Returns why, in a sentence."""
        begun = time.monotonic()
        while True:
            news = self._take_events()
            if self._running is not None:
                self._running.show_new()
            reason = self._reason(waited_s=time.monotonic() - begun)
            if reason is None and not news and self._left_alone():
                reason = f"{self._id} was interrupted: nobody is at work on it. Next: pop-deploy resume {self._id}"
            if reason is not None:
                return reason
            self._sleep(POLL_S)

    def _take_events(self) -> bool:
        before = self._version
        for recorded in self._reader.read_stream(stream_of(self._id), self._version):
            event = CODEC.decode(recorded)
            self._deployment.apply(event, recorded.time)
            self._version = recorded.version
            log = self._logs.add(event, recorded.time)
            if log is not None and log.fits(self._step):
                self._began(log) if log.status == RUNNING else self._ended(log)
        return self._version > before

    def _began(self, log: StepLog) -> None:
        self._screen.line(rendering.header(log))
        self._running = _Running(self._screen, lambda: self._open_live(log, self._deployment))

    def _ended(self, log: StepLog) -> None:
        if self._running is not None:
            self._running.finish(b"".join(output(self._reader, self._id, log)))
        self._screen.line(rendering.footer(log) + "\n")
        self._running = None

    def _reason(self, waited_s: float) -> str | None:
        deployment = self._deployment
        if deployment.state in _BEFORE:
            asked = deployment.open_decision
            if asked is not None:
                return f"{self._id} waits for an answer to {asked.decision_id}. Next: pop-deploy show {self._id}"
            return f"{self._id} is {deployment.state} and does not begin." if waited_s > BEGIN_S else None
        return None if deployment.under_way else f"{self._id} is {deployment.state.replace('_', ' ')}."

    def _left_alone(self) -> bool:
        """Nobody drives it any more. Asked once a second, and only believed if no event came meanwhile."""
        if not self._deployment.under_way or time.monotonic() - self._asked < _ALIVE_S:
            return False
        self._asked = time.monotonic()
        holder = slots.holder(self._reader, self._deployment.slot)
        gone = holder is None or holder.deployment_id != self._id or self._at_work(holder) is False
        return gone and not self._take_events()


class _Running:
    """An attempt that has begun; how much of its output was shown while it ran."""

    def __init__(self, screen: Screen, open_live: Callable[[], Live]) -> None:
        self._screen = screen
        self._open_live: Callable[[], Live] | None = open_live
        self._live: Live | None = None
        self._shown, self._digest = 0, sha256()

    def show_new(self) -> None:
        if self._open_live is not None:
            try:
                self._live = self._open_live()
            except PopDeployError as problem:
                self._screen.line(f"(shown when the step has ended: {one_line(str(problem))})\n")
            self._open_live = None
        if self._live is not None and (new := self._live.read()):
            self._shown += len(new)
            self._digest.update(new)
            self._screen.output(new)

    def finish(self, whole: bytes) -> None:
        """Show what of *whole*, the output on record, was not shown yet."""
        if sha256(whole[: self._shown]).digest() == self._digest.digest():
            self._screen.output(whole[self._shown :])
        elif whole:
            self._screen.line("(some of it was not shown while it ran; the whole: pop-deploy logs)\n")
