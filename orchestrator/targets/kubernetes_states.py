"""What a look at pods and workloads means: rolled out, still on its way, or not going to come. Pure.

The conditions are those of ``kubectl rollout status``, and more: its exit code alone says too little. Start at `rollout`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from orchestrator.targets.kubernetes_cluster import Container, Look, Pod, Workload

# How long a pod's trouble is watched before it counts as certain. Each of these mends itself now and then: a registry comes back,
# an autoscaler adds a node, an operator makes the missing Secret.
PATIENCE_S = {
    "ErrImagePull": 25.0,
    "ImagePullBackOff": 25.0,
    "Unschedulable": 30.0,
    "CreateContainerConfigError": 10.0,
    "CreateContainerError": 10.0,
    "RunContainerError": 10.0,
    "ReplicaFailure": 10.0,
}
_AT_ONCE = frozenset({"InvalidImageName", "ErrImageNeverPull", "ImageInspectError"})
_CRASHES = 2
"""So many new beginnings, and the node waits longer and longer before the next."""
_NO_SUCH_IMAGE = re.compile(
    r"manifest (?:for \S+ )?(?:unknown|not found)|not found|repository does not exist|unauthorized|denied"
)
AUTOSCALING = "TriggeredScaleUp"

JOB_FAILED = "Failed"


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something that is wrong with one pod or workload.

    Attributes:
        reason: Kubernetes' own word: ``CrashLoopBackOff``.
        message: What else is known.
        certain: It will not end well, however long one waits.
    """

    name: str
    reason: str
    message: str
    certain: bool = False

    def __str__(self) -> str:
        return f"{self.name}: {self.reason}" + (f": {self.message}" if self.message else "")


@dataclass(frozen=True, slots=True)
class State:
    """Of one workload. *waiting* is "" when it is rolled out, else what is missing, as people would say it."""

    waiting: str
    troubles: tuple[Trouble, ...] = ()

    @property
    def done(self) -> bool:
        return not self.waiting


def rollout(look: Look, kind: str, name: str) -> State:
    """The state of one workload. One that is not there is not rolled out, and that is certain."""
    workload = look.find(kind, name)
    if workload is None:
        return State(f"{kind} {name} does not exist", (Trouble(name, "NotFound", "somebody has removed it", certain=True),))
    waiting = _WAITING[kind](workload)
    if not waiting:
        return State("")
    if _observed(workload) < workload.generation:
        return State(waiting)  # whatever is wrong now is wrong with what it was before
    return State(waiting, (*_of_workload(workload), *(each for pod in look.newest(workload) for each in of_pod(pod))))


def of_pod(pod: Pod) -> Iterator[Trouble]:
    """What is wrong with *pod*."""
    if pod.unschedulable:
        yield Trouble(pod.name, "Unschedulable", pod.unschedulable)
    for one in pod.containers:
        yield from _of_container(pod, one)


def not_ready(look: Look, workload: Workload) -> list[Pod]:
    """The pods that keep it from being rolled out, those that are not well first."""
    pods = [pod for pod in look.newest(workload) if not pod.ready]
    return sorted(pods, key=lambda pod: (not any(of_pod(pod)), pod.name))


def no_such_image(lines: Iterable[str]) -> bool:
    """Whether events say that no second attempt will find the image."""
    return any(_NO_SUCH_IMAGE.search(line) for line in lines if "pull" in line.lower())


def _of_container(pod: Pod, one: Container) -> Iterator[Trouble]:
    ended = f"it ended {one.restarts + 1} times, last: {one.ended}" if one.ended else one.message
    if one.waiting == "CrashLoopBackOff" or (one.restarts >= _CRASHES and not one.ready):
        yield Trouble(pod.name, "CrashLoopBackOff", ended, certain=one.restarts >= _CRASHES)
    elif one.waiting in _AT_ONCE:
        yield Trouble(pod.name, one.waiting, one.message, certain=True)
    elif one.waiting in PATIENCE_S:
        yield Trouble(pod.name, one.waiting, one.message, certain=no_such_image([f"pull {one.message}"]))


def _of_workload(workload: Workload) -> Iterator[Trouble]:
    progressing, failure = workload.condition("Progressing"), workload.condition("ReplicaFailure")
    if progressing.get("status") == "False" and progressing.get("reason") == "ProgressDeadlineExceeded":
        yield Trouble(workload.name, "ProgressDeadlineExceeded", str(progressing.get("message", "")), certain=True)
    if failure.get("status") == "True":
        yield Trouble(workload.name, "ReplicaFailure", str(failure.get("message", "")))
    failed = workload.condition(JOB_FAILED)
    if workload.kind == "Job" and failed.get("status") == "True":
        yield Trouble(workload.name, str(failed.get("reason", JOB_FAILED)), str(failed.get("message", "")), certain=True)


def _observed(workload: Workload) -> int:
    """The generation that its controller has seen; a Job has no say in that."""
    return workload.generation if workload.kind == "Job" else int(workload.status.get("observedGeneration", 0))


def _deployment(workload: Workload) -> str:
    status, wanted = workload.status, workload.replicas
    updated, total = status.get("updatedReplicas", 0), status.get("replicas", 0)
    if _observed(workload) < workload.generation:
        return f"{workload.name}: not seen by its controller yet"
    if updated < wanted:
        return f"{workload.name}: {updated} of {wanted} pods are of the new release"
    if total > updated:
        return f"{workload.name}: {total - updated} old pods are to end"
    if status.get("availableReplicas", 0) < updated:
        return f"{workload.name}: {status.get('availableReplicas', 0)} of {updated} pods are available"
    return ""


def _stateful_set(workload: Workload) -> str:
    status, wanted = workload.status, workload.replicas
    if _observed(workload) < workload.generation:
        return f"{workload.name}: not seen by its controller yet"
    renewed = status.get("updatedReplicas", 0)
    if status.get("updateRevision") != status.get("currentRevision") and renewed < wanted:
        return f"{workload.name}: {renewed} of {wanted} pods are of the new release"
    if status.get("readyReplicas", 0) < wanted:
        return f"{workload.name}: {status.get('readyReplicas', 0)} of {wanted} pods are ready"
    return ""


def _daemon_set(workload: Workload) -> str:
    status = workload.status
    wanted, updated = status.get("desiredNumberScheduled", 0), status.get("updatedNumberScheduled", 0)
    if _observed(workload) < workload.generation:
        return f"{workload.name}: not seen by its controller yet"
    if updated < wanted:
        return f"{workload.name}: {updated} of {wanted} pods are of the new release"
    if status.get("numberAvailable", 0) < wanted:
        return f"{workload.name}: {status.get('numberAvailable', 0)} of {wanted} pods are available"
    return ""


def _job(workload: Workload) -> str:
    if workload.condition("Complete").get("status") == "True":
        return ""
    return f"{workload.name}: {workload.status.get('active', 0)} pods are at work"


_WAITING = {"Deployment": _deployment, "StatefulSet": _stateful_set, "DaemonSet": _daemon_set, "Job": _job}
AWAITED = tuple(_WAITING)
"""Kinds whose end is awaited."""
