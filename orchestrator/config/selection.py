"""What holds for one deployment: which environment, which target, and that target's settings there."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from orchestrator.config.checks import NAME, NAME_WORDS
from orchestrator.config.convert import Converter
from orchestrator.config.entry import merged, read_entry
from orchestrator.config.errors import ConfigError, UnknownEnvironment, UnknownTarget
from orchestrator.config.project import ProjectConfig
from orchestrator.config.words import quoted
from orchestrator.domain.errors import UsageProblem
from orchestrator.domain.plan import canonical_json
from orchestrator.domain.settings import EnvironmentRules, HealthCheck, Hooks

ENVIRONMENT_VARIABLE = "POP_DEPLOY_ENVIRONMENT"
DEFAULT_ENVIRONMENT = "default"
PRODUCTION = "production"


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolvedTarget:
    """One target as it is configured in one environment.

    Attributes:
        kind: What `targets.registry` makes it from.
        config: An instance of the kind's configuration class.
        auto_rollback: The target's own setting, else the environment's, else False.
        timeout_s: Deadline of each step, seconds.
        rollback_timeout_s: The same for each step of a rollback.
        url: As configured; ``{{version}}`` not filled in.
        digest: ``sha256:<hex>`` over all that is configured for it here; `history` is not part of it.
    """

    name: str
    kind: str
    environment: str
    config: Any
    health_check: HealthCheck | None
    auto_rollback: bool
    hooks: Hooks
    timeout_s: float
    rollback_timeout_s: float
    adopt: bool
    url: str
    enabled: bool
    primary: bool
    allow_paths: tuple[str, ...]
    rules: EnvironmentRules
    digest: str
    raw: Mapping[str, Any] = field(repr=False)


def environment_name(config: ProjectConfig, option: str | None, environ: Mapping[str, str]) -> str:
    """The environment of a deployment: *option*, else POP_DEPLOY_ENVIRONMENT, else the file's default, else ``default``.

    Raises:
        UnknownEnvironment: `environments` exists and does not list it.
        UsageProblem: It can be no environment's name.
    """
    name = option or environ.get(ENVIRONMENT_VARIABLE) or config.default_environment or DEFAULT_ENVIRONMENT
    _require_environment(config, name)
    return name


def rules(config: ProjectConfig, environment: str) -> EnvironmentRules:
    """The rules of *environment*. One named ``production`` requires validation unless its entry says otherwise.

    Raises:
        UnknownEnvironment: `environments` exists and does not list it.
    """
    _require_environment(config, environment)
    found = (config.environments or {}).get(environment, EnvironmentRules())
    said = environment in (raw := config.raw.get("environments") or {}) and "requires_validation" in raw[environment]
    return found if said or environment != PRODUCTION else replace(found, requires_validation=True)


def enabled_targets(config: ProjectConfig, environment: str | None = None) -> tuple[str, ...]:
    """Names of the enabled targets in the file's order; with *environment*, its overrides count."""
    entries = {name: raw if environment is None else merged(raw, environment) for name, raw in config.targets.items()}
    return tuple(name for name, raw in entries.items() if raw.get("enabled", True))


def default_target(config: ProjectConfig, environment: str | None = None) -> str | None:
    """The target that is meant when none is named: the enabled primary, else the only enabled one, else None."""
    enabled = enabled_targets(config, environment)
    primary = [name for name in enabled if config.targets[name].get("primary", False)]
    chosen = primary or enabled
    return chosen[0] if len(chosen) == 1 else None


def resolve(config: ProjectConfig, target_name: str, environment: str) -> ResolvedTarget:
    """The target *target_name* as it is configured in *environment*.

    Raises:
        UnknownTarget: The file has no target of that name.
        UnknownEnvironment: `environments` exists and does not list *environment*.
        ConfigError: The file was right when it was loaded and an input path leads outside the project now.
    """
    if target_name not in config.targets:
        raise UnknownTarget(config.file, target_name, config.targets)
    rules_here = rules(config, environment)
    raw = merged(config.targets[target_name], environment)
    converter = Converter()
    read = read_entry(converter, target_name, raw, config.around, ("targets", target_name))
    if read is None:
        raise ConfigError(config.file, converter.problems)
    entry = read.entry
    return ResolvedTarget(
        name=target_name,
        kind=read.kind,
        environment=environment,
        config=read.config,
        health_check=entry.health_check,
        auto_rollback=_first_said(entry.auto_rollback, rules_here.auto_rollback),
        hooks=entry.hooks,
        timeout_s=entry.timeout_s,
        rollback_timeout_s=entry.timeout_s if entry.rollback_timeout_s is None else entry.rollback_timeout_s,
        adopt=entry.adopt,
        url=entry.url,
        enabled=entry.enabled,
        primary=entry.primary,
        allow_paths=(*config.around.allow_paths, *entry.allow_paths),
        rules=rules_here,
        digest=_digest(config, target_name, raw, rules_here),
        raw=raw,
    )


def config_digest(config: ProjectConfig, target_name: str, environment: str) -> str:
    """`ResolvedTarget.digest`, without reading the entry again.

    Raises:
        UnknownTarget, UnknownEnvironment: See `resolve`.
    """
    if target_name not in config.targets:
        raise UnknownTarget(config.file, target_name, config.targets)
    return _digest(config, target_name, merged(config.targets[target_name], environment), rules(config, environment))


def _require_environment(config: ProjectConfig, name: str) -> None:
    if config.environments is not None and name not in config.environments:
        raise UnknownEnvironment(config.file, name, config.environments)
    if not NAME.fullmatch(name):
        raise UsageProblem(f"environment: expected {NAME_WORDS}, got {quoted(name)}")


def _first_said(*settings: bool | None) -> bool:
    return next((setting for setting in settings if setting is not None), False)


def _digest(config: ProjectConfig, name: str, raw: Mapping[str, Any], rules_here: EnvironmentRules) -> str:
    # Validated with other checks is not validated: what `validation` says belongs to what a report and a plan hold for.
    own = {"validation": validation} if (validation := config.raw.get("validation")) else {}
    covered = {"name": name, "entry": raw, "rules": asdict(rules_here), **own}
    return "sha256:" + hashlib.sha256(canonical_json(covered)).hexdigest()
