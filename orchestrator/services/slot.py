"""One live deployment per slot: a lock that dies with the process, and an epoch that fences out whoever was replaced.

The lock says that the holder lives; the last event of the slot's stream says who it is, and its version is the epoch. Order:
lock, then epoch event; at the end release event, then unlock. A process that dies frees the lock and leaves the claim.

`hold` is for one deployment at work, `reserve` for several before the first begins. Waiting is in `slot_waiting.py`, who has a
slot in `slot_holder.py`, ending somebody else's claim in `slot_release.py`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

from eventstore import Guard, GuardFailed, RecordedEvent, WrongExpectedVersion
from orchestrator.domain.deployment import Deployment
from orchestrator.domain.errors import SlotClaimedByDead, SlotHeld, Superseded
from orchestrator.domain.ids import stream_of
from orchestrator.domain.lifecycle import Trigger, allowed
from orchestrator.domain.plan import Slot
from orchestrator.domain.side_events import SlotReleased, SlotTaken
from orchestrator.projections import deployments
from orchestrator.services.codec import CODEC
from orchestrator.services.ports import Here, Lock
from orchestrator.services.repository import Journal, fold, load
from orchestrator.services.slot_holder import actor_of, holder_of
from orchestrator.services.slot_waiting import Waiting
from orchestrator.services.workspace import Workspace


@contextmanager
def hold(workspace: Workspace, journal: Journal, *, superseded: bool = False) -> Iterator[None]:
    """Hold the deployment's slot; every append of *journal* inside is fenced by its epoch.

    At the end the claim follows the state: a deployment that is still under way keeps it, however this process leaves.

    Args:
        superseded: Also where another deployment has begun since its claim was released: to give it up, not to go on with it.

    Raises:
        SlotHeld: A living process is at work there, and there is no time (left) to wait for it.
        SlotClaimedByDead: Another deployment was interrupted there and must be resumed or aborted first.
        Superseded: See *superseded*.
        WrongExpectedVersion: Somebody else has worked on this very deployment since it was loaded.
        GuardFailed: Somebody has been at work in the slot since what is to be left was looked up.
        SlotLost: From inside: another process has the slot now.
    """
    take(workspace, journal, superseded=superseded)
    try:
        yield
    finally:
        give_back(workspace, journal)


@contextmanager
def reserve(workspace: Workspace, journals: Sequence[Journal]) -> Iterator[None]:
    """Take the slots of all *journals*, or of none, before the first of them begins.

    They are taken in the order of their names, whatever order they are deployed in: two processes that want the same ones cannot
    each have what the other waits for. Each is given back when its own deployment has ended, the rest at the end.

    Raises:
        SlotHeld, SlotClaimedByDead, Interrupted: One cannot be had. No lock and no claim is left.
    """
    with ExitStack() as taken:
        for journal in sorted(journals, key=lambda journal: journal.deployment.slot.stream):
            take(workspace, journal)
            taken.callback(give_back, workspace, journal)
        yield


def take(workspace: Workspace, journal: Journal, *, superseded: bool = False) -> None:
    """Take the deployment's slot, unless this journal has it already. Raises as `hold` does; `give_back` ends it."""
    if journal.lock is not None:
        return
    slot = journal.deployment.slot
    lock = _lock(workspace, slot)
    try:
        journal.guard = _claim(workspace, journal, slot, superseded=superseded)
    except BaseException:
        lock.release()
        raise
    journal.lock = lock


def give_back(workspace: Workspace, journal: Journal) -> None:
    """Unlock, and end the claim unless the deployment is under way. Nothing is done where it was not taken."""
    lock, guard = journal.lock, journal.guard
    if lock is None:
        return
    journal.lock = journal.guard = None
    try:
        if guard is not None and not journal.deployment.under_way:
            _release(workspace, journal, guard)
            workspace.children.forget(journal.deployment.id)
    finally:
        lock.release()


def require_free(workspace: Workspace, journal: Journal) -> None:
    """Refuse before anybody is asked or anything is planned, where `hold` would refuse in the end.

    Raises:
        SlotHeld, SlotClaimedByDead: As `hold` does.
    """
    slot = journal.deployment.slot
    if journal.lock is not None or claimant(workspace, slot) is None:
        return  # the lock is left alone: to try it would disturb whoever is about to take it
    lock = _lock(workspace, slot)
    try:
        _refuse_claimed(workspace, journal, slot)
    finally:
        lock.release()


