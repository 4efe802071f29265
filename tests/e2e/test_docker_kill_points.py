"""Killed between any two effects of the update: what is found afterwards is finished, and nothing is done twice.

The kills here come after each command of the step; those of a real process at every recorded instant are in ``tests/crash``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from orchestrator.domain.plan import Step
from orchestrator.domain.settings import Value
from orchestrator.targets.base import Answer, CommandResult, StepRun
from orchestrator.targets.docker import DockerTarget
from tests.backends.docker import DockerBackend, docker
from tests.contract.harness import PlainStepRun
from tests.e2e.docker_world import DockerWorld, Outcomes

pytestmark = pytest.mark.docker


@pytest.fixture
def world(docker_backend: DockerBackend, docker_label: str, tmp_path: Path) -> DockerWorld:
    return DockerWorld(docker_backend, docker_label, tmp_path)


class Killed(BaseException):
    """Not an Exception: nothing may catch it, as nothing catches SIGKILL."""


@dataclass
class Mortal:
    """A `StepRun` that dies right after its *lives*-th command has had its effect."""

    run: PlainStepRun
    lives: int
    names: list[str] = field(default_factory=list)

    def __getattr__(self, name: str) -> object:
        return getattr(self.run, name)

    def command(
        self,
        argv: Sequence[str],
        *,
        name: str = "main",
        cwd: Path | None = None,
        env: Mapping[str, Value] | None = None,
        timeout_s: float | None = None,
        check: bool = True,
    ) -> CommandResult:
        result = self.run.command(argv, name=name, cwd=cwd, env=env, timeout_s=timeout_s, check=check)
        self.names.append(name)
        if len(self.names) == self.lives:
            raise Killed
        return result


Prepared = tuple[DockerTarget, Step, str, Outcomes]


def first_deployment(world: DockerWorld) -> Prepared:
    world.source("1.0.0")
    target = world.target()
    plan = world.plan(target, "1.0.0")
    return target, plan.step("update"), "deploy-1.0.0", world.apply(target, plan, "deploy-1.0.0", until="update")


def replacement(world: DockerWorld) -> Prepared:
    """An old container that restarts always, and one still older that is kept for nothing."""
    first, second = world.two_versions(run=world.run_spec(restart="always"))
    assert first.release.version == "1.0.0"
    world.source("1.2.0")
    target = world.target(run=world.run_spec(restart="always"))
    plan = world.plan(target, "1.2.0", second.release)
    return target, plan.step("update"), "deploy-1.2.0", world.apply(target, plan, "deploy-1.2.0", until="update")


def way_back(world: DockerWorld) -> Prepared:
    first, second = world.two_versions(run=world.run_spec(restart="always"))
    plan = second.target.rollback(second.plan, first.release)
    return second.target, plan.step("rollback_update"), second.deployment_id, {}


def way_back_without_a_kept_container(world: DockerWorld) -> Prepared:
    prepared = way_back(world)
    docker("rm", f"{world.label}-previous-deploy-1.0.0")
    return prepared


def adoption(world: DockerWorld) -> Prepared:
    world.source("1.0.0")
    docker("build", "--tag", f"{world.label}/foreign", str(world.project))
    docker("run", "--detach", "--name", world.label, "--publish", f"127.0.0.1:{world.port}:8080", f"{world.label}/foreign")
    target = world.target(adopt=True)
    plan = world.plan(target, "1.0.0")
    return target, plan.step("update"), "deploy-1.0.0", world.apply(target, plan, "deploy-1.0.0", until="update")


@pytest.mark.parametrize(
    ("prepare", "serves", "kept"),
    [
        (first_deployment, "1.0.0", []),
        (replacement, "1.2.0", ["previous-deploy-1.1.0"]),
        (way_back, "1.0.0", []),
        (way_back_without_a_kept_container, "1.0.0", []),
        (adoption, "1.0.0", ["previous-"]),
    ],
)
def test_an_update_killed_after_any_effect_is_finished_once(
    world: DockerWorld, prepare: Callable[[DockerWorld], Prepared], serves: str, kept: list[str]
) -> None:
    killed = 0
    while True:
        target, step, deployment_id, outcomes = prepare(world)
        mortal = Mortal(world.step_run(step, deployment_id, outcomes), lives=killed + 1)
        try:
            target.apply(step, as_run(mortal))
            break
        except Killed:
            killed += 1

        done = list(mortal.names)
        observation = target.probe(step, deployment_id, outcomes)
        if observation.answer is Answer.NOT_DONE:
            resumed = Mortal(world.step_run(step, deployment_id, outcomes, attempt=2), lives=0)
            data = target.apply(step, as_run(resumed)).data
            done += resumed.names
            observation = target.probe(step, deployment_id, outcomes)
            assert dict(observation.data) == dict(data)

        assert observation.answer is Answer.DONE, (mortal.names, observation)
        assert len(done) == len(set(done)), done
        assert world.served() == serves, done
        check_left(world, kept, done)
        world.backend.forget(world.label)

    assert killed == len(mortal.names) >= 1
    check_left(world, kept, mortal.names)


def check_left(world: DockerWorld, kept: list[str], done: list[str]) -> None:
    """One container serves, and besides it there is what is kept, stopped."""
    found = world.containers()

    assert found.pop(world.label) == "running", done
    assert len(found) == len(kept), (found, done)
    for name, expected in zip(sorted(found), kept, strict=True):
        assert name.startswith(f"{world.label}-{expected}"), (found, done)
        assert found[name] == "exited"
        assert world.inspect(name, ".HostConfig.RestartPolicy.Name") == "no"


def as_run(mortal: Mortal) -> StepRun:
    return mortal  # type: ignore[return-value]
