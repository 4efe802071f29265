"""Argument lists of kubectl and helm, as data: pure functions, nothing is run here.

Every value stands behind ``--option=``, behind ``--``, or was made by us; so nothing a user names can become an option of its
own. Context and namespace are in every list that reaches a cluster. Works with clients from 1.22 and servers from 1.20 on.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from orchestrator.domain.quoting import csv_field

Argv = tuple[str, ...]

MANAGER = "pop-deploy"
"""Our name as a field manager: who has last applied which field is asked and answered by it."""
REQUEST_S = 20
"""Deadline of each request of a question. A change has none of its own: its step has one."""

OBJECT = '{@}{"\\n"}'
OBJECTS = '{range .items[*]}{@}{"\\n"}{end}'
_MARKS = (
    "apiVersion", "kind", "metadata.name", "metadata.labels.pop-deploy/slot", "metadata.labels.pop-deploy/role",
    "metadata.annotations.pop-deploy/deployment", "metadata.annotations.pop-deploy/spec", "metadata.deletionTimestamp",
)  # fmt: skip
MARKS = "{range .items[*]}" + '{"\\t"}'.join(f"{{.{path}}}" for path in _MARKS) + '{"\\n"}{end}'
RELEASE_KEYS = ("deployment", "version", "commit", "release")
_RELEASE = ("metadata.labels.pop-deploy/slot", *(f"metadata.annotations.pop-deploy/{key}" for key in RELEASE_KEYS))
RELEASE = "{range .items[*]}" + '{"\\t"}'.join(f"{{.{path}}}" for path in _RELEASE) + '{"\\n"}{end}'
_EVENT = ("involvedObject.kind", "involvedObject.name", "type", "reason", "message")
EVENTS = "{range .items[*]}" + '{"\\t"}'.join(f"{{.{path}}}" for path in _EVENT) + '{"\\n"}{end}'

_CONTAINERS = "{.name}{'\\x1f'}{.restartCount}{'\\x1f'}{.ready}{'\\x1f'}{.state}{'\\x1f'}{.lastState}{'\\x1e'}"
# One line for each: pods first, so that what is cut off a very long answer is never the workloads.
LOOK = (
    '{range .items[?(@.kind=="Pod")]}'
    'P{"\\t"}{.metadata.name}{"\\t"}{.metadata.ownerReferences[0].name}{"\\t"}{.metadata.deletionTimestamp}{"\\t"}'
    '{.metadata.labels.pop-deploy/role}{"\\t"}{.metadata.labels.controller-revision-hash}{"\\t"}'
    '{.metadata.labels.pod-template-generation}{"\\t"}{.status.podIP}{"\\t"}{.spec.containers[*].ports[*].containerPort}{"\\t"}'
    '{.status.conditions[?(@.type=="Ready")].status}{"\\t"}{.status.conditions[?(@.reason=="Unschedulable")].message}{"\\t"}'
    f"{{range .status.initContainerStatuses[*]}}{_CONTAINERS}{{end}}{{range .status.containerStatuses[*]}}{_CONTAINERS}{{end}}"
    '{"\\n"}{end}'
    '{range .items[?(@.kind!="Pod")]}'
    'W{"\\t"}{.kind}{"\\t"}{.metadata.name}{"\\t"}{.metadata.ownerReferences[0].name}{"\\t"}{.metadata.generation}{"\\t"}'
    '{.metadata.annotations.deployment\\.kubernetes\\.io/revision}'
    '{.metadata.annotations.deprecated\\.daemonset\\.template\\.generation}{"\\t"}{.metadata.annotations.pop-deploy/deployment}{"\\t"}'
    '{.metadata.annotations.pop-deploy/spec}{"\\t"}{.spec.replicas}{"\\t"}{.spec.template.spec.containers[*].image}{"\\t"}{.status}'
    '{"\\n"}{end}'
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Place:
    """Which namespace of which cluster, said in full."""

    kubeconfig: str | None
    context: str
    namespace: str

    @property
    def options(self) -> Argv:
        file = (f"--kubeconfig={self.kubeconfig}",) if self.kubeconfig else ()
        return (*file, f"--context={self.context}", f"--namespace={self.namespace}")

    def to_json(self) -> dict[str, Any]:
        return {"kubeconfig": self.kubeconfig, "context": self.context, "namespace": self.namespace}


# Reading files; no cluster is asked


def read_files(files: Iterable[str]) -> Argv:
    """Every object in *files* (or directories), one JSON text a line. The annotation that is taken off is on none of them."""
    chosen = [f"--filename={csv_field(file)}" for file in files]
    return ("kubectl", "annotate", "--local", "--recursive", *chosen, f"--output=jsonpath={OBJECT}", "pop-deploy/none-")


def kustomize(directory: str, output: Path) -> Argv:
    """One file for each object into the directory *output*."""
    return ("kubectl", "kustomize", f"--output={output}", "--", directory)


def helm_template(release: str, chart: str, values: Iterable[str], namespace: str, output: Path) -> Argv:
    """One file for each template below the directory *output*; no hooks: applied with the rest they would run at once."""
    files = [f"--values={csv_field(file)}" for file in values]
    options = ("--no-hooks", f"--namespace={namespace}", f"--output-dir={output}")
    return ("helm", "template", *options, *files, "--", release, chart)


# Questions


def contexts(kubeconfig: str | None) -> Argv:
    """Names of all contexts; no cluster is asked."""
    file = (f"--kubeconfig={kubeconfig}",) if kubeconfig else ()
    return ("kubectl", "config", *file, "get-contexts", "--output=name")


def versions(place: Place) -> Argv:
    return ("kubectl", "version", *_asking(place), "--output=json")


def get(place: Place, names: Iterable[str], template: str) -> Argv:
    """Those of *names* (``Deployment.v1.apps/web``) that exist. One is asked twice: only several are always printed as a list."""
    wanted = list(names)
    wanted = wanted * 2 if len(wanted) == 1 else wanted
    return ("kubectl", "get", *_asking(place), "--ignore-not-found", f"--output=jsonpath={template}", "--", *wanted)


def get_labelled(place: Place, kinds: Iterable[str], selector: str, template: str) -> Argv:
    """All of *kinds* (``deployments.apps``) that have the labels."""
    listed = ",".join(kinds)
    return ("kubectl", "get", *_asking(place), f"--selector={selector}", f"--output=jsonpath={template}", "--", listed)


def kinds(place: Place) -> Argv:
    """All kinds that the cluster has: resource, short names, API version, namespaced, kind."""
    return ("kubectl", "api-resources", *_asking(place), "--no-headers")


def events(place: Place) -> Argv:
    return ("kubectl", "get", *_asking(place), "--sort-by=.lastTimestamp", f"--output=jsonpath={EVENTS}", "--", "events")


def logs(place: Place, pod: str, container: str, lines: int, *, previous: bool = False) -> Argv:
    before = ("--previous",) if previous else ()
    return ("kubectl", "logs", *_asking(place), f"--tail={lines}", *before, f"--container={container}", "--", pod)


def await_rollout(place: Place, name: str, seconds: int) -> Argv:
    """Ends when the rollout of *name* has, or after *seconds*. Only good for waking up early: see `kubernetes_wait`."""
    return ("kubectl", "rollout", "status", *_asking(place), f"--timeout={seconds}s", "--", name)


def await_job(place: Place, name: str, seconds: int) -> Argv:
    return ("kubectl", "wait", *_asking(place), "--for=condition=complete", f"--timeout={seconds}s", "--", name)


def reviews(place: Place, file: Path) -> Argv:
    """``auth can-i``, for all access reviews in *file* at once: ``true`` or ``false`` for each, a line each. Stores nothing."""
    output = '--output=jsonpath={.status.allowed}{"\\n"}'
    return ("kubectl", "create", *_asking(place), "--validate=false", output, f"--filename={csv_field(file)}")


def dry_apply(place: Place, file: Path, *, force: bool) -> Argv:
    """What the cluster would make of the objects in *file*. Without *force* a conflict with another manager is an error."""
    how = ("--dry-run=server", f"--output=jsonpath={OBJECT}")
    return ("kubectl", "apply", *_asking(place), *how, *_server_side(force=force), f"--filename={csv_field(file)}")


# Changes


def apply(place: Place, file: Path) -> Argv:
    """Who else may have set a field was asked before: what is confirmed and begun is not left half done for it."""
    return ("kubectl", "apply", *place.options, "--output=name", *_server_side(force=True), f"--filename={csv_field(file)}")


def delete(place: Place, names: Iterable[str]) -> Argv:
    """With all that they own, whose end is awaited."""
    return (
        "kubectl", "delete", *place.options, "--ignore-not-found", "--wait", "--cascade=foreground", "--", *names,
    )  # fmt: skip


def _asking(place: Place) -> Argv:
    return (*place.options, f"--request-timeout={REQUEST_S}s")


def _server_side(*, force: bool) -> Argv:
    return ("--server-side", f"--field-manager={MANAGER}", f"--force-conflicts={'true' if force else 'false'}")