def require_idle(workspace: Workspace, journal: Journal) -> None:
    """`require_free`, and until the slot is taken what *journal* records is refused when anybody has been at work there since:
    somebody may think for long about a question, and others deploy meanwhile.

    Raises:
        SlotHeld, SlotClaimedByDead: As `hold` does.
    """
    if journal.lock is None:
        stream = journal.deployment.slot.stream
        journal.guard = Guard(stream, workspace.store.version(stream))
    require_free(workspace, journal)


def await_free(workspace: Workspace, slot: Slot) -> None:
    """With ``--wait``: wait while a living process is at work there, before anything is decided. Else nothing.

    Raises:
        SlotHeld: It still is.
    """
    if workspace.patience.left_s > 0 and claimant(workspace, slot) is not None:
        _lock(workspace, slot).release()


def awaited(workspace: Workspace, journal: Journal) -> Journal:
    """`await_free`, and the deployment as it stands then: it may be the one that was waited for."""
    if workspace.patience.left_s <= 0 or journal.deployment.target is None:
        return journal
    await_free(workspace, journal.deployment.slot)
    return load(workspace, journal.deployment.id)


def at_work(workspace: Workspace, slot: Slot) -> bool:
    """Whether a living process holds *slot*."""
    lock = workspace.locks.try_acquire(slot)
    if lock is not None:
        lock.release()
    return lock is None


def claimant(workspace: Workspace, slot: Slot) -> str | None:
    """ID of the deployment that claims *slot* now, or None."""
    last = _last(workspace, slot)
    return last.deployment_id if isinstance(last, SlotTaken) else None


def superseded_by(workspace: Workspace, journal: Journal) -> str | None:
    """The deployment that has begun in the slot since this one, which is under way, lost its claim; None if none has."""
    deployment = journal.deployment
    if not deployment.under_way or claimant(workspace, deployment.slot) == deployment.id:
        return None
    others: list[str] = []
    # Its first claim is the epoch of its start; later ones (a resume, a rollback) begin the count anew.
    for recorded in workspace.store.read_stream(deployment.slot.stream, (deployment.epoch or 0) - 1):
        event = CODEC.decode(recorded)
        if isinstance(event, SlotTaken):
            others = [] if event.deployment_id == deployment.id else [*others, event.deployment_id]
    return next((row.id for row in deployments.get(workspace.store, *others) if row.started_at is not None), None)


def metadata(workspace: Workspace, deployment_id: str) -> dict[str, object]:
    """Of an event on a slot's stream."""
    here = workspace.here
    return {
        "actor": workspace.actor,
        "host": here.host,
        "pid": here.pid,
        "tool_version": workspace.tool_version,
        "correlation_id": deployment_id,
        "causation_id": None,
    }


def _lock(workspace: Workspace, slot: Slot) -> Lock:
    """The slot's lock, waited for as long as ``--wait`` allows. Raises SlotHeld."""
    waiting = Waiting(workspace, slot)
    while (lock := workspace.locks.try_acquire(slot)) is None:
        waiting.go_on()
    return lock


def _claim(workspace: Workspace, journal: Journal, slot: Slot, *, superseded: bool) -> Guard:
    here, mine = workspace.here, journal.deployment.id
    _refuse_overtaken(workspace, journal, superseded=superseded)
    version = workspace.store.version(slot.stream)
    holder, unchanged = _refuse_claimed(workspace, journal, slot)
    journal.taken_over_from = _let_notice(workspace, slot) if holder else None
    taken = SlotTaken(
        deployment_id=mine,
        host=here.host,
        pid=here.pid,
        start_ticks=here.start_ticks,
        boot_id=here.boot_id,
        pid_namespace=here.pid_namespace,
        taken_over_from=journal.taken_over_from,
    )
    event = CODEC.encode(taken, metadata(workspace, mine))
    try:
        epoch = workspace.store.append(slot.stream, [event], expected_version=version, guard=unchanged).version
    except (WrongExpectedVersion, GuardFailed) as error:
        raise SlotHeld(f"{slot}: another deployment took it at the same moment", slot=str(slot), deployment_id="") from error
    return Guard(slot.stream, epoch)


