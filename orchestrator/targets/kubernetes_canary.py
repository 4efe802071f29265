"""The canary of a Deployment: a second one beside it, behind the same Service, or behind an Ingress that splits by weight.

    NAME-canary        Deployment; its pods are like those of the new release, with the label ``pop-deploy/role: canary``
    ...-canary         with ``ingress: nginx``: a Service of its own, and an Ingress with the wanted weight

ConfigMaps and ServiceAccounts of the new release that are not there yet come along; what is there is the stable release's, and is
not touched. All of it carries the role, so that `remove` finds it whatever happened in between; the promotion takes the role off
what stays. Start at `Canaries.weight`; `made` says what a canary consists of.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from orchestrator.domain.plan import CANARY_WEIGHT, Plan, Step
from orchestrator.targets.base import Answer, Observation, Outcomes, StepError, StepOutcome, StepRun, Tools
from orchestrator.targets.canary import Side, Sides
from orchestrator.targets.kubernetes_apply import apply_objects, cluster_of, delete_objects, is_applied
from orchestrator.targets.kubernetes_cluster import Cluster, Look, Mark
from orchestrator.targets.kubernetes_objects import Manifest, find, name_of, pod_template
from orchestrator.targets.kubernetes_slot import CANARY, ROLE, SLOT, Wanted, refuse_foreign, slot_label
from orchestrator.targets.kubernetes_states import of_pod, rollout
from orchestrator.targets.kubernetes_wait import Waiting

MADE = ("deployments.apps", "services", "ingresses.networking.k8s.io", "configmaps", "serviceaccounts")
"""What a canary may consist of."""
_ALONG = ("ConfigMap", "ServiceAccount")
_NGINX = "nginx.ingress.kubernetes.io/"
_POD = "[a-z0-9]+-[a-z0-9]{5}"
_FRESH_S = 1.5
"""A look at the sides is good for the addresses of their pods for so long: the cluster is asked once a second."""


class Canaries:
    """Makes, looks at and removes the canary of one slot."""

    def __init__(self, tools: Tools, waiting: Waiting) -> None:
        self._tools, self._waiting = tools, waiting
        self._label = slot_label(tools.slot)
        self._seen: tuple[float, Look] | None = None

    def weight(self, step: Step, run: StepRun) -> StepOutcome:
        """Make the canary, or bring it to another weight, and wait until its pods are ready."""
        wanted = Wanted.of(self._tools.slot, step, run.deployment_id, run.outcomes)
        wanted.require_complete()
        cluster = cluster_of(self._tools, step)
        objects = self._objects(step, wanted, cluster, run)
        marks = cluster.marks([name_of(one) for one in objects])
        foreign = [str(name) for name, mark in marks.items() if mark.slot != self._label or mark.role != CANARY]
        refuse_foreign(foreign, self._tools.slot, cluster.place.namespace, adopt=False)
        apply_objects(cluster, objects, run)
        name = canary_name(wanted.workload[1])
        self._waiting.until(cluster, [("Deployment", name)], run)
        return StepOutcome(f"{name} has all of its {step.inputs['replicas']} replicas ready", _data(step))

    def probe_weight(self, step: Step, deployment_id: str, outcomes: Outcomes) -> Observation:
        """DONE when the canary is there as this step makes it, and its pods are ready."""
        wanted = Wanted.of(self._tools.slot, step, deployment_id, outcomes)
        if not wanted.complete:
            return Observation(Answer.NOT_DONE, "its manifests or its image are not on record yet")
        cluster = cluster_of(self._tools, step)
        objects = self._objects(step, wanted, cluster)
        marks = cluster.marks([name_of(one) for one in objects])
        missing = [str(name_of(one)) for one in objects if not is_applied(one, marks.get(name_of(one)), wanted)]
        if missing:
            return Observation(Answer.NOT_DONE, f"not there as this step makes it: {', '.join(missing)}")
        state = rollout(cluster.look(MADE[:1], self._label), "Deployment", canary_name(wanted.workload[1]))
        if not state.done:
            return Observation(Answer.NOT_DONE, state.waiting)
        return Observation(Answer.DONE, f"all of its {step.inputs['replicas']} replicas are ready", _data(step))

    def remove(self, step: Step, run: StepRun) -> StepOutcome:
        """Remove all of it, whoever made it."""
        cluster = cluster_of(self._tools, step)
        names = [mark.name for mark in self._left(cluster)]
        delete_objects(cluster, names, run)
        return StepOutcome(f"removed {', '.join(map(str, names)) or 'nothing: there was no canary'}", {})

    def probe_remove(self, step: Step, deployment_id: str, outcomes: Outcomes) -> Observation:
        left = self._left(cluster_of(self._tools, step))
        if left:
            return Observation(Answer.NOT_DONE, f"still there: {', '.join(str(mark.name) for mark in left)}")
        return Observation(Answer.DONE, "there is no canary")

    def sides(self, plan: Plan, outcomes: Outcomes) -> Sides:
        """Both sides by one call."""
        step = next(step for step in plan.steps if step.kind == CANARY_WEIGHT)
        name = step.inputs["release"]["detail"]["workload"]["name"]
        weights = [outcomes.get(each.name, {}) for each in plan.steps if each.kind == CANARY_WEIGHT]
        reached = [data["replicas"] for data in weights if "replicas" in data]  # what was left out has not reached any
        look = cluster_of(self._tools, step).look(MADE[:1], self._label)
        self._seen = self._tools.clock.monotonic(), look
        canary = canary_name(name)
        return Sides(
            canary=_side(look, canary, wanted=reached[-1] if reached else step.inputs["replicas"]),
            stable=_side(look, name, wanted=None),
        )

    def endpoints(self, cluster: Cluster, side: Side, port: int | None) -> list[str]:
        """The pods of *side* that are ready, by their own addresses: whoever asks must be able to reach the pods' network."""
        now = self._tools.clock.monotonic()
        if self._seen is None or now - self._seen[0] > _FRESH_S:
            self._seen = now, cluster.look((), self._label)
        pods = [pod for pod in self._seen[1].pods if re.fullmatch(side.name, pod.name)]
        found = []
        for pod in pods:
            asked = port or next(iter(pod.ports), None)
            if pod.ready and not pod.going and pod.address and asked:
                host = f"[{pod.address}]" if ":" in pod.address else pod.address
                found.append(f"http://{host}:{asked}")
        return found

    def _objects(self, step: Step, wanted: Wanted, cluster: Cluster, run: StepRun | None = None) -> list[Manifest]:
        pinned = wanted.pinned()
        along = [one for one in pinned if one["kind"] in _ALONG]
        there = cluster.marks([name_of(one) for one in along])
        stable = {name for name, mark in there.items() if mark.role != CANARY}
        if run is not None:
            for name in stable:
                if _differs(find(pinned, name.kind, name.name), there[name], wanted):
                    run.progress(f"{name} differs in the new release; until the promotion the canary has the stable one")
        return made(step.inputs, wanted, [one for one in along if name_of(one) not in stable])

    def _left(self, cluster: Cluster) -> list[Mark]:
        return cluster.labelled(MADE, f"{SLOT}={self._label},{ROLE}={CANARY}")


