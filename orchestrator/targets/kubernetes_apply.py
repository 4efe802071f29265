"""The steps that change a cluster: applying the objects of a release, running its migrations, pruning what it left out.

All objects are applied by one kubectl call, each of them by one request that also writes who did it (`kubernetes_slot`). A kill
may come between two of them: `Update.probe` compares every object, and applying again leads to the same. Start at `Update.apply`.
"""

from __future__ import annotations

import copy
import hashlib
import re
from collections.abc import Mapping, Sequence
from typing import Any

from orchestrator.domain.plan import Step
from orchestrator.targets import kubernetes_cli as cli
from orchestrator.targets.base import Answer, CommandResult, Observation, Outcomes, StepError, StepOutcome, StepRun, Tools
from orchestrator.targets.kubernetes_cluster import Cluster, Mark, write_list
from orchestrator.targets.kubernetes_errors import explain, tail
from orchestrator.targets.kubernetes_objects import Manifest, Name, containers, name_of, pin
from orchestrator.targets.kubernetes_slot import MIGRATION, ROLE, SLOT, SPEC, Wanted, refuse_foreign, slot_label
from orchestrator.targets.kubernetes_states import rollout
from orchestrator.targets.kubernetes_wait import Waiting

# What holds data or belongs to more than one (volumes, namespaces, definitions) is never pruned.
PRUNED = (
    "deployments.apps", "statefulsets.apps", "daemonsets.apps", "cronjobs.batch", "services", "configmaps", "serviceaccounts",
    "ingresses.networking.k8s.io", "networkpolicies.networking.k8s.io", "horizontalpodautoscalers.autoscaling",
    "poddisruptionbudgets.policy", "roles.rbac.authorization.k8s.io", "rolebindings.rbac.authorization.k8s.io",
)  # fmt: skip
_APPLIED = re.compile(r"^[a-z0-9.]+/\S+$", re.MULTILINE)


