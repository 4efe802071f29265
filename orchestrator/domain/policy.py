"""Rules that are not the lifecycle's: what an environment forbids, and which release may be gone back to."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from orchestrator.domain.deployment import Deployment
from orchestrator.domain.errors import Frozen, NotConfirmed, NothingToRollBack, ValidationRequired
from orchestrator.domain.plan import Release
from orchestrator.domain.settings import EnvironmentRules


def check_environment(deployment: Deployment, rules: EnvironmentRules, now: str) -> None:
    """Refuse a live deployment that its environment does not allow now. Dry runs and rollbacks are exempt.

    Args:
        now: ISO 8601 with offset.

    Raises:
        Frozen: A period without deployments.
        ValidationRequired: Only validated commits may go there.
    """
    where = deployment.requested.environment
    moment = datetime.fromisoformat(now)
    for freeze in rules.freeze:
        if datetime.fromisoformat(freeze.start) <= moment < datetime.fromisoformat(freeze.end):
            raise Frozen(f"{where} is frozen until {freeze.end}{': ' + freeze.reason if freeze.reason else ''}. Next: wait")
    if rules.requires_validation:
        raise ValidationRequired(
            f"{where} takes only validated commits, and this version cannot validate yet. To go without: "
            f"set environments.{where}.requires_validation to false in deploy.json"
        )


def check_approval(deployment: Deployment, rules: EnvironmentRules, by: str) -> None:
    """Refuse a confirmation by the person who asked for the deployment, where a second one is wanted.

    Raises:
        NotConfirmed: Says who may.
    """
    # Actors are NAME@HOST: from another machine it is still the same person.
    if rules.approvals and by.rpartition("@")[0] == deployment.actor.rpartition("@")[0]:
        raise NotConfirmed(
            f"{deployment.requested.environment} needs a second person, and {by} asked for this deployment. "
            f"Next, by somebody else: pop-deploy confirm {deployment.id}"
        )


def same_release(one: Release | None, other: Release | None) -> bool:
    """Whether going from one to the other would change nothing: the same deployment, or the same version and artifacts."""
    if one is None or other is None:
        return False
    if one.deployment_id is not None and one.deployment_id == other.deployment_id:
        return True
    return bool(one.artifacts) and (one.version, dict(one.artifacts)) == (other.version, dict(other.artifacts))


def back_to(deployment: Deployment, candidates: Sequence[Release], version: str | None) -> Release:
    """The release to leave *deployment* for.

    Args:
        candidates: The slot's verified releases, newest first.
        version: Only a release of this version qualifies, if given.

    Raises:
        NothingToRollBack: None qualifies; says which do.
    """
    others = [
        release
        for release in candidates
        if not same_release(release, deployment.intended_release) and release.deployment_id != deployment.id
    ]
    if version is None:
        reference = deployment.reference
        if reference in others:
            return reference
        if others:
            return next((release for release in others if same_release(reference, release)), others[0])
        raise NothingToRollBack(
            f"{deployment.slot}: no verified release before {deployment.requested.version}, nothing to roll back to. "
            "Next: fix it and pop-deploy execute"
        )
    found = next((release for release in others if release.version == version), None)
    if found is None:
        known = ", ".join(dict.fromkeys(release.version for release in others)) or "none"
        raise NothingToRollBack(f"{deployment.slot}: no verified release {version} to go back to; there are: {known}")
    return found
