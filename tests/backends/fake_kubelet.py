"""Nodes that only claim to run their pods: the part of a cluster that kubernetes-up.sh fake has instead of a kubelet.

The control plane is a real one. What is bound to one of these nodes becomes running and ready after a moment, unless
its image says otherwise, by its tag or, when it is pinned by digest, by the last part of its repository:

- ``bad...`` runs and is never ready; ``crash...`` crashes again and again; ``nope...`` cannot be pulled;
- a pod that must not be restarted (a Job's) ends well at once; one whose image is ``crash...`` ends badly.

Only the standard library, and not started by hand: see kubernetes-up.sh.
"""

from __future__ import annotations

import argparse
import http.client
import itertools
import json
import ssl
import sys
import threading
import time
import urllib.parse
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

_HEARTBEAT_S = 10
_REQUEST_TIMEOUT_S = 30
_WATCH_S = 300
_WORKERS = 24
_MERGE = "application/merge-patch+json"
_GONE = {404, 409}
_ROOM = {"cpu": "64", "memory": "256Gi", "pods": "1000"}

Json = dict[str, Any]


@dataclass(frozen=True)
class Api:
    """The API server, with one connection per thread."""

    host: str
    token: str
    context: ssl.SSLContext
    local: threading.local

    def call(self, method: str, path: str, body: Json | None = None, content_type: str = "application/json") -> Json | None:
        """Return the answer, or None if the object is gone or there already."""
        for attempt in (1, 2):
            connection = getattr(self.local, "connection", None) or self._connect(_REQUEST_TIMEOUT_S)
            try:
                connection.request(method, path, json.dumps(body) if body is not None else None, self._headers(content_type))
                response = connection.getresponse()
                answer = response.read()
            except (http.client.HTTPException, OSError):
                # The server may close an idle connection at any time; that is no answer.
                self.local.connection = None
                if attempt == 2:
                    raise
                continue
            self.local.connection = connection
            if response.status in _GONE:
                return None
            if response.status >= 400:
                raise RuntimeError(f"{method} {path}: {response.status} {answer[:300]!r}")
            return dict(json.loads(answer))
        raise AssertionError

    def watch(self, path: str) -> Iterator[Json]:
        """Yield events until the server ends the watch."""
        connection = self._connect(_WATCH_S + _REQUEST_TIMEOUT_S)
        try:
            connection.request("GET", path, headers=self._headers("application/json"))
            for line in connection.getresponse():
                yield json.loads(line)
        finally:
            connection.close()

    def _connect(self, timeout_s: float) -> http.client.HTTPSConnection:
        return http.client.HTTPSConnection(self.host, timeout=timeout_s, context=self.context)

    def _headers(self, content_type: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}", "Content-Type": content_type, "Accept": "application/json"}


