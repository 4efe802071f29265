"""What pods and workloads say of a rollout: done, on its way, or not going to come. No cluster is asked."""

from __future__ import annotations

from itertools import islice
from typing import Any

import pytest

from orchestrator.targets.kubernetes_cluster import Container, Look, Pod, Workload, _look
from orchestrator.targets.kubernetes_states import no_such_image, not_ready, of_pod, rollout
from orchestrator.targets.kubernetes_wait import MOST_CALLS, intervals

DONE = {"observedGeneration": 2, "replicas": 3, "updatedReplicas": 3, "availableReplicas": 3, "readyReplicas": 3}


def workload(kind: str = "Deployment", name: str = "web", **fields: Any) -> Workload:
    known = {
        "owner": "", "generation": 2, "revision": "2", "deployment": "d", "spec": "s", "replicas": 3, "images": (),
        "status": DONE,
    }  # fmt: skip
    return Workload(kind=kind, name=name, **{**known, **fields})


def pod(name: str = "web-2-a", *containers: Container, **fields: Any) -> Pod:
    known = {
        "owner": "web-2", "going": False, "role": "", "revision": "", "generation": "", "address": "", "ports": (),
        "ready": False, "unschedulable": "",
    }  # fmt: skip
    return Pod(name=name, containers=containers, **{**known, **fields})


def replica_set(number: int) -> Workload:
    return workload("ReplicaSet", f"web-{number}", owner="web", revision=str(number))


def waiting(reason: str, restarts: int = 0, message: str = "") -> Container:
    return Container("web", restarts, ready=False, waiting=reason, message=message)


def state(status: dict[str, Any], *pods: Pod, **fields: Any) -> Any:
    found = workload(status={**DONE, **status}, **fields)
    return rollout(Look(pods, (replica_set(1), replica_set(2), found)), found.kind, found.name)


# Deployments


def test_is_done_when_all_replicas_are_new_and_available() -> None:
    assert state({}).done


@pytest.mark.parametrize(
    ("status", "said"),
    [
        ({"observedGeneration": 1}, "web: not seen by its controller yet"),
        ({"updatedReplicas": 1}, "web: 1 of 3 pods are of the new release"),
        ({"replicas": 4}, "web: 1 old pods are to end"),
        ({"availableReplicas": 2}, "web: 2 of 3 pods are available"),
        ({"availableReplicas": 0, "updatedReplicas": 0, "replicas": 0}, "web: 0 of 3 pods are of the new release"),
    ],
)
def test_says_what_is_missing(status: dict[str, Any], said: str) -> None:
    assert state(status).waiting == said


def test_no_replicas_are_wanted_and_none_is_there() -> None:
    nothing = {"replicas": 0, "updatedReplicas": 0, "availableReplicas": 0}

    assert state(nothing, replicas=0).done


def test_old_pods_do_not_fail_a_new_rollout() -> None:
    old = pod("web-1-a", waiting("CrashLoopBackOff", 5), owner="web-1")

    assert state({"replicas": 4}, old).troubles == ()


def test_nothing_is_certain_before_the_controller_has_looked() -> None:
    crashing = pod("web-2-a", waiting("CrashLoopBackOff", 5))
    late = {"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded"}

    assert state({"observedGeneration": 1, "conditions": [late]}, crashing).troubles == ()


def test_a_passed_progress_deadline_is_certain() -> None:
    late = {"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded", "message": "has timed out"}

    (trouble,) = state({"availableReplicas": 1, "conditions": [late]}).troubles

    assert trouble.certain
    assert str(trouble) == "web: ProgressDeadlineExceeded: has timed out"


def test_one_that_is_gone_is_certain() -> None:
    found = rollout(Look((), ()), "Deployment", "web")

    assert not found.done
    assert found.troubles[0].certain


# Others


@pytest.mark.parametrize(
    ("status", "said"),
    [
        ({"observedGeneration": 2, "updatedReplicas": 3, "readyReplicas": 3, "updateRevision": "b", "currentRevision": "b"}, ""),
        ({"observedGeneration": 2, "updatedReplicas": 1, "readyReplicas": 3, "updateRevision": "b", "currentRevision": "a"},
         "web: 1 of 3 pods are of the new release"),
        ({"observedGeneration": 2, "updatedReplicas": 3, "readyReplicas": 2, "updateRevision": "b", "currentRevision": "a"},
         "web: 2 of 3 pods are ready"),
        ({"observedGeneration": 1}, "web: not seen by its controller yet"),
    ],
)  # fmt: skip
def test_a_stateful_set(status: dict[str, Any], said: str) -> None:
    found = workload("StatefulSet", status=status)

    assert rollout(Look((), (found,)), "StatefulSet", "web").waiting == said


