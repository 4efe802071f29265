"""The ``config`` of a kubernetes target in deploy.json, as values that are known to be harmless in an argument list.

``kubernetes.py`` shows these classes to the rest of the program.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import ClassVar, Literal

from orchestrator.targets.canary_config import Canary
from orchestrator.targets.image_config import ImageConfig, expect, expect_path

DEPLOYMENT, STATEFUL_SET, DAEMON_SET = "Deployment", "StatefulSet", "DaemonSet"
WORKLOAD_KINDS = {kind.lower(): kind for kind in (DEPLOYMENT, STATEFUL_SET, DAEMON_SET)}

_NAME = re.compile(r"[a-z0-9](?:[-a-z0-9.]{0,251}[a-z0-9])?")
_LABEL = re.compile(r"[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?")
_WORKLOAD = re.compile(rf"(?:(?:{'|'.join(WORKLOAD_KINDS)})/)?{_NAME.pattern}")
_CONTEXT = re.compile(r"[^\s\0-][^\s\0]{0,252}")
_COUNT = {"minimum": 1, "maximum": 10_000}


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """A Helm chart in the project; it is rendered by ``helm template`` and applied like manifests, no Helm release is made.

    Attributes:
        path: Directory of the chart, relative to the project.
        values: Files with values, the later ones win.
    """

    path: str
    values: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        expect_path("path", self.path)
        for file in self.values:
            expect_path("values", file)


@dataclass(frozen=True, slots=True, kw_only=True)
class KubernetesConfig(ImageConfig):
    """What a kubernetes target builds, where it pushes it, and which objects of which cluster run it.

    One of *manifests*, *kustomize* and *chart* says what the objects are.

    Attributes:
        kubeconfig: File; kubectl's own default (``KUBECONFIG``, then ``~/.kube/config``) where there is none.
        context: Of the kubeconfig. Always named: the one that happens to be current is never used.
        namespace: Of every object that has one.
        manifests: File, or directory with ``.yaml``, ``.yml`` and ``.json`` files, read with its subdirectories.
        kustomize: Directory with a ``kustomization.yaml``.
        migrations: Files with Jobs. They run to their end, one after another, before anything else is changed.
        deployment: The workload that serves: a Deployment by its name, or ``statefulset/NAME``, ``daemonset/NAME``. What is live
            is read from it.
        container: The one in it that gets our image; may be left out when there is only one.
        prune: Delete objects of ours that are no longer in the manifests.
        progress_deadline_s: For how long a rollout may make no progress; what the manifests say when it is left out.
        ingress: ``nginx``: a canary's weight is the ingress controller's, and exact, instead of a share of the replicas.
        replicas: What a canary's share is reckoned from when the manifests leave the number to an autoscaler.
    """

    INPUT_PATHS: ClassVar[tuple[str, ...]] = (
        "build_context", "dockerfile", "manifests", "kustomize", "chart.path", "chart.values", "migrations",
    )  # fmt: skip
    CREDENTIAL_PATHS: ClassVar[tuple[str, ...]] = ("kubeconfig",)

    context: str
    namespace: str
    deployment: str
    kubeconfig: str | None = None
    manifests: str | None = None
    kustomize: str | None = None
    chart: Chart | None = None
    migrations: tuple[str, ...] = ()
    container: str | None = None
    prune: bool = False
    progress_deadline_s: float | None = field(default=None, metadata={"minimum": 1, "maximum": 86_400})
    ingress: Literal["nginx"] | None = None
    replicas: int | None = field(default=None, metadata=_COUNT)
    canary: Canary | None = None

    def __post_init__(self) -> None:
        ImageConfig.__post_init__(self)  # a class with slots is made twice: super() without arguments would not find it
        expect("context", self.context, _CONTEXT, "the name of a context of the kubeconfig")
        expect("namespace", self.namespace, _LABEL, "the name of a namespace")
        expect("deployment", self.deployment, _WORKLOAD, "NAME of a Deployment, or statefulset/NAME or daemonset/NAME")
        if self.container is not None:
            expect("container", self.container, _LABEL, "the name of a container")
        for name, path in (("kubeconfig", self.kubeconfig), ("manifests", self.manifests), ("kustomize", self.kustomize)):
            if path is not None:
                expect_path(name, path)
        for path in self.migrations:
            expect_path("migrations", path)
        sources = [name for name in ("manifests", "kustomize", "chart") if getattr(self, name) is not None]
        if len(sources) != 1:
            raise ValueError(f"expected exactly one of manifests, kustomize and chart, got {' and '.join(sources) or 'none'}")
        if self.canary is not None and self.workload[0] != DEPLOYMENT:
            raise ValueError(f"canary: only a Deployment can have one, not {self.deployment}")

    @property
    def workload(self) -> tuple[str, str]:
        """Kind and name of `deployment`."""
        kind, slash, name = self.deployment.rpartition("/")
        return (WORKLOAD_KINDS[kind] if slash else DEPLOYMENT), name
