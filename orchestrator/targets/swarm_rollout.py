"""After the update: waiting until the tasks are the wanted ones, proving it, and what to tell if not.

An exit code of the client says nothing: it is 0 after Swarm went back by itself. The service's update status and its tasks are
asked, at first often and later less so, and never more than sixty times a minute. Start at `Rollout.wait`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from orchestrator.domain.errors import PopDeployError
from orchestrator.domain.plan import Slot, Step
from orchestrator.targets.base import Check, CheckStatus, Clock, Outcomes, StepError, StepOutcome, StepRun, Tools
from orchestrator.targets.swarm_engine import Service, Swarm, Task, telling
from orchestrator.targets.swarm_slot import DEPLOYMENT, Wanted, release_of
from orchestrator.targets.swarm_spec import differences, live_shape, other_differences

POLL_S, SLOWEST_POLL_S = 0.25, 3.0
OTHER_LOOK_S = 8.0
PENDING_S = 5.0
BEGINS_S = 2.0
LOG_LINES = 20

_UPDATING = "updating"
# An ID tells nobody anything; what that one says follows.
_OF_TASK = re.compile(r" of \w+ [a-z0-9]{25}")
_GIVEN_UP = {
    "paused": "Swarm has stopped the update",
    "rollback_started": "Swarm is going back by itself",
    "rollback_paused": "Swarm has stopped on its way back",
    "rollback_completed": "Swarm has gone back by itself",
}


class Rollout:
    """Looks at the service of one slot."""

    def __init__(self, tools: Tools, swarm: Swarm) -> None:
        self._slot: Slot = tools.slot
        self._clock: Clock = tools.clock
        self._swarm = swarm

    def wait(self, step: Step, run: StepRun) -> StepOutcome:
        """Until every replica is a task of this release that has stood its time, and no older one is left.

        Raises:
            StepError: It will not come, or the step's time is up.
        """
        return self.wait_for(Wanted.of(self._slot, step, run.deployment_id, run.outcomes), run)

    def wait_for(self, wanted: Wanted, run: StepRun) -> StepOutcome:
        watch, shown = _Watch(self._swarm, self._clock, wanted), ""
        while waiting := watch.look():
            if waiting != shown:
                run.progress(waiting)
                shown = waiting
            pause_s = watch.pause_s()
            if run.remaining_s() <= pause_s:
                raise StepError(watch.with_logs(f"Not rolled out before the step's deadline (timeout_s): {waiting}."))
            self._clock.sleep(pause_s)
        return StepOutcome(watch.reached)

    def verify(self, step: Step, deployment_id: str, outcomes: Outcomes) -> Iterator[Check]:
        """The service is as this deployment wrote it, its image is the wanted one, and that is what all tasks run."""
        wanted = Wanted.of(self._slot, step, deployment_id, outcomes)
        began = self._clock.monotonic()
        live = self._swarm.service(wanted.name)
        if live is None or not wanted.made(live):
            problem = f"service {wanted.name} was not written by {wanted.deployment_id}" if live else f"no service {wanted.name}"
            yield self._check("service", CheckStatus.FAIL, problem, began)
            return
        yield self._check("digest", CheckStatus.PASS, f"service {wanted.name} has {live.image}", began)
        changed = self.differences(live, wanted)
        status = CheckStatus.FAIL if changed else CheckStatus.PASS
        yield self._check("service", status, "; ".join(changed) or "is as it was deployed", began)
        yield self._check("replicas", *self._tasks(live, wanted), began)

    def drift(self, name: str) -> tuple[str, ...]:
        """What somebody has changed by hand since our last update of the service, one line each."""
        live = self._swarm.service(name)
        if live is None or DEPLOYMENT not in live.labels:
            return ()
        wanted = Wanted.of_release(self._slot, release_of(live))
        return tuple(self.differences(live, wanted))

    def differences(self, live: Service, wanted: Wanted) -> list[str]:
        """How *live* differs from what is on record. Of a stack's service only the image is."""
        if "stack" in wanted.detail:
            return [] if live.image == wanted.reference else [f"image: {live.image} instead of {wanted.reference}"]
        return [*differences(self._swarm.shape(live), wanted.shape), *other_differences(live.spec)]

    def diagnostics(self, names: Sequence[str]) -> Sequence[str]:
        """Of each service that exists its state, what its tasks say, and its last lines. A target that is down makes one line."""
        try:
            return [line for live in self._swarm.services(names) for line in self._told(live)]
        except PopDeployError as error:
            return [f"The swarm could not be asked: {error}"]

    def _told(self, live: Service) -> list[str]:
        update = f", update {live.update_state}: {live.update_message}" if live.update_state else ""
        tasks = self._swarm.tasks(live.name)
        head = f"{live.name}: {sum(task.serving for task in tasks)} of {_expected(live, tasks)} replicas run{update}"
        return [head, *telling(tasks), *self._swarm.logs(live.name, LOG_LINES)]

    def _tasks(self, live: Service, wanted: Wanted) -> tuple[CheckStatus, str]:
        tasks = self._swarm.tasks(wanted.name)
        serving = [task for task in tasks if task.serving]
        made = self._swarm.made_by(serving, DEPLOYMENT)
        ours = [task for task in serving if made[task.id] == wanted.deployment_id]
        expected = _expected(live, tasks)
        if len(ours) < len(serving):
            return CheckStatus.FAIL, f"{len(serving) - len(ours)} of {len(serving)} running replicas are of another deployment"
        if len(ours) < expected:
            said = "; ".join(telling(task for task in tasks if task.coming or task.failed))
            return CheckStatus.FAIL, f"{len(ours)} of {expected} replicas run{f': {said}' if said else ''}"
        return CheckStatus.PASS, f"{len(ours)} of {expected} replicas run"

    def _check(self, name: str, status: CheckStatus, message: str, began: float) -> Check:
        return Check(name, status, message, round((self._clock.monotonic() - began) * 1000))