def canary_name(name: str) -> str:
    return f"{name}-canary"


def made(inputs: Mapping[str, Any], wanted: Wanted, along: Iterable[Manifest] = ()) -> list[Manifest]:
    """All objects of a canary at the weight of *inputs*, as they are applied.

    Args:
        along: Objects of the release that only the canary needs for now.
    """
    pinned, (kind, name) = wanted.pinned(), wanted.workload
    workload = find(pinned, kind, name)
    assert workload is not None  # noqa: S101 - `pinned` has refused a release without it
    split = _services(pinned, workload) if inputs["ingress"] else []
    renamed = {key for service in split for key in service["spec"]["selector"]}
    objects = [copy.deepcopy(one) for one in along]
    objects.append(_deployment(workload, inputs["replicas"], renamed))
    objects += [_service(service) for service in split]
    names = {service["metadata"]["name"] for service in split}
    leading = [one for one in pinned if one["kind"] == "Ingress" and _leads_to(one, names)]
    if inputs["ingress"] and not leading:
        raise StepError(
            f"ingress: no Ingress in the manifests leads to a Service of {kind} {name}, so nothing can split by weight. "
            "Add it to the manifests, or leave ingress out of deploy.json",
            effect=False,
        )
    objects += [_ingress(one, names, inputs["weight"]) for one in leading]
    for one in objects:
        wanted.mark(one, role=CANARY)
    return objects


