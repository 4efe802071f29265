"""`fake`: a scriptable target for tests and for trying things out. Its world is a directory; nothing else is ever touched.

    DIR/effects.log   one line ``DEPLOYMENT STEP ATTEMPT`` for each effect: a test counts them
    DIR/live.json     what is live, and whose it is

The world is files, so that separate processes see the same. To find out what a deployment survives, let it die where it hurts:
with ``POP_DEPLOY_FAKE_KILL=STEP:PLACE`` in the environment this process kills itself (SIGKILL) when it applies STEP, where PLACE
is ``before`` the effect, ``mid`` (what is live is set, the effect not counted; in a child step the child is in the middle of it
and goes on) or ``after`` the effect. Start at `FakeConfig`.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar, Literal

from orchestrator.domain.errors import CanaryUnsupported
from orchestrator.domain.excludes import Excludes
from orchestrator.domain.plan import Mode, Plan, Release, Slot, Step
from orchestrator.targets import fake_child
from orchestrator.targets.base import (
    Answer,
    Check,
    CheckStatus,
    ForeignResource,
    Observation,
    Outcomes,
    Request,
    StepError,
    StepOutcome,
    StepRun,
    Tools,
)
from orchestrator.targets.canary_config import Canary

KILL = "POP_DEPLOY_FAKE_KILL"
STEP, RESTORE = "fake.step", "fake.restore"

Failure = Literal["unchanged", "changed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FakeStep:
    """One step of the script.

    Attributes:
        child: Made by a child process instead of in this one.
        live: Makes the release live; when no step of a script says so, the last one does.
        effect, repeatable: As in `Step`. A step without an effect leaves nothing in the world.
    """

    name: str
    title: str = ""
    child: bool = False
    live: bool = False
    effect: bool = True
    repeatable: bool = False
    delay_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class FakeConfig:
    """The script.

    Attributes:
        dir: The world; from the project when relative.
        steps: How many (``step-1`` ...), or each one.
        fail_at: Name of the step that fails (``restore`` for that of a rollback).
        outcome: Whether what fails fails before its effect (unchanged) or after it.
        child: All steps are made by children.
        verify: What verification says of every release.
        bad_versions: Versions whose verification fails in any case.
        delay_s: How long each step takes, in addition to its own delay.
        unknown_at: Name of the step whose probe cannot tell.
        supports_canary: Whether canary plans are made.
        canary: How a canary goes.
        replicas: How many the stable side says it has.
    """

    dir: str
    steps: int | tuple[FakeStep, ...] = field(default=3, metadata={"minimum": 1, "maximum": 100})
    fail_at: str | None = None
    outcome: Failure = "unchanged"
    child: bool = False
    verify: Literal["pass", "fail"] = "pass"
    bad_versions: tuple[str, ...] = ()
    delay_s: float = 0.0
    unknown_at: str | None = None
    supports_canary: bool = False
    canary: Canary | None = None
    replicas: int = field(default=10, metadata={"minimum": 1, "maximum": 10_000})

    def script(self) -> tuple[FakeStep, ...]:
        """Every step with all that is said about it in one place."""
        steps = self.steps if isinstance(self.steps, tuple) else tuple(map(_numbered, range(1, self.steps + 1)))
        last = () if any(step.live for step in steps) else (steps[-1].name,)
        return tuple(
            replace(
                step,
                title=step.title or step.name.capitalize(),
                child=step.child or self.child,
                live=step.live or step.name in last,
                delay_s=step.delay_s + self.delay_s,
            )
            for step in steps
        )


class FakeTarget:
    """See `orchestrator.targets.base.Target`."""

    kind: ClassVar[str] = "fake"
    supports_canary: ClassVar[bool] = False
    honours_dockerignore: ClassVar[bool] = False

    def __new__(cls, config: FakeConfig, tools: Tools, *, adopt: bool = False) -> FakeTarget:
        # Whether there is a canary is a property of a kind; here it is in the script, and so decides the class.
        if config.supports_canary:
            from orchestrator.targets.fake_canary import FakeWithCanary

            return object.__new__(FakeWithCanary)
        return object.__new__(cls)

    def __init__(self, config: FakeConfig, tools: Tools, *, adopt: bool = False) -> None:
        self.config = config
        self.tools = tools
        self.adopt = adopt

    def input_paths(self) -> tuple[Path, ...]:
        return ()

    def input_excludes(self) -> Excludes:
        return Excludes()

    def plan(self, request: Request) -> Plan:
        """The script. Raises CanaryUnsupported."""
        if request.mode is Mode.CANARY and not self.supports_canary:
            raise CanaryUnsupported(f"{self.tools.slot}: this fake has no canary. Next: --mode deploy, or set supports_canary")
        release = Release(
            version=request.version,
            commit_sha=request.commit_sha,
            artifacts={"fake": f"fake:{request.version}"},
            detail={"dir": self.config.dir},
        )
        return Plan(
            target=self.tools.slot.target,
            kind=self.kind,
            environment=self.tools.slot.environment,
            version=request.version,
            mode=Mode.CANARY if request.mode is Mode.CANARY else Mode.DEPLOY,
            steps=tuple(self._step(step, STEP, release) for step in self.config.script()),
            release=release,
            inputs=request.inputs,
        )

    def rollback(self, failed: Plan, to: Release) -> Plan:
        restore = FakeStep(
            name="restore",
            title=f"Restoring {to.version}",
            child=self.config.child,
            live=True,
            delay_s=self.config.delay_s,
        )
        timeout_s = max(step.timeout_s for step in failed.steps)
        return replace(
            failed,
            version=to.version,
            steps=(replace(self._step(restore, RESTORE, to), timeout_s=timeout_s),),
            release=to,
            inputs={"leaves": failed.digest},
        )

    def release(self, plan: Plan, deployment_id: str, outcomes: Outcomes) -> Release:
        # The release that a rollback restores belongs to the deployment that made it.
        return plan.release if plan.release.deployment_id else replace(plan.release, deployment_id=deployment_id)

    def observe(self) -> Release | None:
        live = self._live()
        if live is None or self._is_ours(live):
            return Release.from_json(live["release"]) if live is not None else None
        if self.adopt:
            return None
        raise ForeignResource(
            f"{self._world / 'live.json'} is not that of {self.tools.slot}. Give it a dir of its own, or set adopt: true."
        )

    def probe(self, step: Step, deployment_id: str, outcomes: Outcomes) -> Observation:
        if step.name == self.config.unknown_at:
            return Observation(Answer.UNKNOWN, "the fake cannot tell, as its script says")
        try:
            live = self.observe()
        except ForeignResource as error:
            return Observation(Answer.UNKNOWN, str(error))
        if step.kind == RESTORE and live != Release.from_json(step.inputs["release"]):
            return Observation(Answer.NOT_DONE, "another release is live: what was counted was an earlier rollback's")
        attempts = [attempt for of, name, attempt in self.effects() if (of, name) == (deployment_id, step.name)]
        if not attempts:
            return Observation(Answer.NOT_DONE, "no such effect was counted")
        return Observation(Answer.DONE, "the effect was counted", {"attempt": attempts[-1]})

    def apply(self, step: Step, run: StepRun) -> StepOutcome:
        try:
            self.observe()
        except ForeignResource as error:
            raise StepError(f"{str(error).rstrip('.')}. Nothing was changed.", effect=False) from error
        kill_here(step, "before")
        if step.inputs["fails"] == "unchanged":
            raise StepError(f"{step.name} fails before its effect, as its script says", effect=False)
        self._do(step, run)
        kill_here(step, "after")
        if step.inputs["fails"] == "changed":
            raise StepError(f"{step.name} fails after its effect, as its script says")
        return StepOutcome("counted" if step.effect else "", {"attempt": run.attempt} if step.effect else {})

    def drift(self) -> Sequence[str]:
        return ()

    def preflight(self, plan: Plan) -> Iterable[Check]:
        nearest = next(path for path in (self._world, *self._world.parents) if path.exists())
        writable = nearest.is_dir() and os.access(nearest, os.W_OK)
        yield Check(
            "world", CheckStatus.PASS if writable else CheckStatus.FAIL, f"{nearest} is {'' if writable else 'not '}writable"
        )

    def verify(self, plan: Plan, deployment_id: str, outcomes: Outcomes) -> Iterable[Check]:
        wanted, found = self.release(plan, deployment_id, outcomes), self.observe()
        if self.config.verify == "fail" or wanted.version in self.config.bad_versions:
            yield Check("live release", CheckStatus.FAIL, f"{wanted.version} is bad, as the script says")
        elif found != wanted:
            yield Check(
                "live release", CheckStatus.FAIL, f"{found.version if found else 'nothing'} is live, expected {wanted.version}"
            )
        else:
            yield Check("live release", CheckStatus.PASS, f"{wanted.version} is live")

    def diagnostics(self) -> Sequence[str]:
        return [" ".join(map(str, effect)) for effect in self.effects()[-10:]]

    def url(self, release: Release) -> str:
        return ""

    def effects(self) -> list[tuple[str, str, int]]:
        """Every effect that was ever made: deployment, step, attempt."""
        path = self._world / "effects.log"
        lines = path.read_text().splitlines() if path.exists() else []
        return [(deployment, step, int(attempt)) for deployment, step, attempt in map(str.split, lines)]

    @property
    def _world(self) -> Path:
        return self.tools.project_dir / self.config.dir

    def _live(self) -> dict[str, Any] | None:
        path = self._world / "live.json"
        return json.loads(path.read_text()) if path.exists() else None

    def _is_ours(self, live: dict[str, Any]) -> bool:
        return bool(live.get("slot") == _identity(self.tools.slot))

    def _step(self, step: FakeStep, kind: str, release: Release) -> Step:
        return Step(
            name=step.name,
            title=step.title,
            kind=kind,
            inputs={
                "dir": self.config.dir,
                "release": release.to_json() if step.live else None,
                "fails": self.config.outcome if step.name == self.config.fail_at else None,
                "child": step.child,
                "delay_s": step.delay_s,
            },
            command=("fake-child", step.name) if step.child else None,
            effect=step.effect,
            repeatable=step.repeatable,
            live=step.live,
        )

    def _do(self, step: Step, run: StepRun) -> None:
        line, live = f"{run.deployment_id} {step.name} {run.attempt}" if step.effect else "", ""
        if step.inputs["release"] is not None:
            release = Release.from_json(step.inputs["release"])
            release = release if release.deployment_id else replace(release, deployment_id=run.deployment_id)
            live = json.dumps({"slot": _identity(self.tools.slot), "release": release.to_json()})
        world = str(self.tools.project_dir / step.inputs["dir"])
        if step.inputs["child"]:
            pid = os.getpid() if _killed_at(step, "mid") else 0
            program = [sys.executable, "-I", "-S", fake_child.__file__]
            run.command([*program, world, line, live, str(step.inputs["delay_s"]), str(pid)])
        else:
            self.tools.clock.sleep(step.inputs["delay_s"])
            fake_child.make_effect(world, line, live, lambda: kill_here(step, "mid"))


def _numbered(number: int) -> FakeStep:
    return FakeStep(name=f"step-{number}", title=f"Step {number}")


def _identity(slot: Slot) -> dict[str, str]:
    return {"project": slot.project, "environment": slot.environment, "target": slot.target}


def _killed_at(step: Step, place: str) -> bool:
    return os.environ.get(KILL) == f"{step.name}:{place}"


def kill_here(step: Step, place: str) -> None:
    """Die here if the environment says so; see the head of this file."""
    if _killed_at(step, place):
        os.kill(os.getpid(), signal.SIGKILL)
