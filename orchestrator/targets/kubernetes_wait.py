"""Waiting for a rollout by looking at it, proving that it is what the plan says, and what to tell if it is not.

One call is one look: pods, ReplicaSets and workloads together. Before each look kubectl's own waiting wakes us early when a
rollout ends; its exit code is never believed. So there are at most `MOST_CALLS` calls a minute, and the end is seen at once. A
pod's trouble ends the waiting when it is certain, long before any deadline, with events and the last lines of its log. Start at
`Waiting.until`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, repeat

from orchestrator.domain.errors import PopDeployError
from orchestrator.domain.plan import Step
from orchestrator.targets import kubernetes_cli as cli
from orchestrator.targets.base import Check, CheckStatus, Outcomes, StepError, StepOutcome, StepRun, Tools, Unreachable
from orchestrator.targets.kubernetes_cluster import Cluster, Look, Pod
from orchestrator.targets.kubernetes_objects import Name, name_of
from orchestrator.targets.kubernetes_slot import Wanted, slot_label
from orchestrator.targets.kubernetes_states import (
    AUTOSCALING,
    AWAITED,
    PATIENCE_S,
    State,
    Trouble,
    no_such_image,
    not_ready,
    rollout,
)

MOST_CALLS = 60
"""A minute of waiting."""
_SPARE_S = 5.0
SILENCE_S = 60.0
"""A cluster that does not answer for so long is not waited for."""
LOG_LINES = 20
_TOLD_PODS = 2
_API = {"Deployment": "apps/v1", "StatefulSet": "apps/v1", "DaemonSet": "apps/v1", "Job": "batch/v1"}
_RESOURCES = {
    "Deployment": "deployments.apps",
    "StatefulSet": "statefulsets.apps",
    "DaemonSet": "daemonsets.apps",
    "Job": "jobs.batch",
}

Awaited = tuple[str, str]
"""Kind and name of a workload."""


def intervals() -> Iterator[float]:
    """Seconds between looks. Each takes two calls, and a third where a pod's events decide."""
    return chain((2.0, 2.0, 3.0), repeat(4.0))


@dataclass(slots=True)
class _Watch:
    """What was seen so far. *since*: when a trouble, by name and reason, was first seen."""

    since: dict[tuple[str, str], float] = field(default_factory=dict)
    shown: str = ""
    silent_since: float | None = None
    woken_by: Awaited | None = None


