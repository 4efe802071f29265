"""Kubernetes objects as JSON values: who they are, what may not be in them, and which image their containers run.

Pure. An object is a plain dictionary, as kubectl prints it; nothing here knows of slots or deployments. Start at `accepted`.
"""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from orchestrator.domain.plan import canonical_json
from orchestrator.targets.base import StepError

Manifest = dict[str, Any]

# What others need comes first. A kind that is not in here comes after the first group and before what runs.
_FIRST = (
    "Namespace", "CustomResourceDefinition", "PriorityClass", "StorageClass", "ServiceAccount", "ClusterRole", "Role",
    "ClusterRoleBinding", "RoleBinding", "ResourceQuota", "LimitRange", "NetworkPolicy", "PodDisruptionBudget", "Secret",
    "ConfigMap", "PersistentVolume", "PersistentVolumeClaim", "Service",
)  # fmt: skip
_LAST = ("DaemonSet", "StatefulSet", "Deployment", "Job", "CronJob", "HorizontalPodAutoscaler", "Ingress")
_TEMPLATES = {
    "Deployment": ("spec", "template"),
    "StatefulSet": ("spec", "template"),
    "DaemonSet": ("spec", "template"),
    "ReplicaSet": ("spec", "template"),
    "Job": ("spec", "template"),
    "CronJob": ("spec", "jobTemplate", "spec", "template"),
}


@dataclass(frozen=True, slots=True, order=True)
class Name:
    """Which object: its kind, as the API groups it, and its name."""

    api_version: str
    kind: str
    name: str

    @property
    def resource(self) -> str:
        """As kubectl takes it: ``Deployment.v1.apps/web``."""
        group, _, version = self.api_version.rpartition("/")
        return f"{self.kind}.{version}.{group}/{self.name}"

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"

    def to_json(self) -> dict[str, str]:
        return {"api_version": self.api_version, "kind": self.kind, "name": self.name}


def name_of(manifest: Mapping[str, Any]) -> Name:
    return Name(manifest["apiVersion"], manifest["kind"], manifest["metadata"]["name"])


def accepted(manifests: Iterable[Manifest], namespace: str) -> list[Manifest]:
    """*manifests* in the order in which they are applied, without what only a cluster writes.

    Raises:
        StepError: One cannot be applied as it is; nothing was changed.
    """
    found: dict[tuple[str, str], Manifest] = {}
    for manifest in manifests:
        problem = _problem(manifest, namespace)
        if problem:
            raise _refused(problem)
        name = name_of(manifest)
        if (name.kind, name.name) in found:
            raise _refused(f"{name} is there twice. Leave one out")
        found[name.kind, name.name] = _plain(manifest)
    if not found:
        raise _refused("there is no object in them")
    return sorted(found.values(), key=_order)


def accepted_jobs(manifests: Iterable[Manifest], namespace: str) -> list[Manifest]:
    """The migrations among *manifests*, in their own order. Raises StepError as `accepted` does."""
    found = []
    for manifest in manifests:
        problem = _problem(manifest, namespace)
        if not problem and manifest["kind"] != "Job":
            problem = f"migrations: {name_of(manifest)} is no Job"
        if problem:
            raise _refused(problem)
        found.append(_plain(manifest))
    return found


def find(manifests: Iterable[Manifest], kind: str, name: str) -> Manifest | None:
    return next((one for one in manifests if one["kind"] == kind and one["metadata"]["name"] == name), None)


def pod_template(manifest: Manifest) -> Manifest | None:
    """The part of a workload that its pods are made of, to be changed in place; None where there is none."""
    part: Any = manifest
    for key in _TEMPLATES.get(manifest["kind"], ("no such part",)):
        part = part.get(key) if isinstance(part, dict) else None
    return part if isinstance(part, dict) else None


def containers(manifest: Manifest, *, init: bool = True) -> Iterator[Manifest]:
    """Of the pods of a workload, to be changed in place; its init containers first."""
    spec = (pod_template(manifest) or {}).get("spec") or {}
    for field in ("initContainers", "containers") if init else ("containers",):
        yield from spec.get(field) or ()


def named_container(workload: Manifest, container: str | None) -> Manifest:
    """The container that gets our image.

    Raises:
        StepError: There is no such container, or several and none is named.
    """
    names = {one["name"]: one for one in containers(workload, init=False)}
    if container is None and len(names) == 1:
        return next(iter(names.values()))
    if container is not None and container in names:
        return names[container]
    said = f"container: {container} is none of them" if container else "container: say which of them gets the image"
    raise _refused(f"{name_of(workload)} has the containers {', '.join(names) or '(none)'}. {said}")


def pin(manifests: Iterable[Manifest], workload: tuple[str, str], container: str | None, repository: str, reference: str) -> None:
    """Put our image into the named container of the workload, and wherever else the same repository is asked for."""
    for manifest in manifests:
        for one in containers(manifest):
            if repository_of(str(one.get("image", ""))) == repository:
                one["image"] = reference
        if (manifest["kind"], manifest["metadata"]["name"]) == workload:
            named_container(manifest, container)["image"] = reference


def repository_of(image: str) -> str:
    """*image* without tag and digest."""
    head, slash, last = image.partition("@")[0].rpartition("/")
    return f"{head}{slash}{last.partition(':')[0]}"


def digest(manifest: Mapping[str, Any]) -> str:
    return "sha256:" + hashlib.sha256(canonical_json(manifest)).hexdigest()


def _problem(manifest: Mapping[str, Any], namespace: str) -> str:
    """Why *manifest* is not taken, or ""."""
    metadata = manifest.get("metadata") or {}
    if not manifest.get("apiVersion") or not manifest.get("kind") or not metadata.get("name"):
        return f"{manifest.get('kind') or 'an object'} has no metadata.name. Give it one: what has none cannot be found again"
    name = name_of(manifest)
    if metadata.get("namespace") not in (None, namespace):
        return f"{name} wants the namespace {metadata['namespace']}, the target's is {namespace}. Correct one of them"
    if name.kind == "Secret" and (manifest.get("data") or manifest.get("stringData")):
        return (
            f"{name} holds its values, and what is deployed stays on record for ever. Take it out of the manifests, make it "
            "in the cluster by other means (an operator, kubectl create secret), and only name it in them"
        )
    return ""


def _plain(manifest: Manifest) -> Manifest:
    plain = copy.deepcopy({key: value for key, value in manifest.items() if key != "status"})
    metadata = plain["metadata"]
    metadata.pop("namespace", None)
    for key in ("creationTimestamp", "annotations", "labels"):
        if not metadata.get(key):
            metadata.pop(key, None)
    template = pod_template(plain) or {}
    if "metadata" in template and template["metadata"].get("creationTimestamp", "") is None:
        del template["metadata"]["creationTimestamp"]
    ports = [port for one in containers(plain) for port in one.get("ports") or ()]
    if plain["kind"] == "Service":
        ports += (plain.get("spec") or {}).get("ports") or ()
    for port in ports:
        # Servers up to 1.20 take it for a part of the port's name, and refuse an applied port without it.
        port.setdefault("protocol", "TCP")
    return plain


def _order(manifest: Manifest) -> tuple[int, int, str, str]:
    kind = manifest["kind"]
    group = 0 if kind in _FIRST else 2 if kind in _LAST else 1
    position = (*_FIRST, *_LAST).index(kind) if group != 1 else 0
    return group, position, kind, manifest["metadata"]["name"]


def _refused(problem: str) -> StepError:
    return StepError(f"The manifests cannot be applied: {problem}.", effect=False)
