"""Questions to a cluster, by its client. Nothing here changes anything, and nothing here knows of slots or deployments.

`Cluster` turns the client's answers into values: `Mark`, `Pod`, `Workload`. A cluster that does not answer is `Unreachable`,
wherever that is found out.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from orchestrator.targets import kubernetes_cli as cli
from orchestrator.targets.base import CommandResult, Query, QueryTimeout, Unreachable
from orchestrator.targets.kubernetes_errors import cluster_is_down, explain, summary
from orchestrator.targets.kubernetes_objects import Manifest, Name

CUT_BYTES = 60_000
"""Only the end of a longer answer may be there: see `targets.base.CommandResult`."""
_AT_ONCE = 40
_UNTOLD = frozenset({"Service", "Endpoints", "EndpointSlice"})
"""Kinds of which events say nothing about pods, and often that something was tried again."""
LOOKED_AT = ("pods", "replicasets.apps")


@dataclass(frozen=True, slots=True)
class Mark:
    """What an object says about who applied it; each "" when it does not say."""

    name: Name
    slot: str
    role: str
    deployment: str
    spec: str
    going: bool


@dataclass(frozen=True, slots=True)
class Container:
    """One container of a pod, as its node says. *waiting* and *ended* are reasons, or ""."""

    name: str
    restarts: int
    ready: bool
    waiting: str = ""
    message: str = ""
    ended: str = ""


@dataclass(frozen=True, slots=True)
class Pod:
    """Attributes:
    owner: Its ReplicaSet, StatefulSet, DaemonSet or Job.
    revision: Hash of the template that a StatefulSet or DaemonSet made it of.
    unschedulable: Why no node takes it, or "".
    """

    name: str
    owner: str
    going: bool
    role: str
    revision: str
    generation: str
    address: str
    ports: tuple[int, ...]
    ready: bool
    unschedulable: str
    containers: tuple[Container, ...]

    @property
    def restarts(self) -> int:
        return sum(one.restarts for one in self.containers)


@dataclass(frozen=True, slots=True)
class Workload:
    """Anything that has pods. *revision*: of a Deployment and of its ReplicaSets, the same number: the newest; of a DaemonSet,
    what its newest pods say as their generation."""

    kind: str
    name: str
    owner: str
    generation: int
    revision: str
    deployment: str
    spec: str
    replicas: int
    images: tuple[str, ...]
    status: Mapping[str, Any]

    def condition(self, kind: str) -> Mapping[str, Any]:
        found = (one for one in self.status.get("conditions") or () if one.get("type") == kind)
        return next(found, {})


@dataclass(frozen=True, slots=True)
class Look:
    """All pods and workloads of a slot at one moment."""

    pods: tuple[Pod, ...]
    workloads: tuple[Workload, ...]

    def find(self, kind: str, name: str) -> Workload | None:
        return next((one for one in self.workloads if (one.kind, one.name) == (kind, name)), None)

    def newest(self, workload: Workload) -> list[Pod]:
        """The pods that *workload* has made of its present template."""
        if workload.kind == "Deployment":
            made = (one for one in self.workloads if one.kind == "ReplicaSet" and one.owner == workload.name)
            owners = {one.name for one in made if one.revision == workload.revision}
            return [pod for pod in self.pods if pod.owner in owners and not pod.going]
        pods = [pod for pod in self.pods if pod.owner == workload.name and not pod.going]
        if workload.kind == "StatefulSet":
            return [pod for pod in pods if pod.revision == workload.status.get("updateRevision")]
        if workload.kind == "DaemonSet":
            return [pod for pod in pods if pod.generation == workload.revision]
        return pods


@dataclass(frozen=True, slots=True)
class Cluster:
    """The client, for reading only. Every call may raise `Unreachable` and `ToolMissing`."""

    query: Query
    project_dir: Path
    place: cli.Place

    def ask(self, argv: Sequence[str], *, timeout_s: float = 45.0) -> CommandResult:
        """Run the read-only *argv* to its end, whatever its exit code.

        Raises:
            Unreachable: No cluster answered, or not in *timeout_s*.
        """
        try:
            result = self.query(argv, timeout_s=timeout_s, cwd=self.project_dir)
        except QueryTimeout as error:
            raise Unreachable(f"The cluster of context {self.place.context} did not answer in {timeout_s:g} s") from error
        if not result.ok and cluster_is_down(result.stderr):
            raise Unreachable(explain(argv, result.stderr))
        return result

    def answer(self, argv: Sequence[str]) -> str:
        """What the read-only *argv* prints.

        Raises:
            Unreachable: It failed, whatever the reason: nobody knows the answer.
        """
        result = self.ask(argv)
        if not result.ok:
            raise Unreachable(explain(argv, result.stderr))
        return result.stdout

    def marks(self, names: Iterable[Name]) -> dict[Name, Mark]:
        """Those of *names* that exist. A kind that the cluster does not know (yet) has no objects."""
        found: dict[Name, Mark] = {}
        asked = sorted(set(names))
        for start in range(0, len(asked), _AT_ONCE):
            part = asked[start : start + _AT_ONCE]
            found |= {_same(mark.name, part): mark for mark in self._marks(part)}
        return found

    def labelled(self, kinds: Iterable[str], selector: str) -> list[Mark]:
        """All objects of *kinds* that have the labels."""
        return _marks(self.answer(cli.get_labelled(self.place, kinds, selector, cli.MARKS)))

    def release(self, name: Name, slot_label: str) -> tuple[bool, Mapping[str, str]] | None:
        """Whether the object has that slot's label, and what it says of its release; None where there is none."""
        lines = self.answer(cli.get(self.place, [name.resource], cli.RELEASE)).splitlines()
        if not lines:
            return None
        label, *values = lines[-1].split("\t")  # the second of two that are the same: a very long first one may be cut off
        return label == slot_label, {key: value for key, value in zip(cli.RELEASE_KEYS, values, strict=True) if value}

    def objects(self, names: Sequence[Name]) -> list[Manifest]:
        """Those of *names* that exist, whole."""
        return self._whole(names, lambda some: self.answer(cli.get(self.place, [one.resource for one in some], cli.OBJECTS)))

    def dry_applied(self, manifests: Sequence[Manifest]) -> list[Manifest]:
        """What the cluster would make of *manifests*. Raises Unreachable with its reason when it would not take one."""

        def ask(some: Sequence[Manifest]) -> str:
            with listed(some) as file:
                return self.answer(cli.dry_apply(self.place, file, force=True))

        return self._whole(manifests, ask)

    def dry_problems(self, manifests: Sequence[Manifest]) -> str:
        """What the cluster says against applying *manifests* without force; "" for nothing."""
        with listed(manifests) as file:
            argv = cli.dry_apply(self.place, file, force=False)
            result = self.ask(argv)
        return "" if result.ok else result.stderr

    def look(self, kinds: Iterable[str], slot_label: str) -> Look:
        """Pods, ReplicaSets and *kinds* of a slot: one call."""
        wanted = (*LOOKED_AT, *dict.fromkeys(kinds))
        return _look(self.answer(cli.get_labelled(self.place, wanted, f"pop-deploy/slot={slot_label}", cli.LOOK)))

    def events(self, names: Iterable[str], *, warnings: bool = True, most: int = 6) -> list[str]:
        """The last events about *names*, the newest last; none where they may not be read."""
        wanted, told = set(names), []
        for line in self.ask(cli.events(self.place)).stdout.splitlines():
            parts = line.split("\t", 3)
            if len(parts) < 4 or parts[0] in _UNTOLD:
                continue
            _, name, kind, said = parts
            if name in wanted and (kind == "Warning" or not warnings):
                told.append(f"{name}: {said.replace(chr(9), ': ')}")
        return list(dict.fromkeys(reversed(told)))[:most][::-1]

    def logs(self, pod: Pod, lines: int) -> list[str]:
        """The last lines of the container of *pod* that is not well, of its run before where it has none now."""
        container = next((one for one in pod.containers if not one.ready), None)
        if container is None or container.waiting.startswith(("ErrImage", "ImagePull", "InvalidImage", "CreateContainer")):
            return []
        ways = (True, False) if container.restarts else (False,)
        for previous in ways:
            argv = cli.logs(self.place, pod.name, container.name, lines, previous=previous)
            # A node that does not answer is not the whole cluster.
            result = self.query(argv, timeout_s=30, cwd=self.project_dir)
            # The node may have thrown the container away meanwhile, which kubectl prints as if it were the log.
            if result.ok and result.stdout.strip() and not result.stdout.startswith("unable to retrieve container logs"):
                return result.stdout.splitlines()[-lines:]
        return []

    def _marks(self, names: Sequence[Name]) -> list[Mark]:
        argv = cli.get(self.place, [name.resource for name in names], cli.MARKS)
        result = self.ask(argv)
        if result.ok:
            return _marks(result.stdout)
        if "the server doesn't have a resource type" not in result.stderr:
            raise Unreachable(explain(argv, result.stderr))
        # One unknown kind spoils the whole answer.
        return [mark for name in names for mark in self._marks([name])] if len(names) > 1 else []

    def _whole(self, items: Sequence[Any], ask: Any) -> list[Manifest]:
        """Objects, by as many calls as their size takes."""
        if not items:
            return []
        half = len(items) // 2
        if len(items) > _AT_ONCE:
            return self._whole(items[:half], ask) + self._whole(items[half:], ask)
        text = ask(items)
        if len(text) < CUT_BYTES:
            return _unlisted(text)
        if len(items) == 1:
            raise Unreachable("an object is too large to be compared")
        return self._whole(items[:half], ask) + self._whole(items[half:], ask)