@pytest.mark.parametrize(
    ("status", "said"),
    [
        ({"desiredNumberScheduled": 2, "updatedNumberScheduled": 2, "numberAvailable": 2}, ""),
        ({"desiredNumberScheduled": 2, "updatedNumberScheduled": 1, "numberAvailable": 2},
         "web: 1 of 2 pods are of the new release"),
        ({"desiredNumberScheduled": 2, "updatedNumberScheduled": 2, "numberAvailable": 1}, "web: 1 of 2 pods are available"),
    ],
)  # fmt: skip
def test_a_daemon_set(status: dict[str, Any], said: str) -> None:
    found = workload("DaemonSet", status={"observedGeneration": 2, **status})

    assert rollout(Look((), (found,)), "DaemonSet", "web").waiting == said


def test_a_job() -> None:
    def job(**status: Any) -> Any:
        return rollout(Look((), (workload("Job", status=status),)), "Job", "web")

    assert job(conditions=[{"type": "Complete", "status": "True"}]).done
    assert job(active=1).waiting == "web: 1 pods are at work"
    failed = job(conditions=[{"type": "Failed", "status": "True", "reason": "BackoffLimitExceeded", "message": "twice"}])
    assert [str(each) for each in failed.troubles if each.certain] == ["web: BackoffLimitExceeded: twice"]


# Pods


@pytest.mark.parametrize(
    ("container", "certain"),
    [
        (waiting("CrashLoopBackOff", 1), False),
        (waiting("CrashLoopBackOff", 2), True),
        (Container("web", 2, ready=False, ended="Error, exit code 3"), True),
        (waiting("InvalidImageName"), True),
        (waiting("ImagePullBackOff", message="Back-off pulling image"), False),
        (waiting("ErrImagePull", message="manifest for x not found: manifest unknown"), True),
        (waiting("CreateContainerConfigError"), False),
    ],
)
def test_says_what_is_certain(container: Container, certain: bool) -> None:
    (trouble,) = of_pod(pod("p", container))

    assert trouble.certain is certain


@pytest.mark.parametrize(
    "container", [waiting("ContainerCreating"), Container("web", 0, ready=False), Container("web", 1, ready=True)]
)
def test_a_pod_that_begins_is_no_trouble(container: Container) -> None:
    assert list(of_pod(pod("p", container))) == []


def test_pods_that_are_not_well_are_told_first() -> None:
    fine, ill = pod("a", Container("web", 0, ready=False)), pod("b", waiting("ImagePullBackOff"))
    look = Look((fine, ill, pod("c", ready=True)), (replica_set(2), workload()))

    assert [one.name for one in not_ready(look, workload())] == ["b", "a"]


def test_an_event_about_something_else_says_nothing_of_the_image() -> None:
    assert no_such_image(['web: Failed: Failed to pull image "x": manifest unknown'])
    assert not no_such_image(["web: FailedMount: secret not found"])


def test_there_are_no_more_calls_a_minute_than_promised() -> None:
    minute = [interval for interval, _ in zip(intervals(), range(60), strict=False)]
    calls, passed = 0, 0.0
    for interval in minute:
        if passed >= 60:
            break
        calls, passed = calls + 2, passed + interval

    assert calls <= MOST_CALLS
    assert list(islice(intervals(), 3)) == sorted(islice(intervals(), 3))


# What kubectl prints


def test_a_long_answer_loses_pods_but_never_the_workloads() -> None:
    line = "\t".join(
        ("P", "web-1-a", "web-1", "", "", "", "", "10.0.0.1", "8080 9090", "True", "", "web\x1f1\x1ftrue\x1f{}\x1f{}\x1e")
    )
    cut = "ut off\n" + f"{line}\n" * 900 + "W\tDeployment\tweb\t\t2\t2\td\ts\t3\timage\t{}\n"

    look = _look(cut)

    assert look.pods[0].ports == (8080, 9090)
    assert (look.pods[0].ready, look.pods[0].restarts) == (True, 1)
    assert look.find("Deployment", "web") is not None
