"""Every kind of target, one line each: `KINDS`. Nothing of a kind is imported before it is asked for.

To add a kind: one module with its configuration class and its target, and one line here.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, cast

from orchestrator.domain.errors import Refused, UsageProblem

if TYPE_CHECKING:
    from orchestrator.targets.base import Target, Tools


class Kind(NamedTuple):
    """Where the parts of a kind are found, as ``module:name``.

    Attributes:
        config: A configuration class (see `orchestrator.config.convert`).
        factory: A class made by ``factory(config, tools, adopt=...)``; None while the kind can only be configured.
        canary: Whether it can deploy to a part first (`fake`: if its configuration says so).
    """

    name: str
    config: str
    factory: str | None
    canary: bool = False


_HERE = "orchestrator.targets"

KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind("local", f"{_HERE}.local_config:LocalConfig", f"{_HERE}.local:LocalTarget"),
        Kind("docker", f"{_HERE}.docker_config:DockerConfig", f"{_HERE}.docker:DockerTarget"),
        Kind("swarm", f"{_HERE}.swarm_config:SwarmConfig", f"{_HERE}.swarm:SwarmTarget", canary=True),
        Kind("kubernetes", f"{_HERE}.kubernetes_config:KubernetesConfig", f"{_HERE}.kubernetes:KubernetesTarget", canary=True),
        Kind("npm", f"{_HERE}.declared:NpmConfig", None),
        Kind("pypi", f"{_HERE}.declared:PypiConfig", None),
        Kind("github_releases", f"{_HERE}.declared:GithubReleasesConfig", None),
        Kind("vercel", f"{_HERE}.declared:VercelConfig", None),
        Kind("netlify", f"{_HERE}.declared:NetlifyConfig", None),
        Kind("fake", f"{_HERE}.fake:FakeConfig", f"{_HERE}.fake:FakeTarget", canary=True),
    )
}


class UnknownKind(UsageProblem):
    """There is no such kind of target."""

    def __init__(self, kind: str) -> None:
        super().__init__(f'"{kind}" is no kind of target; there are: {", ".join(KINDS)}')
        self.kind = kind


class NotDeployable(Refused):
    """The kind can stand in deploy.json, but this version cannot deploy to it."""

    rule = "kind"

    def __init__(self, kind: str) -> None:
        able = ", ".join(deployable())
        super().__init__(f"{kind}: targets of this kind can be configured but not deployed yet. Can be deployed: {able}")
        self.kind = kind


class TargetSettings(Protocol):
    """What a target is told besides its own configuration; `orchestrator.config.ResolvedTarget` has it."""

    @property
    def adopt(self) -> bool: ...


def deployable() -> tuple[str, ...]:
    """Names of the kinds that can be deployed to."""
    return tuple(kind.name for kind in KINDS.values() if kind.factory is not None)


def config_type(kind: str) -> type | None:
    """The configuration class of *kind*, or None if there is no such kind. Imports that kind's module only."""
    found = KINDS.get(kind)
    return cast("type", _load(found.config)) if found is not None else None


def config_types() -> dict[str, type]:
    """The configuration class of every kind. Imports all of their modules: for the published schema, not for a command."""
    return {kind.name: cast("type", _load(kind.config)) for kind in KINDS.values()}


def supports_canary(kind: str) -> bool:
    """Whether *kind* can deploy to a part first. Raises `UnknownKind`."""
    return _known(kind).canary


def create(kind: str, config: object, settings: TargetSettings, tools: Tools) -> Target:
    """The target of *kind* for the slot that *tools* names.

    Args:
        config: An instance of ``config_type(kind)``.

    Raises:
        UnknownKind: There is no such kind.
        NotDeployable: It can be configured only.
    """
    found = _known(kind)
    if found.factory is None:
        raise NotDeployable(kind)
    return cast("Target", _load(found.factory)(config, tools, adopt=settings.adopt))


def _known(kind: str) -> Kind:
    if kind not in KINDS:
        raise UnknownKind(kind)
    return KINDS[kind]


def _load(reference: str) -> Any:
    module, _, name = reference.partition(":")
    return getattr(import_module(module), name)