@contextmanager
def listed(manifests: Sequence[Manifest]) -> Iterator[Path]:
    """A private file with *manifests* in it, for as long as it is asked about."""
    with tempfile.TemporaryDirectory(prefix="pop-deploy-") as directory:
        yield write_list(manifests, Path(directory) / "objects.json")


def write_list(manifests: Sequence[Manifest], file: Path) -> Path:
    file.write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": list(manifests)}), encoding="utf-8")
    return file


def why(argv: Sequence[str], result: CommandResult) -> str:
    return summary(argv, result.stderr)


def _same(name: Name, asked: Iterable[Name]) -> Name:
    """The cluster answers with the version that it prefers."""
    return next((one for one in asked if (one.kind, one.name) == (name.kind, name.name)), name)


def _marks(text: str) -> list[Mark]:
    found = []
    for line in dict.fromkeys(text.splitlines()):
        version, kind, name, slot, role, deployment, spec, going = line.split("\t")
        found.append(Mark(Name(version, kind, name), slot, role, deployment, spec, bool(going)))
    return found


def _unlisted(text: str) -> list[Manifest]:
    found: list[Manifest] = []
    for line in text.splitlines():
        one = json.loads(line)
        found += one["items"] if one["kind"] == "List" else [one]
    names = [(one["kind"], one["metadata"]["name"]) for one in found]
    return [one for index, one in enumerate(found) if names.index(names[index]) == index]


