"""Which container is whose: the labels and names by which this slot's containers are known, and what one must look like.

A container of ours says in its labels which slot it belongs to and which deployment made it of which image. Nothing else is
believed: not a name, not a tag, not an event. Start at `Wanted`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from orchestrator.domain.plan import Release, Slot, Step, canonical_json
from orchestrator.targets.base import ForeignResource, Outcomes, StepError
from orchestrator.targets.docker_engine import Container

PREFIX = "pop-deploy."
DEPLOYMENT = f"{PREFIX}deployment"
_VERSION, _COMMIT, _DIGEST, _DETAIL = (f"{PREFIX}{name}" for name in ("version", "commit", "digest", "detail"))


def slot_labels(slot: Slot) -> dict[str, str]:
    """The labels that every container of *slot* has."""
    return {f"{PREFIX}project": slot.project, f"{PREFIX}environment": slot.environment, f"{PREFIX}target": slot.target}


class Wanted(NamedTuple):
    """What a step is to bring about: this release, in containers that look like this.

    Attributes:
        detail: `Release.detail`: ``image`` (without a tag), ``digest`` (of the pushed manifest; the image's ID when ``local``),
            and ``run`` or ``compose``. Secrets are references in it, never values.
    """

    slot: Slot
    deployment_id: str
    version: str
    commit_sha: str | None
    detail: Mapping[str, Any]

    @property
    def local(self) -> bool:
        """The image is in this engine only, never pushed."""
        return bool(self.detail["local"])

    @property
    def reference(self) -> str:
        """What to create a container from: never a tag, which may have moved meanwhile."""
        digest = str(self.detail["digest"])
        return digest if self.local else f"{self.detail['image']}@{digest}"

    @property
    def labels(self) -> dict[str, str]:
        return self.key | {
            _VERSION: self.version,
            _COMMIT: self.commit_sha or "",
            _DIGEST: self.detail["digest"],
            _DETAIL: canonical_json(self.detail).decode(),
        }

    @property
    def key(self) -> dict[str, str]:
        """The labels to look for it by."""
        return slot_labels(self.slot) | {DEPLOYMENT: self.deployment_id}

    def require_image(self) -> None:
        """Refuse to make anything before an earlier step has found out of what."""
        if not self.detail["digest"]:
            raise StepError(f"{self.deployment_id} has no image yet: its build or push is not on record.", effect=False)

    def made(self, container: Container) -> bool:
        """True when *container* was made by this deployment, of this image, as configured then."""
        return self.labels.items() <= container.labels.items() and container.image == self.reference

    @classmethod
    def of(cls, slot: Slot, step: Step, deployment_id: str, outcomes: Outcomes) -> Wanted:
        """From the inputs of an update or wait step and what the steps before it found out."""
        release = Release.from_json(step.inputs["release"])
        return cls(
            slot=slot,
            # A rollback restores what another deployment made.
            deployment_id=release.deployment_id or deployment_id,
            version=release.version,
            commit_sha=release.commit_sha,
            detail=release.detail if "digest" in release.detail else {**release.detail, **pinned(outcomes)},
        )


def pinned(outcomes: Outcomes) -> dict[str, Any]:
    """What the steps of a deployment found out about its image: the digest that was pushed, or the ID of a local image.

    The digest is "" while nobody knows it: no container was ever made of that.
    """
    found = outcomes.get("push") or outcomes.get("build") or {}
    members = {"members": dict(found["members"])} if "members" in found else {}
    return {"digest": found.get("digest", ""), **members}


def release_of(container: Container) -> Release:
    """The release that *container* says it runs."""
    label = container.labels
    detail = json.loads(label[_DETAIL])
    return Release(
        version=label[_VERSION],
        commit_sha=label[_COMMIT] or None,
        deployment_id=label[DEPLOYMENT],
        artifacts={detail["image"]: detail["digest"]},
        detail=detail,
    )


def is_ours(container: Container, slot: Slot) -> bool:
    return slot_labels(slot).items() <= container.labels.items()


def refuse_foreign(containers: Iterable[Container], slot: Slot, *, adopt: bool) -> None:
    """Raise `ForeignResource` for the first of *containers* that does not belong to *slot*."""
    for container in containers:
        if not adopt and not is_ours(container, slot):
            raise ForeignResource(
                f"container {container.name} ({container.short_id}, {container.image}) does not carry our labels for {slot}; "
                'nothing was touched. Remove or rename it, use another name, or set "adopt": true beside config to take it over'
            )


def previous_name(name: str, container: Container) -> str:
    """What *container*, called *name* until now, is kept as."""
    return f"{name}-previous-{container.labels.get(DEPLOYMENT) or container.short_id}"


def is_kept(container: Container, name: str | None) -> bool:
    """True for a container that is kept for the way back to it."""
    return name is not None and container.name == previous_name(name, container)
