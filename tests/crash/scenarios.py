"""What is killed: each scenario prepares a world, names the command, and says what its end is."""

from __future__ import annotations

import json
import shutil
import sys
import urllib.request
import uuid
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import pytest

from orchestrator.targets import processes
from tests.backends.docker import DockerBackend, docker, free_port, write_context
from tests.crash.world import World

DEPLOY = ("execute", "--mode", "deploy", "--yes")
ROLLBACK = ("rollback", "--yes")


@dataclass(frozen=True)
class Scenario:
    """One command in one kind of world.

    Attributes:
        first: Version deployed undisturbed before, or None for an empty slot.
        version: Version of the killed deployment; ``broken`` in it makes its health check fail.
        code: Exit code of the undisturbed run.
    """

    name: str
    words: tuple[str, ...] = DEPLOY
    first: str | None = "1.0.0"
    version: str = "1.1.0"
    code: int = 0
    options: dict[str, Any] = field(default_factory=dict)

    @property
    def before(self) -> int:
        """Deployments that are there before the killed command begins one."""
        count = int(self.first is not None) + int(self.words is ROLLBACK)
        return count - 1 if self.words is ROLLBACK else count

    def require(self, request: pytest.FixtureRequest) -> None:
        """Skip or fail where the back-end is missing."""

    def document(self, world: World) -> dict[str, Any]:
        raise NotImplementedError

    def effects(self, world: World) -> object:
        """What was really done, counted."""
        raise NotImplementedError

    def live(self, world: World) -> object:
        """What is live, by the target's own evidence."""
        raise NotImplementedError

    def clean(self, world: World) -> None:
        """End what the scenario has started outside the world's directory."""

    def set_version(self, world: World, version: str) -> None:
        world.set_version(version)

    def prepare(self, world: World) -> None:
        world.write(self.document(world), self.first or self.version)
        if self.first is not None:
            self._undisturbed(world, self.first)
        if self.words is ROLLBACK:
            self._undisturbed(world, self.version)
        self.set_version(world, self.version)

    def _undisturbed(self, world: World, version: str) -> None:
        self.set_version(world, version)
        done = world.run(*DEPLOY)
        assert done.code == 0, done.output

    def outcome(self, world: World) -> object:
        """Everything that must be equal after a kill and a resume."""
        deployments = world.deployments()[: self.before + 1]
        return {
            "states": [(found.requested.version, str(found.state), bool(found.effect)) for found in deployments],
            "history": world.history(),
            "live": self.live(world),
            "effects": self.effects(world),
        }


@dataclass(frozen=True)
class Local(Scenario):
    """Release directories with a build, a running service and hooks, each of which counts what it does."""

    def document(self, world: World) -> dict[str, Any]:
        port = free_port()
        write_programs(world, port)
        local = {
            "enabled": True,
            "primary": True,
            "auto_rollback": True,
            "config": {
                "path": str(world.root / "srv"),
                "source": "public",
                "build": [sys.executable, "build.py"],
                "run": [sys.executable, "serve.py"],
                "keep": 2,
                "drain_s": 2,
            },
            "hooks": {
                "before_deploy": [[sys.executable, "hook.py", "before"]],
                "on_failure": [[sys.executable, "hook.py", "failed"]],
            },
            "health_check": {"url": f"http://127.0.0.1:{port}/health", "expect_body": "ok", "interval_s": 0.05, "timeout_s": 3},
        }
        return {"version": "1.0", "project_name": "shop", "targets": {"local": local}, "history": []}

    def effects(self, world: World) -> object:
        """How often the build ran, each service was started, and each hook ran, by version."""
        log = world.project / "effects.log"
        return dict(sorted(Counter(log.read_text().splitlines()).items()))

    def live(self, world: World) -> object:
        current = (world.root / "srv" / "current").readlink().name
        return current.partition("-")[0]

    def clean(self, world: World) -> None:
        for record in (world.root / "srv" / "run").glob("*.json"):
            for identity in find_processes(json.loads(record.read_text())):
                processes.terminate(identity, group=True, drain_s=1)


def find_processes(value: object) -> list[processes.ProcessId]:
    """Process identities anywhere in a state file."""
    if isinstance(value, dict):
        if {"pid", "start_ticks", "boot_id"} <= value.keys():
            return [processes.ProcessId.from_json(value)]
        return [found for each in value.values() for found in find_processes(each)]
    return []


