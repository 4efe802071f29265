"""Made-up deployments of one project over years, as events: what the product would have recorded. Not a benchmark.

Two environments, two docker targets, five steps each. Of a hundred deployments ten are dry runs, four fail and three of those are
rolled back. The same from run to run.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import chain
from random import Random
from typing import Any

import orjson

from eventstore.events import NewEvent
from orchestrator.domain import events as e
from orchestrator.domain.execution import Phase
from orchestrator.domain.ids import stream_of
from orchestrator.domain.plan import Mode, Plan, Release, Slot, Step
from orchestrator.domain.side_events import SlotReleased, SlotTaken
from orchestrator.services.codec import CODEC
from orchestrator.targets import docker_plans
from orchestrator.targets.base import Request
from orchestrator.targets.docker_config import DockerConfig, DockerRun

HOST, BOOT, NAMESPACE = "ci-7", "0f3c1a2e-8f0b-4a57-9c41-7d2c7d6a9e10", "pid:[4026531836]"
ACTOR = f"ann@{HOST}"
TOTAL_STEPS = 5
CONFIG = DockerConfig(
    image_name="shop/web",
    registry="registry.example.com:5000",
    tags=("{{version}}", "latest"),
    build_args={"MODE": "production"},
    run=DockerRun(name="shop-web", ports=("127.0.0.1:8080:8080",), env={"MODE": "production"}, restart="unless-stopped"),
)
_LETTERS = "23456789abcdefghjkmnpqrstvwxyz"


@dataclass(frozen=True, slots=True)
class Written:
    stream: str
    time: str
    new: NewEvent


def written() -> Iterator[Written]:
    """The events of one deployment after another, for ever."""
    return chain.from_iterable(deployments(datetime(2024, 1, 1, tzinfo=UTC)))


def deployments(first: datetime) -> Iterator[list[Written]]:
    """One after another for ever, from *first* on."""
    chance = Random(1)  # noqa: S311 - the same stores every time
    live: dict[Slot, Release] = {}
    now, number = first, 0
    while True:
        number += 1
        now += timedelta(minutes=chance.randint(5, 40))
        slot = Slot("shop", chance.choice(("production", "staging")), chance.choice(("web", "worker")))
        story = _Story(slot, f"1.{number // 100}.{number % 100}", now, chance, live.get(slot))
        fate = chance.random()
        if fate < 0.1:
            story.simulated()
        elif fate < 0.14:
            story.failed(rolled_back=fate < 0.13)
        else:
            live[slot] = story.verified()
        yield story.written


@dataclass
class _Story:
    slot: Slot
    version: str
    now: datetime
    chance: Random
    before: Release | None
    written: list[Written] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.id = f"deploy-{self.now:%Y%m%d-%H%M%S}-{''.join(self.chance.choices(_LETTERS, k=4))}"
        self.commit = f"{self.chance.getrandbits(160):040x}"
        self.digest = f"sha256:{self.chance.getrandbits(256):064x}"

    def simulated(self) -> None:
        self._planned(Mode.DRY_RUN)
        self._checked("preflight", "docker engine", "docker buildx", "registry login", "build context", "ports")
        self._tell(e.DeploymentSimulated(success=True))

    def verified(self) -> Release:
        plan = self._begun()
        for number, step in enumerate(plan.steps, 1):
            self._ran(step, number)
        outcomes: dict[str, dict[str, Any]] = {"push": {"digest": self.digest}, "build": {"ids": {"engine": self.digest}}}
        release = docker_plans.released(plan, self.id, outcomes)
        self._tell(e.DeploymentDeployed(release=release.to_json()))
        self._checked("verify", "running digest", "health check")
        self._tell(e.DeploymentVerified(release=release.to_json(), round=1))
        self._slot(SlotReleased(deployment_id=self.id, outcome="verified"))
        return release

    def failed(self, *, rolled_back: bool) -> None:
        plan = self._begun()
        for number, step in enumerate(plan.steps[:2], 1):
            self._ran(step, number)
        message = "docker: exit code 125\nBind for 127.0.0.1:8080 failed: port is already allocated."
        self._started(plan.steps[2], 3, Phase.DEPLOY)
        self._tell(e.StepFailed(phase=Phase.DEPLOY, step=plan.steps[2].name, attempt=1, message=message, exit_code=125))
        self._tell(e.DeploymentFailed(step=plan.steps[2].name, message=message, diagnostics=["shop-web: exited (1)"]))
        if rolled_back and self.before is not None:
            self._rolled_back(plan, self.before)
        self._slot(SlotReleased(deployment_id=self.id, outcome="failed"))

    def _rolled_back(self, plan: Plan, to: Release) -> None:
        back = docker_plans.back(plan, to, adopt=False, timeout_s=600.0)
        self._tell(
            e.RollbackStarted(
                plan=back.to_json(),
                plan_digest=back.digest,
                to=to.to_json(),
                automatic=True,
                by="policy auto_rollback",
                reason="update failed",
            )
        )
        for number, step in enumerate(back.steps, 1):
            self._ran(step, number, Phase.ROLLBACK)
        self._checked("rollback_verify", "running digest", "health check")
        self._tell(e.RolledBack(release=to.to_json(), round=2))

    def _begun(self) -> Plan:
        plan = self._planned(Mode.DEPLOY)
        digest = plan.digest
        self._tell(e.DecisionMade(decision_id="confirm_deploy", answer="proceed", how="yes", by=ACTOR))
        self._tell(e.DeploymentConfirmed(plan_digest=digest, how="yes", by=ACTOR))
        self._slot(SlotTaken(deployment_id=self.id, host=HOST, pid=4711, start_ticks=123456, boot_id=BOOT))
        self._tell(e.ExecutionStarted(epoch=1))
        return plan

    def _planned(self, mode: Mode) -> Plan:
        slot, commit = self.slot, self.commit
        self._tell(
            e.DeploymentRequested(
                deployment_id=self.id,
                project=slot.project,
                environment=slot.environment,
                version=self.version,
                version_source="package.json",
                actor=ACTOR,
                commit_sha=commit,
                target=slot.target,
                mode=mode,
                ci="github_actions",
            )
        )
        request = Request(
            version=self.version,
            mode=Mode.DEPLOY,
            commit_sha=commit,
            source_digest=self.digest,
            observed=self.before,
            reference=self.before,
            inputs={"commit": commit, "config": f"sha256:{'c' * 64}", "source": self.digest},
        )
        plan = docker_plans.forward(CONFIG, slot, request, adopt=False, timeout_s=600.0)
        before = self.before.to_json() if self.before else None
        self._tell(
            e.DeploymentPrepared(
                plan=plan.to_json(),
                plan_digest=plan.digest,
                on_failure=[],
                reference=before,
                observed=before,
                auto_rollback=True,
                kind="docker",
                primary=True,
            )
        )
        return plan

    def _ran(self, step: Step, number: int, phase: Phase = Phase.DEPLOY) -> None:
        self._started(step, number, phase)
        self.now += timedelta(seconds=self.chance.uniform(0.5, 30))
        commands = [{"command": "main", "sha256": self.digest, "bytes": 4711, "cut_bytes": 0}]
        self._tell(
            e.StepSucceeded(
                phase=phase,
                step=step.name,
                attempt=1,
                message=f"done: {step.title}",
                data={"image": f"{CONFIG.repository}:{self.version}", "digest": self.digest},
                exit_code=0,
                duration_ms=self.chance.randint(500, 30_000),
                output={"attachment": f"{phase}/{step.name}/1", "commands": commands},
            )
        )

    def _started(self, step: Step, number: int, phase: Phase) -> None:
        directory = f"/run/user/1000/pop-deploy/attempts-0123456789abcdef/{self.id}/{phase}-{step.name}-1"
        here = {"host": HOST, "boot_id": BOOT, "pid_namespace": NAMESPACE, "attempt_dir": directory}
        self._tell(e.StepStarted(phase=phase, step=step.name, number=number, total=TOTAL_STEPS, attempt=1, **here))

    def _checked(self, phase: str, *names: str) -> None:
        for name in names:
            self._tell(e.CheckRecorded(phase=phase, round=1, name=name, status="pass", message="as expected", duration_ms=12))

    def _tell(self, event: e.Event) -> None:
        self._write(stream_of(self.id), event)

    def _slot(self, event: e.Event) -> None:
        self._write(self.slot.stream, event)

    def _write(self, stream: str, event: e.Event) -> None:
        self.now += timedelta(milliseconds=7)
        causation = f"{stream}@{len(self.written)}"
        who = {"actor": ACTOR, "host": HOST, "pid": 4711, "tool_version": "1.0.0"}
        metadata = orjson.dumps({**who, "correlation_id": self.id, "causation_id": causation}, option=orjson.OPT_SORT_KEYS)
        self.written.append(Written(stream, self.now.isoformat(timespec="microseconds"), CODEC.encode(event, metadata)))