class FakeNodes:
    """Some nodes, and the states of the pods bound to them."""

    def __init__(self, api: Api, names: list[str], delay_s: float) -> None:
        self._api = api
        self._names = names
        self._delay_s = delay_s
        self._seen: set[tuple[str, bool]] = set()
        self._addresses = (f"10.200.{number // 250 % 250}.{number % 250 + 1}" for number in itertools.count())
        self._workers = ThreadPoolExecutor(_WORKERS)

    def run(self) -> None:
        """Report nodes and pods until the process is ended."""
        threading.Thread(target=self._forever, args=(self._report_nodes,), daemon=True).start()
        self._forever(self._report_pods)

    def _forever(self, step: Any) -> None:
        while True:
            try:
                step()
            except Exception as error:  # noqa: BLE001 - the server restarts, or is busy: the next round sees everything anew
                print(f"{_now()} {step.__name__}: {error!r}", file=sys.stderr, flush=True)
                time.sleep(0.5)

    def _report_nodes(self) -> None:
        for name in self._names:
            status = {"status": _node_status()}
            if self._api.call("PATCH", f"/api/v1/nodes/{name}/status", status, _MERGE) is None:
                labels = {"kubernetes.io/hostname": name, "kubernetes.io/os": "linux"}
                self._api.call("POST", "/api/v1/nodes", {"metadata": {"name": name, "labels": labels}})
                self._api.call("PATCH", f"/api/v1/nodes/{name}/status", status, _MERGE)
        time.sleep(_HEARTBEAT_S)

    def _report_pods(self) -> None:
        listed = self._api.call("GET", "/api/v1/pods") or {}
        for pod in listed["items"]:
            self._see(pod)
        version = listed["metadata"]["resourceVersion"]
        for event in self._api.watch(f"/api/v1/pods?watch=1&resourceVersion={version}&timeoutSeconds={_WATCH_S}"):
            if event["type"] == "ERROR":
                return
            if event["type"] == "DELETED":
                uid = event["object"]["metadata"]["uid"]
                self._seen -= {(uid, False), (uid, True)}
            else:
                self._see(event["object"])

    def _see(self, pod: Json) -> None:
        """Once for a pod that came, and once for one that is to go."""
        if pod["spec"].get("nodeName") not in self._names:
            return
        key = (pod["metadata"]["uid"], "deletionTimestamp" in pod["metadata"])
        if key not in self._seen:
            self._seen.add(key)
            self._workers.submit(self._handle, pod, self._end if key[1] else self._start)

    def _handle(self, pod: Json, action: Any) -> None:
        try:
            action(pod)
        except Exception as error:  # noqa: BLE001 - one pod's trouble is not the others'; seen again by the next listing
            print(f"{_now()} {pod['metadata']['name']}: {error!r}", file=sys.stderr, flush=True)
            self._seen.discard((pod["metadata"]["uid"], "deletionTimestamp" in pod["metadata"]))

    def _end(self, pod: Json) -> None:
        body = {"gracePeriodSeconds": 0, "preconditions": {"uid": pod["metadata"]["uid"]}}
        self._api.call("DELETE", _path(pod), body)

    def _start(self, pod: Json) -> None:
        time.sleep(self._delay_s)
        containers = [_container_status(each, restarts=_restarts(pod)) for each in pod["spec"]["containers"]]
        address = next(self._addresses)
        ready = all(each["ready"] for each in containers)
        status = {
            "phase": _phase(containers),
            "hostIP": "127.0.0.1",
            "podIP": address,
            "podIPs": [{"ip": address}],
            "startTime": _now(),
            "conditions": [
                _condition("Initialized", True),
                _condition("PodScheduled", True),
                _condition("ContainersReady", ready),
                _condition("Ready", ready),
            ],
            "containerStatuses": containers,
        }
        self._api.call("PATCH", f"{_path(pod)}/status", {"status": status}, _MERGE)
        for container in pod["spec"]["containers"]:
            self._explain(pod, container["image"])

    def _explain(self, pod: Json, image: str) -> None:
        """A real kubelet would say in an event what is wrong."""
        reason, message = {
            "bad": ("Unhealthy", "Readiness probe failed: HTTP probe failed with statuscode: 500"),
            "crash": ("BackOff", "Back-off restarting failed container"),
            "nope": ("Failed", f'Failed to pull image "{image}": manifest unknown'),
        }.get(_behaviour(image), ("", ""))
        if not reason:
            return
        metadata = pod["metadata"]
        about = {"kind": "Pod", "apiVersion": "v1", **{key: metadata[key] for key in ("name", "namespace", "uid")}}
        event = {
            "metadata": {"generateName": f"{metadata['name']}.", "namespace": metadata["namespace"]},
            "involvedObject": about,
            "type": "Warning",
            "reason": reason,
            "message": message,
            "source": {"component": "kubelet", "host": pod["spec"]["nodeName"]},
            "firstTimestamp": _now(),
            "lastTimestamp": _now(),
            "count": 1,
        }
        # Not into a namespace that is going.
        self._api.call("POST", f"/api/v1/namespaces/{metadata['namespace']}/events", event)


