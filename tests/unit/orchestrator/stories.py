"""Deployments told event by event: `Story` plays events into the aggregate at times of a clock that only it turns.

Nothing is faked: the events are the product's own and the aggregate checks each of them against the lifecycle.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from orchestrator.domain import events as e
from orchestrator.domain.deployment import Deployment
from orchestrator.domain.plan import Mode, Plan, Release, Step
from orchestrator.domain.questions import Question
from orchestrator.projections.deployment_result import DeploymentResult, deployment_result
from orchestrator.projections.step_results import StepResult

ID = "deploy-20260318-143022-k3f9"
DIGEST = "sha256:" + "d1" * 32
COMMIT = "c" * 40
OLD = Release(
    version="1.0.0", commit_sha="a" * 40, deployment_id="deploy-20260301-000000-aaaa", artifacts={"app": "sha256:" + "1" * 64}
)
STEPS = (
    Step(
        name="build",
        title="Building image",
        kind="docker.build",
        command=("docker", "build", "--tag", "ghcr.io/myorg/myapp:1.2.0", "my app"),
        repeatable=True,
        live=False,
    ),
    Step(name="push", title="Pushing to registry", kind="docker.push", inputs={"tags": ["latest", "1.2.0"]}, live=False),
    Step(name="update", title="Updating deployment", kind="docker.run", inputs={"name": "myapp", "env": {}}),
    Step(name="wait", title="Waiting for rollout", kind="docker.wait", effect=False, live=False),
)
HISTORY = ".claude/popkit/deploy.json"
HOOK = Step(name="page", title="Paging", kind="hook", command=("page", "ann"))
BACK = (Step(name="restore", title="Restoring the previous container", kind="docker.restore"),)


def plan(*steps: Step, version: str = "1.2.0", mode: Mode = Mode.DEPLOY) -> Plan:
    return Plan(
        target="docker",
        kind="docker",
        environment="production",
        version=version,
        mode=mode,
        steps=steps or STEPS,
        release=Release(version=version, commit_sha=COMMIT),
        inputs={"source": "sha256:5"},
    )


class Story:
    """One deployment; every method lets something happen to it, and *after_s* seconds pass before that.

    Attributes:
        told: The (event, time) pairs so far.
    """

    def __init__(self, **request: Any) -> None:
        self.deployment = Deployment()
        self.told: list[tuple[e.Event, str]] = []
        self._now = datetime(2026, 3, 18, 14, 30, 22, tzinfo=UTC)
        known: dict[str, Any] = {
            "deployment_id": ID,
            "project": "shop",
            "environment": "production",
            "version": "1.2.0",
            "version_source": "package.json",
            "actor": "ann@ci-7",
            "commit_sha": COMMIT,
            "target": "docker",
            "mode": "deploy",
        }
        self.tell(e.DeploymentRequested(**(known | request)))

    def tell(self, *events: e.Event, after_s: float = 0) -> Story:
        self._now += timedelta(seconds=after_s)
        time = self._now.isoformat(timespec="microseconds")
        for event in events:
            self.deployment.apply(event, time)
            self.told.append((event, time))
        return self

    def prepared(
        self, *, reference: Release | None = OLD, observed: Release | None = OLD, on_failure: tuple[Step, ...] = (), **known: Any
    ) -> Story:
        made = known.get("plan", plan())
        event = e.DeploymentPrepared(
            plan=made.to_json(),
            plan_digest=made.digest,
            on_failure=[step.to_json() for step in on_failure],
            reference=reference.to_json() if reference is not None else None,
            observed=observed.to_json() if observed is not None else None,
            auto_rollback=known.get("auto_rollback", False),
            kind="docker",
            primary=known.get("primary", True),
        )
        return self.tell(event)

    def asked(self, question: Question, **detail: Any) -> Story:
        options = [option.to_json() for option in question.options]
        return self.tell(
            e.DecisionRequested(
                decision_id=question.decision_id,
                question=question.question,
                header=question.header,
                options=options,
                detail=detail,
            )
        )

    def confirmed(self) -> Story:
        assert self.deployment.prepared is not None
        return self.tell(self.deployment.confirm(self.deployment.prepared.plan_digest, how="yes", by="ann@ci-7", reason=""))

    def executing(self, **known: Any) -> Story:
        self.prepared(**known).confirmed()
        return self.tell(self.deployment.start(7))

    def started(self, name: str, *, phase: str = "deploy", attempt: int = 1) -> Story:
        return self.tell(
            e.StepStarted(
                phase=phase,
                step=name,
                number=1,
                total=5,
                attempt=attempt,
                host="ci-7",
                boot_id="b",
                pid_namespace="p",
                attempt_dir="/run/x",
            )
        )

    def done(self, name: str, seconds: float, *, phase: str = "deploy", **known: Any) -> Story:
        self.started(name, phase=phase)
        event = e.StepSucceeded(phase=phase, step=name, attempt=1, duration_ms=round(seconds * 1000), **known)
        return self.tell(event, after_s=seconds)

    def broke(self, name: str, seconds: float, message: str, *, phase: str = "deploy", **known: Any) -> Story:
        self.started(name, phase=phase)
        event = e.StepFailed(phase=phase, step=name, attempt=1, message=message, duration_ms=round(seconds * 1000), **known)
        return self.tell(event, after_s=seconds)

    def checked(self, name: str, status: str, message: str = "", *, phase: str = "verify", number: int = 1, ms: int = 0) -> Story:
        return self.tell(e.CheckRecorded(phase=phase, round=number, name=name, status=status, message=message, duration_ms=ms))

    def all_steps(self) -> Story:
        image = {"image": "ghcr.io/myorg/myapp:1.2.0"}
        self.done("build", 45, data=image, exit_code=0).done("push", 12, data=image | {"digest": DIGEST}, exit_code=0)
        return self.done("update", 3).done("wait", 30)

    def deployed(self, **known: Any) -> Story:
        self.executing(**known).all_steps()
        release = Release(version="1.2.0", commit_sha=COMMIT, deployment_id=ID)
        return self.tell(e.DeploymentDeployed(release=release.to_json()))

    def verified(self, **known: Any) -> Story:
        self.deployed(**known).checked("running digest", "pass", "as pushed").checked("health check", "pass", "200")
        assert self.deployment.release is not None
        return self.tell(e.DeploymentVerified(release=self.deployment.release.to_json(), round=1))

    def failed(self, step: str, message: str, **known: Any) -> Story:
        return self.tell(self.deployment.fail(step, message, **known))

    def unhealthy(self, **known: Any) -> Story:
        """All steps done, and the health check fails."""
        self.deployed(**known).checked("running digest", "pass", "as pushed")
        self.checked("health check", "fail", "http status 500, expected 200", ms=30_000)
        return self.failed("health_check", "health check: http status 500, expected 200")

    def going_back(self, to: Release = OLD, *, automatic: bool = True, steps: tuple[Step, ...] = BACK) -> Story:
        way = plan(*steps, version=to.version)
        return self.tell(
            e.RollbackStarted(
                plan=way.to_json(),
                plan_digest=way.digest,
                to=to.to_json(),
                automatic=automatic,
                by="policy auto_rollback",
                reason="health_check failed",
            )
        )

    def rolled_back(self) -> Story:
        self.going_back().done("restore", 2, phase="rollback")
        self.checked("running digest", "pass", "as before", phase="rollback_verify", number=2)
        return self.tell(e.RolledBack(release=OLD.to_json(), round=2))

    def rollback_failed(self) -> Story:
        self.going_back().broke("restore", 1, "no such container", phase="rollback")
        return self.tell(e.RollbackFailed(step="restore", message="no such container", diagnostics=["web: exited (1)"]))

    def simulated(self, *, success: bool = True, **known: Any) -> Story:
        self.prepared(**known).checked("docker engine", "pass", "answers", phase="preflight", ms=40)
        if not success:
            self.checked("registry login", "fail", "denied: log in with docker login", phase="preflight")
        return self.tell(e.DeploymentSimulated(success=success), after_s=1)


def dry_run(**known: Any) -> Story:
    return Story(mode="dry_run").simulated(**known)


def report(story: Story, **known: Any) -> DeploymentResult:
    return deployment_result(story.deployment, **({"history_path": HISTORY, "deploy_url": ""} | known))


def statuses(steps: tuple[StepResult, ...]) -> list[str]:
    return [step.status for step in steps]
