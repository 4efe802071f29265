"""What is killed on a swarm: each scenario makes a service of the swarm's one node. The rounds are in `test_crash`."""

from __future__ import annotations

import json
import re
import shutil
import uuid
from dataclasses import dataclass
from typing import Any, ClassVar

import pytest

from tests.backends.docker import docker, write_context
from tests.backends.swarm import SwarmBackend
from tests.crash.scenarios import CANARY, Scenario, both_ends
from tests.crash.world import World


@dataclass(frozen=True)
class Swarm(Scenario):
    """A real swarm: build, push, one service with one replica. What is broken does not stay up."""

    target: ClassVar[str] = "swarm"
    kinds: ClassVar[frozenset[str]] = frozenset({"docker.build", "docker.push", "swarm.service", "swarm.wait"})

    def require(self, request: pytest.FixtureRequest) -> None:
        request.getfixturevalue("swarm_backend")

    def document(self, world: World) -> dict[str, Any]:
        label = f"crash{uuid.uuid4().hex[:10]}"
        world.notes["label"] = label
        config = {
            "image_name": f"{label}/web",
            "registry": SwarmBackend().registry,
            "build_context": "image",
            "dockerfile": "image/Dockerfile",
            "service": label,
            "replicas": 1,
            "endpoint_mode": "dnsrr",
            "ports": ["mode=host,target=8080"],
            "update": {"parallelism": 0, "order": "start-first", "monitor_s": 1},
        }
        swarm = {"enabled": True, "primary": True, "auto_rollback": True, "config": config}
        return {"version": "1.0", "project_name": label, "targets": {"swarm": swarm}, "history": []}

    def set_version(self, world: World, version: str) -> None:
        world.set_version(version)
        context = world.project / "image"
        shutil.rmtree(context, ignore_errors=True)
        write_context(context, version=version, label=world.notes["label"], **self.source("broken" in version))

    def source(self, broken: bool) -> dict[str, Any]:
        """What the test service of a version is like."""
        return {"crash": broken}

    def effects(self, world: World) -> list[str]:
        """Services of this project by name, replicas and version; the tasks that Swarm wants, by what they run."""
        return [
            f"{name.replace(world.notes['label'], 'shop')} {service['replicas']} {service['version']}"
            for name, service in sorted(self._services(world).items())
        ]

    def outcome(self, world: World) -> object:
        """Who sees first that a replica has failed, Swarm, we or the verification, is a matter of a moment."""
        return re.sub(r'"error": "[^"]*"', '"error": "it failed"', str(super().outcome(world)))

    def live(self, world: World) -> str:
        """What the service says it runs, when that is what its tasks are made of."""
        service = self._services(world)[self._name(world)]
        tasks = docker(
            "service", "ps", "--no-trunc", "--filter", "desired-state=running", "--format", "{{.Image}}", self._name(world)
        ).stdout.split()
        assert set(tasks) == {service["image"]}, (tasks, service)
        return str(service["version"])

    def clean(self, world: World) -> None:
        SwarmBackend().forget(world.notes["label"])

    def _name(self, world: World) -> str:
        return world.notes["label"]

    def _services(self, world: World) -> dict[str, dict[str, Any]]:
        listed = docker("service", "ls", "--quiet", "--filter", f"name={world.notes['label']}").stdout.split()
        found = json.loads(docker("service", "inspect", *listed).stdout) if listed else []
        return {
            service["Spec"]["Name"]: {
                "version": service["Spec"]["Labels"].get("pop-deploy.version", ""),
                "image": service["Spec"]["TaskTemplate"]["ContainerSpec"]["Image"],
                "replicas": service["Spec"]["Mode"]["Replicated"]["Replicas"],
            }
            for service in found
        }


@dataclass(frozen=True)
class SwarmCanary(Swarm):
    """The same with a canary before it. What is broken answers, but not well."""

    words: tuple[str, ...] = CANARY

    kinds: ClassVar[frozenset[str]] = frozenset({"canary.weight", "canary.watch", "canary.remove"})

    def document(self, world: World) -> dict[str, Any]:
        document = super().document(world)
        network = f"{world.notes['label']}-net"
        made = docker("network", "create", "--driver", "overlay", network)
        assert made.returncode == 0, made.stderr
        check = {"name": "health", "http": {"path": "/health"}, "interval_s": 0.2, "failure_limit": 1}
        canary = {"steps": [{"weight": 50}, {"pause_s": 0.3}], "checks": [check]}
        document["targets"]["swarm"]["config"].update(networks=[network], canary=canary)
        return document

    def source(self, broken: bool) -> dict[str, Any]:
        return {"health": "failing" if broken else "ok"}

    def prepare(self, world: World) -> None:
        """The first release has nothing to be held against."""
        world.write(self.document(world), self.first)
        self.set_version(world, self.first)
        done = world.run("execute", "--mode", "deploy", "--yes")
        assert done.code == 0, done.output
        # deploy.json shows the release before, too: that of every round is a canary's.
        self.set_version(world, self.version.format(round=0))
        done = world.run(*CANARY)
        assert done.code == self.code, done.output


@dataclass(frozen=True)
class SwarmStack(Swarm):
    """The same with a stack of two services."""

    kinds: ClassVar[frozenset[str]] = frozenset({"swarm.stack"})

    def document(self, world: World) -> dict[str, Any]:
        document = super().document(world)
        config, label = document["targets"]["swarm"]["config"], world.notes["label"]
        deploy = {"endpoint_mode": "dnsrr", "update_config": {"parallelism": 0, "monitor": "1s"}}
        pause = f"{label}/web:1.0.0"
        other = {"image": f"{config['registry']}/{pause}", "deploy": {"replicas": 0, "endpoint_mode": "dnsrr"}}
        services = {"web": {"image": "nonesuch", "deploy": deploy}, "other": other}
        (world.project / "stack.json").write_text(json.dumps({"version": "3.8", "services": services}))
        for name in ("service", "replicas", "endpoint_mode", "ports", "update"):
            del config[name]
        config["stack"] = {"file": "stack.json", "service": "web", "name": label}
        return document

    def _name(self, world: World) -> str:
        return f"{world.notes['label']}_web"


SCENARIOS: tuple[Scenario, ...] = (
    *both_ends(Swarm, "swarm"),
    SwarmCanary("swarm canary"),
    SwarmCanary("swarm canary that fails", version="1.1.{round}broken", code=6),
    SwarmStack("swarm stack"),
)
