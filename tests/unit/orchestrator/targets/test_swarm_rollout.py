"""How a rollout is waited for: what each look asks, how often, and what ends it. The clock and the client are the test's."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from orchestrator.domain.plan import Release, Slot, Step
from orchestrator.targets.base import CommandResult, StepError, Unreachable
from orchestrator.targets.docker_engine import Engine
from orchestrator.targets.swarm_engine import Swarm, Task
from orchestrator.targets.swarm_rollout import Rollout
from orchestrator.targets.swarm_slot import Wanted
from tests.contract.harness import PlainStepRun, plain_tools

SLOT = Slot("shop", "staging", "web")
ROLLING = {
    "parallelism": 1,
    "delay_s": 0.0,
    "order": "stop-first",
    "monitor_s": 5.0,
    "max_failure_ratio": 0.0,
    "failure_action": "pause",
}
SERVICE = {
    "name": "shop", "replicas": 2, "ports": [], "networks": [], "alias": None, "env": {}, "mounts": [], "labels": {},
    "command": None, "entrypoint": None, "constraints": [], "endpoint_mode": "vip", "update": ROLLING, "rollback": ROLLING,
}  # fmt: skip
RELEASE = Release(version="1.0.0", detail={"image": "r/web", "image_ref": "r/web:1", "digest": "sha256:1", "service": SERVICE})
STEP = Step(
    name="wait", title="Waiting", kind="swarm.wait", inputs={"service": "shop", "release": RELEASE.to_json()}, timeout_s=600
)


@dataclass
class Clock:
    """Goes only when somebody waits."""

    at: float = 1000.0

    def now(self) -> str:
        return "2026-01-01T00:00:00.000000+00:00"

    def monotonic(self) -> float:
        return self.at

    def sleep(self, seconds: float) -> None:
        self.at += seconds


@dataclass
class FakeSwarm:
    """A docker client that knows one service. *state* and *tasks* say, at a time since the beginning, what is there.

    Each task is (ID, wanted, state, age, error); those whose ID begins with ``old`` are of another deployment.
    """

    state: Callable[[float], str]
    tasks: Callable[[float], Sequence[tuple[str, str, str, str, str]]]
    clock: Clock = field(default_factory=Clock)
    asked: list[tuple[float, str]] = field(default_factory=list)

    def __call__(self, argv: Sequence[str], **_: Any) -> CommandResult:
        elapsed = self.clock.at - 1000.0
        self.asked.append((elapsed, " ".join(argv[1:3])))
        return CommandResult(tuple(argv), 0, "\n".join(self._printed(argv, elapsed)), "", 1)

    def _printed(self, argv: Sequence[str], elapsed: float) -> list[str]:
        if argv[1:3] == ("service", "inspect"):
            wanted = Wanted.of(SLOT, STEP, "deploy-1", {})
            rolling = {"Monitor": 5_000_000_000, "MaxFailureRatio": 0}
            spec = {
                "Name": "shop",
                "Labels": wanted.labels,
                "TaskTemplate": {"ContainerSpec": {"Image": wanted.reference}},
                "Mode": {"Replicated": {"Replicas": 2}},
                "UpdateConfig": rolling,
            }
            state = self.state(elapsed)
            return [
                json.dumps({"ID": "s", "Spec": spec, "UpdateStatus": {"State": state, "Message": "said so"} if state else None})
            ]
        if argv[1:3] == ("service", "ps"):
            return [
                "\t".join((task, f"shop.{number}", "node", wanted, f"{state} {age} ago", "", error))
                for number, (task, wanted, state, age, error) in enumerate(self.tasks(elapsed), 1)
            ]
        if argv[1:3] == ("inspect", "--type=task"):
            return [f"{task} {'deploy-0' if task.startswith('old') else 'deploy-1'}" for task in argv[argv.index("--") + 1 :]]
        return ["the last line"] if "logs" in argv else []

    def most_in_a_minute(self) -> int:
        times = [time for time, _ in self.asked]
        return max(sum(start <= time < start + 60 for time in times) for start in times)


def wait(fake: FakeSwarm, tmp_path: Path, timeout_s: float = 600) -> tuple[str, float]:
    """The message, and when it came."""
    tools = replace(plain_tools(tmp_path, SLOT), query=fake, clock=fake.clock)
    rollout = Rollout(tools, Swarm(Engine(fake, tmp_path), fake.clock))
    run = PlainStepRun("deploy-1", STEP, {}, tmp_path, tmp_path)
    run.remaining_s = lambda: timeout_s - (fake.clock.at - 1000.0)  # type: ignore[method-assign]
    try:
        return rollout.wait(STEP, run).message, fake.clock.at - 1000.0
    except StepError as error:
        return str(error), fake.clock.at - 1000.0


def running(age: str = "1 second") -> list[tuple[str, str, str, str, str]]:
    return [(f"t{number}", "Running", "Running", age, "") for number in range(2)]


def test_a_new_service_has_to_stand_its_time(tmp_path: Path) -> None:
    fake = FakeSwarm(lambda _: "", lambda at: running(f"{int(at)} seconds"))

    message, at = wait(fake, tmp_path)

    assert message == "2 replicas of shop run"
    assert 5 <= at <= 6


def test_an_update_ends_when_swarm_says_so(tmp_path: Path) -> None:
    fake = FakeSwarm(lambda at: "updating" if at < 20 else "completed", lambda _: running())

    message, at = wait(fake, tmp_path)

    assert message == "2 replicas of shop run"
    assert 20 <= at <= 22.2


@pytest.mark.parametrize("state", ["", "updating"], ids=["first", "update"])
def test_asks_at_most_sixty_times_in_any_minute(tmp_path: Path, state: str) -> None:
    def tasks(at: float) -> list[tuple[str, str, str, str, str]]:
        return [(f"t{int(at)}", "Running", "Starting", "1 second", ""), ("t", "Running", "Running", "1 second", "")]

    fake = FakeSwarm(lambda _: state, tasks)

    message, at = wait(fake, tmp_path, timeout_s=200)

    assert message.startswith("Not rolled out before the step's deadline (timeout_s): ")
    assert at >= 190
    assert 30 <= fake.most_in_a_minute() <= 60


def test_a_pause_ends_it_with_what_the_tasks_say(tmp_path: Path) -> None:
    tasks = [("t1", "Shutdown", "Failed", "1 second", "task: non-zero exit (3)"), *running()]
    fake = FakeSwarm(lambda at: "updating" if at < 3 else "paused", lambda _: tasks)

    message, at = wait(fake, tmp_path)

    assert message.splitlines() == [
        "Swarm has stopped the update of shop: said so.",
        "shop.1 on node, failed: task: non-zero exit (3)",
        "the last line",
    ]
    assert at <= 4


@pytest.mark.parametrize("state", ["rollback_started", "rollback_paused", "rollback_completed"])
def test_swarm_going_back_by_itself_is_a_failure(tmp_path: Path, state: str) -> None:
    message, _ = wait(FakeSwarm(lambda _: state, lambda _: running()), tmp_path)

    assert "by itself" in message or "its way back" in message


@pytest.mark.parametrize("state", ["", "updating"], ids=["first", "update"])
def test_a_task_without_a_place_ends_it_soon(tmp_path: Path, state: str) -> None:
    unplaced = ("t1", "Running", "Pending", "3 seconds", '"no suitable node"')
    fake = FakeSwarm(lambda _: state, lambda _: [unplaced])

    message, at = wait(fake, tmp_path)

    assert message.startswith("Swarm finds no place for 1 of the replicas of shop.\nshop.1 on node, pending: no suitable node")
    assert at <= 20


def test_a_task_that_waits_for_its_predecessor_has_a_place(tmp_path: Path) -> None:
    before, place = ("old", "Shutdown", "Running", "9 seconds", ""), ("t1", "Ready", "Pending", "9 seconds", "port in use")
    fake = FakeSwarm(lambda at: "updating" if at < 40 else "completed", lambda at: [place, before] if at < 30 else running())

    message, _ = wait(fake, tmp_path)

    assert message == "2 replicas of shop run"


def test_tasks_of_the_deployment_before_do_not_count(tmp_path: Path) -> None:
    """Right after the change Swarm has not begun yet, and all tasks are the old ones."""
    old = [(f"old{number}", "Running", "Running", "9 minutes", "") for number in range(2)]
    fake = FakeSwarm(lambda at: "" if at < 4 else "completed", lambda at: old if at < 3 else running())

    _, at = wait(fake, tmp_path)

    assert at >= 4


def test_a_service_that_ends_well_has_failed(tmp_path: Path) -> None:
    tasks = [("t1", "Shutdown", "Complete", "1 second", ""), *running()]

    message, at = wait(FakeSwarm(lambda _: "", lambda _: tasks), tmp_path)

    assert message.startswith("1 of the replicas of shop failed.\nshop.1 on node, complete: ended with exit code 0")
    assert at <= 2


# Reading


def test_a_line_that_lost_its_beginning_is_no_task() -> None:
    assert Task.from_line("Running\t\t") is None


def test_the_ports_of_both_kinds_of_addresses_are_kept_apart() -> None:
    line = "id\tshop.1\tnode\tRunning\tRunning 5 minutes ago\t*:33071->8080/tcp,*:33066->8080/tcp,*:9->53/udp\t"

    task = Task.from_line(line)

    assert task is not None
    assert (task.service, task.ports, task.since_s, task.serving) == ("shop", {8080: (33071, 33066)}, float("inf"), True)


def test_an_engine_without_a_swarm_cannot_be_asked(tmp_path: Path) -> None:
    def no_swarm(argv: Sequence[str], **_: Any) -> CommandResult:
        return CommandResult(
            tuple(argv), 1, "", 'Error response from daemon: This node is not a swarm manager. Use "docker swarm init"', 1
        )

    with pytest.raises(Unreachable, match="docker swarm init"):
        Swarm(Engine(no_swarm, tmp_path), Clock()).service("shop")
