"""The stream of decisions: what others answer while a living process is at work on a deployment, so that nobody's append collides
with that process's.

`give` appends there, guarded by the slot: it is only given where somebody will read it. Taking over what was given is in
`decide.take_over`; `Asked` is how it comes between two steps.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import asdict
from typing import NamedTuple

import orjson

from eventstore import Guard, GuardFailed, WrongExpectedVersion
from orchestrator.domain.deployment import Deployment
from orchestrator.domain.errors import AbortAsked
from orchestrator.domain.ids import decisions_of
from orchestrator.domain.questions import ABORT
from orchestrator.domain.side_events import DecisionGiven
from orchestrator.services.codec import CODEC
from orchestrator.services.ports import StopSignal
from orchestrator.services.repository import Journal
from orchestrator.services.slot import at_work, claimant, metadata
from orchestrator.services.workspace import Workspace

LOOK_S = 0.2
"""Between two looks at whether an answer was taken over."""
STEP_LOOK_S = 0.1
"""Between two looks before a step: steps of milliseconds are not made slower by asking the store in front of each."""


class Given(NamedTuple):
    """An answer that nobody has taken over yet: its version in the stream, when it was given, and what it says."""

    version: int
    time: str
    event: DecisionGiven


def held_elsewhere(workspace: Workspace, journal: Journal) -> bool:
    """Another living process is at work on this very deployment."""
    deployment = journal.deployment
    if journal.lock is not None or deployment.target is None or claimant(workspace, deployment.slot) != deployment.id:
        return False
    return at_work(workspace, deployment.slot)


def give(workspace: Workspace, journal: Journal, decision_id: str, answer: str, *, how: str, reason: str = "") -> int | None:
    """Leave an answer to the process at work; returns its version in the stream, None where no living process is at work."""
    deployment, store = journal.deployment, workspace.store
    said = DecisionGiven(
        decision_id=decision_id, answer=answer, how=how, by=workspace.actor, host=workspace.here.host, reason=reason
    )
    clean = DecisionGiven(**workspace.mask.mask_json(asdict(said)))
    new = CODEC.encode(clean, orjson.dumps(metadata(workspace, deployment.id), option=orjson.OPT_SORT_KEYS))
    stream = decisions_of(deployment.id)
    while True:
        guard = Guard(deployment.slot.stream, store.version(deployment.slot.stream)) if deployment.target else None
        if not held_elsewhere(workspace, journal):
            return None
        try:
            return store.append(stream, [new], expected_version=store.version(stream), guard=guard).version
        except (GuardFailed, WrongExpectedVersion):
            continue  # the slot has changed hands, or somebody else has given an answer at the same moment


def given(workspace: Workspace, deployment: Deployment) -> Iterator[Given]:
    """What was given and not dealt with, in the order it was given."""
    stream = decisions_of(deployment.id)
    if workspace.store.version(stream) <= deployment.taken_over:
        return
    for recorded in workspace.store.read_stream(stream, deployment.taken_over):
        event = CODEC.decode(recorded)
        assert isinstance(event, DecisionGiven)  # noqa: S101 - nothing else is written there
        yield Given(recorded.version, recorded.time, event)


def something_given(workspace: Workspace, deployment: Deployment) -> bool:
    return workspace.store.version(decisions_of(deployment.id)) > deployment.taken_over


class Asked:
    """A `StopSignal` for the steps of a deployment: also somebody who asked to abort it stops them, before the next one begins.

    The steps ask `signal` before each step, and only then: what runs is finished.
    """

    def __init__(self, workspace: Workspace, journal: Journal) -> None:
        self._workspace, self._journal, self._inner = workspace, journal, workspace.stop
        self._found: Given | None = None
        self._looked: float | None = None

    @property
    def signal(self) -> int | None:
        """See `StopSignal.signal`; SIGTERM stands for a person's request."""
        now = self._workspace.clock.monotonic()
        if self._looked is None or now - self._looked >= STEP_LOOK_S:
            waiting = given(self._workspace, self._journal.deployment)
            self._found = next((each for each in waiting if each.event.decision_id == ABORT), None)
            self._looked = now
        return self._inner.signal or (signal.SIGTERM if self._found is not None else None)

    def check(self) -> None:
        """Raises Interrupted for a signal, AbortAsked for a request that `signal` has found."""
        self._inner.check()
        if self._found is not None:
            raise AbortAsked(self._journal.deployment.id, self._found.event.by)

    def breakable(self, at: int) -> AbstractContextManager[None]:
        """See `StopSignal.breakable`."""
        return self._inner.breakable(at)


def stoppable(workspace: Workspace, journal: Journal) -> Workspace:
    """*workspace* for the steps of a deployment: see `Asked`."""
    from dataclasses import replace

    asked: StopSignal = Asked(workspace, journal)
    return replace(workspace, stop=asked)