def _deployment(workload: Manifest, replicas: int, renamed: Iterable[str]) -> Manifest:
    """Its selector asks for the role, so that neither Deployment takes the other's pods for its own.

    Args:
        renamed: Labels by which the stable Service finds pods; the canary's must not be among them when an Ingress splits.
    """
    canary = copy.deepcopy(workload)
    canary["metadata"]["name"] = canary_name(workload["metadata"]["name"])
    spec, template = canary["spec"], pod_template(canary)
    assert template is not None  # noqa: S101 - a Deployment has one
    spec["replicas"] = replicas
    labels = {**(template.get("metadata") or {}).get("labels", {})}
    labels |= {key: canary_label(labels[key]) for key in renamed if key in labels} | {ROLE: CANARY}
    template.setdefault("metadata", {})["labels"] = labels
    selector = spec["selector"].get("matchLabels") or {}
    spec["selector"] = {**spec["selector"], "matchLabels": {key: labels[key] for key in selector} | {ROLE: CANARY}}
    return canary


def _services(pinned: Sequence[Manifest], workload: Manifest) -> list[Manifest]:
    """The Services that lead to the workload's pods."""
    labels = ((pod_template(workload) or {}).get("metadata") or {}).get("labels") or {}
    services = [one for one in pinned if one["kind"] == "Service" and (one.get("spec") or {}).get("selector")]
    return [one for one in services if one["spec"]["selector"].items() <= labels.items()]


def _service(service: Manifest) -> Manifest:
    canary = copy.deepcopy(service)
    canary["metadata"]["name"] = canary_name(service["metadata"]["name"])
    spec = canary["spec"]
    for key in ("clusterIP", "clusterIPs", "externalIPs", "loadBalancerIP", "healthCheckNodePort"):
        spec.pop(key, None)
    spec["type"] = "ClusterIP"
    for port in spec.get("ports") or ():
        port.pop("nodePort", None)
    spec["selector"] = {key: canary_label(value) for key, value in spec["selector"].items()} | {ROLE: CANARY}
    return canary


def _ingress(ingress: Manifest, services: Iterable[str], weight: float) -> Manifest:
    """Only the rules that lead to *services*; the controller takes hosts and certificates from the stable one."""
    canary = copy.deepcopy(ingress)
    metadata, names = canary["metadata"], set(services)
    metadata["name"] = canary_name(metadata["name"])
    annotations = {**(metadata.get("annotations") or {})}
    metadata["annotations"] = annotations | {f"{_NGINX}canary": "true", f"{_NGINX}canary-weight": str(round(weight))}
    rules = []
    for rule in canary["spec"].get("rules") or ():
        paths = [path for path in (rule.get("http") or {}).get("paths") or () if _backend(path["backend"]).get("name") in names]
        for path in paths:
            backend = _backend(path["backend"])
            backend["name"] = canary_name(backend["name"])
        if paths:
            rules.append({**rule, "http": {"paths": paths}})
    kept = {key: value for key, value in canary["spec"].items() if key == "ingressClassName"}
    canary["spec"] = {**kept, "rules": rules}
    return canary


def _leads_to(ingress: Manifest, services: Iterable[str]) -> bool:
    names = set(services)
    paths = [path for rule in ingress["spec"].get("rules") or () for path in (rule.get("http") or {}).get("paths") or ()]
    return any(_backend(path["backend"]).get("name") in names for path in paths)


def _backend(backend: dict[str, Any]) -> dict[str, Any]:
    service = backend.get("service")
    return service if isinstance(service, dict) else {}


def canary_label(value: str) -> str:
    """*value* of a label, changed so that no selector of the stable side finds it."""
    return f"{value[:56]}-canary"


def _differs(manifest: Manifest | None, mark: Mark, wanted: Wanted) -> bool:
    if manifest is None:
        return False
    compared = copy.deepcopy(manifest)
    wanted.mark(compared)
    return bool(mark.spec) and mark.spec != compared["metadata"]["annotations"]["pop-deploy/spec"]


def _side(look: Look, name: str, *, wanted: int | None) -> Side:
    found = look.find("Deployment", name)
    pattern = f"{re.escape(name)}-{_POD}"
    pods = [pod for pod in look.pods if re.fullmatch(pattern, pod.name) and not pod.going]
    problems = [str(each) for pod in pods for each in of_pod(pod)]
    if found is None:
        problems.append(f"Deployment {name} does not exist")
    return Side(
        name=pattern,
        wanted=wanted if wanted is not None else (found.replicas if found is not None else 0),
        ready=int(found.status.get("readyReplicas", 0)) if found is not None else 0,
        restarts=sum(pod.restarts for pod in pods),
        problems=tuple(dict.fromkeys(problems)),
    )


def _data(step: Step) -> dict[str, Any]:
    return {"replicas": step.inputs["replicas"], "reached": step.inputs["reached"]}
