"""Questions to a swarm through the docker client. Nothing here changes anything.

`Swarm` turns the client's answers into values: `Service`, `Task`. It knows nothing of slots or deployments. An engine that does
not answer, and one that is no manager of a swarm, is `Unreachable`.
"""

from __future__ import annotations

import json
import re
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from orchestrator.domain.errors import PopDeployError
from orchestrator.targets import swarm_cli as cli
from orchestrator.targets.base import Clock, CommandResult, Unreachable
from orchestrator.targets.docker_engine import Engine
from orchestrator.targets.docker_errors import tail
from orchestrator.targets.swarm_spec import Shape, attachments, live_shape, replicas_of

MOST_CALLS = 57
"""In a minute of waiting, with one look more than that possible: never above 60."""
LOGS_S = 10.0

_MINUTE_S = 60.0
_MISSING = re.compile(r"no such \w+:|daemon: \w+ \S+ not found", re.IGNORECASE)
_NO_SWARM = re.compile(r"This node is not (?:a swarm manager|part of a swarm)|node is not a swarm manager", re.IGNORECASE)
_SECONDS = re.compile(r"(?P<few>less than a second)|(?P<seconds>\d+) seconds?")
_PORT = re.compile(r":(?P<published>\d+)->(?P<target>\d+)/tcp")


@dataclass(frozen=True, slots=True)
class Service:
    """What ``docker service inspect`` says of one service. *update_state* is "" while there is no update, or it has not begun."""

    id: str
    spec: Mapping[str, Any]
    update_state: str = ""
    update_message: str = ""

    @property
    def name(self) -> str:
        return str(self.spec["Name"])

    @property
    def labels(self) -> Mapping[str, str]:
        return self.spec.get("Labels") or {}

    @property
    def image(self) -> str:
        """The reference that its tasks are made of."""
        return str(((self.spec.get("TaskTemplate") or {}).get("ContainerSpec") or {}).get("Image") or "")

    @property
    def replicas(self) -> int | None:
        """None for one task on every node."""
        return replicas_of(self.spec)

    @classmethod
    def from_facts(cls, facts: Mapping[str, Any]) -> Service:
        """From one line of `swarm_cli.inspect_services`."""
        update = facts.get("UpdateStatus") or {}
        return cls(facts["ID"], facts["Spec"], update.get("State") or "", update.get("Message") or "")


@dataclass(frozen=True, slots=True)
class Task:
    """What ``docker service ps`` says of one task.

    Attributes:
        service: Name of its service.
        wanted: What Swarm wants of it: running, ready, shutdown, ...
        state: What it is: new, pending, preparing, starting, running, complete, failed, rejected, shutdown, ...
        since_s: For how long it has been that, at most a minute by this text: inf.
        ports: Port of the container to those of the node, for those in host mode. Where Swarm chooses, there are two: of the
            node's IPv4 addresses, then of its IPv6 addresses.
    """

    id: str
    name: str
    service: str
    node: str
    wanted: str
    state: str
    since_s: float
    ports: Mapping[int, tuple[int, ...]]
    error: str

    @property
    def serving(self) -> bool:
        return self.wanted == "running" and self.state == "running"

    @property
    def coming(self) -> bool:
        """Swarm wants it to run, now or as soon as the one before it is gone."""
        return self.wanted in ("running", "ready")

    @property
    def failed(self) -> bool:
        """Ended by itself: also with success, which no service does."""
        return self.state in ("failed", "rejected", "complete")

    @property
    def leaving(self) -> bool:
        return self.wanted == "shutdown" and self.state in ("running", "starting")

    @classmethod
    def from_line(cls, line: str) -> Task | None:
        """From one line of `swarm_cli.list_tasks`; None for what is none (a long output has lost its beginning)."""
        parts = line.split("\t")
        if len(parts) != 7:
            return None
        task_id, name, node, wanted, current, ports, error = parts
        state, _, age = current.partition(" ")
        known = _SECONDS.match(age)
        published: dict[int, tuple[int, ...]] = {}
        for match in _PORT.finditer(ports):
            published[int(match["target"])] = (*published.get(int(match["target"]), ()), int(match["published"]))
        return cls(
            id=task_id,
            name=name,
            service=name.rpartition(".")[0],
            node=node,
            wanted=wanted.lower(),
            state=state.lower(),
            since_s=float(known["seconds"] or 0) if known is not None else float("inf"),
            ports=published,
            error=error.strip().strip('"'),
        )


