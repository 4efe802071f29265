"""Which container is whose: the labels and names by which this slot's containers are known, and what one must look like.

A container of ours says in its labels which slot it belongs to and which deployment made it of which image. Nothing else is
believed: not a name, not a tag, not an event. Start at `Wanted`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from orchestrator.domain.plan import Release, Slot, Step, canonical_json
from orchestrator.targets.base import ForeignResource, Outcomes
from orchestrator.targets.docker_engine import Container

PREFIX = "pop-deploy."
DEPLOYMENT = f"{PREFIX}deployment"
_VERSION, _COMMIT, _IMAGE, _DIGEST, _SPEC = (f"{PREFIX}{name}" for name in ("version", "commit", "image", "digest", "spec"))


def slot_labels(slot: Slot) -> dict[str, str]:
    """The labels that every container of *slot* has."""
    return {f"{PREFIX}project": slot.project, f"{PREFIX}environment": slot.environment, f"{PREFIX}target": slot.target}


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a step is to bring about: this release, in containers that look like this.

    Attributes:
        repository: Image name with the registry, without a tag.
        digest: Of the pushed manifest; the image's ID when *local*.
        local: The image is in this engine only, never pushed.
        spec: ``{"run": ...}`` or ``{"compose": ...}`` as in `Release.detail`.
    """

    slot: Slot
    deployment_id: str
    version: str
    commit_sha: str | None
    repository: str
    digest: str
    local: bool
    spec: Mapping[str, Any]

    @property
    def reference(self) -> str:
        """What to create a container from: never a tag, which may have moved meanwhile."""
        return self.digest if self.local else f"{self.repository}@{self.digest}"

    @property
    def labels(self) -> dict[str, str]:
        return slot_labels(self.slot) | {
            DEPLOYMENT: self.deployment_id,
            _VERSION: self.version,
            _COMMIT: self.commit_sha or "",
            _IMAGE: self.repository,
            _DIGEST: self.digest,
            _SPEC: hashlib.sha256(canonical_json(self.spec)).hexdigest()[:16],
        }

    def made(self, container: Container) -> bool:
        """True when *container* was made by this deployment, of this image, as configured then."""
        return self.labels.items() <= container.labels.items() and container.image == self.reference

    @classmethod
    def of(cls, slot: Slot, step: Step, deployment_id: str, outcomes: Outcomes) -> Wanted:
        """From the inputs of an update or wait step and what the steps before it found out."""
        release, image = step.inputs["release"], step.inputs["image"]
        return cls(
            slot=slot,
            # A rollback restores what another deployment made.
            deployment_id=release["deployment_id"] or deployment_id,
            version=release["version"],
            commit_sha=release["commit_sha"],
            repository=image["repository"],
            digest=image["digest"] or pinned_digest(outcomes),
            local=image["local"],
            spec=step.inputs["spec"],
        )


def pinned_digest(outcomes: Outcomes) -> str:
    """The digest that push found out; without a push, the ID that build found out."""
    return str(outcomes["push" if "push" in outcomes else "build"]["digest"])


def release_of(container: Container) -> Release:
    """The release that *container* says it runs."""
    label = container.labels.get
    repository, digest = label(_IMAGE) or container.image.partition("@")[0], label(_DIGEST) or container.image
    return Release(
        version=label(_VERSION) or "unknown",
        commit_sha=label(_COMMIT) or None,
        deployment_id=label(DEPLOYMENT) or None,
        artifacts={repository: digest},
        detail={"image": repository, "digest": digest},
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
