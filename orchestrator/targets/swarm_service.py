"""The update step with ``service``: one service of the swarm is made, or brought from what it is to what is wanted.

Either is one call to the swarm that writes the whole service with the labels that say so: there is no instant at which half of it
is done. `ServiceUpdate.probe` therefore only reads labels. What becomes of the tasks is the next step's business.
"""

from __future__ import annotations

import re
from dataclasses import replace

from orchestrator.domain.plan import Step
from orchestrator.targets import swarm_cli as cli
from orchestrator.targets.base import Answer, Observation, Outcomes, StepError, StepOutcome, StepRun, Tools
from orchestrator.targets.docker_child import docker
from orchestrator.targets.image_config import secret_refs
from orchestrator.targets.swarm_engine import Service, Swarm
from orchestrator.targets.swarm_slot import Wanted, is_ours, refuse_foreign, slot_labels
from orchestrator.targets.swarm_spec import OTHERS, differences, others_label

_TRIES = 5
_OVERTAKEN = re.compile(r"update out of sequence")


class ServiceUpdate:
    """Makes a service what a step wants it to be."""

    def __init__(self, tools: Tools, swarm: Swarm) -> None:
        self._tools = tools
        self._swarm = swarm

    def probe(self, step: Step, deployment_id: str, outcomes: Outcomes) -> Observation:
        """DONE when the service's labels say that this deployment was the last to write it."""
        wanted = Wanted.of(self._tools.slot, step, deployment_id, outcomes)
        live = self._swarm.service(wanted.name)
        if live is None:
            return Observation(Answer.NOT_DONE, f"there is no service {wanted.name}")
        if not wanted.made(live):
            return Observation(Answer.NOT_DONE, f"service {wanted.name} was not written by {wanted.deployment_id}")
        return Observation(Answer.DONE, f"service {wanted.name} was written by {wanted.deployment_id}", _data(wanted))

    def apply(self, step: Step, run: StepRun) -> StepOutcome:
        wanted = Wanted.of(self._tools.slot, step, run.deployment_id, run.outcomes)
        wanted.require_image()
        self.refuse_another(wanted)
        changed = self.bring(wanted, run, adopt=step.inputs["adopt"])
        return StepOutcome(f"service {wanted.name} {'gets' if changed else 'has'} {wanted.reference}", _data(wanted))

    def refuse_another(self, wanted: Wanted) -> None:
        """Two services of one slot would both serve: somebody has given it another name in the configuration."""
        found = [one for one in self._swarm.labelled(slot_labels(self._tools.slot)) if is_ours(one, self._tools.slot)]
        another = next((one.name for one in found if one.name != wanted.name), None)
        if another is not None:
            raise StepError(
                f"Service {another} runs in this slot, and the configuration says {wanted.name}. "
                f"Remove it (docker service rm {another}), or name it again. Nothing was changed.",
                effect=False,
            )

    def bring(self, wanted: Wanted, run: StepRun, *, adopt: bool) -> bool:
        """Make *wanted* true of its service; False when it was.

        Raises:
            StepError: The swarm has refused it, and is as it was.
            ForeignResource: The service is not ours.
        """
        for attempt in range(1, _TRIES + 1):
            live = self._swarm.service(wanted.name)
            if live is not None:
                refuse_foreign(live, self._tools.slot, adopt=adopt, role=wanted.role)
                if live.replicas is None:
                    raise StepError(f"Service {wanted.name} is global and has no replicas. Nothing was changed.", effect=False)
            argv = self._argv(live, wanted)
            if argv is None:
                return False
            try:
                self._change(argv, wanted, run, f"service-{attempt}")
            except StepError as error:
                # The swarm itself writes to a service while it updates it; what was read is out of date, and was not used.
                if attempt < _TRIES and _OVERTAKEN.search(error.output_tail):
                    run.progress(f"service {wanted.name} has changed meanwhile: reading it again")
                    continue
                raise
            return True
        raise AssertionError("unreachable")

    def _argv(self, live: Service | None, wanted: Wanted) -> cli.Argv | None:
        shape = wanted.shape
        if live is None:
            return cli.create(wanted.name, shape)
        current = self._swarm.shape(live)
        if wanted.made(live) and not list(differences(current, shape)):
            return None
        kept = {**shape.labels, OTHERS: others_label(live.spec)}
        rolling = shape.rollback if wanted.back else shape.update
        return cli.update(wanted.name, current, replace(shape, labels=kept, update=rolling))

    def _change(self, argv: cli.Argv, wanted: Wanted, run: StepRun, name: str) -> None:
        env = {key: value for key, value in wanted.shape.env.items() if secret_refs((value,))}
        docker(run, argv, name=name, cwd=self._tools.project_dir, env=env, effect=False)


def _data(wanted: Wanted) -> dict[str, str]:
    return {"service": wanted.name, "reference": wanted.reference}