class Update:
    """Applies and prunes the objects of a release."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        self._label = slot_label(tools.slot)

    def probe(self, step: Step, deployment_id: str, outcomes: Outcomes) -> Observation:
        """DONE when every object says that this deployment applied it, and as what."""
        wanted = Wanted.of(self._tools.slot, step, deployment_id, outcomes)
        objects = wanted.objects()
        if not objects:
            return Observation(Answer.NOT_DONE, "its manifests or its image are not on record yet")
        marks = cluster_of(self._tools, step).marks([name_of(one) for one in objects])
        missing = [str(name_of(one)) for one in objects if not is_applied(one, marks.get(name_of(one)), wanted)]
        if missing:
            return Observation(Answer.NOT_DONE, f"not applied by {wanted.deployment_id}: {', '.join(missing)}")
        return Observation(Answer.DONE, f"applied {len(objects)} objects", _data(wanted))

    def apply(self, step: Step, run: StepRun) -> StepOutcome:
        wanted = Wanted.of(self._tools.slot, step, run.deployment_id, run.outcomes)
        wanted.require_complete()
        objects, cluster = wanted.objects(), cluster_of(self._tools, step)
        marks = cluster.marks([name_of(one) for one in objects])
        self.require_ours(marks, cluster, step)
        for migration in step.inputs.get("cannot_be_undone", ()):
            run.progress(f"what {migration} did to the data is not undone by going back")
        already = all(is_applied(one, marks.get(name_of(one)), wanted) for one in objects)
        objects = [one for one in objects if not _has_run(one, marks, run)]
        apply_objects(cluster, objects, run)
        said = "all of them were exactly that already" if already else f"{' '.join(wanted.workload)} is of {wanted.reference}"
        return StepOutcome(f"applied {len(objects)} objects; {said}", _data(wanted))

    def require_ours(self, marks: Mapping[Name, Mark], cluster: Cluster, step: Step) -> None:
        """Raise `ForeignResource` for objects that are there and not ours."""
        foreign = [str(name) for name, mark in marks.items() if mark.slot != self._label]
        refuse_foreign(foreign, self._tools.slot, cluster.place.namespace, adopt=step.inputs["adopt"])

    def prune(self, step: Step, run: StepRun) -> StepOutcome:
        """Delete what carries our label and is not in the manifests any more."""
        wanted = Wanted.of(self._tools.slot, step, run.deployment_id, run.outcomes)
        wanted.require_complete()
        cluster = cluster_of(self._tools, step)
        names = self._left_out(wanted, cluster)
        delete_objects(cluster, names, run)
        return StepOutcome(f"removed {', '.join(map(str, names)) or 'nothing'}", {"removed": [str(name) for name in names]})

    def _left_out(self, wanted: Wanted, cluster: Cluster) -> list[Name]:
        kept = {(one["kind"], one["metadata"]["name"]) for one in wanted.detail["objects"]}
        found = cluster.labelled(PRUNED, f"{SLOT}={self._label},!{ROLE}")
        return [mark.name for mark in found if (mark.name.kind, mark.name.name) not in kept and not mark.going]


class Migrations:
    """Runs the Jobs that come before a release. Each deployment makes Jobs of its own: a finished one cannot run again."""

    def __init__(self, tools: Tools, waiting: Waiting) -> None:
        self._tools, self._waiting = tools, waiting
        self._label = slot_label(tools.slot)

    def probe(self, step: Step, deployment_id: str, outcomes: Outcomes) -> Observation:
        jobs = self._jobs(step, deployment_id, outcomes)
        if not jobs:
            return Observation(Answer.NOT_DONE, "its migrations or its image are not on record yet")
        look = cluster_of(self._tools, step).look(["jobs.batch"], self._label)
        open_ones = [name for name in _names(jobs) if not rollout(look, "Job", name).done]
        if open_ones:
            return Observation(Answer.NOT_DONE, f"has not ended well: {', '.join(open_ones)}")
        return Observation(Answer.DONE, f"ended well: {', '.join(_names(jobs))}", {"jobs": _names(jobs)})

    def apply(self, step: Step, run: StepRun) -> StepOutcome:
        """One after another; after all of them the Jobs of earlier deployments are removed."""
        Wanted.of(self._tools.slot, step, run.deployment_id, run.outcomes).require_complete()
        cluster, jobs = cluster_of(self._tools, step), self._jobs(step, run.deployment_id, run.outcomes)
        marks = cluster.marks([name_of(one) for one in jobs])
        refuse_foreign(
            [str(name) for name, mark in marks.items() if mark.slot != self._label],
            self._tools.slot,
            cluster.place.namespace,
            adopt=False,
        )
        for job in jobs:
            name = job["metadata"]["name"]
            apply_objects(cluster, [job], run, command=f"apply-{name}")
            self._waiting.until(cluster, [("Job", name)], run)
        old = cluster.labelled(["jobs.batch"], f"{SLOT}={self._label},{ROLE}={MIGRATION}")
        delete_objects(cluster, [mark.name for mark in old if mark.deployment != run.deployment_id], run)
        return StepOutcome(f"ended well: {', '.join(_names(jobs))}", {"jobs": _names(jobs)})

    def _jobs(self, step: Step, deployment_id: str, outcomes: Outcomes) -> list[Manifest]:
        wanted = Wanted.of(self._tools.slot, step, deployment_id, outcomes)
        if not wanted.complete:
            return []
        jobs: list[Manifest] = copy.deepcopy(list((outcomes.get("render") or {}).get("migrations", ())))
        for job in jobs:
            suffix = hashlib.sha256(deployment_id.encode()).hexdigest()[:8]
            job["metadata"]["name"] = f"{job['metadata']['name'][:50]}-{suffix}"
            only = [one for one in containers(job) if one["name"] == wanted.detail["workload"]["container"]]
            for one in only:
                one["image"] = wanted.reference
            pin([job], ("", ""), None, wanted.detail["image"], wanted.reference)
            wanted.mark(job, role=MIGRATION)
        return jobs


def cluster_of(tools: Tools, step: Step) -> Cluster:
    """The cluster and namespace that the step was planned for."""
    return Cluster(tools.query, tools.project_dir, cli.Place(**step.inputs["place"]))


def is_applied(manifest: Manifest, mark: Mark | None, wanted: Wanted) -> bool:
    """Whether the live object says that it is *manifest*, applied by the wanted deployment."""
    if mark is None or mark.going:
        return False
    if manifest["kind"] == "Job" and mark.slot == manifest["metadata"]["labels"][SLOT]:
        return True  # it has run or runs, for whomever: it cannot be changed, and is not run again
    return (mark.deployment, mark.spec) == (wanted.deployment_id, manifest["metadata"]["annotations"][SPEC])


def apply_objects(cluster: Cluster, objects: Sequence[Manifest], run: StepRun, *, command: str = "apply") -> None:
    """Apply *objects* by one call. Raises StepError with what the cluster has against them."""
    file = write_list(objects, run.attempt_dir / f"{command}.json")
    argv = cli.apply(cluster.place, file)
    result = run.command(argv, name=command, cwd=cluster.project_dir, check=False)
    if not result.ok:
        raise _failure(argv, result, effect=_APPLIED.search(result.stdout) is not None)


def delete_objects(cluster: Cluster, names: Sequence[Name], run: StepRun) -> None:
    """Delete objects and wait until they and what they own are gone."""
    if not names:
        return
    argv = cli.delete(cluster.place, [name.resource for name in names])
    result = run.command(argv, name="delete", cwd=cluster.project_dir, check=False)
    if not result.ok:
        raise _failure(argv, result, effect=True)


def _has_run(manifest: Manifest, marks: Mapping[Name, Mark], run: StepRun) -> bool:
    """A Job that is there has run or runs; it cannot be changed, and is not run again."""
    name = name_of(manifest)
    if name.kind != "Job" or name not in marks:
        return False
    run.progress(f"{name} has been run, and is not run again")
    return True


def _failure(argv: Sequence[str], result: CommandResult, *, effect: bool) -> StepError:
    stderr = result.stderr.strip()
    output = result.stdout if stderr in result.stdout else f"{result.stdout}\n{stderr}"
    return StepError(explain(argv, output), exit_code=result.exit_code, output_tail=tail(output), effect=effect)


def _names(jobs: Sequence[Manifest]) -> list[str]:
    return [job["metadata"]["name"] for job in jobs]


def _data(wanted: Wanted) -> dict[str, Any]:
    return {"workload": " ".join(wanted.workload), "reference": wanted.reference}
