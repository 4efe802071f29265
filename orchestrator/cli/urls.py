"""Where a release is reached, for the reports: `of_deployment` with a workspace, `configured` from deploy.json alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator import bootstrap
from orchestrator.domain.errors import UsageProblem

if TYPE_CHECKING:
    from orchestrator.config.selection import ResolvedTarget
    from orchestrator.domain.deployment import Deployment
    from orchestrator.services.workspace import Workspace


def of_deployment(workspace: Workspace, deployment: Deployment) -> str:
    """The target's own URL, else the configured one, else the origin of its health check, else ""."""
    from orchestrator.services.planning import open_target

    if deployment.target is None:
        return ""
    try:
        settings, target = open_target(workspace, deployment)
    except UsageProblem:
        return ""  # deploy.json does not have this target any more
    own = target.url(deployment.release) if deployment.release else ""
    return own or _of(settings, deployment.requested.version)


def configured(directory: str, target: str | None, environment: str, version: str) -> str:
    """What deploy.json says, for a command that only reads and opens no target; "" where it says nothing."""
    from orchestrator.config import resolve

    if target is None:
        return ""
    try:
        return _of(resolve(bootstrap.load_config(directory), target, environment), version)
    except UsageProblem:
        return ""  # there is none, or it does not have this target any more


def _of(settings: ResolvedTarget, version: str) -> str:
    if settings.url:
        return settings.url.replace("{{version}}", version)
    check = settings.health_check.url if settings.health_check else None
    return "/".join(check.split("/", 3)[:3]) if check else ""
