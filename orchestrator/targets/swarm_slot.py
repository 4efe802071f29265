"""Which service is whose: the labels by which this slot's services are known, and what one must look like.

A service of ours says in its labels which slot it belongs to, which deployment made it of which image, and as what. Labels and
what they speak of are written by one call, so they are never apart. Nothing else is believed. Start at `Wanted`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from orchestrator.domain.plan import Release, Slot, Step, canonical_json
from orchestrator.targets.base import ForeignResource, Outcomes, StepError
from orchestrator.targets.image_config import from_json
from orchestrator.targets.swarm_config import CANARY_SUFFIX, PREFIX
from orchestrator.targets.swarm_engine import Service
from orchestrator.targets.swarm_ports import parse_port
from orchestrator.targets.swarm_spec import Shape

DEPLOYMENT, ROLE, STACK = f"{PREFIX}deployment", f"{PREFIX}role", f"{PREFIX}stack"
CANARY = "canary"
_VERSION, _COMMIT, _DIGEST, _DETAIL = (f"{PREFIX}{name}" for name in ("version", "commit", "digest", "detail"))


def slot_labels(slot: Slot) -> dict[str, str]:
    """The labels that every service of *slot* has."""
    return {f"{PREFIX}project": slot.project, f"{PREFIX}environment": slot.environment, f"{PREFIX}target": slot.target}


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a step is to bring about: this release, in a service that looks like this.

    Attributes:
        detail: `Release.detail`: ``image`` (without a tag), ``digest``, and ``service`` or ``stack``. Secrets are references,
            never values.
        role: ``canary``, or "".
        back: The way back: tasks are replaced as ``rollback`` says.
    """

    slot: Slot
    deployment_id: str
    version: str
    commit_sha: str | None
    detail: Mapping[str, Any]
    role: str = ""
    back: bool = False

    @property
    def name(self) -> str:
        """Of the service."""
        return service_name(self.detail)

    @property
    def reference(self) -> str:
        """What its tasks run: never a tag, which may have moved meanwhile."""
        return f"{self.detail['image']}@{self.detail['digest']}"

    @property
    def labels(self) -> dict[str, str]:
        return slot_labels(self.slot) | {
            DEPLOYMENT: self.deployment_id,
            _VERSION: self.version,
            _COMMIT: self.commit_sha or "",
            _DIGEST: self.detail["digest"],
            _DETAIL: canonical_json(self.detail).decode(),
            **({ROLE: self.role} if self.role else {}),
        }

    @property
    def shape(self) -> Shape:
        """The whole service, as far as it is ours to say. The tasks know their deployment too: that is how one can tell them."""
        spec = self.detail["service"]
        aliases = (spec["alias"],) if spec["alias"] is not None else ()
        return Shape(
            image=self.reference,
            replicas=spec["replicas"],
            env=from_json(spec["env"]),
            command=tuple(spec["command"] or ()),
            entrypoint=tuple(spec["entrypoint"] or ()),
            mounts=tuple(spec["mounts"]),
            networks=dict.fromkeys(spec["networks"], aliases),
            ports=tuple(sorted(parse_port(port) for port in spec["ports"])),
            labels={**spec["labels"], **self.labels},
            container_labels={DEPLOYMENT: self.deployment_id},
            constraints=tuple(spec["constraints"]),
            endpoint_mode=spec["endpoint_mode"],
            update=spec["update"],
            rollback=spec["rollback"],
        )

    def require_image(self) -> None:
        """Refuse to make anything before an earlier step has found out of what."""
        if not self.detail["digest"]:
            raise StepError(f"{self.deployment_id} has no image yet: its push is not on record.", effect=False)

    def made(self, service: Service) -> bool:
        """True when *service* was last written by this deployment, with this image, as configured then."""
        return self.labels.items() <= service.labels.items() and service.image == self.reference

    def as_canary(self, replicas: int) -> Wanted:
        """The same beside the stable service: it answers to the same alias, and publishes no port of its own choice."""
        spec = self.detail["service"]
        ports = [str(replace(port, published=None, mode="host")) for port in map(parse_port, spec["ports"])]
        alias = spec["alias"] or spec["name"]
        changed = {"name": canary_name(spec["name"]), "replicas": replicas, "ports": ports, "alias": alias}
        return replace(self, detail={**self.detail, "service": {**spec, **changed}}, role=CANARY)

    @classmethod
    def of(cls, slot: Slot, step: Step, deployment_id: str, outcomes: Outcomes) -> Wanted:
        """From the inputs of a step and what the steps before it found out."""
        release = Release.from_json(step.inputs["release"])
        return cls(
            slot=slot,
            # A rollback restores what another deployment made.
            deployment_id=release.deployment_id or deployment_id,
            version=release.version,
            commit_sha=release.commit_sha,
            detail=release.detail if "digest" in release.detail else {**release.detail, **pinned(outcomes)},
            back=release.deployment_id is not None,
        )

    @classmethod
    def of_release(cls, slot: Slot, release: Release) -> Wanted:
        """What *release*, which a service carries in its labels, was to look like."""
        return cls(
            slot=slot,
            deployment_id=release.deployment_id or "",
            version=release.version,
            commit_sha=release.commit_sha,
            detail=release.detail,
        )


def pinned(outcomes: Outcomes) -> dict[str, Any]:
    """What the steps of a deployment found out about its image: the digest that was pushed; "" while nobody knows it."""
    found = outcomes.get("push") or {}
    members = {"members": dict(found["members"])} if "members" in found else {}
    return {"digest": found.get("digest", ""), **members}


def service_name(detail: Mapping[str, Any]) -> str:
    """The service that a release runs in, as Swarm calls it."""
    stack = detail.get("stack")
    return f"{stack['name']}_{stack['service']}" if stack else str(detail["service"]["name"])


def canary_name(service: str) -> str:
    return f"{service}{CANARY_SUFFIX}"


def release_of(service: Service) -> Release:
    """The release that *service* says it runs."""
    label = service.labels
    detail = json.loads(label[_DETAIL])
    return Release(
        version=label[_VERSION],
        commit_sha=label[_COMMIT] or None,
        deployment_id=label[DEPLOYMENT],
        artifacts={detail["image"]: detail["digest"]},
        detail=detail,
    )


def is_ours(service: Service, slot: Slot, *, role: str = "") -> bool:
    return slot_labels(slot).items() <= service.labels.items() and service.labels.get(ROLE, "") == role


def refuse_foreign(service: Service, slot: Slot, *, adopt: bool, role: str = "") -> None:
    """Raise `ForeignResource` unless *service* belongs to *slot*."""
    if not adopt and not is_ours(service, slot, role=role):
        raise ForeignResource(
            f"service {service.name} ({service.image}) does not carry our labels for {slot}; nothing was touched. "
            'Remove it, use another name, or set "adopt": true beside config to take it over'
        )
