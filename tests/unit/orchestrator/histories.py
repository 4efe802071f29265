"""Builds realistic streams of events for tests: `World` is a store with a clock, `Story` one deployment in it.

    world = World()
    story = world.deployment(version="1.2.0").to_verified()
    story.roll_back(to=world.deployment(...))

Each method appends what the services append at that point, so what it leaves is a legal history (`replay` checks it).
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from eventstore import Attachment, EventStore, Guard
from eventstore.memory import MemoryEventStore
from orchestrator.domain import events as e
from orchestrator.domain.deployment import Deployment
from orchestrator.domain.ids import IMPORT_STREAM, id_of, stream_of
from orchestrator.domain.plan import Mode, Plan, Release, Slot, Step
from orchestrator.domain.questions import CONFIRM_DEPLOY, Question
from orchestrator.domain.side_events import HistoryImported, SlotReleased, SlotTaken
from orchestrator.projections.registry import inline
from orchestrator.services.codec import CODEC

STEPS = (
    Step(
        name="build", title="Building image", kind="docker.build", command=("docker", "build", "."), repeatable=True, live=False
    ),
    Step(name="push", title="Pushing to registry", kind="docker.push", command=("docker", "push"), live=False),
    Step(name="update", title="Updating deployment", kind="docker.run"),
    Step(name="wait", title="Waiting for rollout", kind="docker.wait", effect=False, live=False),
)
BACK = (Step(name="restore", title="Bringing 1.0.0 back", kind="docker.run"),)
HOST = "ci-7"


class Clock:
    """Advances one second at every look, so that every append has a time of its own."""

    def __init__(self, start: str = "2026-03-18T14:30:22+00:00", tick_s: float = 1.0) -> None:
        self.time = datetime.fromisoformat(start).astimezone(UTC)
        self.tick_s = tick_s

    def __call__(self) -> str:
        now = self.time.isoformat(timespec="microseconds")
        self.time += timedelta(seconds=self.tick_s)
        return now

    def wait(self, **duration: float) -> None:
        self.time += timedelta(**duration)


class World:
    """A store with all read models, and what several deployments share.

    Args:
        store: Of the test's own making, with `clock` as its `now`; a new one in memory if None.
    """

    def __init__(self, store: EventStore | None = None, clock: Clock | None = None) -> None:
        self.clock = clock or Clock()
        self.store: EventStore = store or MemoryEventStore(projections=inline(), now=self.clock)
        self._numbers: Iterator[int] = iter(range(1, 10**9))

    def deployment(self, **request: Any) -> Story:
        """A new deployment; *request* are fields of `DeploymentRequested`, and ``id``."""
        number = next(self._numbers)
        deployment_id = request.pop("id", None) or f"deploy-20260318-{143022 + number:06d}-k{number:03x}"
        return Story(self, deployment_id, request)

    def take_in(self, *records: dict[str, Any]) -> None:
        """Foreign records of a deploy.json's history, oldest first."""
        from orchestrator.domain.outside_history import record_identity

        events = [
            CODEC.encode(HistoryImported(project="shop", identity=record_identity(record), record=json.dumps(record)))
            for record in records
        ]
        self.store.append(IMPORT_STREAM, events, expected_version=self.store.version(IMPORT_STREAM))


