"""The real Kubernetes of the tests: a cluster whose pods run on the Docker engine, and one whose pods only claim to.

``kubernetes-up.sh kubelet`` and ``kubernetes-up.sh fake`` start them; this module finds them, asks them by ``kubectl``,
and gives each test namespaces of its own. It is not the kubernetes target, and shares no code with it. Start at
:class:`KubernetesBackend`; tests get one by the fixtures ``kubernetes_backend`` and ``fake_kubernetes_backend``, and an
empty namespace by ``kubernetes_namespace`` and ``fake_kubernetes_namespace``.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import time
import urllib.parse
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from tests.backends.docker import SERVICE_PORT, state_directory

ADMIN, VIEWER = "admin", "viewer"
"""Contexts of the kubeconfig, and the names of the users: one may do everything, the other only look."""

_GONE_S = 240.0

Mode = Literal["kubelet", "fake"]
Json = dict[str, Any]


@dataclass(frozen=True)
class KubernetesBackend:
    """One of the two clusters.

    Attributes:
        mode: ``kubelet``: real pods that serve traffic. ``fake``: as many pods as wanted, none of which serves; the
            image's tag (``bad...``, ``crash...``, ``nope...``) says how it fails, see fake_kubelet.py.
    """

    mode: Mode = "kubelet"

    @property
    def context(self) -> str:
        """The kubeconfig's context of the user who may do everything."""
        return ADMIN

    @property
    def directory(self) -> Path:
        """Where the cluster keeps its state; private, for its tokens."""
        return state_directory() / f"kubernetes-{self.mode}"

    @property
    def kubeconfig(self) -> Path:
        """A kubeconfig with the contexts ``admin`` and ``viewer``, and no current one: a test names what it means."""
        return self.directory / "kubeconfig"

    def token(self, user: str = ADMIN) -> str:
        """The bearer token of ``admin`` or ``viewer``: what no event, log or argument list may hold."""
        return (self.directory / f"{user}.token").read_text(encoding="ascii").strip()

    def available(self) -> str | None:
        """Return why these tests cannot run here, or None if they can."""
        up = f"run tests/backends/kubernetes-up.sh {self.mode}"
        if shutil.which("kubectl") is None:
            return f"no kubectl on PATH; {up}"
        if not self.kubeconfig.exists():
            return f"no {self.kubeconfig}; {up}"
        nodes = self.kubectl("get", "nodes", "--output", "json", "--request-timeout", "10s", timeout_s=20)
        if nodes.returncode:
            return f"the {self.mode} cluster does not answer ({nodes.stderr.strip()}); {up}"
        if not any(_condition(node, "Ready") for node in json.loads(nodes.stdout)["items"]):
            return f"the {self.mode} cluster has no ready node; {up}"
        return None

    def kubectl(
        self, *arguments: str, stdin: str | None = None, context: str = ADMIN, timeout_s: float = 120
    ) -> subprocess.CompletedProcess[str]:
        """Run kubectl with *arguments* on this cluster. Never raises for an exit code.

        >>> backend.kubectl("--namespace", namespace, "get", "pods").stdout
        """
        command = ["kubectl", "--kubeconfig", str(self.kubeconfig), "--context", context, *arguments]
        return subprocess.run(command, input=stdin, timeout=timeout_s, capture_output=True, text=True, check=False)

    def ok(self, *arguments: str, stdin: str | None = None, context: str = ADMIN, timeout_s: float = 120) -> str:
        """The output of :meth:`kubectl`, which must succeed."""
        done = self.kubectl(*arguments, stdin=stdin, context=context, timeout_s=timeout_s)
        assert done.returncode == 0, f"kubectl {' '.join(arguments)}: {done.stderr}"
        return done.stdout.strip()

    def apply(self, namespace: str, *objects: Json) -> None:
        """Apply *objects* on the server's side, as somebody who is not pop-deploy (field manager ``tests``)."""
        manifest = json.dumps({"apiVersion": "v1", "kind": "List", "items": list(objects)})
        self.ok("--namespace", namespace, "apply", "--server-side", "--field-manager", "tests", "--filename", "-", stdin=manifest)

    def get(self, namespace: str, kind: str, name: str) -> Json | None:
        """One object, or None if there is none."""
        done = self.kubectl("--namespace", namespace, "get", kind, name, "--output", "json", "--ignore-not-found")
        assert done.returncode == 0, done.stderr
        return dict(json.loads(done.stdout)) if done.stdout.strip() else None

    def items(self, namespace: str, kinds: str, selector: str = "") -> list[Json]:
        """All objects of some *kinds* (``deployments,services``) with these labels."""
        listed = self.ok("--namespace", namespace, "get", kinds, "--selector", selector, "--output", "json")
        return list(json.loads(listed)["items"])

    def objects(self, namespace: str) -> list[str]:
        """``Kind/name`` of everything that somebody made in *namespace*: what a test compares before and after.

        Pods, replica sets, endpoints and events are not listed: the controllers make and remove them at their own pace.
        Nor is what every namespace is born with.
        """
        listed = self.ok("--namespace", namespace, "get", _KINDS, "--output", "json")
        found = (f"{each['kind']}/{each['metadata']['name']}" for each in json.loads(listed)["items"])
        return sorted(name for name in found if not name.startswith(_BORN_WITH))

    @contextmanager
    def namespace(self) -> Iterator[str]:
        """An empty namespace nobody else has; it is deleted afterwards with all that is in it."""
        name = f"t{uuid.uuid4().hex[:10]}"
        self.ok("create", "namespace", name)
        try:
            yield name
        finally:
            self.forget(name)

    def forget(self, namespace: str) -> None:
        """Delete one test's *namespace*, and wait for its pods to end, not for the namespace itself.

        Pods get no time to end gracefully: what lingers would keep the next tests waiting for the machine, and their images
        cannot be removed before they are gone.
        """
        if len(namespace) < 6 or namespace.startswith(("kube-", "default")):
            raise ValueError(f"namespace {namespace!r}: not one that a test made")
        # Owners first, else a pod that is removed is made anew.
        everything = ("--namespace", namespace, "delete", "--all", "--ignore-not-found", "--wait=false")
        self.kubectl(*everything, _OWNERS)
        self.kubectl(*everything, "--grace-period=1", "pods")
        self.ok("delete", "namespace", namespace, "--ignore-not-found", "--wait=false")
        deadline = time.monotonic() + _GONE_S
        while self.kubectl("--namespace", namespace, "get", "pods", "--output", "name").stdout.strip():
            if time.monotonic() > deadline:
                raise TimeoutError(f"namespace {namespace}: its pods have not ended within {_GONE_S} s")
            time.sleep(0.2)

    def node_port(self, namespace: str, service: str) -> str:
        """The URL on this machine of a service of type NodePort; only in mode ``kubelet`` does anybody answer there."""
        found = self.get(namespace, "service", service)
        assert found is not None, f"no service {service} in {namespace}"
        return f"http://127.0.0.1:{found['spec']['ports'][0]['nodePort']}"

    def ready_pods(self, namespace: str, selector: str) -> list[str]:
        """Names of the pods with these labels that are ready and not on their way out."""
        ready = (pod["metadata"] for pod in self.items(namespace, "pods", selector) if _condition(pod, "Ready"))
        return [metadata["name"] for metadata in ready if "deletionTimestamp" not in metadata]

    def write_kubeconfig(
        self,
        path: Path,
        *,
        user: str = ADMIN,
        context: str = "tests",
        namespace: str = "",
        current: bool = False,
        server: str = "",
        token: str = "",
    ) -> Path:
        """Write a private kubeconfig of one context, for what a user's own one could look like; return *path*.

        Args:
            path: The file.
            user: Whose token it holds: ``admin`` or ``viewer``.
            context: What the context is called.
            namespace: The context's default namespace; none if empty.
            current: Whether it is the current context.
            server: Another address, for example of a proxy that counts; the certificate is checked all the same.
            token: Another token, for example one that is wrong.
        """
        known = self._known_cluster()
        cluster = {**known, **({"server": server, "tls-server-name": "127.0.0.1"} if server else {})}
        chosen = {"cluster": "cluster", "user": "user", **({"namespace": namespace} if namespace else {})}
        kubeconfig = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "cluster", "cluster": cluster}],
            "users": [{"name": "user", "user": {"token": token or self.token(user)}}],
            "contexts": [{"name": context, "context": chosen}],
            **({"current-context": context} if current else {}),
        }
        path.touch(mode=0o600)
        path.write_text(json.dumps(kubeconfig), encoding="utf-8")
        return path

    def _known_cluster(self) -> Json:
        shown = self.ok("config", "view", "--raw", "--output", "json")
        return dict(json.loads(shown)["clusters"][0]["cluster"])

    @property
    def server(self) -> str:
        """``127.0.0.1:PORT`` of the API server."""
        return urllib.parse.urlsplit(self._known_cluster()["server"]).netloc


