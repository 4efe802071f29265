"""Questions to the Docker engine and, through its client, to registries. Nothing here changes anything.

`Engine` turns the client's answers into values: `Container`, image IDs, digests. It knows nothing of slots or deployments. An
engine that does not answer is `Unreachable`, wherever that is found out.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, NamedTuple

from orchestrator.targets import docker_cli as cli
from orchestrator.targets.base import CommandResult, Query, QueryTimeout, Unreachable
from orchestrator.targets.docker_errors import engine_is_down, explain
from orchestrator.targets.docker_ports import HostPort

_NEVER = "0001-01-01"
_MISSING = re.compile(r"[Nn]o such (?:container|object|image)")


class Container(NamedTuple):
    """What ``docker container inspect`` says of one container.

    Attributes:
        image: The reference it was created from, for example ``registry/shop/web@sha256:...``.
        status: created, running, paused, restarting, removing, exited or dead.
        started: True once it has run, whatever became of it.
        started_at: When it was last started by the engine's clock, ISO 8601.
        restarts: How often its restart policy has started it again since the last start by hand.
        health: starting, healthy or unhealthy; None without a HEALTHCHECK.
        problem: Why Docker could not start it, or "".
    """

    id: str
    name: str
    image: str
    labels: Mapping[str, str]
    status: str
    started: bool
    started_at: str
    exit_code: int
    out_of_memory: bool
    problem: str
    restarts: int
    health: str | None
    restart_policy: str
    ports: tuple[HostPort, ...]

    @property
    def running(self) -> bool:
        """At work, or in its restart policy's hands; True also while paused."""
        return self.status in ("running", "restarting", "paused")

    @property
    def short_id(self) -> str:
        return self.id[:12]

    @classmethod
    def from_facts(cls, facts: Mapping[str, Any]) -> Container:
        """From one line of `docker_cli.inspect_containers`."""
        policy = facts["RestartPolicy"] or {}
        retries = policy.get("MaximumRetryCount") or 0
        return cls(
            id=facts["Id"],
            name=facts["Name"].removeprefix("/"),
            image=facts["Image"],
            labels=facts["Labels"] or {},
            status=facts["Status"],
            started=not facts["StartedAt"].startswith(_NEVER),
            started_at=facts["StartedAt"],
            exit_code=facts["ExitCode"],
            out_of_memory=facts["OOMKilled"],
            problem=facts["Error"],
            restarts=facts["RestartCount"],
            # "none" is what a HEALTHCHECK switched off says.
            health=facts["Health"] if facts["Health"] != "none" else None,
            restart_policy=(policy.get("Name") or "no") + (f":{retries}" if retries else ""),
            ports=_host_ports(facts["PortBindings"] or {}),
        )


class Presence(StrEnum):
    """Whether a registry has what was asked for. DENIED: it knows who asks, and refuses; or it hides that there is nothing."""

    THERE = "there"
    MISSING = "missing"
    DENIED = "denied"
    NO_ANSWER = "no answer"