def _behaviour(image: str) -> str:
    """What an image is made to do: ``bad``, ``crash``, ``nope``, or ``ok``.

    >>> _behaviour("127.0.0.1:5001/t1/web:crash-2"), _behaviour("127.0.0.1:5001/t1/bad@sha256:12"), _behaviour("web")
    ('crash', 'bad', 'ok')
    """
    name, _, tag = image.partition("@")[0].rpartition("/")[2].partition(":")
    said = (each for each in ("bad", "crash", "nope") if (tag or name).startswith(each))
    return next(said, "ok")


def _restarts(pod: Json) -> bool:
    return bool(pod["spec"].get("restartPolicy", "Always") == "Always")


def _container_status(container: Json, *, restarts: bool) -> Json:
    behaviour = _behaviour(container["image"])
    state: Json = {"running": {"startedAt": _now()}}
    if behaviour == "nope":
        state = {"waiting": {"reason": "ImagePullBackOff", "message": f'Back-off pulling image "{container["image"]}"'}}
    elif not restarts:
        code, reason = (3, "Error") if behaviour == "crash" else (0, "Completed")
        state = {"terminated": {"exitCode": code, "reason": reason, "startedAt": _now(), "finishedAt": _now()}}
    elif behaviour == "crash":
        state = {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 10s restarting failed container"}}
    return {
        "name": container["name"],
        "image": container["image"],
        "imageID": f"fake://{container['image']}",
        "ready": behaviour == "ok" and "running" in state,
        "started": "running" in state,
        "restartCount": 3 if behaviour == "crash" and restarts else 0,
        "state": state,
    }


def _phase(containers: list[Json]) -> str:
    states = [each["state"] for each in containers]
    if all("terminated" in state for state in states):
        return "Failed" if any(state["terminated"]["exitCode"] for state in states) else "Succeeded"
    waiting = (state.get("waiting", {}).get("reason") for state in states)
    return "Pending" if "ImagePullBackOff" in waiting else "Running"


def _condition(kind: str, holds: bool) -> Json:
    return {"type": kind, "status": str(holds), "lastTransitionTime": _now()}


def _node_status() -> Json:
    unknown = ("machineID", "systemUUID", "bootID", "kernelVersion", "osImage", "containerRuntimeVersion", "kubeProxyVersion")
    about = {**dict.fromkeys(unknown, "fake"), "kubeletVersion": "fake", "operatingSystem": "linux", "architecture": "amd64"}
    ready = {**_condition("Ready", True), "reason": "Fake", "message": "claims to be ready", "lastHeartbeatTime": _now()}
    addresses = [{"type": "InternalIP", "address": "127.0.0.1"}]
    return {"capacity": _ROOM, "allocatable": _ROOM, "conditions": [ready], "addresses": addresses, "nodeInfo": about}


def _path(pod: Json) -> str:
    return f"/api/v1/namespaces/{pod['metadata']['namespace']}/pods/{pod['metadata']['name']}"


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def main() -> None:
    """Run as the nodes of one cluster. The token comes in a file: anybody may read a command line."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--server", required=True)
    parser.add_argument("--token-file", required=True, type=Path)
    parser.add_argument("--ca-file", required=True, type=Path)
    parser.add_argument("--nodes", type=int, default=3)
    parser.add_argument("--delay-s", type=float, default=0.2)
    options = parser.parse_args()
    api = Api(
        host=urllib.parse.urlsplit(options.server).netloc,
        token=options.token_file.read_text(encoding="ascii").strip(),
        context=ssl.create_default_context(cafile=str(options.ca_file)),
        local=threading.local(),
    )
    FakeNodes(api, [f"fake{number + 1}" for number in range(options.nodes)], options.delay_s).run()


if __name__ == "__main__":
    main()