@dataclass
class _Watch:
    """One wait. What is asked at each look is what can have changed: while an update is under way its status, else the tasks."""

    swarm: Swarm
    clock: Clock
    wanted: Wanted
    reached: str = ""
    _began: float = field(init=False)
    _service: Service | None = None
    _service_at: float = float("-inf")
    _tasks: list[Task] = field(default_factory=list)
    _tasks_at: float = float("-inf")
    _pending_since: float | None = None
    _steady_since: float | None = None
    _known_failures: frozenset[str] | None = None
    _shown: str = ""

    def __post_init__(self) -> None:
        self._began = self.clock.monotonic()
        self.swarm.begin_waiting()
        self._tasks_at = self._began - OTHER_LOOK_S + 1.0

    def look(self) -> str:
        """What is still missing, as people would say it; "" when nothing is.

        Raises:
            StepError: It will not come.
        """
        now = self.clock.monotonic()
        state = self._service.update_state if self._service is not None else ""
        # An update that Swarm has taken on begins a little later.
        updating = state == _UPDATING or (not state and now - self._began < BEGINS_S)
        if self._service is None or updating or now - self._service_at >= OTHER_LOOK_S:
            self._service = self._look_at_service()
            self._service_at = now
        if self._service.update_state == _UPDATING and now - self._tasks_at < OTHER_LOOK_S:
            return self._shown or f"Swarm is updating {self.wanted.name}"
        self._tasks, self._tasks_at = self.swarm.tasks(self.wanted.name), now
        self._shown = self._waiting_for(self._service, now)
        return self._shown

    def pause_s(self) -> float:
        """Until the next look: a tenth of the time that has passed, so that little is lost and nobody is asked too often."""
        elapsed_s = self.clock.monotonic() - self._began
        return max(POLL_S, min(SLOWEST_POLL_S, elapsed_s / 10), self.swarm.until_next_call_s())

    def with_logs(self, message: str) -> str:
        """*message*, what the tasks say, and the last lines of one that has failed, or of all."""
        tasks = self._own()
        failed = [task for task in tasks if task.failed]
        health = [said for said in (self.swarm.health(task) for task in failed[:1]) if said]
        lines = self.swarm.logs(failed[0].id if failed else self.wanted.name, LOG_LINES)
        return "\n".join([message, *telling(tasks), *health, *lines])

    def _look_at_service(self) -> Service:
        live = self.swarm.service(self.wanted.name)
        if live is None:
            raise StepError(f"Service {self.wanted.name} does not exist any more: somebody has removed it.")
        given_up = _GIVEN_UP.get(live.update_state)
        if given_up is not None:
            self._tasks = self.swarm.tasks(self.wanted.name)
            said = _OF_TASK.sub("", live.update_message)
            raise StepError(self.with_logs(f"{given_up} of {self.wanted.name}: {said}."))
        if not self.wanted.made(live):
            raise StepError(f"Service {self.wanted.name} was changed by somebody else while it was being rolled out.")
        return live

    def _waiting_for(self, live: Service, now: float) -> str:
        own = self._own()
        self._require_no_failure(live, own)
        self._require_placement(own, now)
        expected = _expected(live, self._tasks)
        ready = [task for task in own if task.serving]
        older = [task for task in self._tasks if task.serving and task not in own]
        if len(ready) < expected or older or live.update_state == _UPDATING:
            self._steady_since = None
            if len(ready) >= expected and not older:
                return f"{len(ready)} of {expected} replicas run; Swarm is watching them"
            coming = next((task for task in own if task.coming and not task.serving), None)
            what = f": {coming.name} is {coming.state}{f' ({coming.error})' if coming.error else ''}" if coming else ""
            return f"{len(ready)} of {expected} replicas run{what}"
        return self._until_steady(live, ready, now)

    def _until_steady(self, live: Service, ready: Sequence[Task], now: float) -> str:
        """Swarm itself has watched the tasks of an update; those of a new service have to stand their time before us."""
        self._steady_since = now if self._steady_since is None else self._steady_since
        monitor_s = live_shape(live.spec, {}).update["monitor_s"]
        stood_s = max(now - self._steady_since, min((task.since_s for task in ready), default=monitor_s))
        if live.update_state or stood_s >= monitor_s:
            # What was asked when the update had not begun yet is older than what its tasks are.
            if live.update_state or now - self._service_at < POLL_S:
                self.reached = f"{len(ready)} replicas of {self.wanted.name} run"
                return ""
            self._service = None
            return self.look()
        return f"waiting {monitor_s:g} s whether the {len(ready)} replicas stay up"

    def _require_no_failure(self, live: Service, own: Sequence[Task]) -> None:
        failures = {task.id for task in own if task.failed}
        if self._known_failures is None:
            # A release that is brought back may have failed long ago.
            self._known_failures = frozenset(failures) if self.wanted.back else frozenset()
        new = [task for task in own if task.failed and task.id not in self._known_failures]
        allowed = live_shape(live.spec, {}).update["max_failure_ratio"] * _expected(live, self._tasks)
        if len(new) > allowed and live.update_state != _UPDATING:
            raise StepError(self.with_logs(f"{len(new)} of the replicas of {self.wanted.name} failed."))

    def _require_placement(self, own: Sequence[Task], now: float) -> None:
        """A task that waits for its predecessor's place has only to wait."""
        unplaced = [task for task in own if task.coming and task.state == "pending" and task.error]
        if not unplaced or any(task.leaving for task in self._tasks):
            self._pending_since = None
            return
        self._pending_since = now if self._pending_since is None else self._pending_since
        if now - self._pending_since >= PENDING_S or min(task.since_s for task in unplaced) >= 2 * PENDING_S:
            raise StepError(self.with_logs(f"Swarm finds no place for {len(unplaced)} of the replicas of {self.wanted.name}."))

    def _own(self) -> list[Task]:
        """The tasks that this deployment made."""
        made = self.swarm.made_by(self._tasks, DEPLOYMENT)
        return [task for task in self._tasks if made[task.id] == self.wanted.deployment_id]


def _expected(live: Service, tasks: Sequence[Task]) -> int:
    """How many tasks have to run; of a service with one on every node, as many as Swarm wants."""
    return live.replicas if live.replicas is not None else max(1, sum(task.wanted == "running" for task in tasks))