class RegistryAnswer(NamedTuple):
    """*problem* says why nobody knows, with the real output; "" when it is THERE or MISSING."""

    presence: Presence
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Engine:
    """The docker client, for reading only. Every call may raise `Unreachable` and `ToolMissing`."""

    query: Query
    project_dir: Path

    def ask(self, argv: Sequence[str], *, timeout_s: float = 30.0) -> CommandResult:
        """Run the read-only *argv* to its end, whatever its exit code.

        Raises:
            Unreachable: No engine answered, or not in *timeout_s*.
        """
        try:
            result = self.query(argv, timeout_s=timeout_s, cwd=self.project_dir)
        except QueryTimeout as error:
            raise Unreachable(
                f"Docker did not answer {' '.join(argv[:3])} in {timeout_s:g} s. Look at the engine's log"
            ) from error
        if not result.ok and engine_is_down(result.stderr):
            raise Unreachable(explain(argv, result.stderr))
        return result

    def answer(self, argv: Sequence[str]) -> str:
        """What the read-only *argv* prints of what exists; that something does not exist is an answer, too.

        Raises:
            Unreachable: It failed in any other way.
        """
        result = self.ask(argv)
        if not result.ok and not all(_MISSING.search(line) for line in result.stderr.splitlines() if line.strip()):
            raise Unreachable(explain(argv, result.stderr))
        return result.stdout

    def server(self) -> Mapping[str, Any]:
        """The engine's half of ``docker version``: Version, Os, Arch and more."""
        result = self.ask(cli.VERSION)
        server = _object(result.stdout).get("Server")
        if not isinstance(server, dict):
            raise Unreachable(explain(cli.VERSION, result.stderr))
        return server

    def containers(self, labels: Mapping[str, str], *, named: str | None = None) -> list[Container]:
        """All containers that have every one of *labels*, and the one called *named*, sorted by name."""
        wanted = self.answer(cli.list_containers(labels)).split()
        wanted += [named] if named else []
        found = {container.id: container for container in self.inspect(wanted)}
        # Docker also takes a name for the beginning of an ID.
        mine = [one for one in found.values() if one.name == named or labels.items() <= one.labels.items()]
        return sorted(mine, key=lambda container: container.name)

    def running(self, labels: Mapping[str, str], *, besides: Iterable[Container]) -> list[Container]:
        """The running containers that have every one of *labels* and are none of *besides*."""
        known = {container.id for container in besides}
        found = self.inspect(one for one in self.answer(cli.list_containers(labels, running=True)).split() if one not in known)
        return [container for container in found if container.running]

    def inspect(self, names: Iterable[str]) -> list[Container]:
        """Those of *names* (or IDs) that exist."""
        wanted = tuple(names)
        if not wanted:
            return []
        return [Container.from_facts(facts) for facts in _lines(self.answer(cli.inspect_containers(wanted)))]

    def last_health_output(self, container: str) -> str:
        """What the last health check of *container* printed."""
        printed = [json.loads(line) for line in self.answer(cli.health_output(container)).splitlines() if line.strip()]
        return str(printed[-1]).strip() if printed else ""

    def logs(self, container: str, lines: int) -> list[str]:
        result = self.ask(cli.logs(container, lines))
        return [*result.stdout.splitlines(), *result.stderr.splitlines()][-lines:]

    def images(self, references: Iterable[str]) -> list[Mapping[str, Any]]:
        """Id, RepoDigests, Os and Architecture of those of *references* that are in the engine, in their order."""
        return _lines(self.answer(cli.inspect_images(references)))

    def is_local(self) -> bool:
        """True when the engine runs on this machine, so that its ports and discs are ours."""
        return self.answer(cli.ENDPOINT).strip().startswith(("unix://", "npipe://"))

    def data_root(self) -> str:
        """Where the engine keeps images and containers, on its own machine."""
        return str(self._info().get("DockerRootDir") or "")

    def access(self, repository: str) -> RegistryAnswer:
        """Whether the registry lets us read *repository*: MISSING is the answer of one that does."""
        argv = cli.ask_access(repository)
        result = self.ask(argv)
        if re.search(r"manifest unknown|not found: |name unknown", result.stderr):
            return RegistryAnswer(Presence.MISSING)
        output = result.stdout + result.stderr
        denied = "denied" in output and not re.search(r"unauthorized|no basic auth", output)
        return RegistryAnswer(Presence.DENIED if denied else Presence.NO_ANSWER, explain(argv, output))

    def tag_answers(self, repository: str, tags: Iterable[str], digest: str) -> dict[str, RegistryAnswer]:
        """For each of *tags* whether it is *digest* in the registry.

        The client cannot print the digest of a manifest list, so manifests are compared: what the tag leads to and what the
        digest leads to.
        """
        insecure = self.insecure(repository)
        wanted = self.ask(cli.inspect_manifest(f"{repository}@{digest}", insecure=insecure))
        if not wanted.ok:
            # "no such manifest" is also what the client says when the registry refuses its password.
            return dict.fromkeys(tags, self.access(repository))
        return {tag: self._tag_answer(f"{repository}:{tag}", wanted.stdout, insecure=insecure) for tag in tags}

    def _tag_answer(self, reference: str, manifest: str, *, insecure: bool) -> RegistryAnswer:
        found = self.ask(cli.inspect_manifest(reference, insecure=insecure))
        return RegistryAnswer(Presence.THERE if found.ok and found.stdout == manifest else Presence.MISSING)

    def insecure(self, repository: str) -> bool:
        """Whether the engine itself would talk to the registry without TLS or without checking it.

        The client's manifest commands go to the registry on their own and must be told.
        """
        host = repository.partition("/")[0]
        config = self._info().get("RegistryConfig") or {}
        known = (config.get("IndexConfigs") or {}).get(host)
        if known is not None:
            return not known.get("Secure", True)
        return _in_networks(host, config.get("InsecureRegistryCIDRs") or ())

    def _info(self) -> Mapping[str, Any]:
        return _object(self.answer(cli.INFO))


def _in_networks(host: str, networks: Iterable[str]) -> bool:
    """Whether *host*, as far as it is an address, lies in one of *networks*."""
    import ipaddress  # few ask

    name = host.rpartition(":")[0] if ":" in host else host
    try:
        address = ipaddress.ip_address("127.0.0.1" if name == "localhost" else name)
    except ValueError:
        return False
    return any(address in ipaddress.ip_network(network) for network in networks)


def _host_ports(bindings: Mapping[str, Any]) -> tuple[HostPort, ...]:
    found = []
    for inside, hosts in bindings.items():
        for host in hosts or ():
            if host.get("HostPort"):
                first = int(host["HostPort"].partition("-")[0])
                found.append(HostPort(host.get("HostIp") or "", first, inside.partition("/")[2] or "tcp"))
    return tuple(found)


def _lines(text: str) -> list[Mapping[str, Any]]:
    """The objects that an inspect command printed, one for each thing that exists, whatever its exit code."""
    return [json.loads(line) for line in text.splitlines() if line.startswith("{")]


def _object(text: str) -> Mapping[str, Any]:
    try:
        found = json.loads(text) if text.strip() else {}
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