class Waiting:
    """Waits for workloads of one slot."""

    def __init__(self, tools: Tools) -> None:
        self._tools, self._clock = tools, tools.clock
        self._label = slot_label(tools.slot)

    def wait(self, step: Step, run: StepRun) -> StepOutcome:
        """Until every workload of the release is rolled out, and every Job in it has ended well."""
        wanted = Wanted.of(self._tools.slot, step, run.deployment_id, run.outcomes)
        wanted.require_complete()
        names = [name_of(one) for one in wanted.detail["objects"]]
        awaited = [(name.kind, name.name) for name in names if name.kind in AWAITED]
        cluster = self._cluster(step)
        look = self.until(cluster, awaited, run)
        return StepOutcome(", ".join(_ready(look, *one) for one in awaited))

    def until(self, cluster: Cluster, awaited: Sequence[Awaited], run: StepRun) -> Look:
        """Until each of *awaited* is rolled out.

        Raises:
            StepError: One will not be, or the step's time is up.
        """
        kinds, watch = [_RESOURCES[kind] for kind, _ in awaited], _Watch()
        first = awaited[0]
        for interval in intervals():
            began = self._clock.monotonic()
            woken = self._woken(cluster, first, watch, interval)
            look = self._look(cluster, kinds, watch, run)
            if look is not None:
                states = {one: rollout(look, *one) for one in awaited}
                missing = {one: state for one, state in states.items() if not state.done}
                if not missing:
                    return look
                self._require_hope(cluster, look, missing, watch, run, interval)
                first = next(iter(missing))
            left = interval - (self._clock.monotonic() - began)
            if not woken and left > 0:
                self._clock.sleep(left)
        raise AssertionError  # the intervals never end

    def verify(self, step: Step, deployment_id: str, outcomes: Outcomes) -> Iterator[Check]:
        """The workload says that this deployment applied it, it is rolled out, and all its pods run the wanted image."""
        wanted = Wanted.of(self._tools.slot, step, deployment_id, outcomes)
        (kind, name), began = wanted.workload, self._clock.monotonic()
        look = self._cluster(step).look([_RESOURCES[kind]], self._label)
        found = look.find(kind, name)
        if found is None or found.deployment != wanted.deployment_id or not wanted.complete:
            said = f"is of {found.deployment or 'nobody we know'}" if found is not None else "does not exist"
            yield self._check("workload", CheckStatus.FAIL, f"{kind} {name} {said}, not of {wanted.deployment_id}", began)
            return
        state = rollout(look, kind, name)
        if state.done:
            seen = f"generation {found.generation} observed"
            yield self._check("rollout", CheckStatus.PASS, f"{_ready(look, kind, name)}; {seen}", began)
        else:
            yield self._check("rollout", CheckStatus.FAIL, "; ".join([state.waiting, *map(str, state.troubles)]), began)
        if wanted.reference in found.images:
            yield self._check("digest", CheckStatus.PASS, f"runs {wanted.reference}", began)
        else:
            runs = ", ".join(found.images)
            yield self._check("digest", CheckStatus.FAIL, f"{runs} runs where {wanted.reference} should", began)

    def diagnostics(self, cluster: Cluster, kind: str, name: str) -> list[str]:
        """State of the workload and what is known of its pods. A cluster that is down makes one line."""
        try:
            look = cluster.look([_RESOURCES[kind]], self._label)
            state = rollout(look, kind, name)
            return [_ready(look, kind, name), *self._told(cluster, look, [(kind, name)], state.troubles)]
        except PopDeployError as error:
            return [f"The cluster could not be asked: {error}"]

    def _look(self, cluster: Cluster, kinds: Sequence[str], watch: _Watch, run: StepRun) -> Look | None:
        """None while the cluster does not answer: it restarts, and the rollout goes on meanwhile. Raises Unreachable."""
        now = self._clock.monotonic()
        try:
            look = cluster.look(kinds, self._label)
        except Unreachable:
            watch.silent_since = now if watch.silent_since is None else watch.silent_since
            if now - watch.silent_since >= SILENCE_S or run.remaining_s() <= _SPARE_S:
                raise
            run.progress("the cluster does not answer; it is asked again")
            return None
        watch.silent_since = None
        return look

    def _require_hope(
        self,
        cluster: Cluster,
        look: Look,
        missing: Mapping[Awaited, State],
        watch: _Watch,
        run: StepRun,
        interval: float,
    ) -> None:
        """Raises StepError when the *missing* will not come, or not before the step's deadline."""
        waiting = "; ".join(state.waiting for state in missing.values())
        if waiting != watch.shown:
            run.progress(waiting)
            watch.shown = waiting
        troubles = [each for state in missing.values() for each in state.troubles]
        hopeless = self._hopeless(cluster, troubles, watch.since)
        if hopeless:
            raise StepError("\n".join([f"{hopeless[0]}.", *self._told(cluster, look, missing, hopeless[1:])]))
        if run.remaining_s() <= interval + _SPARE_S:
            late = f"Not rolled out before the step's deadline (timeout_s): {waiting}."
            raise StepError("\n".join([late, *self._told(cluster, look, missing, troubles)]))

    def _hopeless(self, cluster: Cluster, troubles: Iterable[Trouble], since: dict[tuple[str, str], float]) -> list[Trouble]:
        """Those of *troubles* that are certain, by themselves, by their events, or because they have lasted."""
        found, now = [], self._clock.monotonic()
        for each in troubles:
            key = (each.name, each.reason)
            new = key not in since
            lasted = now - since.setdefault(key, now)
            patient = lasted < PATIENCE_S.get(each.reason, float("inf")) or self._helped(cluster, each)
            refused = new and "Pull" in each.reason and len(since) <= _TOLD_PODS and no_such_image(cluster.events([each.name]))
            if each.certain or refused or not patient:
                found.append(each)
        return found

    def _helped(self, cluster: Cluster, trouble: Trouble) -> bool:
        """An autoscaler has said that a node is on its way."""
        return trouble.reason == "Unschedulable" and any(
            AUTOSCALING in line for line in cluster.events([trouble.name], warnings=False)
        )

    def _told(self, cluster: Cluster, look: Look, awaited: Iterable[Awaited], troubles: Iterable[Trouble]) -> list[str]:
        """The troubles, then events and log tails of the pods that are not ready."""
        lines = [str(each) for each in dict.fromkeys(troubles)][:6]
        workloads = [found for one in awaited if (found := look.find(*one)) is not None]
        pods = [pod for workload in workloads for pod in not_ready(look, workload)][:_TOLD_PODS]
        try:
            lines += [
                f"event: {line}" for line in cluster.events([*(pod.name for pod in pods), *(one.name for one in workloads)])
            ]
            lines += [line for pod in pods for line in self._logged(cluster, pod)]
        except PopDeployError as error:
            lines.append(f"The cluster could not be asked for more: {error}")
        return lines

    def _logged(self, cluster: Cluster, pod: Pod) -> list[str]:
        lines = cluster.logs(pod, LOG_LINES)
        return [f"log of {pod.name}:", *lines] if lines else []

    def _woken(self, cluster: Cluster, awaited: Awaited, watch: _Watch, interval: float) -> bool:
        """True as soon as kubectl holds the rollout for ended, False after *interval* or when it gives up.

        Whoever has woken us for nothing is not believed a second time.
        """
        if watch.woken_by == awaited:
            watch.woken_by = None
            return False
        kind, name = awaited
        resource = Name(_API[kind], kind, name).resource
        argv = (cli.await_job if kind == "Job" else cli.await_rollout)(cluster.place, resource, max(1, int(interval)))
        try:
            woken = cluster.ask(argv).ok
        except Unreachable:
            woken = False  # the next look says so
        watch.woken_by = awaited if woken else None
        return woken

    def _cluster(self, step: Step) -> Cluster:
        return Cluster(self._tools.query, self._tools.project_dir, cli.Place(**step.inputs["place"]))

    def _check(self, name: str, status: CheckStatus, message: str, began: float) -> Check:
        return Check(name, status, message, round((self._clock.monotonic() - began) * 1000))


def _ready(look: Look, kind: str, name: str) -> str:
    found = look.find(kind, name)
    if found is None:
        return f"{kind} {name} does not exist"
    if kind == "Job":
        return f"{kind} {name} has ended"
    status = found.status
    ready = status.get("readyReplicas", status.get("numberReady", 0))
    return f"{kind} {name} has {ready} of {status.get('desiredNumberScheduled', found.replicas)} pods ready"
