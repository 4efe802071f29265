"""The `fake` target with a canary: the same world, and two more files in it.

DIR/canary.json   the canary that is up: whose, and how many replicas
DIR/sides.json    what its sides are like, where a test says so: ``{"canary": {"ready": 0, "restarts": 1}, "endpoints": [URL]}``
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

from orchestrator.domain.plan import CANARY_REMOVE, CANARY_WEIGHT, Mode, Plan, Release, Step
from orchestrator.targets.base import Answer, Observation, Outcomes, Request, StepOutcome, StepRun, Unreachable
from orchestrator.targets.canary import Side, Sides
from orchestrator.targets.canary_config import Canary
from orchestrator.targets.canary_plans import canary_steps, remove_step
from orchestrator.targets.fake import FakeTarget, kill_here


class FakeWithCanary(FakeTarget):
    """See `orchestrator.targets.canary.CanaryTarget`."""

    supports_canary: ClassVar[bool] = True

    def plan(self, request: Request) -> Plan:
        """The script; a canary goes before it, and is removed after it."""
        plan = super().plan(request)
        if request.mode is not Mode.CANARY:
            return plan
        timeout_s = plan.steps[0].timeout_s
        before = canary_steps(
            self.config.canary or Canary(), stable_replicas=self.config.replicas, inputs=self._place, timeout_s=timeout_s
        )
        return replace(plan, steps=(*before, *plan.steps, remove_step(self._place, timeout_s=timeout_s)))

    def rollback(self, failed: Plan, to: Release) -> Plan:
        plan = super().rollback(failed, to)
        if failed.mode is not Mode.CANARY:
            return plan
        remove = remove_step(self._place, timeout_s=plan.steps[0].timeout_s, prefix="rollback_")
        return replace(plan, steps=(remove, *plan.steps))

    def probe(self, step: Step, deployment_id: str, outcomes: Outcomes) -> Observation:
        if step.kind not in (CANARY_WEIGHT, CANARY_REMOVE):
            return super().probe(step, deployment_id, outcomes)
        if step.name == self.config.unknown_at:
            return Observation(Answer.UNKNOWN, "the fake cannot tell, as its script says")
        found = self._canary()
        wanted = {"deployment": deployment_id, "replicas": step.inputs["replicas"]} if step.kind == CANARY_WEIGHT else None
        if found != wanted:
            return Observation(Answer.NOT_DONE, f"the canary is {found}, not {wanted}")
        if (deployment_id, step.name) not in {(of, name) for of, name, _ in self.effects()}:
            return Observation(Answer.NOT_DONE, "no such effect was counted")
        return Observation(Answer.DONE, f"the canary is {found}", _reached(step))

    def apply(self, step: Step, run: StepRun) -> StepOutcome:
        if step.kind not in (CANARY_WEIGHT, CANARY_REMOVE):
            return super().apply(step, run)
        kill_here(step, "before")
        path = self._canary_path
        path.parent.mkdir(parents=True, exist_ok=True)
        if step.kind == CANARY_WEIGHT:
            written = path.with_suffix(".new")
            written.write_text(json.dumps({"deployment": run.deployment_id, "replicas": step.inputs["replicas"]}))
            written.rename(path)
        else:
            path.unlink(missing_ok=True)
        kill_here(step, "mid")
        with (path.parent / "effects.log").open("a") as log:
            log.write(f"{run.deployment_id} {step.name} {run.attempt}\n")
        kill_here(step, "after")
        return StepOutcome(step.title, _reached(step))

    def sides(self, plan: Plan, deployment_id: str, outcomes: Outcomes) -> Sides:
        said, canary = self._said(), self._canary()
        if said.get("unreachable"):
            raise Unreachable("the fake cannot be reached, as a test says")
        wanted = canary["replicas"] if canary is not None else 0
        return Sides(
            canary=_side("fake-canary", wanted, said.get("canary", {})),
            stable=_side("fake", self.config.replicas, said.get("stable", {})),
        )

    def endpoints(self, side: Side, port: int | None) -> Sequence[str]:
        which = "endpoints" if side.name == "fake-canary" else "stable_endpoints"
        return tuple(map(str, self._said().get(which, [])))

    @property
    def _place(self) -> dict[str, Any]:
        return {"dir": self.config.dir}

    @property
    def _canary_path(self) -> Path:
        return self.tools.project_dir / self.config.dir / "canary.json"

    def _canary(self) -> Any:
        return json.loads(self._canary_path.read_text()) if self._canary_path.exists() else None

    def _said(self) -> dict[str, Any]:
        path = self._canary_path.with_name("sides.json")
        said: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
        return said


def _side(name: str, wanted: int, said: dict[str, Any]) -> Side:
    return Side(
        name=name,
        wanted=wanted,
        ready=said.get("ready", wanted),
        restarts=said.get("restarts", 0),
        problems=tuple(said.get("problems", ())),
    )


def _reached(step: Step) -> dict[str, Any]:
    return {"replicas": step.inputs["replicas"], "reached": step.inputs["reached"]} if step.kind == CANARY_WEIGHT else {}
