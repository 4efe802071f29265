"""`scripts/create_deploy_config.py`: what `init` does, for callers of the deploy skill's script of that name.

stdout is exactly one JSON document; why nothing could be written is one on stderr, with exit 1. As the old script did, a
deploy.json that is there is written anew; but a backup, the history and the user's own keys are kept.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import click

from eventstore.errors import EventStoreError
from orchestrator.beginning import init_surroundings
from orchestrator.cli import errors
from orchestrator.cli.dropin.streams import Stop, emit, head, run
from orchestrator.domain.errors import PopDeployError
from orchestrator.projections.init_result import InitResult
from orchestrator.rendering.json_output import document
from orchestrator.services.init import CI, Wish, init

OPERATION = "create_deploy_config"


@click.command("create_deploy_config", context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--dir", "directory", default=".", show_default=True, help="The project.")
@click.option("--targets", help="Names, separated by commas; otherwise what is detected.")
@click.option("--primary", help="Otherwise the first of --targets.")
@click.option("--ci", type=click.Choice(list(CI)), help="Otherwise what is detected.")
@click.option("--project-name", help="Otherwise package.json, pyproject.toml or the directory.")
def command(directory: str, targets: str | None, primary: str | None, ci: str | None, project_name: str | None) -> int:
    """Write deploy.json; one JSON document on stdout."""
    if not Path(directory).is_dir():
        raise _failed(directory, f"Directory not found: {directory}")
    names = tuple(name.strip() for name in targets.split(",") if name.strip()) if targets is not None else None
    wish = Wish(project_name=project_name or None, targets=names, primary=primary or None, ci=ci, force=True)
    warnings: list[str] = []
    around = init_surroundings(directory, os.environ.get("POP_DEPLOY_STORE"), warn=warnings.append)
    try:
        result = init(around, wish)
        written = json.loads(Path(around.path).read_bytes())
    except (PopDeployError, EventStoreError, OSError) as error:
        raise _failed(directory, str(error)) from error
    emit({**head(OPERATION, directory), **_report(result, around.path, written), "warnings": warnings})
    return errors.DONE


def _failed(directory: str, message: str) -> Stop:
    return Stop({**head(OPERATION, directory), "success": False, "error": message})


def _report(result: InitResult, path: str, config: dict[str, Any]) -> dict[str, Any]:
    """Our whole report with the old script's keys; *targets* are the names that are switched on."""
    enabled = [target.name for target in result.targets if target.enabled]
    primary = next((target.name for target in result.targets if target.primary), None)
    report = {**document(result), "detail": document(result)["targets"]}
    return {
        **report,
        "success": True,
        "path": path,
        "config_path": path,
        "config": config,
        "targets": enabled,
        "primary": primary,
        "ci": config.get("ci"),
        "message": f"{'Replaced' if result.replaced else 'Created'} {result.path} with {', '.join(enabled) or 'no target'}",
    }


def main() -> None:
    run(command)
