"""The ``config`` of a swarm target in deploy.json, as values that are known to be harmless in an argument list.

``swarm.py`` shows these classes to the rest of the program. Ports and mounts are read by `swarm_ports`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import ClassVar, Literal

from orchestrator.domain.settings import Value
from orchestrator.targets.canary_config import Canary
from orchestrator.targets.image_config import NAME, ImageConfig, expect, expect_path, expect_variables
from orchestrator.targets.swarm_ports import parse_mount, parse_port

PREFIX = "pop-deploy."
"""Of the labels that are ours."""
CANARY_SUFFIX = "-canary"

_COUNT = {"minimum": 0, "maximum": 10_000}
_SHARE = {"minimum": 0, "maximum": 1}
# The longest name that Swarm takes has 63 characters; the canary's is longer than that of its service.
_SERVICE = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_-]{0,54}[A-Za-z0-9])?")
_ALIAS = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?")
_LABEL = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_./-]*[A-Za-z0-9])?")
_CONSTRAINT = re.compile(r"(?:node|engine)\.[A-Za-z0-9_.-]+\s*[=!]=\s*[^\s=!][^\n\0]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class RollingUpdate:
    """How Swarm replaces replicas.

    Attributes:
        parallelism: So many at once; 0 for all.
        delay_s: Between one batch and the next.
        order: Whether a replica's successor starts before it stops.
        monitor_s: So long a replica that has started can still fail the update. A new service must run that long, too.
        max_failure_ratio: Share of the replicas that may fail.
    """

    parallelism: int = field(default=1, metadata=_COUNT)
    delay_s: float = 0.0
    order: Literal["start-first", "stop-first"] = "stop-first"
    monitor_s: float = 5.0
    max_failure_ratio: float = field(default=0.0, metadata=_SHARE)


@dataclass(frozen=True, slots=True, kw_only=True)
class StackConfig:
    """A stack in which one service runs the release; the others are the project's own business.

    Attributes:
        file: Path of the stack's file, relative to the project.
        service: Gets our image, pinned by digest, whatever the file says.
        name: Of the stack; the project's name when None.
    """

    file: str
    service: str
    name: str | None = None

    def __post_init__(self) -> None:
        expect_path("file", self.file)
        expect("service", self.service, NAME, "the name of a service in the stack's file")
        if self.name is not None:
            expect("name", self.name, _SERVICE, "letters, digits, dashes and underscores, like shop")


@dataclass(frozen=True, slots=True, kw_only=True)
class SwarmConfig(ImageConfig):
    """What a swarm target builds, where it pushes, and the service that runs it.

    Attributes:
        service: Name of the service; the canary's is ``SERVICE-canary``.
        ports: ``8080:80`` is published by the whole swarm, ``mode=host,target=80,published=8080`` by each replica's own node;
            without ``published`` Swarm chooses one.
        networks: Names of overlay networks that exist.
        alias: Name in `networks` under which both sides of a canary answer; the service's own when None.
        env: Variables of the replicas. A secret's value reaches Swarm through the environment of the docker client; whoever may
            inspect the service can read it.
        mounts: ``SOURCE:TARGET[:ro]`` with a volume or an absolute path, or as for ``docker service create --mount``.
        labels: Of the service.
        command: Instead of the image's own; an argument list.
        entrypoint: As `command`.
        constraints: As for ``docker service create --constraint``.
        endpoint_mode: ``vip``, or ``dnsrr`` where there is a canary: only then each replica has its share of the requests.
        update: Failed updates are always left as they are, for us to go back.
        rollback: How the way back replaces replicas; as `update` when None.
        stack: A service of a stack's file instead of all from `service` to `rollback`.
    """

    INPUT_PATHS: ClassVar[tuple[str, ...]] = ("build_context", "dockerfile", "stack.file")

    service: str | None = None
    replicas: int = field(default=1, metadata=_COUNT)
    ports: tuple[str, ...] = ()
    networks: tuple[str, ...] = ()
    alias: str | None = None
    env: dict[str, Value] = field(default_factory=dict)
    mounts: tuple[str, ...] = ()
    labels: dict[str, str] = field(default_factory=dict)
    command: tuple[str, ...] | None = None
    entrypoint: tuple[str, ...] | None = None
    constraints: tuple[str, ...] = ()
    endpoint_mode: Literal["vip", "dnsrr"] | None = None
    update: RollingUpdate = field(default_factory=RollingUpdate)
    rollback: RollingUpdate | None = None
    stack: StackConfig | None = None
    canary: Canary | None = None

    def __post_init__(self) -> None:
        ImageConfig.__post_init__(self)  # a class with slots is made twice: super() without arguments would not find it
        if (self.service is None) == (self.stack is None):
            raise ValueError("expected one of service and stack: the name of a service, or a service of a stack's file")
        if self.service is not None:
            expect("service", self.service, _SERVICE, "at most 56 letters, digits, dashes and underscores, like shop-web")
        if self.stack is not None and self.canary is not None:
            raise ValueError("canary: a service of a stack's file has none; name a service instead of the stack")
        if self.alias is not None:
            expect("alias", self.alias, _ALIAS, "a name in the networks, like shop")
        self._check_place()
        self._check_endpoint()

    def _check_place(self) -> None:
        for network in self.networks:
            expect("networks", network, NAME, "the name of a network")
        for mount in self.mounts:
            parse_mount(mount)
        expect_variables("env", self.env)
        for name, value in self.labels.items():
            expect("labels", name, _LABEL, "the name of a label")
            if name.startswith(PREFIX) or "\0" in value:
                raise ValueError(f"labels: {name} cannot be set: what begins with {PREFIX} is ours, and a value has no NUL")
        for constraint in self.constraints:
            expect("constraints", constraint, _CONSTRAINT, "a constraint like node.role == worker")

    def _check_endpoint(self) -> None:
        ports = [parse_port(port) for port in self.ports]
        places = [(port.target, port.protocol, port.mode) for port in ports]
        if len(set(places)) < len(places):
            raise ValueError("ports: a port of the container can be published once in each mode")
        if self.mode == "dnsrr" and any(port.mode == "ingress" for port in ports):
            raise ValueError(
                "ports: without a virtual address (endpoint_mode dnsrr, and every canary) a port is published in host mode only, "
                "like mode=host,target=80,published=8080"
            )
        if self.canary is not None and self.mode != "dnsrr":
            raise ValueError("endpoint_mode: a canary needs dnsrr: behind one virtual address both sides would have equal shares")

    @property
    def mode(self) -> str:
        """`endpoint_mode`, or what stands for None."""
        return self.endpoint_mode or ("dnsrr" if self.canary is not None else "vip")
