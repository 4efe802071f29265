"""After the update: waiting until the new containers are up, proving that they are what the plan says, and what to tell if not.

The image's HEALTHCHECK decides where it has one; elsewhere a container is up when it has been running for a while without a
restart. One that ends, or is started again by its restart policy, fails at once with its last lines. Start at `Rollout.wait`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from orchestrator.domain.errors import PopDeployError
from orchestrator.domain.plan import Slot, Step
from orchestrator.targets.base import Check, CheckStatus, Clock, Outcomes, StepError, StepOutcome, StepRun, Tools
from orchestrator.targets.docker_compose import service_containers
from orchestrator.targets.docker_engine import Container, Engine
from orchestrator.targets.docker_slot import Wanted, is_kept, slot_labels

POLL_S = 0.2
RECENT_S = 60.0
LOG_LINES = 20


class Rollout:
    """Looks at the containers of one slot."""

    def __init__(self, tools: Tools, engine: Engine) -> None:
        self._slot: Slot = tools.slot
        self._clock: Clock = tools.clock
        self._engine = engine
        self._look: tuple[float, list[Container]] | None = None

    def wait(self, step: Step, run: StepRun) -> StepOutcome:
        """Until every container is healthy, or steady where nothing says what healthy is.

        Raises:
            StepError: One failed, or the step's time is up.
        """
        wanted = Wanted.of(self._slot, step, run.deployment_id, run.outcomes)
        started, shown, found = self._clock.monotonic(), "", self._containers(wanted)
        while waiting := self._waiting_for(found, wanted, self._clock.monotonic() - started):
            if waiting != shown:
                run.progress(waiting)
                shown = waiting
            if run.remaining_s() <= POLL_S:
                raise StepError(self._with_logs(f"Not rolled out before the step's deadline (timeout_s): {waiting}.", found))
            self._clock.sleep(POLL_S)
            found = self._containers(wanted)
        self._look = self._clock.monotonic(), found
        return StepOutcome(", ".join(f"{container.name} {container.health or container.status}" for container in found))

    def verify(self, step: Step, deployment_id: str, outcomes: Outcomes) -> Iterator[Check]:
        """The running containers are the wanted ones, of the wanted image, and nothing speaks against them."""
        wanted = Wanted.of(self._slot, step, deployment_id, outcomes)
        began = self._clock.monotonic()
        place = self._place(wanted)
        found = [one for one in place if wanted.made(one)]
        if not found:
            problem = f"no container of {wanted.deployment_id} with {wanted.reference} exists"
            yield self._check("containers", CheckStatus.FAIL, problem, began)
            return
        yield self._check("containers", *self._up(found), began)
        others = sorted({one.image for one in place if one.running} - {wanted.reference})
        if others:
            yield self._check("digest", CheckStatus.FAIL, f"{', '.join(others)} runs where {wanted.reference} should", began)
        else:
            yield self._check("digest", CheckStatus.PASS, f"runs {wanted.reference}", began)

    def _up(self, found: Sequence[Container]) -> tuple[CheckStatus, str]:
        problem = self._failure(one for one in found if not self._long_up(one))
        down = next((f"{one.name} is {one.status}" for one in found if one.status != "running"), None)
        if problem or down:
            return CheckStatus.FAIL, problem or down or ""
        restarted = [f"{one.name} was restarted {one.restarts} times since it was deployed" for one in found if one.restarts]
        if restarted:
            return CheckStatus.WARN, ", ".join(restarted)
        return CheckStatus.PASS, ", ".join(f"{one.name} is {one.health or one.status}" for one in found)

    def _long_up(self, container: Container) -> bool:
        """Running for a minute: an earlier restart is no sign of a loop. A HEALTHCHECK has the last word in any case."""
        if container.status != "running" or container.health == "unhealthy":
            return False
        # The engine writes nanoseconds, which Python 3.11 cuts off; the zone is always UTC.
        up = datetime.fromisoformat(self._clock.now()) - datetime.fromisoformat(container.started_at)
        return up.total_seconds() > RECENT_S

    def diagnostics(self, named: str | None) -> Sequence[str]:
        """State and last lines of the slot's containers, without the kept ones. A target that is down makes one line."""
        try:
            found = self._engine.containers(slot_labels(self._slot), named=named)
            return [line for one in found if not is_kept(one, named) for line in self._told(one)]
        except PopDeployError as error:
            return [f"Docker could not be asked: {error}"]

    def _waiting_for(self, found: Sequence[Container], wanted: Wanted, elapsed_s: float) -> str:
        """What is still missing, as people would say it; "" when nothing is.

        Raises:
            StepError: It will not come.
        """
        if not found:
            raise StepError(f"No container of {wanted.deployment_id} exists any more: somebody has removed it.")
        problem = self._failure(found)
        if problem is not None:
            raise StepError(self._with_logs(f"{problem}.", found))
        for container in found:
            if container.health == "starting":
                return f"waiting for the health check of {container.name}"
            if container.status != "running":
                return f"{container.name} is {container.status}"
        stable_s = (wanted.detail.get("run") or wanted.detail["compose"])["stable_s"]
        if any(container.health is None for container in found) and elapsed_s < stable_s:
            return f"waiting {stable_s:g} s whether it stays up"
        return ""

    def _failure(self, found: Iterable[Container]) -> str | None:
        """Why one of *found* has failed for good, as a clause."""
        for one in found:
            if one.status in ("exited", "dead"):
                memory = " (out of memory)" if one.out_of_memory else ""
                return f"Container {one.name} ended with exit code {one.exit_code}{memory}"
            if one.status == "restarting" or one.restarts:
                return f"Container {one.name} does not stay up: restarted {one.restarts} times, last exit code {one.exit_code}"
            if one.problem and not one.running:
                return f"Container {one.name} could not be started: {one.problem}"
            if one.health == "unhealthy":
                said = self._engine.last_health_output(one.id)
                return f"Container {one.name} is unhealthy" + (f": its health check said {said!r}" if said else "")
        return None

    def _containers(self, wanted: Wanted) -> list[Container]:
        """Those that the deployment made. Asked again and again, so in as few questions as possible."""
        run = wanted.detail.get("run")
        found = self._engine.inspect([run["name"]]) if run else self._engine.containers(wanted.key)
        return [one for one in found if wanted.made(one) and one.status != "removing"]

    def _place(self, wanted: Wanted) -> list[Container]:
        """Whatever stands where the release should: the service's containers; or the one that was made, and what else runs."""
        compose = wanted.detail.get("compose")
        if compose:
            return service_containers(self._engine, compose)
        made = self._fresh_look(wanted) or self._containers(wanted)
        return [*made, *self._engine.running(slot_labels(self._slot), besides=made)]

    def _fresh_look(self, wanted: Wanted) -> list[Container]:
        """What waiting has just seen, if that was no longer ago than it lets pass between two looks."""
        looked_at, seen = self._look or (float("-inf"), [])
        self._look = None
        fresh = self._clock.monotonic() - looked_at < POLL_S
        return [one for one in seen if wanted.made(one)] if fresh else []

    def _with_logs(self, message: str, found: Iterable[Container]) -> str:
        return "\n".join([message, *(line for one in found for line in self._engine.logs(one.id, LOG_LINES))])

    def _told(self, container: Container) -> list[str]:
        state = f"{container.name}: {container.status}, exit code {container.exit_code}, restarted {container.restarts} times"
        health = [f"health {container.health}: {self._engine.last_health_output(container.id)}"] if container.health else []
        problem = [container.problem] if container.problem else []
        return [state, *problem, *health, *self._engine.logs(container.id, LOG_LINES)]

    def _check(self, name: str, status: CheckStatus, message: str, began: float) -> Check:
        return Check(name, status, message, round((self._clock.monotonic() - began) * 1000))
