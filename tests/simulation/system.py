"""The simulated systems that are deployed to, and the target of one process that deploys there.

`System` is the truth: what is live, which effects were made. `SimulatedTarget` is the shipped `fake` with that truth instead of a
directory, and with everything that goes wrong between a program and a system far away.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from orchestrator.domain.plan import CANARY_REMOVE, CANARY_WEIGHT, Plan, Release, Slot, Step
from orchestrator.targets.base import (
    Answer,
    Check,
    CheckStatus,
    Observation,
    Outcomes,
    StepError,
    StepOutcome,
    StepRun,
    Tools,
    Unreachable,
)
from orchestrator.targets.canary import Side, Sides
from orchestrator.targets.fake import RESTORE, FakeConfig
from orchestrator.targets.fake_canary import FakeWithCanary

if TYPE_CHECKING:
    from tests.simulation.process import Process

Effect = tuple[str, str, int]
"""Deployment, step, and which execution of it: 0 is the deployment's own, n its n-th way back."""


class Violation(BaseException):
    """Something that must never happen has happened. No `Exception`: the product takes those from a target as a failed step."""


@dataclass
class System:
    """One system, as it really is.

    Attributes:
        made: Every complete effect, and whether a second one would be one too many.
        half: Effects of which a part was made: nobody can tell whether they were.
        canary: Whose is up, and how many replicas.
    """

    slot: Slot
    live: Release | None = None
    canary: tuple[str, int] | None = None
    made: dict[Effect, bool] = field(default_factory=dict)
    half: set[Effect] = field(default_factory=set)

    def begin(self, effect: Effect, step: Step, deployment_id: str) -> None:
        """The first half: what is live has changed, and nothing says so yet."""
        if step.effect:
            self.half.add(effect)
        if step.inputs.get("release") is not None:
            self.live = released(step, deployment_id)
        if step.kind in (CANARY_WEIGHT, CANARY_REMOVE):
            self.canary = _canary(step, deployment_id)

    def make(self, effect: Effect, step: Step, deployment_id: str) -> None:
        self.begin(effect, step, deployment_id)
        self.half.discard(effect)
        if self.made.get(effect, False):
            raise Violation(f"{self.slot}: {effect} was made twice, and no probe said in between that it had not been")
        if step.effect:
            self.made[effect] = not step.repeatable

    def was_made(self, effect: Effect, step: Step) -> bool:
        if step.kind == RESTORE:  # by what it leads to, as every real kind does: an earlier way back proves nothing
            return self.live == Release.from_json(step.inputs["release"])
        if step.kind in (CANARY_WEIGHT, CANARY_REMOVE):
            return self.canary == _canary(step, effect[0])
        return effect in self.made

    def told(self, effect: Effect, answer: Answer) -> None:
        """A probe was answered, or a person looked: who hears that it was not made may make it again."""
        if answer is Answer.NOT_DONE:
            self.made.pop(effect, None)


def released(step: Step, deployment_id: str) -> Release:
    release = Release.from_json(step.inputs["release"])
    return release if release.deployment_id else replace(release, deployment_id=deployment_id)


def _canary(step: Step, deployment_id: str) -> tuple[str, int] | None:
    """What is up when *step* is done."""
    return (deployment_id, step.inputs["replicas"]) if step.kind == CANARY_WEIGHT else None


class SimulatedTarget(FakeWithCanary):
    """See `FakeWithCanary`: the same plans and releases. Set `process` after making it."""

    process: Process

    def __new__(cls, config: FakeConfig, tools: Tools, *, adopt: bool = False) -> SimulatedTarget:
        return object.__new__(cls)

    def sides(self, plan: Plan, deployment_id: str, outcomes: Outcomes) -> Sides:
        self._asked("sides")
        replicas = self._system.canary[1] if self._system.canary is not None else 0
        restarts = 1 if self.process.happens("bad") else 0
        canary = Side(name="fake-canary", wanted=replicas, ready=replicas, restarts=restarts)
        return Sides(canary=canary, stable=Side(name="fake", wanted=self.config.replicas, ready=self.config.replicas))

    def observe(self) -> Release | None:
        self._asked("observe")
        return super().observe()

    def probe(self, step: Step, deployment_id: str, outcomes: Outcomes) -> Observation:
        effect = self._effect(step, deployment_id)
        self._asked("probe")
        answer = self._answer(effect, step)
        self.process.note("probe", f"{'/'.join(map(str, effect))}: {answer}")
        self._system.told(effect, answer)
        return Observation(answer, "as the system says")

    def _answer(self, effect: Effect, step: Step) -> Answer:
        if self.process.happens("unknown"):
            return Answer.UNKNOWN
        return Answer.DONE if self._system.was_made(effect, step) else Answer.NOT_DONE

    def apply(self, step: Step, run: StepRun) -> StepOutcome:
        process = self.process
        process.seam("step")
        process.world.invariants.working(process, self.tools.slot, run.deployment_id)
        if process.happens("fails"):
            raise StepError("the system refused, and nothing was changed", effect=False)
        if step.command is not None:
            run.command(step.command)
        else:
            process.take_time(step.name)
            self.make(step, run.deployment_id)
        process.seam("effect made", delicate=5)
        if process.happens("fails"):
            raise StepError("the system took it and broke")
        if process.happens("lost_reply"):
            raise process.random.choice([Unreachable("no answer"), TimeoutError("no answer"), StepError("no answer")])
        return StepOutcome("made", {"attempt": run.attempt} if step.effect else {})

    def make(self, step: Step, deployment_id: str) -> None:
        """The effect itself."""
        effect = self._effect(step, deployment_id)
        process = self.process
        if process.happens("half"):
            self._system.begin(effect, step, deployment_id)
            process.note("half", "/".join(map(str, effect)))
            process.seam("half an effect", delicate=10)
        self._system.make(effect, step, deployment_id)
        process.note("effect", "/".join(map(str, effect)))

    def preflight(self, plan: Plan) -> Iterable[Check]:
        self._asked("preflight")
        yield Check("world", CheckStatus.FAIL if self.process.happens("bad") else CheckStatus.PASS, "as the system says")

    def verify(self, plan: Plan, deployment_id: str, outcomes: Outcomes) -> Iterable[Check]:
        self._asked("verify")
        if self.process.happens("bad"):
            yield Check("live release", CheckStatus.FAIL, "it does not answer well")
        yield from super().verify(plan, deployment_id, outcomes)

    def diagnostics(self) -> Sequence[str]:
        self._asked("diagnostics")
        return ["nothing that helps"]

    def _live(self) -> dict[str, Any] | None:
        live, slot = self._system.live, self.tools.slot
        if live is None:
            return None
        identity = {"project": slot.project, "environment": slot.environment, "target": slot.target}
        return {"slot": identity, "release": live.to_json()}

    def _asked(self, what: str) -> None:
        self.process.seam(what)
        if self.process.happens("unreachable"):
            raise Unreachable(f"{self.tools.slot}: no answer")

    def _effect(self, step: Step, deployment_id: str) -> Effect:
        ways_back = self.process.world.invariants.ways_back(deployment_id)
        return deployment_id, step.name, ways_back if step.kind in (RESTORE, CANARY_REMOVE) else 0

    @property
    def _system(self) -> System:
        return self.process.world.system(self.tools.slot)
