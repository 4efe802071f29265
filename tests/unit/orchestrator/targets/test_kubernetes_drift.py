"""How differences are told, and who is said to have made them. No cluster is asked."""

from __future__ import annotations

from typing import Any

from orchestrator.targets.kubernetes_drift import Difference, _compared, _told, added_by_hand, in_lines, owners, reversed_lines


def entry(manager: str, time: str, fields: dict[str, Any]) -> dict[str, Any]:
    return {"manager": manager, "operation": "Update", "time": time, "fieldsV1": fields}


def live(*entries: dict[str, Any]) -> dict[str, Any]:
    return {"metadata": {"name": "web", "managedFields": [entry("pop-deploy", "2026-03-18T14:30:00Z", {}), *entries]}}


def test_tells_the_field_that_differs_by_its_path() -> None:
    before = {"spec": {"replicas": 2, "containers": [{"name": "web", "image": "a"}, {"name": "old"}], "ports": [{"port": 1}]}}
    after = {"spec": {"replicas": 2, "containers": [{"name": "web", "image": "b"}], "ports": [{"port": 2}]}}

    assert list(_compared(before, after, "")) == [
        "spec.containers[old]: {'name': 'old'} -> (none)",
        "spec.containers[web].image: a -> b",
        "spec.ports[0].port: 1 -> 2",
    ]


def test_who_and_when_is_no_difference() -> None:
    one = {"metadata": {"name": "a", "resourceVersion": "1", "annotations": {"pop-deploy/version": "1"}}, "status": {"a": 1}}
    other = {"metadata": {"name": "a", "resourceVersion": "2", "annotations": {"pop-deploy/version": "2"}}}

    assert _told(one) == _told(other)


def test_what_somebody_did_is_the_change_turned_round() -> None:
    assert list(reversed_lines(["spec.replicas: 5 -> 2", "a: b -> (none)"])) == ["spec.replicas: 2 -> 5", "a: (none) -> b"]


def test_finds_the_owners_in_one_conflict_and_in_several() -> None:
    one = 'error: Apply failed with 1 conflict: conflict with "kubectl-edit" using apps/v1: .spec.replicas\nPlease review'
    two = (
        'Apply failed with 3 conflicts: conflicts with "kubectl-edit" using apps/v1:\n- .spec.replicas\n- .spec.paused\n'
        'conflicts with "hpa":\n- .spec.x\nPlease review the fields above'
    )

    assert list(owners(one)) == ["set by kubectl-edit: .spec.replicas"]
    assert list(owners(two)) == ["set by kubectl-edit: .spec.replicas .spec.paused", "set by hpa: .spec.x"]
    assert list(owners("error: something else")) == []


def test_names_what_was_set_by_hand_since_we_applied() -> None:
    env = {"f:spec": {"f:template": {"f:spec": {"f:containers": {'k:{"name":"web"}': {"f:env": {'k:{"name":"A"}': {
        ".": {}, "f:name": {}, "f:value": {}}}}}}}}}  # fmt: skip

    found = list(added_by_hand(live(entry("kubectl-set", "2026-03-18T15:00:00Z", env))))

    assert found == ["spec.template.spec.containers[web].env[A].value set by kubectl-set"]


def test_controllers_restarts_and_what_was_before_us_are_no_hands() -> None:
    fields = {"f:spec": {"f:replicas": {}}}

    assert not list(added_by_hand(live(entry("kube-controller-manager", "2026-03-18T15:00:00Z", fields))))
    assert not list(added_by_hand(live(entry("kubectl-rollout", "2026-03-18T15:00:00Z", fields))))
    assert not list(added_by_hand(live(entry("kubectl-edit", "2026-03-18T14:00:00Z", fields))))
    assert not list(added_by_hand(live(entry("kubectl-edit", "2026-03-18T15:00:00Z", {"f:metadata": {}}))))


def test_tells_each_object() -> None:
    found = [Difference("Service a", None, ()), Difference("Service b", {}, ()), Difference("Deployment c", {}, ("x: 1 -> 2",))]

    assert in_lines(found) == ["Service a: new", "Service b: stays as it is", "Deployment c: changes", "  x: 1 -> 2"]
