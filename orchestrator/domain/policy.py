"""Rules that are not the lifecycle's: which release may be gone back to."""

from __future__ import annotations

from collections.abc import Sequence

from orchestrator.domain.deployment import Deployment
from orchestrator.domain.errors import NothingToRollBack
from orchestrator.domain.plan import Release


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
        if not same_release(release, deployment.release) and release.deployment_id != deployment.id
    ]
    if version is None:
        reference = deployment.reference
        if reference is not None and any(same_release(reference, release) for release in others):
            return reference
        if others:
            return others[0]
        raise NothingToRollBack(
            f"{deployment.slot}: no verified release before {deployment.requested.version}, nothing to roll back to. "
            "Next: fix it and pop-deploy execute"
        )
    found = next((release for release in others if release.version == version), None)
    if found is None:
        known = ", ".join(dict.fromkeys(release.version for release in others)) or "none"
        raise NothingToRollBack(f"{deployment.slot}: no verified release {version} to go back to; there are: {known}")
    return found