def _let_notice(workspace: Workspace, slot: Slot) -> str | None:
    """The holder before may still be at work, if only its lock has died: it has to stop before anything is begun here.

    Returns:
        Its deployment and process, as they are named on record. None: it has just given the slot back, so that this claim, made
        for what was seen before, is refused.
    """
    recorded = _last_recorded(workspace, slot)
    last = CODEC.decode(recorded) if recorded is not None else None
    if recorded is None or not isinstance(last, SlotTaken):
        return None
    before = Here(last.host, last.boot_id, last.pid_namespace, last.pid, last.start_ticks)
    seconds = workspace.locks.notice_s(before)
    if seconds:
        workspace.narrator.line(f"Taking over from pid {last.pid} on {last.host}, which may live: it gets {seconds:g}s to notice")
        workspace.clock.sleep(seconds)
    return f"{last.deployment_id}: {actor_of(recorded)} (pid {last.pid} on {last.host})"


def _refuse_overtaken(workspace: Workspace, journal: Journal, *, superseded: bool) -> None:
    """With the lock held: what this process is about to go on with must still be as it was loaded, and still be the newest."""
    deployment = journal.deployment
    stream, actual = stream_of(deployment.id), workspace.store.version(stream_of(deployment.id))
    if actual != journal.version:
        raise WrongExpectedVersion(stream, journal.version, actual)
    guard = journal.guard
    if guard is not None and (held := workspace.store.version(guard.stream)) != guard.version:
        raise GuardFailed(guard.stream, guard.version, held)
    newer = None if superseded else superseded_by(workspace, journal)
    if newer is not None:
        raise Superseded(
            f"{deployment.id} has no claim on {deployment.slot} any more, and {newer} has begun there since: going on would put "
            f"the older one in its place. Next: pop-deploy abort {deployment.id}"
        )


def _refuse_claimed(workspace: Workspace, journal: Journal, slot: Slot) -> tuple[str | None, Guard]:
    """With the lock held: who claims the slot, if that is nobody else's unfinished deployment, and what must not change until the
    slot is taken: a holder of which only the lock has died writes on until then."""
    mine, holder = journal.deployment.id, claimant(workspace, slot)
    if holder is None or holder == mine:
        return holder, Guard(stream_of(mine), journal.version)
    deployment, version = fold(workspace.store, holder)
    if not deployment.under_way:
        # It died before it began or after its end, and could not give the slot back.
        return holder, Guard(stream_of(holder), version)
    raise interrupted(workspace, deployment)


def interrupted(workspace: Workspace, deployment: Deployment) -> SlotClaimedByDead:
    """That *deployment* is under way and nobody is at work on it."""
    mine, slot = deployment.id, deployment.slot
    give_up = f", or pop-deploy abort {mine}" if Trigger.ABORT in allowed(deployment.state) else ""
    return SlotClaimedByDead(
        f"{slot} is claimed by {mine}, which was interrupted. Next: pop-deploy resume {mine}{give_up}",
        slot=str(slot),
        deployment_id=mine,
        holder=holder_of(workspace, slot),
    )


def _release(workspace: Workspace, journal: Journal, guard: Guard) -> None:
    deployment = journal.deployment
    released = SlotReleased(deployment_id=deployment.id, outcome=deployment.state)
    event = CODEC.encode(released, metadata(workspace, deployment.id))
    try:
        workspace.store.append(guard.stream, [event], expected_version=guard.version)
    except WrongExpectedVersion:
        # All of the deployment is on record: that somebody released its claim a moment before makes nothing of it untrue.
        holder = holder_of(workspace, deployment.slot)
        now = f"{holder} has it now" if holder else "nobody has it now"
        workspace.narrator.line(f"{deployment.slot}: somebody else has released the claim before; {now}")


def _last(workspace: Workspace, slot: Slot) -> SlotTaken | SlotReleased | None:
    recorded = _last_recorded(workspace, slot)
    return CODEC.decode(recorded) if recorded is not None else None


def _last_recorded(workspace: Workspace, slot: Slot) -> RecordedEvent | None:
    version = workspace.store.version(slot.stream)
    return next(iter(workspace.store.read_stream(slot.stream, version - 1)), None) if version >= 0 else None