def _look(text: str) -> Look:
    lines = text.splitlines()
    if len(text) >= CUT_BYTES:
        lines = lines[1:]
    pods = tuple(_pod(line.split("\t")[1:]) for line in lines if line.startswith("P\t"))
    workloads = tuple(_workload(line.split("\t")[1:]) for line in lines if line.startswith("W\t"))
    return Look(pods, workloads)


def _pod(parts: Sequence[str]) -> Pod:
    name, owner, going, role, revision, generation, address, ports, ready, unschedulable, containers = parts
    return Pod(
        name=name,
        owner=owner,
        going=bool(going),
        role=role,
        revision=revision,
        generation=generation,
        address=address,
        ports=tuple(int(port) for port in ports.split()),
        ready=ready == "True",
        unschedulable=unschedulable,
        containers=tuple(_container(one) for one in containers.split("\x1e") if one),
    )


def _container(text: str) -> Container:
    name, restarts, ready, state, last = text.split("\x1f")
    now, before = json.loads(state or "{}"), json.loads(last or "{}")
    waiting, ended = now.get("waiting") or {}, now.get("terminated") or before.get("terminated") or {}
    how = f"{ended.get('reason', 'ended')}, exit code {ended.get('exitCode')}" if ended else ""
    return Container(
        name, int(restarts or 0), ready == "true", waiting.get("reason", ""), str(waiting.get("message", "")).strip(), how
    )


def _workload(parts: Sequence[str]) -> Workload:
    kind, name, owner, generation, revision, deployment, spec, replicas, images, status = parts
    return Workload(
        kind=kind,
        name=name,
        owner=owner,
        generation=int(generation or 0),
        revision=revision,
        deployment=deployment,
        spec=spec,
        replicas=int(replicas) if replicas else 1,
        images=tuple(images.split()),
        status=json.loads(status or "{}"),
    )
