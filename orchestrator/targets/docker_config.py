"""The ``config`` of a docker target in deploy.json, as values that are known to be harmless in an argument list.

``docker.py`` shows these classes to the rest of the program.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import ClassVar

from orchestrator.domain.settings import Value
from orchestrator.targets.docker_ports import parse_ports
from orchestrator.targets.image_config import NAME, ImageConfig, expect, expect_path, expect_variables

DEFAULT_STABLE_S = 1.0

_NETWORK = re.compile(r"(?:container:)?[A-Za-z0-9][A-Za-z0-9_.-]*")
_RESTART = re.compile(r"no|always|unless-stopped|on-failure(?::\d{1,4})?")
_PROJECT = re.compile(r"[a-z0-9][a-z0-9_-]*")
_VOLUME = re.compile(r"[^:\0-][^:\0]*(?::[^:\0]+){0,2}")


@dataclass(frozen=True, slots=True, kw_only=True)
class DockerRun:
    """One container that serves the release.

    Attributes:
        name: Of the container; the one before it is kept, stopped, as ``NAME-previous-DEPLOYMENT``.
        ports: As for ``docker run --publish``.
        env: Variables of the container. A secret's value is only ever in the environment of the docker client.
        volumes: As for ``docker run --volume``; a source that begins with ``.`` is relative to the project.
        restart: Restart policy; None for Docker's own default.
        command: Instead of the image's own; an argument list.
        stable_s: How long the container must have been running to count as rolled out, if its image has no HEALTHCHECK.
    """

    name: str
    ports: tuple[str, ...] = ()
    env: dict[str, Value] = field(default_factory=dict)
    volumes: tuple[str, ...] = ()
    network: str | None = None
    restart: str | None = None
    command: tuple[str, ...] | None = None
    stable_s: float = DEFAULT_STABLE_S

    def __post_init__(self) -> None:
        expect("name", self.name, NAME, "letters, digits, dots, dashes and underscores, like shop-web")
        for port in self.ports:
            parse_ports(port)
        expect_variables("env", self.env)
        for volume in self.volumes:
            expect("volumes", volume, _VOLUME, "SOURCE:TARGET or SOURCE:TARGET:OPTIONS, like ./data:/data:ro")
        if self.network is not None:
            expect("network", self.network, _NETWORK, "the name of a Docker network")
        if self.restart is not None:
            expect("restart", self.restart, _RESTART, "no, always, unless-stopped, on-failure or on-failure:N")


@dataclass(frozen=True, slots=True, kw_only=True)
class DockerCompose:
    """A compose project in which one service runs the release; the others are the project's own business.

    Attributes:
        file: Path of the compose file, relative to the project.
        service: Gets our image, pinned by digest, whatever the file says.
        stable_s: As for `DockerRun`.
    """

    project: str
    service: str
    file: str = "compose.yaml"
    stable_s: float = DEFAULT_STABLE_S

    def __post_init__(self) -> None:
        expect_path("file", self.file)
        expect("project", self.project, _PROJECT, "lower-case letters, digits, dashes and underscores")
        expect("service", self.service, NAME, "the name of a service in the compose file")


@dataclass(frozen=True, slots=True, kw_only=True)
class DockerConfig(ImageConfig):
    """What a docker target builds, where it pushes, and what it runs.

    Without a registry what `run` or `compose` starts is a local image that is never pushed; a plan that only pushes goes to
    Docker's own default registry.
    """

    INPUT_PATHS: ClassVar[tuple[str, ...]] = ("build_context", "dockerfile", "compose.file")

    run: DockerRun | None = None
    compose: DockerCompose | None = None

    def __post_init__(self) -> None:
        ImageConfig.__post_init__(self)  # a class with slots is made twice: super() without arguments would not find it
        if self.run is not None and self.compose is not None:
            raise ValueError("run and compose exclude each other: keep the one that starts the release")

    @property
    def pushes(self) -> bool:
        """True when the plan has a push: a registry is named, or there is nothing else to do with the image."""
        return bool(self.registry) or (self.run is None and self.compose is None)