class Story:
    """One deployment as it goes on. Every method returns it, so that they can be chained."""

    def __init__(self, world: World, deployment_id: str, request: dict[str, Any]) -> None:
        self.world, self.id = world, deployment_id
        self.guard: Guard | None = None
        self.round = 0
        defaults: dict[str, Any] = {"project": "shop", "environment": "production", "target": "web", "mode": "deploy"}
        more: dict[str, Any] = {"version": "1.2.0", "version_source": "option", "actor": "ann@ci-7", "commit_sha": "0a1b2c3d"}
        self.request = e.DeploymentRequested(deployment_id=deployment_id, **(defaults | more | request))
        self.record(self.request)

    @property
    def slot(self) -> Slot:
        return Slot(self.request.project, self.request.environment, self.request.target or "web")

    @property
    def release(self) -> Release:
        return Release(
            version=self.request.version,
            commit_sha=self.request.commit_sha,
            deployment_id=self.id,
            artifacts={"registry/shop": f"sha256:{self.id}"},
        )

    @property
    def deployment(self) -> Deployment:
        """Folded from its stream: fails when the story is not legal."""
        return Deployment.replay((CODEC.decode(event), event.time) for event in self.world.store.read_stream(stream_of(self.id)))

    def record(self, *events: e.Event, attachments: Sequence[Attachment] = ()) -> Story:
        store, stream = self.world.store, stream_of(self.id)
        metadata = {"actor": self.request.actor if hasattr(self, "request") else "", "host": HOST, "pid": 4242}
        new = [CODEC.encode(event, metadata) for event in events]
        store.append(stream, new, expected_version=store.version(stream), guard=self.guard, attachments=attachments)
        return self

    # --- before it runs ---------------------------------------------------------

    def ask(self, question: Question = CONFIRM_DEPLOY) -> Story:
        options = [option.to_json() for option in question.options]
        asked = {"decision_id": question.decision_id, "question": question.question, "header": question.header}
        return self.record(e.DecisionRequested(**asked, options=options))

    def choose(self, *, target: str | None = None, mode: str | None = None) -> Story:
        if target is not None:
            self.request = self.request.__class__(**{**vars(self.request), "target": target})
            self.record(e.TargetSelected(target=target, how="decision"))
        return self.record(e.ModeSelected(mode=mode, how="decision")) if mode is not None else self

    def prepare(self, steps: Sequence[Step] = STEPS, reference: Release | None = None, digest: str | None = None) -> Story:
        plan = self.plan(steps)
        return self.record(
            e.DeploymentPrepared(
                plan=plan.to_json(),
                plan_digest=digest or plan.digest,
                on_failure=[],
                reference=reference.to_json() if reference else None,
                observed=None,
                auto_rollback=reference is not None,
                kind="docker",
                primary=True,
            )
        )

    def plan(self, steps: Sequence[Step]) -> Plan:
        return Plan(
            target=self.slot.target,
            kind="docker",
            environment=self.request.environment,
            version=self.request.version,
            mode=Mode.DEPLOY,
            steps=tuple(steps),
            release=self.release,
            inputs={"commit": self.request.commit_sha},
        )

    def simulate(self, *, success: bool = True) -> Story:
        return self.record(*self._checks("preflight", success=success), e.DeploymentSimulated(success=success))

    def confirm(self, by: str = "ann@ci-7", reason: str = "") -> Story:
        digest = self.deployment.prepared.plan_digest  # type: ignore[union-attr]
        made = e.DecisionMade(decision_id="confirm_deploy", answer="proceed", how="yes", by=by, reason=reason)
        return self.record(made, e.DeploymentConfirmed(plan_digest=digest, how="yes", by=by, reason=reason))

    # --- the slot ---------------------------------------------------------------

    def take_slot(self, pid: int = 4242, host: str = HOST, start_ticks: int = 1, boot_id: str = "b") -> Story:
        store, stream = self.world.store, self.slot.stream
        taken = SlotTaken(deployment_id=self.id, host=host, pid=pid, start_ticks=start_ticks, boot_id=boot_id)
        epoch = store.append(stream, [CODEC.encode(taken)], expected_version=store.version(stream)).version
        self.guard = Guard(stream, epoch)
        return self

    def release_slot(self) -> Story:
        if self.guard is not None:
            event = CODEC.encode(SlotReleased(deployment_id=self.id, outcome=self.deployment.state))
            self.world.store.append(self.guard.stream, [event], expected_version=self.guard.version)
            self.guard = None
        return self

    # --- running ----------------------------------------------------------------

    def execute(self) -> Story:
        self.take_slot()
        assert self.guard is not None
        return self.record(e.ExecutionStarted(epoch=self.guard.version))

    def start(self, step: str, phase: str = "deploy", attempt: int = 1, attempt_dir: str = "/nowhere") -> Story:
        return self.record(self._intent(step, phase, attempt, attempt_dir))

    def finish(
        self,
        step: str,
        phase: str = "deploy",
        attempt: int = 1,
        *,
        log: str | None = None,
        duration_ms: int = 1000,
        found: bool = False,
    ) -> Story:
        outcome = e.StepSucceeded(
            phase=phase,
            step=step,
            attempt=attempt,
            exit_code=0,
            duration_ms=duration_ms,
            found=found,
            **_output(phase, step, attempt, log),
        )
        return self.record(outcome, attachments=_attachments(phase, step, attempt, log))

    def fail_step(self, step: str, phase: str = "deploy", attempt: int = 1, *, log: str | None = None) -> Story:
        fields = {"phase": phase, "step": step, "attempt": attempt, "message": f"{step} broke", "exit_code": 1}
        failed = e.StepFailed(**fields, duration_ms=500, stderr="no space", **_output(phase, step, attempt, log))
        return self.record(failed, attachments=_attachments(phase, step, attempt, log))

    def run(self, *steps: str, phase: str = "deploy", duration_ms: int = 1000) -> Story:
        """Each step to its end; the outcome of one and the intent of the next are one append."""
        before: list[e.Event] = []
        for name in steps:
            self.record(*before, self._intent(name, phase, 1, "/nowhere"))
            before = [e.StepSucceeded(phase=phase, step=name, attempt=1, exit_code=0, duration_ms=duration_ms)]
        return self.record(*before)

    def deploy(self) -> Story:
        return self.record(e.DeploymentDeployed(release=self.release.to_json()))

    def verify(self) -> Story:
        self.round += 1
        checks = self._checks("verify", success=True)
        return self.record(*checks, e.DeploymentVerified(release=self.release.to_json(), round=self.round))

    def doubt(self) -> Story:
        self.round += 1
        message = "health check: got 500"
        return self.record(*self._checks("verify", success=False), e.VerificationFailed(message=message, round=self.round))

    def interrupt(self, signal: str = "SIGTERM") -> Story:
        return self.record(e.DeploymentInterrupted(signal=signal, step=None))

    def resume(self) -> Story:
        self.take_slot(pid=5151)
        return self.record(e.DeploymentResumed(by="bob@laptop", host="laptop"))

    def fail(self, step: str = "update", message: str = "port 8080 is taken", *, unchanged: bool | None = None) -> Story:
        event = self.deployment.fail(step, message)
        if unchanged is not None:
            event = e.DeploymentFailed(**{**vars(event), "unchanged": unchanged})
        return self.record(event)

    def abort(self, reason: str = "wrong version") -> Story:
        return self.record(self.deployment.abort(by="bob@laptop", reason=reason))

    # --- going back -------------------------------------------------------------

    def start_back(self, to: Release, *, automatic: bool = False) -> Story:
        plan = self.plan(BACK)
        self.back_to = to
        return self.record(
            e.RollbackStarted(
                plan=plan.to_json(),
                plan_digest=plan.digest,
                to=to.to_json(),
                automatic=automatic,
                by="policy auto_rollback" if automatic else "bob@laptop",
            )
        )

    def restore(self) -> Story:
        self.round += 1
        checks = self._checks("rollback_verify", success=True)
        return self.record(*checks, e.RolledBack(release=self.back_to.to_json(), round=self.round))

    def fail_back(self, message: str = "the engine is down") -> Story:
        return self.record(e.RollbackFailed(step="restore", message=message))

    # --- whole roads --------------------------------------------------------------

    def to_executing(self, reference: Release | None = None) -> Story:
        return self.prepare(reference=reference).confirm().execute()

    def to_verified(self, reference: Release | None = None) -> Story:
        self.to_executing(reference).run(*(step.name for step in STEPS)).deploy().verify()
        return self.release_slot()

    def to_failed(self, reference: Release | None = None) -> Story:
        """It fails while it changes what is live."""
        self.to_executing(reference).run("build", "push").start("update").fail_step("update").fail()
        return self.release_slot()

    def to_rolled_back(self, to: Release, *, automatic: bool = True) -> Story:
        """From wherever it is."""
        if self.guard is None:
            self.take_slot()
        self.start_back(to, automatic=automatic).run("restore", phase="rollback").restore()
        return self.release_slot()

    def to_simulated(self, *, success: bool = True) -> Story:
        return self.prepare().simulate(success=success)

    def _intent(self, step: str, phase: str, attempt: int, attempt_dir: str) -> e.StepStarted:
        names = [each.name for each in (BACK if phase == "rollback" else STEPS)]
        number = names.index(step) + 1 if step in names else 1
        where = {"host": HOST, "boot_id": "b", "pid_namespace": "pid:[1]", "attempt_dir": attempt_dir}
        return e.StepStarted(phase=phase, step=step, number=number, total=len(names) + 1, attempt=attempt, **where)

    def _checks(self, phase: str, *, success: bool) -> list[e.CheckRecorded]:
        status, message = ("pass", "200 OK") if success else ("fail", "got 500")
        number = self.round or 1
        return [e.CheckRecorded(phase=phase, round=number, name="health check", status=status, message=message, duration_ms=20)]


def _output(phase: str, step: str, attempt: int, log: str | None) -> dict[str, Any]:
    """What an outcome says of its output, as the step runner does."""
    if log is None:
        return {}
    command = {"command": "main", "sha256": "sha256:0", "bytes": len(log.encode()), "cut_bytes": 0}
    return {"output": {"attachment": f"{phase}/{step}/{attempt}", "commands": [command]}}


def _attachments(phase: str, step: str, attempt: int, log: str | None) -> tuple[Attachment, ...]:
    return (log_of(f"{phase}/{step}/{attempt}", log),) if log is not None else ()


def log_of(name: str, text: str) -> Attachment:
    """A step's output as it is kept: masked, compressed chunks."""
    data = text.encode()
    return Attachment(name, tuple(zlib.compress(data[at : at + 64], 1) for at in range(0, len(data), 64)))


__all__ = ["BACK", "HOST", "STEPS", "Clock", "Story", "World", "id_of", "log_of"]
