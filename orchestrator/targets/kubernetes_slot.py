"""Which object is whose: the labels and annotations by which this slot's objects are known, and what they must look like.

Every object that we apply carries a label that says its slot, and annotations that say which deployment applied it and what it
applied. They are written in the same call as the change, so they are the evidence of it. The workload also holds the whole
release, compressed. Start at `Wanted`.
"""

from __future__ import annotations

import base64
import copy
import hashlib
import json
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from orchestrator.domain.plan import Release, Slot, Step, canonical_json
from orchestrator.targets.base import ForeignResource, Outcomes, StepError
from orchestrator.targets.kubernetes_objects import Manifest, digest, find, name_of, pin, pod_template

PREFIX = "pop-deploy/"
SLOT, ROLE = f"{PREFIX}slot", f"{PREFIX}role"
DEPLOYMENT, SPEC, RELEASE = f"{PREFIX}deployment", f"{PREFIX}spec", f"{PREFIX}release"
VERSION, COMMIT, OF = f"{PREFIX}version", f"{PREFIX}commit", f"{PREFIX}slot-name"
CANARY, MIGRATION = "canary", "migration"

MOST_RELEASE_BYTES = 48_000
"""Of a compressed release: an object takes 256 kB of annotations, a question of ours 64 kB of answer."""


