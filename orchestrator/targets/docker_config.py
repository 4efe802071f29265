"""The ``config`` of a docker target in deploy.json, as values that are known to be harmless in an argument list.

Everything that becomes a name, a tag or a path on a command line is checked here once, so that no other module has to.
``docker.py`` shows these classes to the rest of the program.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from orchestrator.domain.settings import SecretRef, Value
from orchestrator.targets.docker_ports import parse_ports

VERSION_PLACEHOLDER = "{{version}}"
DEFAULT_STABLE_S = 1.0

_COMPONENT = r"[a-z0-9]+(?:(?:\.|_{1,2}|-+)[a-z0-9]+)*"
_REPOSITORY = re.compile(rf"{_COMPONENT}(?:/{_COMPONENT})*")
_REGISTRY = re.compile(rf"[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?(?::\d{{1,5}})?(?:/{_COMPONENT})*")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
_PLATFORM = re.compile(r"[a-z0-9]+/[a-z0-9_]+(?:/[a-z0-9]+)?")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,127}")
_NETWORK = re.compile(r"(?:container:)?[A-Za-z0-9][A-Za-z0-9_.-]*")
_RESTART = re.compile(r"no|always|unless-stopped|on-failure(?::\d{1,4})?")
_PROJECT = re.compile(r"[a-z0-9][a-z0-9_-]*")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")
_VOLUME = re.compile(r"[^:\0-][^:\0]*(?::[^:\0]+){0,2}")
# A secret reaches the container through the environment of the docker client, which itself obeys these.
_CLIENT_VARIABLE = re.compile(r"PATH|HOME|TMPDIR|(?:LD|DOCKER|BUILDX|BUILDKIT|COMPOSE|XDG|SSH)_.*")


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
        _expect("name", self.name, _NAME, "letters, digits, dots, dashes and underscores, like shop-web")
        for port in self.ports:
            parse_ports(port)
        _variables("env", self.env)
        for volume in self.volumes:
            _expect("volumes", volume, _VOLUME, "SOURCE:TARGET or SOURCE:TARGET:OPTIONS, like ./data:/data:ro")
        if self.network is not None:
            _expect("network", self.network, _NETWORK, "the name of a Docker network")
        if self.restart is not None:
            _expect("restart", self.restart, _RESTART, "no, always, unless-stopped, on-failure or on-failure:N")


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
        _path("file", self.file)
        _expect("project", self.project, _PROJECT, "lower-case letters, digits, dashes and underscores")
        _expect("service", self.service, _NAME, "the name of a service in the compose file")


@dataclass(frozen=True, slots=True, kw_only=True)
class DockerConfig:
    """What a docker target builds, where it pushes, and what it runs.

    Attributes:
        image_name: Repository without the registry, like ``shop/web``. Checked by `require_repository`, not here: the deploy
            skill's generator derives it from the project's name, and what it writes must at least be readable.
        registry: Host, with port and path where needed. Without one, what `run` or `compose` starts is a local image that
            is never pushed; a plan that only pushes goes to Docker's own default registry.
        build_context: Directory, relative to the project.
        dockerfile: Path, relative to the project (not to the build context), as for ``docker build --file``.
        platforms: None: the engine's own. Several: one build for each, joined by a manifest list.
        tags: All of them are pushed; ``{{version}}`` is filled in (with ``+``, which no tag may have, as ``-``).
    """

    INPUT_PATHS: ClassVar[tuple[str, ...]] = ("build_context", "dockerfile", "compose.file")

    image_name: str
    registry: str | None = None
    build_context: str = "."
    dockerfile: str = "Dockerfile"
    platforms: tuple[str, ...] = ()
    tags: tuple[str, ...] = (VERSION_PLACEHOLDER,)
    build_args: dict[str, Value] = field(default_factory=dict)
    run: DockerRun | None = None
    compose: DockerCompose | None = None

    def __post_init__(self) -> None:
        if self.registry:
            _expect("registry", self.registry, _REGISTRY, "HOST[:PORT][/PATH] without https://, like registry.example.com:5000")
        _path("build_context", self.build_context)
        _path("dockerfile", self.dockerfile)
        for platform in self.platforms:
            _expect("platforms", platform, _PLATFORM, "OS/ARCHITECTURE, like linux/amd64")
        self._check_tags()
        _variables("build_args", self.build_args)
        if self.run is not None and self.compose is not None:
            raise ValueError("run and compose exclude each other: keep the one that starts the release")
        if len(self.platforms) > 1 and not self.pushes:
            raise ValueError("several platforms need a registry: a manifest list cannot be kept in the engine alone")

    def _check_tags(self) -> None:
        if not self.tags:
            raise ValueError('tags: expected at least one, like ["{{version}}"]')
        for tag in self.tags:
            _expect("tags", fill_tag(tag, "0"), _TAG, "letters, digits, dots, dashes and underscores, and {{version}}", shown=tag)

    @property
    def pushes(self) -> bool:
        """True when the plan has a push: a registry is named, or there is nothing else to do with the image."""
        return bool(self.registry) or (self.run is None and self.compose is None)

    @property
    def repository(self) -> str:
        """Image name with the registry, without a tag."""
        if not self.registry or self.image_name.startswith(f"{self.registry}/"):
            return self.image_name
        return f"{self.registry}/{self.image_name}"

    def require_repository(self) -> str:
        """`repository`, when Docker would take it.

        Raises:
            ValueError: No image can have that name.
        """
        _expect("image_name", self.image_name, _REPOSITORY, "a lower-case repository like shop/web, without a tag")
        return self.repository

    @property
    def distinct_platforms(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(self.platforms))


def fill_tag(template: str, version: str) -> str:
    """*template* with the version. A ``+`` (build metadata) becomes ``-``: no tag may have one."""
    return template.replace(VERSION_PLACEHOLDER, version.replace("+", "-"))


def valid_tag(tag: str) -> bool:
    return _TAG.fullmatch(tag) is not None


def to_json(values: Mapping[str, Value]) -> dict[str, object]:
    """*values* for a plan: strings as they are, secrets as references."""
    return {name: value.to_json() if isinstance(value, SecretRef) else value for name, value in values.items()}


def from_json(values: Mapping[str, object]) -> dict[str, Value]:
    """The reverse of `to_json`."""
    return {name: SecretRef(**value) if isinstance(value, dict) else str(value) for name, value in values.items()}


def secret_refs(values: Iterable[Value]) -> tuple[SecretRef, ...]:
    return tuple(value for value in values if isinstance(value, SecretRef))


def _expect(field_name: str, text: str, pattern: re.Pattern[str], expected: str, *, shown: str | None = None) -> None:
    if pattern.fullmatch(text) is None:
        raise ValueError(f"{field_name}: expected {expected}, got {shown or text!r}")


def _path(field_name: str, text: str) -> None:
    # A leading dash would be read as an option, and "-" alone as standard input.
    if not text or text.startswith("-") or "\0" in text:
        raise ValueError(f"{field_name}: expected a path that does not begin with a dash, got {text!r}")


def _variables(field_name: str, values: Mapping[str, Value]) -> None:
    for name, value in values.items():
        _expect(field_name, name, _VARIABLE, "the name of a variable")
        if isinstance(value, SecretRef) and _CLIENT_VARIABLE.fullmatch(name):
            raise ValueError(f"{field_name}: {name} cannot be a secret, the docker client itself obeys it; give a plain value")
