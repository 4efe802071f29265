"""`scripts/validate_deployment.py`: load-config and validate for callers of the deploy skill's script of that name.

stdout is exactly one JSON document; what validation finds, good or bad, stands there, and a NO-GO is exit 1. That a configuration
cannot be loaded at all is said on stderr.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click

from eventstore.errors import EventStoreError
from orchestrator.bootstrap import load_config, open_workspace
from orchestrator.cli import errors, validating
from orchestrator.cli.dropin.streams import Stop, emit, head, run
from orchestrator.cli.evidence import evidence
from orchestrator.config import ConfigError, UnknownTarget
from orchestrator.domain.errors import PopDeployError
from orchestrator.domain.readiness import Scope, ValidationReport
from orchestrator.projections.validation_result import validation_result
from orchestrator.rendering.json_output import document
from orchestrator.rendering.progress import SilentProgress
from orchestrator.services.validate import Wish


@click.command("validate_deployment", context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--dir", "directory", default=".", show_default=True, help="The project.")
@click.option("--action", type=click.Choice(["load-config", "validate"]), default="validate", show_default=True)
@click.option("--scope", type=click.Choice([str(each) for each in Scope]), default="standard", show_default=True)
@click.option("--target", help="Otherwise the primary, or the only enabled one.")
@click.option("--environment")
@click.option("--version")
@click.option("--fix", is_flag=True, help="Change the project so that failed checks pass, where a check knows how.")
@click.option("--strict", is_flag=True, help="A warning and a check that could not run count as failures.")
@click.option("--validation-report", metavar="FILE", help="Say what a report that was made elsewhere amounts to; nothing is run.")
def command(
    directory: str,
    action: str,
    scope: str,
    target: str | None,
    environment: str | None,
    version: str | None,
    fix: bool,
    strict: bool,
    validation_report: str | None,
) -> int:
    """Load the configuration, or validate; one JSON document on stdout."""
    if not Path(directory).is_dir():
        raise Stop({"error": f"Directory not found: {directory}"})
    if action == "load-config":
        return _load(directory, target)
    try:
        if validation_report is not None:
            return _handed_in(directory, validation_report, Scope(scope), strict=strict)
        return _validate(directory, target, environment, version, Scope(scope), fix=fix, strict=strict)
    except (PopDeployError, EventStoreError, OSError) as error:
        raise Stop({**head("validate_deployment", directory), "success": False, "error": str(error)}, stderr=False) from error


def _load(directory: str, target: str | None) -> int:
    """The configuration as it is read, without its history."""
    try:
        config = load_config(directory)
        if target is not None and target not in config.targets:
            raise UnknownTarget(config.file, target, config.targets)
    except PopDeployError as error:
        raise Stop({"operation": "load_config", "success": False, "error": str(error)}) from error
    shown: dict[str, Any] = {key: value for key, value in config.raw.items() if key != "history"}
    chosen = {"target": target, "target_config": dict(config.targets[target])} if target is not None else {}
    emit({**head("load_config", directory), "success": True, "project_name": config.project_name, "config": shown, **chosen})
    return errors.DONE


def _validate(
    directory: str, target: str | None, environment: str | None, version: str | None, scope: Scope, *, fix: bool, strict: bool
) -> int:
    store = os.environ.get("POP_DEPLOY_STORE")
    try:
        with open_workspace(directory, store, actor=None, narrator=SilentProgress()) as workspace:
            slot = validating.slot_of(workspace, target, environment)
            wish = Wish(slot=slot, scope=scope, version=version, fix=fix, strict=strict)
            _, result = validating.validated(workspace, wish)
    except UnknownTarget:
        raise
    except ConfigError as error:
        result = validation_result(validating.unreadable(error, scope), scope, strict=strict)
    emit({**head("validate_deployment", directory), **document(result)})
    return errors.DONE if result.success else errors.FAILED


def _handed_in(directory: str, path: str, scope: Scope, *, strict: bool) -> int:
    report: ValidationReport | None = evidence(path, accept_warnings=False, reason="").report
    assert report is not None  # noqa: S101 - a file was named
    result = validation_result(report, report.scope or scope, strict=strict)
    emit({**head("validate_deployment", directory), **document(result)})
    return errors.DONE if result.success else errors.FAILED


def main() -> None:
    run(command)