def slot_label(slot: Slot) -> str:
    """A value that is valid whatever project and target are called; the annotation `OF` says it in words."""
    return hashlib.sha256(slot.stream.encode()).hexdigest()[:20]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a step is to bring about: this release, in objects that look like this.

    Attributes:
        detail: `Release.detail`: ``image``, ``image_ref``, ``digest``, ``workload``, and ``objects`` as they were rendered.
        hidden: Where the records hide a part of them.
    """

    slot: Slot
    deployment_id: str
    version: str
    commit_sha: str | None
    detail: Mapping[str, Any]
    hidden: tuple[str, ...] = ()

    @property
    def reference(self) -> str:
        """What containers run: the digest decides, the tag before it is for people."""
        return f"{self.detail['image_ref']}@{self.detail['digest']}"

    @property
    def workload(self) -> tuple[str, str]:
        return self.detail["workload"]["kind"], self.detail["workload"]["name"]

    @property
    def complete(self) -> bool:
        """False while nobody has rendered the objects or pushed the image."""
        return bool(self.detail.get("objects")) and bool(self.detail.get("digest"))

    def require_complete(self) -> None:
        """Refuse to apply what is not on record, or not as it was rendered.

        Raises:
            StepError: No object is, or a part of one was taken for a secret and hidden: what is on record would do harm.
        """
        if not self.complete:
            raise StepError(f"{self.deployment_id}: its manifests or its image are not on record yet.", effect=False)
        if self.hidden:
            raise StepError(
                f"The manifests hold what looks like a secret ({', '.join(self.hidden)}), and what is deployed stays on "
                "record for ever. Make a Secret of it by other means, and only name that in the manifests (secretKeyRef).",
                effect=False,
            )

    def objects(self) -> list[Manifest]:
        """All objects as they are applied; none while the release is not `complete`.

        Raises:
            StepError: The workload or its container is not among them, or the release is too large to be recorded in it.
        """
        made = self.pinned()
        for one in made:
            marks = {RELEASE: packed(self.detail)} if (one["kind"], one["metadata"]["name"]) == self.workload else {}
            self.mark(one, marks)
        return made

    def pinned(self) -> list[Manifest]:
        """All objects with our image, but without a sign of ours."""
        if not self.complete:
            return []
        made: list[Manifest] = copy.deepcopy(self.detail["objects"])
        detail, (kind, name) = self.detail, self.workload
        pin(made, self.workload, detail["workload"]["container"], detail["image"], self.reference)
        workload = find(made, kind, name)
        if workload is None:
            known = ", ".join(str(name_of(one)) for one in made)
            raise StepError(f"deployment: there is no {kind} {name} in the manifests; there are: {known}.", effect=False)
        if kind == "Deployment" and detail["progress_deadline_s"] is not None:
            workload["spec"]["progressDeadlineSeconds"] = round(detail["progress_deadline_s"])
        return made

    def mark(self, manifest: Manifest, more: Mapping[str, str] | None = None, *, role: str | None = None) -> None:
        """Write our label into *manifest* and its pods, and our annotations, whose digest covers all the rest."""
        labels = {SLOT: slot_label(self.slot)} | ({ROLE: role} if role else {})
        template = pod_template(manifest)
        for each in (manifest, template) if template is not None else (manifest,):
            metadata = each.setdefault("metadata", {})
            metadata["labels"] = {**(metadata.get("labels") or {}), **labels}
        annotations = {
            SPEC: digest(manifest),
            DEPLOYMENT: self.deployment_id,
            VERSION: self.version,
            OF: f"{self.slot.project}/{self.slot.environment}/{self.slot.target}",
            **({COMMIT: self.commit_sha} if self.commit_sha else {}),
            **(more or {}),
        }
        metadata = manifest["metadata"]
        metadata["annotations"] = {**(metadata.get("annotations") or {}), **annotations}

    @classmethod
    def of(cls, slot: Slot, step: Step, deployment_id: str, outcomes: Outcomes) -> Wanted:
        """From the inputs of a step and what the steps before it found out."""
        release = Release.from_json(step.inputs["release"])
        recorded = "objects" in release.detail
        return cls(
            slot=slot,
            # A rollback restores what another deployment made.
            deployment_id=release.deployment_id or deployment_id,
            version=release.version,
            commit_sha=release.commit_sha,
            detail=release.detail if recorded else {**release.detail, **found_out(outcomes)},
            hidden=() if recorded else hidden_in(outcomes),
        )


def found_out(outcomes: Outcomes) -> dict[str, Any]:
    """What the steps of a deployment found out: the objects, and the image that was pushed."""
    pushed, rendered = outcomes.get("push") or {}, outcomes.get("render") or {}
    members = {"members": dict(pushed["members"])} if "members" in pushed else {}
    return {"digest": pushed.get("digest", ""), "objects": list(rendered.get("objects", ())), **members}


def rendered_digest(objects: Iterable[Manifest], migrations: Iterable[Manifest]) -> str:
    """Of all that was rendered; in the outcome beside it, it shows whether the records have hidden anything."""
    return digest({"objects": list(objects), "migrations": list(migrations)})


def hidden_in(outcomes: Outcomes) -> tuple[str, ...]:
    """Where the records hide a part of what was rendered; `()` when it is there as it was."""
    found = outcomes.get("render") or {}
    objects, migrations = found.get("objects", ()), found.get("migrations", ())
    if not found or rendered_digest(objects, migrations) == found["rendered"]:
        return ()
    return tuple(place for one in (*objects, *migrations) for place in _hidden(one)) or ("it cannot be said where",)


def _hidden(manifest: Manifest) -> Iterator[str]:
    """Where something was hidden in *manifest*: ``Deployment web: spec.template.spec.containers[0].env[1].value``."""

    def walk(value: Any, path: str) -> Iterator[str]:
        if isinstance(value, dict):
            for key, inner in value.items():
                yield from walk(inner, f"{path}.{key}" if path else key)
        elif isinstance(value, list):
            for index, inner in enumerate(value):
                yield from walk(inner, f"{path}[{index}]")
        elif isinstance(value, str) and "***" in value:
            yield path

    for place in walk(manifest, ""):
        yield f"{manifest['kind']} {(manifest.get('metadata') or {}).get('name')}: {place}"


def packed(detail: Mapping[str, Any]) -> str:
    """*detail* as the value of an annotation.

    Raises:
        StepError: It is too large.
    """
    text = base64.b64encode(zlib.compress(canonical_json(detail), 9)).decode()
    if len(text) > MOST_RELEASE_BYTES:
        raise StepError(
            f"The manifests are too large to be recorded with the release: {len(text)} bytes compressed, at most "
            f"{MOST_RELEASE_BYTES}. Give what is large (a ConfigMap's files) a target of its own.",
            effect=False,
        )
    return text


def release_of(said: Mapping[str, str]) -> Release:
    """The release that a workload runs, by its annotations (without our prefix)."""
    detail = json.loads(zlib.decompress(base64.b64decode(said["release"])))
    return Release(
        version=said["version"],
        commit_sha=said.get("commit"),
        deployment_id=said["deployment"],
        artifacts={detail["image"]: detail["digest"]},
        detail=detail,
    )


def refuse_foreign(names: Iterable[str], slot: Slot, namespace: str, *, adopt: bool) -> None:
    """Raise `ForeignResource` for *names*, objects without our label, unless they may be taken over."""
    found = list(names)
    if found and not adopt:
        raise ForeignResource(
            f"{', '.join(found)} in namespace {namespace} {'does' if len(found) == 1 else 'do'} not carry our label for {slot}; "
            'nothing was touched. Remove or rename them, or set "adopt": true beside config to take them over'
        )
