"""The canary on a swarm: a second service, ``SERVICE-canary``, that answers to the stable one's name in the networks of both.

Without a virtual address (``dnsrr``) Swarm's DNS gives the addresses of all tasks of both, so each task has its share of the
requests. The canary is the new release in everything but its name, its replicas and its ports, which Swarm chooses. It carries
the slot's labels with a role of its own: nothing takes it for the stable service, and whoever removes it knows that it is ours.
"""

from __future__ import annotations

from collections.abc import Sequence

from orchestrator.domain.plan import CANARY_WEIGHT, Plan, Step
from orchestrator.targets import swarm_cli as cli
from orchestrator.targets.base import Answer, Observation, Outcomes, StepOutcome, StepRun, Tools
from orchestrator.targets.canary import Side, Sides
from orchestrator.targets.docker_child import docker
from orchestrator.targets.swarm_engine import Swarm, Task, telling
from orchestrator.targets.swarm_rollout import POLL_S, Rollout
from orchestrator.targets.swarm_service import ServiceUpdate
from orchestrator.targets.swarm_slot import CANARY, DEPLOYMENT, Wanted, is_ours

LEAVES_S = 12.0
"""So long we look whether a removed canary's containers are gone: a little more than Swarm gives them."""
_FRESH_S = 1.5


class CanaryService:
    """Makes, scales, looks at and removes the canary of one slot."""

    def __init__(self, tools: Tools, swarm: Swarm, update: ServiceUpdate, rollout: Rollout) -> None:
        self._tools, self._swarm = tools, swarm
        self._update, self._rollout = update, rollout
        self._look: tuple[float, list[Task]] = float("-inf"), []

    def weigh(self, step: Step, run: StepRun) -> StepOutcome:
        """Until so many tasks of the canary run as the weight asks for.

        Raises:
            StepError: They will not. What is there stays, for the way back to remove.
            ForeignResource: A service has the canary's name that is not ours.
        """
        wanted = self._wanted(step, run.deployment_id, run.outcomes)
        wanted.require_image()
        live = self._swarm.service(wanted.name)
        ours = live is not None and is_ours(live, self._tools.slot, role=CANARY)
        if live is not None and ours and live.labels[DEPLOYMENT] != run.deployment_id:
            run.progress(f"removing the canary that {live.labels[DEPLOYMENT]} has left")
            docker(run, cli.remove(live.name), name="remove-old", cwd=self._tools.project_dir, effect=False)
        self._update.bring(wanted, run, adopt=False)
        self._rollout.wait_for(wanted, run)
        return StepOutcome(f"{step.inputs['replicas']} replicas of {wanted.name} run", _reached(step))

    def probe_weight(self, step: Step, deployment_id: str, outcomes: Outcomes) -> Observation:
        """DONE when the canary is as this weight wants it and all of its tasks run. One that does not is gone on with."""
        wanted = self._wanted(step, deployment_id, outcomes)
        live = self._swarm.service(wanted.name)
        if live is None or not wanted.made(live):
            return Observation(Answer.NOT_DONE, f"there is no service {wanted.name} of {deployment_id} with this weight")
        serving = sum(task.serving for task in self._swarm.tasks(wanted.name))
        said = f"{serving} of {step.inputs['replicas']} replicas of {wanted.name} run"
        if serving < step.inputs["replicas"]:
            return Observation(Answer.NOT_DONE, said)
        return Observation(Answer.DONE, said, _reached(step))

    def remove(self, step: Step, run: StepRun) -> StepOutcome:
        """The service goes at once; its containers a little later, as Swarm stops them."""
        name = step.inputs["canary"]
        live = self._swarm.service(name)
        if live is None or not is_ours(live, self._tools.slot, role=CANARY):
            return StepOutcome(f"there is no canary {name}")
        docker(run, cli.remove(name), name="remove", cwd=self._tools.project_dir)
        began = self._tools.clock.monotonic()
        while self._swarm.leftovers(name):
            elapsed_s = self._tools.clock.monotonic() - began
            if elapsed_s >= min(LEAVES_S, run.remaining_s()):
                run.progress(f"{name} is removed; Swarm is still stopping its containers")
                break
            self._tools.clock.sleep(max(POLL_S, elapsed_s / 10))
        return StepOutcome(f"{name} is removed")

    def probe_remove(self, step: Step, deployment_id: str, outcomes: Outcomes) -> Observation:
        name = step.inputs["canary"]
        live = self._swarm.service(name)
        if live is not None and is_ours(live, self._tools.slot, role=CANARY):
            return Observation(Answer.NOT_DONE, f"canary {name} is there")
        return Observation(Answer.DONE, f"there is no canary {name}")

    def sides(self, plan: Plan, deployment_id: str, outcomes: Outcomes) -> Sides:
        """Both services' tasks, by one question."""
        weights = [step for step in plan.steps if step.kind == CANARY_WEIGHT]
        reached = [step for step in weights if step.name in outcomes] or weights[:1]
        inputs = reached[-1].inputs
        tasks = self._tasks(inputs["canary"], inputs["service"])
        return Sides(
            canary=_side(inputs["canary"], inputs["replicas"], tasks),
            stable=_side(inputs["service"], inputs["stable_replicas"], tasks),
        )

    def endpoints(self, side: Side, port: int | None) -> Sequence[str]:
        """Where each running task publishes *port*; where none is named, its lowest. Tasks that publish none cannot be asked."""
        looked_at, tasks = self._look
        if self._tools.clock.monotonic() - looked_at > _FRESH_S:
            tasks = self._tasks(side.name)
        serving = [task for task in tasks if task.serving and task.service == side.name and task.ports]
        addresses = self._swarm.addresses(task.node for task in serving)
        found = [(addresses.get(task.node, ""), task.ports.get(port or min(task.ports), ())) for task in serving]
        return [
            f"http://{address}:{published[-1 if address.startswith('[') else 0]}"
            for address, published in found
            if address and published
        ]

    def _tasks(self, *services: str) -> list[Task]:
        self._look = self._tools.clock.monotonic(), self._swarm.tasks(*services)
        return self._look[1]

    def _wanted(self, step: Step, deployment_id: str, outcomes: Outcomes) -> Wanted:
        return Wanted.of(self._tools.slot, step, deployment_id, outcomes).as_canary(step.inputs["replicas"])


def _side(name: str, wanted: int, tasks: Sequence[Task]) -> Side:
    own = [task for task in tasks if task.service == name]
    return Side(
        name=name,
        wanted=wanted,
        ready=sum(task.serving for task in own),
        restarts=sum(task.failed for task in own),
        problems=tuple(telling(own)) if own else (f"there is no replica of {name}",),
    )


def _reached(step: Step) -> dict[str, object]:
    return {"replicas": step.inputs["replicas"], "reached": step.inputs["reached"]}
