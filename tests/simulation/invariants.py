"""What must hold after every event, whoever wrote it: `Invariants` looks over everybody's shoulder.

It keeps its own fold of what was appended, and compares with it what the product's read models and the memories of its processes
say. What is really so it asks of the simulated systems. `at_rest` is for the end of a history.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from eventstore import EventReader, EventStore, Guard, RecordedEvent
from eventstore.chain import GENESIS, verify
from eventstore.events import Head
from orchestrator.cli import errors
from orchestrator.domain import events as e
from orchestrator.domain.deployment import Deployment
from orchestrator.domain.ids import id_of
from orchestrator.domain.lifecycle import State
from orchestrator.domain.plan import Release, Slot
from orchestrator.domain.side_events import SlotTaken
from orchestrator.projections import deploy_history, deployments, releases, slots
from orchestrator.services.codec import CODEC
from orchestrator.services.repository import Journal, fold
from tests.simulation.rebuilding import require_rebuild_gives_the_same
from tests.simulation.system import Violation

if TYPE_CHECKING:
    from tests.simulation.process import Process
    from tests.simulation.world import World


@dataclass
class Followed:
    """One deployment as its events so far say."""

    deployment: Deployment = field(default_factory=Deployment)
    version: int = -1
    ways_back: int = 0


@dataclass
class Claim:
    """The last word of a slot's stream."""

    deployment_id: str | None = None
    pid: int = 0
    epoch: int = -1


