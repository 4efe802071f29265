"""The composition root of notifications: `note` and `wake` around every command that records, `deliver`, `status`, `test`.

Nothing here can fail or delay a deployment: what goes wrong around a command is said in one line, and a delivery happens in a
process of its own (`background`), or when somebody runs `pop-deploy notify deliver`.
"""

from __future__ import annotations

import os
import random
import signal
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from eventstore.errors import EventStoreError
from orchestrator import __version__, bootstrap
from orchestrator.adapters.store_place import place_of
from orchestrator.domain.errors import Interrupted, PopDeployError, UsageProblem
from orchestrator.services import outbox
from orchestrator.services.outbox import Outbox

if TYPE_CHECKING:
    from orchestrator.adapters.receivers import Receivers
    from orchestrator.projections.notify_results import NotifyStatus
    from orchestrator.services.notifying import Delivered
    from orchestrator.services.ports import Lock, NamedLocks, Sent
    from orchestrator.services.workspace import Workspace

BACKGROUND_S = 120.0
"""So long the background process waits for the next attempt; what is due later is for the next command, or `notify deliver`."""
_HANGS_S = 120.0
_POLL_S = 0.1


def note(workspace: Workspace) -> None:
    """Put new receivers on record before the command records anything else."""
    try:
        outbox.note_receivers(_box(workspace))
    except (EventStoreError, PopDeployError, OSError) as problem:
        workspace.narrator.line(f"notify: no receiver is added now: {workspace.mask.mask(str(problem))}")


def wake(workspace: Workspace, directory: str, store: str | None, environ: Mapping[str, str] = os.environ) -> None:
    """Have what the command left in the outbox delivered beside whatever comes next."""
    from orchestrator.adapters import deliverer

    try:
        if outbox.anything_due(_box(workspace)):
            deliverer.start(os.path.abspath(directory), _with_store(environ, store))  # noqa: PTH100
    except (EventStoreError, PopDeployError, OSError) as problem:
        shown = workspace.mask.mask(str(problem))
        workspace.narrator.line(f"notify: nothing is delivered now: {shown}. Next: pop-deploy notify deliver")


def background(directory: str) -> None:
    """What the process does that `wake` has started. Its end is certain: an alarm ends it should it hang."""
    signal.setitimer(signal.ITIMER_REAL, BACKGROUND_S + _HANGS_S)
    deliver(directory, os.environ.get("POP_DEPLOY_STORE"), timeout_s=BACKGROUND_S, one_waits=True)


def deliver(directory: str, store: str | None, *, timeout_s: float, one_waits: bool = False) -> Delivered:
    """Deliver what is due, alone in this store: whoever delivers already is waited for, *timeout_s* in all.

    Args:
        one_waits: Leave at once where another process waits already: it will see all that there is to see now.
    """
    from orchestrator.services.notifying import Delivered, deliver, pending

    try:
        bootstrap.open_reader(directory, store).close()
    except bootstrap.NoStore:
        return Delivered(delivered=0, failed=0, pending=0)
    until = time.monotonic() + timeout_s
    with _opened(directory, store) as opened:
        lock = None
        with suppress(Interrupted):
            lock = _turn(opened, until, one_waits=one_waits)
        if lock is None:
            return Delivered(delivered=0, failed=0, pending=pending(opened.box))
        try:
            return deliver(opened.box, opened.receivers, timeout_s=max(0.0, until - time.monotonic()))
        finally:
            lock.release()


def test(directory: str, name: str) -> Sent:
    """Send a test message to the receiver *name*; nothing is recorded.

    Raises:
        UsageProblem: deploy.json has no such receiver.
    """
    from orchestrator.adapters import identity
    from orchestrator.adapters.clock import SystemClock
    from orchestrator.adapters.receivers import Receivers

    config = bootstrap.load_config(directory)
    receiver = next((each for each in config.notify if each.name == name), None)
    if receiver is None:
        names = ", ".join(each.name for each in config.notify) or "none"
        raise UsageProblem(f'{config.file}: "notify" has no receiver called {name}. It has: {names}')
    masker, secrets = bootstrap.secrets(directory, config, os.environ)
    message = outbox.trial(f"test-{uuid.uuid4().hex}", config.project_name, SystemClock().now(), identity.host())
    sent = Receivers(Path(directory).absolute(), secrets).send(receiver, message)
    return type(sent)(
        delivered=sent.delivered, message=masker.mask(sent.message), final=sent.final, retry_after_s=sent.retry_after_s
    )


def status(directory: str, store: str | None) -> NotifyStatus:
    """What stands in the outbox. Changes nothing."""
    from orchestrator.projections.notify_results import notify_status

    config = bootstrap.load_config(directory)
    configured = {each.name: each.kind for each in config.notify}
    try:
        reader = bootstrap.open_reader(directory, store)
    except bootstrap.NoStore:
        return notify_status(None, config.project_name, configured, {})
    try:
        new = {each.receiver: len(each.positions) for each in outbox.unqueued(reader, config.project_name, config.notify)}
        return notify_status(reader, config.project_name, configured, new)
    finally:
        reader.close()


class _Opened(NamedTuple):
    box: Outbox
    receivers: Receivers
    locks: NamedLocks


@contextmanager
def _opened(directory: str, store: str | None) -> Iterator[_Opened]:
    """What a delivery needs, and no more: no target, no child, nobody's name."""
    from orchestrator.adapters import identity
    from orchestrator.adapters.clock import SystemClock
    from orchestrator.adapters.receivers import Receivers
    from orchestrator.adapters.signals import Signals, StopFlag
    from orchestrator.adapters.store_locks import locks_of

    config = bootstrap.load_config(directory)
    with ExitStack() as closing:
        opened = bootstrap.open_store(directory, store)
        closing.callback(opened.close)
        flag = StopFlag()
        closing.callback(flag.close)
        closing.enter_context(Signals(flag))
        masker, secrets = bootstrap.secrets(directory, config, os.environ)
        box = Outbox(
            project=config.project_name,
            receivers=config.notify,
            store=opened,
            mask=masker,
            clock=SystemClock(flag),
            here=identity.here(),
            tool_version=__version__,
            chance=random.random,
        )
        locks = locks_of(place_of(directory, store), flag, closing, lambda _line: None)
        yield _Opened(box, Receivers(Path(directory).absolute(), secrets), locks)


def _turn(opened: _Opened, until: float, *, one_waits: bool) -> Lock | None:
    """The lock of this project's deliveries; None when it is not ours in time, or somebody waits already."""
    project = opened.box.project
    place: Lock | None = None
    while (lock := opened.locks.try_named(f"notifications/{project}")) is None and time.monotonic() < until:
        if one_waits and place is None and (place := opened.locks.try_named(f"notifications-next/{project}")) is None:
            return None
        opened.box.clock.sleep(_POLL_S)
    if place is not None:
        place.release()
    return lock


def _box(workspace: Workspace) -> Outbox:
    return Outbox(
        project=workspace.config.project_name,
        receivers=workspace.config.notify,
        store=workspace.store,
        mask=workspace.mask,
        clock=workspace.clock,
        here=workspace.here,
        tool_version=workspace.tool_version,
        chance=random.random,
    )


def _with_store(environ: Mapping[str, str], store: str | None) -> dict[str, str]:
    """The store's URL may hold a password: it is handed over in the environment, not as an argument."""
    if store is None:
        return {name: value for name, value in environ.items() if name != "POP_DEPLOY_STORE"}
    place = place_of(".", store)
    return {**environ, "POP_DEPLOY_STORE": place.url or f"sqlite:///{place.path}"}
