"""The dry run's questions about a cluster, really asked. Changes nothing.

What cannot be asked because something before it failed is SKIP, never PASS. `preflight` is the list, in the order of the steps;
what concerns the image is asked as for any other kind (`docker_checks`).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence

from orchestrator.domain.paths import PathOutside
from orchestrator.domain.plan import CANARY_REMOVE, Plan, Step
from orchestrator.targets import kubernetes_cli as cli
from orchestrator.targets.base import Check, CheckStatus, Outcomes, StepError, Tools
from orchestrator.targets.docker_checks import Preflight as ImagePreflight
from orchestrator.targets.docker_checks import answered
from orchestrator.targets.docker_engine import Engine
from orchestrator.targets.image_plans import BUILD
from orchestrator.targets.kubernetes_apply import PRUNED
from orchestrator.targets.kubernetes_canary import MADE
from orchestrator.targets.kubernetes_cluster import Cluster, listed
from orchestrator.targets.kubernetes_drift import differences, in_lines, owners
from orchestrator.targets.kubernetes_errors import explain, summary
from orchestrator.targets.kubernetes_objects import Manifest, name_of
from orchestrator.targets.kubernetes_plans import APPLY, MIGRATE, PRUNE, RENDER
from orchestrator.targets.kubernetes_render import Manifests, rendered
from orchestrator.targets.kubernetes_slot import Wanted, refuse_foreign, slot_label
from orchestrator.targets.kubernetes_states import AWAITED

Answer = tuple[CheckStatus, str]
PASS, WARN, FAIL, SKIP = CheckStatus.PASS, CheckStatus.WARN, CheckStatus.FAIL, CheckStatus.SKIP

_NO_DIGEST = "sha256:" + "0" * 64
"""Stands for the digest that only a push finds out; the cluster does not fetch images in a dry run."""
_LOOKING = (("list", "", "pods"), ("get", "", "pods/log"), ("list", "", "events"), ("list", "apps", "replicasets"))


class Preflight:
    """Asks about one plan.

    Args:
        observe: The target's own `observe`, which refuses what is not ours.
    """

    def __init__(self, tools: Tools, engine: Engine, observe: Callable[[], object]) -> None:
        self._tools, self._engine, self._observe = tools, engine, observe
        self._answers = self._known = True
        self._objects: list[Manifest] = []
        self._migrations: list[Manifest] = []

    def checks(self, plan: Plan) -> Iterator[Check]:
        """One after another, as they are answered."""
        steps = {step.kind: step for step in plan.steps}
        update = steps[APPLY]
        cluster = Cluster(self._tools.query, self._tools.project_dir, cli.Place(**update.inputs["place"]))
        if BUILD in steps:  # no way back needs an engine
            image = ImagePreflight(self._tools, self._engine, lambda: None)
            yield from (check for check in image.checks(plan) if check.name != "ownership")  # asked of the cluster, below
        yield self._check("context", lambda: self._context(cluster))
        yield self._check("cluster", lambda: self._cluster(cluster), needs=self._known)
        if RENDER in steps:
            yield self._check("manifests", lambda: self._manifests(steps[RENDER], update, plan))
        else:
            self._objects = Wanted.of(self._tools.slot, update, "", {}).objects()
        if not self._objects:
            return
        asked = self._known and self._answers
        yield self._check("access", lambda: self._access(cluster, steps), needs=asked)
        yield self._check("ownership", lambda: self._ownership(cluster, update), needs=asked)
        yield self._check("server dry run", lambda: self._dry_run(cluster), needs=asked)
        yield self._check("conflicts", lambda: self._conflicts(cluster), needs=asked)

    def _check(self, name: str, ask: Callable[[], Answer], *, needs: bool = True) -> Check:
        if not needs:
            return Check(name, SKIP, "not asked: the cluster does not answer")
        return answered(self._tools.clock, name, ask)

    def _context(self, cluster: Cluster) -> Answer:
        self._known = False
        argv, place = cli.contexts(cluster.place.kubeconfig), cluster.place
        result = cluster.query(argv, timeout_s=30, cwd=cluster.project_dir)
        if not result.ok:
            return FAIL, explain(argv, result.stderr)
        if place.context not in result.stdout.splitlines():
            known = ", ".join(result.stdout.split()) or "none"
            return FAIL, f"the kubeconfig has no context {place.context}; it has: {known}. Correct context"
        self._known = True
        return PASS, f"context {place.context}, namespace {place.namespace}"

    def _cluster(self, cluster: Cluster) -> Answer:
        self._answers = False
        said = json.loads(cluster.answer(cli.versions(cluster.place)))
        server, client = (said.get(each, {}).get("gitVersion", "?") for each in ("serverVersion", "clientVersion"))
        argv = cli.get(cluster.place, [f"Namespace.v1./{cluster.place.namespace}"], "{range .items[*]}{.metadata.name}{end}")
        found = cluster.ask(argv)
        if found.ok and not found.stdout:
            return FAIL, f"there is no namespace {cluster.place.namespace}. Make it, or correct namespace"
        self._answers = True
        if not found.ok:
            return (
                WARN,
                f"Kubernetes {server} answers; whether the namespace exists may not be asked: {summary(argv, found.stderr)}",
            )
        return PASS, f"Kubernetes {server} answers (kubectl {client}), namespace {cluster.place.namespace} exists"

    def _manifests(self, render: Step, update: Step, plan: Plan) -> Answer:
        try:
            objects, self._migrations = Manifests(self._tools).read(render.inputs)
            outcomes: Outcomes = {"render": rendered(objects, self._migrations), "push": {"digest": _NO_DIGEST}}
            self._objects = Wanted.of(self._tools.slot, update, "dry-run", outcomes).objects()
        except (StepError, PathOutside) as error:
            return FAIL, str(error)
        return PASS, ", ".join(str(name_of(one)) for one in (*self._migrations, *self._objects))

    def _access(self, cluster: Cluster, steps: Mapping[str, Step]) -> Answer:
        """``auth can-i`` for every verb and kind that the plan uses, in one request each and one call together."""
        wanted = self._verbs(cluster, steps)
        namespace = cluster.place.namespace
        with listed([_review(verb, group, resource, namespace) for verb, group, resource in wanted]) as file:
            argv = cli.reviews(cluster.place, file)
            result = cluster.ask(argv)
        answers = result.stdout.split()
        if not result.ok or len(answers) != len(wanted):
            return WARN, f"what may be done cannot be asked: {explain(argv, result.stderr)}"
        refused = [each for each, answer in zip(wanted, answers, strict=True) if answer != "true"]
        if refused:
            said = ", ".join(f"{verb} {resource}" + (f".{group}" if group else "") for verb, group, resource in refused)
            return FAIL, f"context {cluster.place.context} may not in namespace {namespace}: {said}. Give it the right"
        return PASS, f"all {len(wanted)} rights that the plan uses are there"

    def _verbs(self, cluster: Cluster, steps: Mapping[str, Step]) -> list[tuple[str, str, str]]:
        """Verb, group and resource of each request that the plan's steps make."""
        resources = _resources(cluster.answer(cli.kinds(cluster.place)))
        kinds = {(one["apiVersion"], one["kind"]) for one in (*self._objects, *self._migrations)}
        known = sorted({resources[kind] for kind in kinds if kind in resources})
        awaited = sorted({resources[kind] for kind in kinds if kind in resources and kind[1] in AWAITED})
        wanted = [*_LOOKING, *(("list", *resource) for resource in awaited)]
        wanted += [(verb, *resource) for resource in known for verb in ("get", "create", "patch")]
        deleted: list[str] = [*(PRUNED if PRUNE in steps else ()), *(MADE if CANARY_REMOVE in steps else ())]
        deleted += ["jobs.batch"] if MIGRATE in steps else []
        split = [(name.partition(".")[2], name.partition(".")[0]) for name in dict.fromkeys(deleted)]
        wanted += [(verb, *each) for each in split for verb in ("list", "delete")]
        return list(dict.fromkeys(wanted))

    def _ownership(self, cluster: Cluster, update: Step) -> Answer:
        self._observe()
        marks = cluster.marks([name_of(one) for one in self._objects])
        label = slot_label(self._tools.slot)
        foreign = [str(name) for name, mark in marks.items() if mark.slot != label]
        refuse_foreign(foreign, self._tools.slot, cluster.place.namespace, adopt=update.inputs["adopt"])
        if foreign:
            return WARN, f"will be taken over: {', '.join(foreign)}"
        return PASS, f"{len(marks)} of {len(self._objects)} objects are there, and ours" if marks else "nothing is in the way"

    def _dry_run(self, cluster: Cluster) -> Answer:
        """The cluster would take every object, and what each changes."""
        return PASS, "\n".join(in_lines(differences(cluster, self._objects)))

    def _conflicts(self, cluster: Cluster) -> Answer:
        problems = cluster.dry_problems(self._objects)
        found = list(owners(problems))
        if found:
            return WARN, "others have set fields that will be set again: " + "; ".join(found)
        return (FAIL, problems.strip()) if problems else (PASS, "no field belongs to anybody else")


def _review(verb: str, group: str, resource: str, namespace: str) -> Manifest:
    resource, _, sub = resource.partition("/")
    attributes = {"namespace": namespace, "verb": verb, "group": group, "resource": resource}
    return {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": attributes | ({"subresource": sub} if sub else {})},
    }


def _resources(text: str) -> dict[tuple[str, str], tuple[str, str]]:
    """API version and kind to group and resource, from kubectl's table; short names may be missing in it."""
    found = {}
    for line in text.splitlines():
        words: Sequence[str] = line.split()
        if len(words) >= 4:
            resource, version, kind = words[0], words[-3], words[-1]
            found[version, kind] = (version.rpartition("/")[0], resource)
    return found