class Invariants:
    """Followed from the first event of *world* on."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._followed: dict[str, Followed] = {}
        self._claims: dict[str, Claim] = {}
        self._verified: dict[Slot, dict[str, Release]] = {}
        self._ever_verified: set[tuple[Slot, str | None]] = set()
        self._left: dict[Slot, str] = {}
        self._released: set[str] = set()
        self._head = Head(0, GENESIS)

    # --- what the simulation itself asks ------------------------------------------

    def deployment(self, deployment_id: str) -> Deployment:
        return self._followed[deployment_id].deployment

    def ways_back(self, deployment_id: str) -> int:
        return self._followed[deployment_id].ways_back

    @property
    def begun(self) -> list[str]:
        """Every deployment there is, in the order they began."""
        return list(self._followed)

    def claim(self, slot: Slot) -> str | None:
        return self._claims.get(slot.stream, Claim()).deployment_id

    def claims(self, deployment_id: str) -> bool:
        return any(claim.deployment_id == deployment_id for claim in self._claims.values())

    # --- at every event -------------------------------------------------------------

    def before(self, stream: str) -> bool:
        """Whether the deployment of *stream* is under way, asked before an append."""
        followed = self._followed.get(id_of(stream)) if stream.startswith("deployment-") else None
        return followed is not None and followed.deployment.under_way

    def appended(self, process: Process, store: EventStore, stream: str, was_under_way: bool, guard: Guard | None) -> None:
        """Look at what *process* has just appended to *stream*.

        Raises:
            Violation: Says what does not hold.
        """
        news = list(store.read_all(self._head.position))
        self._head = verify(news, self._head)
        if stream.startswith("slot-"):
            self._slot_moved(process, store, stream, news)
        elif stream.startswith("deployment-"):
            followed = self._follow(news)
            deployment = followed.deployment
            process.left[deployment.id] = deployment.state
            if was_under_way or deployment.under_way:
                self._by_the_holder(process, deployment, news, guard)
            self._listed_as_it_is(store, deployment)
            self._honest(store, deployment)

    def same_as_replay(self, journal: Journal) -> None:
        """What a process has in memory is what a replay of the stream gives."""
        followed = self._followed[journal.deployment.id]
        if followed.version == journal.version and followed.deployment != journal.deployment:
            raise Violation(f"{journal.deployment.id}: in memory is another state than on record, at version {journal.version}")

    def working(self, process: Process, slot: Slot, deployment_id: str) -> None:
        """*process* is about to make an effect: it must be the one who may."""
        claim = self._claims.get(slot.stream, Claim())
        if process.locks.get(slot.stream) is False:
            process.die("its lock is lost")  # the watch over the lock (9-protocols) stops what is at work
        if (claim.deployment_id, claim.pid) != (deployment_id, process.pid) or slot.stream not in process.locks:
            raise Violation(f"{slot}: pid {process.pid} works for {deployment_id}, but {claim} has the slot")

    def true_code(self, process: Process, what: str, code: int) -> None:
        """The exit code of a command says what became of the deployments that it wrote to."""
        wanted = _STATES_OF.get(code)
        if wanted is None or not what.startswith(("execute", "resume", "promote")):
            return
        # `resume` may speak of one without a word written: it had ended when its process died.
        resumed = what.split()[1:] if process.left and what.startswith("resume") else []
        named = {one: self.deployment(one).state for one in resumed if one in self._followed}
        meant = {one: state for one, state in (named | process.left).items() if code != errors.DONE or not self._superseded(one)}
        fitting = [state in wanted or self._went_back_on_purpose(one, code) for one, state in meant.items()]
        if fitting and not (all(fitting) if code == errors.DONE else any(fitting)):
            raise Violation(f"{what}: exit code {code}, and { ({one: str(state) for one, state in process.left.items()}) }")

    def _superseded(self, deployment_id: str) -> bool:
        """It was given up for another one, of which the command speaks; be it that somebody else had begun to."""
        aborted = self.deployment(deployment_id).aborted
        others = [followed.deployment.superseded_canary for followed in self._followed.values()]
        instead = any(one is not None and one.deployment_id == deployment_id for one in others)
        return instead or (aborted is not None and aborted.reason.startswith("superseded by"))

    def _went_back_on_purpose(self, deployment_id: str, code: int) -> bool:
        """A way back that a person chose has succeeded: 0, whoever finishes it."""
        back = self.deployment(deployment_id).rollback
        return code == errors.DONE and back is not None and not back.automatic and back.finished_at is not None

    def ended(self, process: Process) -> None:
        """Who ends by itself gives back what is finished."""
        if process.hindered:
            return
        for stream, claim in self._claims.items():
            if claim.pid == process.pid and claim.deployment_id and not self.deployment(claim.deployment_id).under_way:
                raise Violation(
                    f"{stream}: pid {process.pid} has ended and left it claimed by {claim.deployment_id}, which has ended"
                )

    def _follow(self, news: list[RecordedEvent]) -> Followed:
        followed = self._followed.setdefault(id_of(news[0].stream), Followed())
        for recorded in news:
            event = CODEC.decode(recorded)
            if isinstance(event, e.DeploymentPrepared) and event.reference is not None:
                self._was_verified(followed.deployment, Release.from_json(event.reference))
            if isinstance(event, e.RollbackStarted):
                followed.ways_back += 1
                self._way_back(followed.deployment, Release.from_json(event.to))
            state = followed.deployment.state
            followed.deployment.apply(event, recorded.time)
            followed.version = recorded.version
            self._mark(followed.deployment, event, state)
        return followed

    def _mark(self, deployment: Deployment, event: Any, before: State) -> None:
        """Which releases are verified, and which deployment a way back would leave."""
        if isinstance(event, e.DeploymentVerified | e.RolledBack):
            release = Release.from_json(event.release)
            maker = release.deployment_id or deployment.id
            self._verified.setdefault(deployment.slot, {})[maker] = release
            self._ever_verified.add((deployment.slot, maker))
        elif isinstance(event, e.VerificationFailed):
            self._verified.get(deployment.slot, {}).pop(deployment.id, None)
        if isinstance(event, e.RolledBack):
            self._left[deployment.slot] = Release.from_json(event.release).deployment_id or deployment.id
        elif (
            isinstance(event, e.DeploymentDeployed | e.RollbackFailed)
            or (isinstance(event, e.DeploymentFailed) and not event.unchanged)
            or (isinstance(event, e.DeploymentAborted) and before is not State.FAILED and _touched(deployment))
        ):
            self._left[deployment.slot] = deployment.id

    def _by_the_holder(self, process: Process, deployment: Deployment, news: list[RecordedEvent], guard: Guard | None) -> None:
        claim, slot = self._claims.get(deployment.slot.stream, Claim()), deployment.slot
        its_own = claim.deployment_id == deployment.id
        if all(event.type in _ANSWERS for event in news) and not (its_own and self._claimant_lives(slot, claim)):
            return  # changes no state, and gets in nobody's way
        if (claim.deployment_id, claim.pid) != (deployment.id, process.pid):
            raise Violation(f"{slot}: pid {process.pid} wrote to {deployment.id}, but {claim} has the slot")
        if guard != Guard(slot.stream, claim.epoch):
            raise Violation(f"{slot}: pid {process.pid} wrote to {deployment.id} guarded by {guard}, and {claim} has the slot")
        others = [one for one in self._world.living if one is not process and one.locks.get(slot.stream)]
        if others and process.locks.get(slot.stream):
            raise Violation(f"{slot} is locked by pid {process.pid} and by {', '.join(str(one.pid) for one in others)}")

    def _claimant_lives(self, slot: Slot, claim: Claim) -> bool:
        """Whoever only tries the lock is none: taking the slot ends the guard under which others write."""
        return any(process.locks.get(slot.stream) and process.pid == claim.pid for process in self._world.living)

    def _was_verified(self, deployment: Deployment, reference: Release) -> None:
        """A plan's way back was verified when it was looked up; what happened since is seen when it is gone."""
        if (deployment.slot, reference.deployment_id) not in self._ever_verified:
            raise Violation(f"{deployment.id}: the way back that is offered, {_short(reference)}, was never verified")

    def _way_back(self, deployment: Deployment, to: Release) -> None:
        if deployment.canary_up and to == deployment.reference:
            return  # the same version may be beside it, and nobody lets a canary stand because of a verification meanwhile
        if to not in self._verified.get(deployment.slot, {}).values():
            raise Violation(f"{deployment.id}: the way back, {_short(to)}, is no verified release")
        planned = deployment.plan.release if deployment.plan is not None else None
        left = [release for release in (planned, deployment.release) if release is not None]
        same = [one for one in left if (one.version, one.artifacts) == (to.version, to.artifacts)]
        if same or to.deployment_id == deployment.id:
            raise Violation(f"{deployment.id}: the way back, {_short(to)}, leads to what is being left")
        if self._left.get(deployment.slot) != deployment.id:
            raise Violation(f"{deployment.id} is left for {_short(to)}, and live is what {self._left.get(deployment.slot)} made")

    def _slot_moved(self, process: Process, store: EventReader, stream: str, news: list[RecordedEvent]) -> None:
        event, epoch = CODEC.decode(news[-1]), news[-1].version
        before = self._claims.get(stream, Claim())
        if isinstance(event, SlotTaken):
            other = before.deployment_id
            if other not in (None, event.deployment_id) and self.deployment(other).under_way:
                raise Violation(f"{stream}: {event.deployment_id} took it from {other}, which is under way")
            if stream not in process.locks:
                raise Violation(f"{stream}: pid {process.pid} took it without its lock")
            self._claims[stream] = Claim(event.deployment_id, process.pid, epoch)
        elif event.by:  # a person who knows better: whoever had it is dead, or will find itself without the slot
            self._released.add(event.deployment_id)
            self._claims[stream] = Claim(None, process.pid, epoch)
        else:
            if before.deployment_id != event.deployment_id or before.pid != process.pid:
                raise Violation(f"{stream}: pid {process.pid} released it for {event.deployment_id}, and {before} had it")
            if self.deployment(event.deployment_id).under_way:
                raise Violation(f"{stream} was released, and {event.deployment_id} is still under way")
            self._claims[stream] = Claim(None, process.pid, epoch)
        shown = next(
            (row for row in slots.holders(store) if f"slot-{row.project}/{row.environment}/{row.target}" == stream), None
        )
        claim = self._claims[stream]
        if shown is None or (shown.deployment_id, shown.epoch) != (claim.deployment_id, claim.epoch):
            raise Violation(f"{stream}: the read model says {shown}, the events say {claim}")

    def _listed_as_it_is(self, store: EventReader, deployment: Deployment) -> None:
        row = deployments.get(store, deployment.id)[0]
        if (row.state, row.target, row.mode) != (deployment.state, deployment.target, deployment.mode):
            raise Violation(f"{deployment.id} is {deployment.state}, its row says {row.state}")

    def _honest(self, store: EventReader, deployment: Deployment) -> None:
        """Between deployments the record of what is live is what is live, or says that nobody knows; marks are as given."""
        if deployment.target is None or deployment.under_way or self._busy(deployment.slot):
            return
        slot = deployment.slot
        shown = next(iter(releases.live_slots(store, slot)), None)
        live = self._world.system(slot).live
        if (shown is None or shown.in_doubt is None) and (shown.release if shown else None) != live:
            raise Violation(f"{slot}: recorded as live is {_short(shown.release if shown else None)}, live is {_short(live)}")
        marked = {row.deployment_id: row.release for row in releases.verified(store, slot, limit=1000)}
        self._no_canary(slot)
        if marked != self._verified.get(slot, {}):
            raise Violation(f"{slot}: verified are {sorted(self._verified.get(slot, {}))}, the read model says {sorted(marked)}")

    def _no_canary(self, slot: Slot) -> None:
        """Between deployments no canary is up, unless its removal has failed, or its claim was released by a person."""
        canary = self._world.system(slot).canary
        if canary is None or canary[0] in self._released:
            return
        state = self.deployment(canary[0]).state
        if state is not State.ROLLBACK_FAILED:
            raise Violation(f"{slot}: a canary of {canary[0]} is left, which is {state}")

    def _busy(self, slot: Slot) -> bool:
        """Whether some deployment there is between its beginning and its end, also one whose claim was released."""
        followed = (one.deployment for one in self._followed.values())
        return any(deployment.under_way and deployment.target == slot.target for deployment in followed)

    # --- at the end -------------------------------------------------------------------

    def at_rest(self, store: EventStore) -> None:
        """Everything is finished, and nothing goes wrong any more.

        Raises:
            Violation: Something is left behind, or is not what a replay or a rebuild gives.
        """
        for slot in self._world.slots:
            if self.claim(slot) is not None:
                raise Violation(f"{slot} is still claimed by {self.claim(slot)}")
        for one, followed in self._followed.items():
            if followed.deployment.under_way:
                raise Violation(f"{one} is still {followed.deployment.state}")
            if fold(store, one) != (followed.deployment, followed.version):
                raise Violation(f"{one}: a replay gives another state than following it event by event")
            self._honest(store, followed.deployment)
        if verify(store.read_all()) != store.head():
            raise Violation("the chain does not end at the head")
        if self._world.history_file.records != deploy_history.records(store, "shop", limit=50):
            raise Violation("deploy.json does not show what is on record")
        require_rebuild_gives_the_same(store)


_ANSWERS = ("DecisionRequested", "DecisionMade", "DecisionNotTaken")
_STATES_OF = {
    errors.DONE: (State.VERIFIED, State.SIMULATED),
    errors.ROLLED_BACK: (State.ROLLED_BACK,),
    errors.ROLLBACK_FAILED: (State.ROLLBACK_FAILED,),
}


def _touched(deployment: Deployment) -> bool:
    return deployment.forward is not None and deployment.forward.touched_live


def _short(release: Release | None) -> str:
    return f"{release.version} of {release.deployment_id}" if release is not None else "nothing"