def write_programs(world: World, port: int) -> None:
    """Programs that write one line for each thing they really do; a build takes long enough to be killed in its middle."""
    project = world.project
    (project / "public").mkdir(parents=True, exist_ok=True)
    log = json.dumps(str(project / "effects.log"))
    note = f"def note(line):\n    with open({log}, 'a') as log:\n        log.write(line + '\\n')\n"
    version = "import json, pathlib\nversion = json.loads(pathlib.Path('package.json').read_text())['version']\n"
    (project / "build.py").write_text(
        f"{note}{version}import time\ntime.sleep(0.25)\n"
        "pathlib.Path('public/version').write_text(version)\nnote('build ' + version)\n"
    )
    (project / "hook.py").write_text(
        f"{note}{version}import sys, time\ntime.sleep(0.2)\nnote('hook ' + sys.argv[1] + ' ' + version)\n"
    )
    (project / "public" / "serve.py").write_text(
        f"{note}import http.server, pathlib\nversion = pathlib.Path('version').read_text()\nnote('start ' + version)\n"
        "class Handler(http.server.BaseHTTPRequestHandler):\n"
        "    def do_GET(self):\n"
        "        self.send_response(500 if 'broken' in version else 200)\n"
        "        self.end_headers()\n"
        "        self.wfile.write(b'ok')\n"
        "    def log_message(self, *args):\n"
        "        pass\n"
        "http.server.ThreadingHTTPServer.allow_reuse_address = True\n"
        f"http.server.ThreadingHTTPServer(('127.0.0.1', {port}), Handler).serve_forever()\n"
    )


@dataclass(frozen=True)
class Fake(Scenario):
    """The scriptable target: steps in this process and in children, one line in its log for each effect."""

    def document(self, world: World) -> dict[str, Any]:
        config = {
            "dir": str(world.root / "fake"),
            "steps": [
                {"name": "one", "delay_s": 0.2},
                {"name": "two", "child": True, "delay_s": 0.25},
                {"name": "three", "live": True},
            ],
            "bad_versions": ["1.1.0broken"],
        }
        fake = {"type": "fake", "enabled": True, "primary": True, "auto_rollback": True, "config": config}
        return {"version": "1.0", "project_name": "shop", "targets": {"fake": fake}, "history": []}

    def effects(self, world: World) -> object:
        """Steps by deployment; which attempt made the effect does not matter, how many did does."""
        lines = [line.split() for line in (world.root / "fake" / "effects.log").read_text().splitlines()]
        order = list(dict.fromkeys(line[0] for line in lines))
        return dict(Counter(f"{order.index(line[0])} {line[1]}" for line in lines))

    def live(self, world: World) -> object:
        found = json.loads((world.root / "fake" / "live.json").read_text())
        return json.dumps(found).count(self.version), json.dumps(found).count(self.first or "nothing")


@dataclass(frozen=True)
class Docker(Scenario):
    """A real engine and registry: build, push, replace one container."""

    def require(self, request: pytest.FixtureRequest) -> None:
        request.getfixturevalue("docker_backend")

    def document(self, world: World) -> dict[str, Any]:
        label = f"crash{uuid.uuid4().hex[:10]}"
        port = free_port()
        world.notes.update(label=label, port=str(port))
        run = {"name": label, "ports": [f"127.0.0.1:{port}:8080"]}
        docker = {
            "enabled": True,
            "primary": True,
            "auto_rollback": True,
            "config": {
                "image_name": f"{label}/web",
                "registry": DockerBackend().registry,
                "build_context": "image",
                "dockerfile": "image/Dockerfile",
                "tags": ["{{version}}"],
                "run": run,
            },
            "health_check": {"url": f"http://127.0.0.1:{port}/health", "interval_s": 0.1, "timeout_s": 6},
        }
        return {"version": "1.0", "project_name": label, "targets": {"docker": docker}, "history": []}

    def set_version(self, world: World, version: str) -> None:
        world.set_version(version)
        context = world.project / "image"
        shutil.rmtree(context, ignore_errors=True)
        health = "failing" if "broken" in version else "ok"
        write_context(context, version=version, health=health, label=world.notes["label"])

    def effects(self, world: World) -> object:
        """Containers of this project by state and version: one runs, the one before it is kept stopped, and no other."""
        label = world.notes["label"]
        listed = docker("ps", "--all", "--filter", f"name={label}", "--format", "{{.State}} {{.Label \"pop-deploy.version\"}}")
        return sorted(listed.stdout.split("\n"))

    def live(self, world: World) -> object:
        port = world.notes["port"]
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/version", timeout=5) as response:
            return response.read().decode().strip()

    def clean(self, world: World) -> None:
        DockerBackend().forget(world.notes["label"])


def both_ends(kind: type[Scenario], name: str) -> tuple[Scenario, ...]:
    """A deployment that succeeds, one that fails and goes back by itself, and a rollback that a person asked for."""
    return (
        kind(f"{name} deploy"),
        kind(f"{name} automatic rollback", version="1.1.0broken", code=6),
        kind(f"{name} rollback", words=ROLLBACK),
    )


SCENARIOS: tuple[Scenario, ...] = (
    *both_ends(Fake, "fake"),
    Fake("fake first deploy", first=None),
    *both_ends(Local, "local"),
    *both_ends(Docker, "docker"),
)