class Swarm:
    """The docker client as one that manages a swarm, for reading only. Every call may raise `Unreachable` and `ToolMissing`."""

    def __init__(self, engine: Engine, clock: Clock) -> None:
        self._engine = engine
        self._clock = clock
        self._calls: deque[float] = deque(maxlen=MOST_CALLS)
        self._addresses: dict[str, str] = {}
        self._makers: dict[str, str] = {}

    def node(self) -> Mapping[str, Any]:
        """What the engine says of its place in a swarm: LocalNodeState, ControlAvailable, NodeID and more."""
        return dict(json.loads(self._answer(cli.NODE) or "null") or {})

    def nodes(self) -> list[Mapping[str, Any]]:
        """Hostname, Status and Availability of every node."""
        return [json.loads(line) for line in self._answer(cli.NODES).splitlines() if line.startswith("{")]

    def service(self, name: str) -> Service | None:
        return next((one for one in self.services([name]) if one.name == name), None)

    def services(self, names: Iterable[str]) -> list[Service]:
        """Those of *names* that exist."""
        wanted = tuple(names)
        if not wanted:
            return []
        printed = self._answer(cli.inspect_services(wanted)).splitlines()
        return [Service.from_facts(json.loads(line)) for line in printed if line.startswith("{")]

    def labelled(self, labels: Mapping[str, str]) -> list[Service]:
        """All services that have every one of *labels*, sorted by name."""
        found = self.services(self._answer(cli.list_services(labels)).split())
        return sorted((one for one in found if labels.items() <= one.labels.items()), key=lambda service: service.name)

    def stack(self, name: str) -> list[Service]:
        return self.services(self._answer(cli.list_stack(name)).split())

    def tasks(self, *services: str) -> list[Task]:
        """Those of all *services* that exist, the ended ones too."""
        lines = self._answer(cli.list_tasks(services)).splitlines()
        found = [task for task in map(Task.from_line, lines) if task is not None]
        return [task for task in found if task.service in services]

    def made_by(self, tasks: Sequence[Task], label: str) -> dict[str, str]:
        """Value of the container label *label* of each of *tasks*, by ID. It never changes, so each is asked for once."""
        unknown = [task.id for task in tasks if task.id not in self._makers]
        if unknown:
            lines = self._answer(cli.inspect_tasks(unknown, label)).splitlines()
            self._makers |= {task: maker for task, _, maker in (line.partition(" ") for line in lines)}
        return {task.id: self._makers.get(task.id, "") for task in tasks}

    def shape(self, service: Service) -> Shape:
        """*service* in the form in which it can be compared."""
        targets = [one["Target"] for one in attachments(service.spec)]
        return live_shape(service.spec, {one["ID"]: one["Name"] for one in self.networks(targets)})

    def networks(self, names: Iterable[str]) -> list[Mapping[str, Any]]:
        """ID, Name, Scope and Driver of those of *names* (or IDs) that exist."""
        wanted = tuple(names)
        if not wanted:
            return []
        printed = self._answer(cli.inspect_networks(wanted)).splitlines()
        return [json.loads(line) for line in printed if line.startswith("{")]

    def addresses(self, nodes: Iterable[str]) -> Mapping[str, str]:
        """Hostname of each of *nodes* to where it can be reached. Asked for once."""
        unknown = tuple({node for node in nodes if node not in self._addresses})
        if unknown:
            lines = self._answer(cli.inspect_nodes(unknown)).splitlines()
            self._addresses |= dict(_address(json.loads(line)) for line in lines if line.startswith("{"))
        return self._addresses

    def logs(self, name: str, lines: int) -> list[str]:
        """The last lines of a service or of one task; [] where nobody can be asked: it is told for help only."""
        try:
            result = self.ask(cli.logs(name, lines), timeout_s=LOGS_S)
        except PopDeployError:
            return []
        return [*result.stdout.splitlines(), *result.stderr.splitlines()][-lines:] if result.ok else []

    def health(self, task: Task) -> str:
        """Why *task* was taken for unhealthy, as a sentence; "" where it was not, or where its container is on another engine.

        A container that ends well when it is told to leaves no trace of that in its task.
        """
        try:
            found = self._engine.inspect([f"{task.name}.{task.id}"])
            if not found or found[0].health != "unhealthy":
                return ""
            said = self._engine.last_health_output(found[0].id)
        except PopDeployError:
            return ""
        return f"{task.name} was unhealthy" + (f": its health check said {said!r}" if said else "")

    def leftovers(self, name: str) -> list[str]:
        """IDs of a service's containers on this engine."""
        return self._answer(cli.service_containers(name)).split()

    def ask(self, argv: Sequence[str], *, timeout_s: float = 30.0) -> CommandResult:
        """Run the read-only *argv*, whatever its exit code. Raises `Unreachable`."""
        self._calls.append(self._clock.monotonic())
        result = self._engine.ask(argv, timeout_s=timeout_s)
        if not result.ok and _NO_SWARM.search(result.stderr):
            raise Unreachable(
                "The Docker engine that answers is no manager of a swarm. Point DOCKER_HOST or the docker context at one "
                f"(or begin a swarm: docker swarm init)\n{tail(result.stderr, 3)}"
            )
        return result

    def begin_waiting(self) -> None:
        """From now on questions are counted, for `until_next_call_s`."""
        self._calls.clear()

    def until_next_call_s(self) -> float:
        """Seconds until a question may be asked, when those of this minute are used up."""
        now = self._clock.monotonic()
        return max(0.0, self._calls[0] + _MINUTE_S - now) if len(self._calls) == MOST_CALLS else 0.0

    def _answer(self, argv: Sequence[str]) -> str:
        """What *argv* prints of what exists; that something does not exist is an answer, too."""
        result = self.ask(argv)
        problems = [line for line in result.stderr.splitlines() if line.strip()]
        if not result.ok and not all(_MISSING.search(line) for line in problems):
            raise Unreachable(f"{' '.join(argv[:3])} failed.\n{tail(result.stderr)}")
        return result.stdout


def _address(facts: Mapping[str, Any]) -> tuple[str, str]:
    manager = (facts.get("manager") or {}).get("Addr") or ""
    own = (facts.get("status") or {}).get("Addr") or ""
    # A manager says 0.0.0.0 of itself where it was not told an address.
    address = own if own not in ("", "0.0.0.0", "::") else manager.rpartition(":")[0]  # noqa: S104 - compared, not bound
    return str(facts["name"]), f"[{address}]" if ":" in address and not address.startswith("[") else address


def telling(tasks: Iterable[Task], most: int = 5) -> Iterator[str]:
    """What the failed and waiting ones of *tasks* say, each error once."""
    seen: dict[str, list[Task]] = {}
    for task in tasks:
        if task.error or task.failed:
            ended = "ended with exit code 0" if task.state == "complete" else task.state
            seen.setdefault(task.error or ended, []).append(task)
    for error, those in list(seen.items())[:most]:
        more = f" and {len(those) - 1} more" if len(those) > 1 else ""
        yield f"{those[0].name}{more} on {those[0].node or 'no node'}, {those[0].state}: {error}"
