"""What `pop-deploy` alone shows: put together from deploy.json, the project's files and the store. Changes nothing."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from orchestrator import beginning, bootstrap
from orchestrator.cli.reading import maybe_opened, more_options, project_of
from orchestrator.config import ConfigError, ConfigMissing, ProjectConfig, environment_name, resolve
from orchestrator.config.entry import merged
from orchestrator.config.selection import enabled_targets
from orchestrator.domain.errors import UsageProblem
from orchestrator.domain.plan import Slot
from orchestrator.projections.pipeline import SetupFile, ValidationStanding, of_report
from orchestrator.projections.slots import Holder
from orchestrator.projections.standing import Configuration, Configured, Standing, standing
from orchestrator.projections.validations import newest

if TYPE_CHECKING:
    from eventstore.store import EventReader
    from orchestrator.config import ResolvedTarget
    from orchestrator.domain.deployment import Deployment


def standing_of(directory: str, store: str | None) -> Standing:
    """Where the project in *directory* stands. What is wrong with its configuration is part of the answer."""
    configuration, config = configuration_of(directory)
    with maybe_opened(directory, store) as reader:
        return standing(
            reader,
            configuration,
            fold=_folded,
            at_work=_at_work,
            options=more_options(directory, store),
            project=project_of(directory),
            setup_files=tuple(_setup_files(directory, config)),
            validations=tuple(_validations(directory, config, reader)) if config is not None else (),
            says_version=config is None or beginning.has_version(directory),
        )


def configuration_of(directory: str) -> tuple[Configuration, ProjectConfig | None]:
    """deploy.json as far as it can be used."""
    path, project = bootstrap.config_path(directory), os.path.abspath(directory)  # noqa: PTH100 - paths for people only
    shown = os.path.relpath(path, project) if path.startswith(project + os.sep) else path
    try:
        config = bootstrap.load_config(directory)
        targets = _configured(config)
    except ConfigMissing:
        return Configuration(path=shown, found=False, problem=None, project=None), None
    except (ConfigError, UsageProblem) as problem:
        said = bootstrap.current_masker().mask(str(problem))
        return Configuration(path=shown, found=True, problem=said, project=None), None
    return Configuration(path=shown, found=True, problem=None, project=config.project_name, targets=targets), config


def _configured(config: ProjectConfig) -> tuple[Configured, ...]:
    environment = environment_name(config, None, os.environ)
    enabled = enabled_targets(config, environment)
    return tuple(
        Configured(target=name, environment=environment, enabled=name in enabled, primary=raw.get("primary", False))
        for name, raw in config.targets.items()
    )


def _setup_files(directory: str, config: ProjectConfig | None) -> Iterator[SetupFile]:
    """What the enabled targets need; where nobody knows of any, what is usually needed and is there."""
    if config is None:
        yield from (SetupFile(path=name, target=None, found=True) for name in beginning.usual_files(directory))
        return
    environment = environment_name(config, None, os.environ)
    entries = {name: merged(config.targets[name], environment) for name in enabled_targets(config, environment)}
    for target, path, found in beginning.needed_files(directory, entries):
        yield SetupFile(path=path, target=target, found=found)


def _validations(directory: str, config: ProjectConfig, reader: EventReader | None) -> Iterator[ValidationStanding]:
    environment = environment_name(config, None, os.environ)
    for name in enabled_targets(config, environment):
        try:
            yield _validation(directory, resolve(config, name, environment), reader, config.project_name)
        except ConfigError:  # an input leads out of the project since it was loaded
            continue


def _validation(directory: str, settings: ResolvedTarget, reader: EventReader | None, project: str) -> ValidationStanding:
    """Git is asked only where something was validated."""
    slot = Slot(project, settings.environment, settings.name)
    place = ValidationStanding(target=slot.target, environment=slot.environment, required=settings.rules.requires_validation)
    report = newest(reader, slot) if reader is not None else None
    if report is None:
        return place
    return of_report(
        report,
        place,
        commit_sha=bootstrap.project_facts(directory).commit_sha,
        config_digest=settings.digest,
        max_age_s=settings.rules.validation_max_age_s,
        scope=settings.rules.validation_scope,
        now=datetime.now(UTC),
    )


def _folded(reader: EventReader, deployment_id: str) -> Deployment:
    from orchestrator.services.repository import fold  # only where something is unfinished

    return fold(reader, deployment_id)[0]


def _at_work(holder: Holder) -> bool | None:
    return bootstrap.at_work(holder.host, holder.boot_id, holder.pid, holder.start_ticks, holder.pid_namespace)
