"""What `pop-deploy` without a command shows: put together from deploy.json and the store. Changes nothing."""

from __future__ import annotations

import os

from orchestrator import bootstrap
from orchestrator.cli.reading import maybe_opened, more_options
from orchestrator.config import ConfigError, ConfigMissing, ProjectConfig, UnknownEnvironment, environment_name
from orchestrator.config.selection import enabled_targets
from orchestrator.projections.slots import Holder
from orchestrator.projections.standing import Configuration, Configured, Standing, standing
from orchestrator.services.repository import fold


def standing_of(directory: str, store: str | None) -> Standing:
    """Where the project in *directory* stands. What is wrong with its configuration is part of the answer."""
    with maybe_opened(directory, store) as reader:
        return standing(
            reader,
            configuration_of(directory),
            fold=lambda known, deployment_id: fold(known, deployment_id)[0],
            at_work=_at_work,
            options=more_options(directory, store),
        )


def configuration_of(directory: str) -> Configuration:
    """deploy.json as far as it can be used."""
    path, project = bootstrap.config_path(directory), os.path.abspath(directory)  # noqa: PTH100 - paths for people only
    shown = os.path.relpath(path, project) if path.startswith(project + os.sep) else path
    try:
        config = bootstrap.load_config(directory)
        return Configuration(path=shown, found=True, problem=None, project=config.project_name, targets=_configured(config))
    except ConfigMissing:
        return Configuration(path=shown, found=False, problem=None, project=None)
    except (ConfigError, UnknownEnvironment) as problem:
        return Configuration(path=shown, found=True, problem=bootstrap.current_masker().mask(str(problem)), project=None)


def _configured(config: ProjectConfig) -> tuple[Configured, ...]:
    environment = environment_name(config, None, os.environ)
    enabled = enabled_targets(config, environment)
    return tuple(
        Configured(target=name, environment=environment, enabled=name in enabled, primary=raw.get("primary", False))
        for name, raw in config.targets.items()
    )


def _at_work(holder: Holder) -> bool | None:
    return bootstrap.at_work(holder.host, holder.boot_id, holder.pid, holder.start_ticks, holder.pid_namespace)