def deployment(
    name: str,
    image: str,
    *,
    replicas: int = 2,
    labels: Mapping[str, str] | None = None,
    progress_deadline_s: int = 60,
    **pod: Any,
) -> Json:
    """A Deployment of the test service that loses no request when it rolls.

    Args:
        name: Its name; its pods are selected by ``app: NAME``.
        image: Reference of the test service, by tag or digest.
        replicas: How many pods.
        labels: Further labels of the pods.
        progress_deadline_s: After so long without progress it is ProgressDeadlineExceeded.
        **pod: Further fields of the pods' ``spec``.
    """
    selected = {"app": name}
    template = {"metadata": {"labels": {**selected, **(labels or {})}}, "spec": {**pod_spec(name, image), **pod}}
    spec = {"replicas": replicas, "progressDeadlineSeconds": progress_deadline_s, "selector": {"matchLabels": selected}}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name}, "spec": {**spec, "template": template}}


def pod_spec(name: str, image: str) -> Json:
    """One container of the test service, ready once ``/health`` answers 200."""
    container = {
        "name": name,
        "image": image,
        # Server-side apply in 1.20 loses ports without a protocol.
        "ports": [{"containerPort": SERVICE_PORT, "protocol": "TCP"}],
        "readinessProbe": {"httpGet": {"path": "/health", "port": SERVICE_PORT}, "periodSeconds": 1, "failureThreshold": 2},
        # Until the node no longer sends it new requests.
        "lifecycle": {"preStop": {"exec": {"command": ["/bin/busybox", "sleep", "2"]}}},
    }
    return {"terminationGracePeriodSeconds": 5, "containers": [container]}


def node_port_service(name: str, selector: Mapping[str, str] | None = None) -> Json:
    """A Service that is reachable from this machine by :meth:`KubernetesBackend.node_port`."""
    ports: Sequence[Json] = [{"port": 80, "targetPort": SERVICE_PORT, "protocol": "TCP"}]
    spec = {"type": "NodePort", "selector": dict(selector or {"app": name}), "ports": ports}
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": spec}


def _condition(found: Json, kind: str) -> bool:
    conditions = found.get("status", {}).get("conditions", [])
    return any(each["type"] == kind and each["status"] == "True" for each in conditions)


_OWNERS = "deployments,statefulsets,daemonsets,jobs,cronjobs,replicasets"
_KINDS = (
    "deployments,statefulsets,daemonsets,jobs,cronjobs,services,configmaps,secrets,ingresses.networking.k8s.io,"
    "serviceaccounts,roles,rolebindings,persistentvolumeclaims,horizontalpodautoscalers,poddisruptionbudgets"
)
_BORN_WITH = ("ConfigMap/kube-root-ca.crt", "ServiceAccount/default", "Secret/default-token-")
