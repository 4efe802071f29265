"""What every target that runs a container image says about that image: where it is built from, and where it is pushed.

Everything that becomes a name, a tag or a path on a command line is checked here once, so that no other module has to.
`docker`, `swarm` and `kubernetes` begin their configuration with `ImageConfig`; `image_plans` makes the steps of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from orchestrator.domain.settings import SecretRef, Value

VERSION_PLACEHOLDER = "{{version}}"

_COMPONENT = r"[a-z0-9]+(?:(?:\.|_{1,2}|-+)[a-z0-9]+)*"
_REPOSITORY = re.compile(rf"{_COMPONENT}(?:/{_COMPONENT})*")
_REGISTRY = re.compile(rf"[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?(?::\d{{1,5}})?(?:/{_COMPONENT})*")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
_PLATFORM = re.compile(r"[a-z0-9]+/[a-z0-9_]+(?:/[a-z0-9]+)?")
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,127}")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")
# A secret reaches the container through the environment of the docker client, which itself obeys these.
_CLIENT_VARIABLE = re.compile(r"PATH|HOME|TMPDIR|(?:LD|DOCKER|BUILDX|BUILDKIT|COMPOSE|XDG|SSH)_.*")


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageConfig:
    """What is built, and where it is pushed.

    Attributes:
        image_name: Repository without the registry, like ``shop/web``. Checked by `require_repository`, not here: the deploy
            skill's generator derives it from the project's name, and what it writes must at least be readable.
        registry: Host, with port and path where needed; Docker's own default where there is none.
        build_context: Directory, relative to the project.
        dockerfile: Path, relative to the project (not to the build context), as for ``docker build --file``.
        platforms: None: the engine's own. Several: one build for each, joined by a manifest list.
        tags: All of them are pushed; ``{{version}}`` is filled in (with ``+``, which no tag may have, as ``-``).
    """

    image_name: str
    registry: str | None = None
    build_context: str = "."
    dockerfile: str = "Dockerfile"
    platforms: tuple[str, ...] = ()
    tags: tuple[str, ...] = (VERSION_PLACEHOLDER,)
    build_args: dict[str, Value] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.registry:
            expect("registry", self.registry, _REGISTRY, "HOST[:PORT][/PATH] without https://, like registry.example.com:5000")
        expect_path("build_context", self.build_context)
        expect_path("dockerfile", self.dockerfile)
        for platform in self.platforms:
            expect("platforms", platform, _PLATFORM, "OS/ARCHITECTURE, like linux/amd64")
        self._check_tags()
        expect_variables("build_args", self.build_args)
        if len(self.platforms) > 1 and not self.pushes:
            raise ValueError("several platforms need a registry: a manifest list cannot be kept in the engine alone")

    def _check_tags(self) -> None:
        if not self.tags:
            raise ValueError('tags: expected at least one, like ["{{version}}"]')
        for tag in self.tags:
            expect("tags", fill_tag(tag, "0"), _TAG, "letters, digits, dots, dashes and underscores, and {{version}}", shown=tag)

    @property
    def pushes(self) -> bool:
        """True when the plan has a push: what runs elsewhere than in this engine has to be pulled there."""
        return True

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
        expect("image_name", self.image_name, _REPOSITORY, "a lower-case repository like shop/web, without a tag")
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


def expect(field_name: str, text: str, pattern: re.Pattern[str], expected: str, *, shown: str | None = None) -> None:
    """Raise ValueError, which says what was *expected*, unless the whole *text* matches."""
    if pattern.fullmatch(text) is None:
        raise ValueError(f"{field_name}: expected {expected}, got {shown or text!r}")


def expect_path(field_name: str, text: str) -> None:
    """Raise ValueError unless *text* can stand for a path in an argument list."""
    # A leading dash would be read as an option, and "-" alone as standard input.
    if not text or text.startswith("-") or "\0" in text:
        raise ValueError(f"{field_name}: expected a path that does not begin with a dash, got {text!r}")


def expect_variables(field_name: str, values: Mapping[str, Value]) -> None:
    """Raise ValueError unless every name is that of a variable that the docker client can hand on."""
    for name, value in values.items():
        expect(field_name, name, _VARIABLE, "the name of a variable")
        if isinstance(value, SecretRef) and _CLIENT_VARIABLE.fullmatch(name):
            raise ValueError(f"{field_name}: {name} cannot be a secret, the docker client itself obeys it; give a plain value")
