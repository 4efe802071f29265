"""What is killed: each scenario prepares a world, names the command, and says what its end is."""

from __future__ import annotations

import json
import re
import shutil
import sys
import urllib.request
import uuid
from collections import Counter
from dataclasses import dataclass
from typing import Any, ClassVar

import pytest

from orchestrator.targets import processes
from tests.backends.docker import DockerBackend, docker, free_port, write_context
from tests.crash.world import World

DEPLOY = ("execute", "--mode", "deploy", "--yes")
CANARY = ("execute", "--mode", "canary", "--yes")
ROLLBACK = ("rollback", "--yes")


@dataclass(frozen=True)
class Scenario:
    """One command in one kind of world.

    Attributes:
        first: Version deployed undisturbed before all rounds, or None for an empty slot.
        version: Version of the killed deployments, numbered by round; with ``broken`` in it the health check fails.
        code: Exit code of the undisturbed run.
        kinds: Kinds of step that its plans have.
    """

    name: str
    words: tuple[str, ...] = DEPLOY
    first: str = "1.0.0"
    version: str = "1.1.{round}"
    code: int = 0

    target: ClassVar[str] = ""
    kinds: ClassVar[frozenset[str]] = frozenset()

    def require(self, request: pytest.FixtureRequest) -> None:
        """Skip or fail where the back-end is missing."""

    def document(self, world: World) -> dict[str, Any]:
        raise NotImplementedError

    def effects(self, world: World) -> list[str]:
        """What was really done, or what is there: one line each."""
        raise NotImplementedError

    def live(self, world: World) -> str:
        """What is live, by the target's own evidence."""
        raise NotImplementedError

    def clean(self, world: World) -> None:
        """End what the scenario has started outside the world's directory."""

    def set_version(self, world: World, version: str) -> None:
        world.set_version(version)

    def prepare(self, world: World) -> None:
        world.write(self.document(world), self.first)
        self._undisturbed(world, self.first)

    def begin_round(self, world: World) -> None:
        """A new version; for a rollback it is deployed first, so that there is something to leave."""
        world.round += 1
        world.version = self.version.format(round=world.round)
        if self.words is ROLLBACK:
            self._undisturbed(world, world.version)
        self.set_version(world, world.version)
        world.forget_appends()
        world.before = len(world.deployments())
        world.effects_before = self.effects(world)
        world.live_before = self.live(world)

    def settled(self, world: World) -> int:
        """Number of deployments that this round's command has nothing to do with."""
        return world.before - 1 if self.words is ROLLBACK else world.before

    def _undisturbed(self, world: World, version: str) -> None:
        self.set_version(world, version)
        done = world.run(*DEPLOY)
        assert done.code == 0, done.output

    def outcome(self, world: World) -> object:
        """Everything that must be equal in every round, with this round's version called NEW and the one before it OLD."""
        deployments = world.deployments(self.settled(world))
        said = {
            "states": [(found.requested.version, str(found.state), bool(found.effect)) for found in deployments],
            "history": world.history()[:2],
            "live": self.live(world),
            "effects": sorted((Counter(self.effects(world)) - Counter(world.effects_before)).elements()),
        }
        names = {world.version: "NEW", world.live_before: "OLD", **{found.id: "THIS" for found in deployments}}
        return re.sub("|".join(map(re.escape, names)), lambda found: names[found[0]], json.dumps(said, indent=1))


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

    target: ClassVar[str] = "local"
    kinds: ClassVar[frozenset[str]] = frozenset(
        {"hook", "local.build", "local.release", "local.activate", "local.restart", "local.prune"}
    )

    def effects(self, world: World) -> list[str]:
        """Each run of the build and of a hook, each start of a service."""
        return (world.project / "effects.log").read_text().splitlines()

    def live(self, world: World) -> str:
        return (world.root / "srv" / "current").readlink().name.partition("-")[0]

    def clean(self, world: World) -> None:
        for record in (world.root / "srv" / "run").glob("*.json"):
            for identity in find_processes(json.loads(record.read_text())):
                processes.terminate(identity, group=True, drain_s=1)


@dataclass(frozen=True)
class LocalWithoutService(Local):
    """A release that has no `run` any more: the service of the one before it is stopped."""

    kinds: ClassVar[frozenset[str]] = frozenset({"local.stop"})

    def begin_round(self, world: World) -> None:
        self._run(world, [sys.executable, "serve.py"])
        self._undisturbed(world, f"1.0.{world.round + 1}")
        self._run(world, None)
        super().begin_round(world)

    def _run(self, world: World, argv: list[str] | None) -> None:
        """Edit the configuration as a user would."""
        path = world.data / "deploy.json"
        document = json.loads(path.read_text())
        local = document["targets"]["local"]
        local["config"]["run"] = argv
        world.notes["health"] = json.dumps(local.pop("health_check", None) or json.loads(world.notes["health"]))
        if argv is not None:
            local["health_check"] = json.loads(world.notes["health"])
        path.write_text(json.dumps(document, indent=2))


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
        f"{note}{version}import time\ntime.sleep({world.effect_s})\n"
        "pathlib.Path('public/version').write_text(version)\nnote('build ' + version)\n"
    )
    (project / "hook.py").write_text(
        f"{note}{version}import sys, time\ntime.sleep({world.effect_s})\nnote('hook ' + sys.argv[1] + ' ' + version)\n"
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
                {"name": "one", "delay_s": world.effect_s},
                {"name": "two", "child": True, "delay_s": world.effect_s},
                {"name": "three", "live": True},
            ],
            "bad_versions": [f"1.1.{number}broken" for number in range(40)],
            "supports_canary": True,
        }
        fake = {"type": "fake", "enabled": True, "primary": True, "auto_rollback": True, "config": config}
        return {"version": "1.0", "project_name": "shop", "targets": {"fake": fake}, "history": []}

    target: ClassVar[str] = "fake"
    kinds: ClassVar[frozenset[str]] = frozenset({"fake.step", "fake.restore"})

    def effects(self, world: World) -> list[str]:
        """Deployment and step; which attempt made the effect does not matter, how many did does."""
        lines = (world.root / "fake" / "effects.log").read_text().splitlines()
        return [" ".join(line.split()[:2]) for line in lines]

    def live(self, world: World) -> str:
        return str(json.loads((world.root / "fake" / "live.json").read_text())["release"]["version"])


@dataclass(frozen=True)
class FakeCanary(Fake):
    """The same with a canary of two weights before it, whose check measures *errors*: 1 is too much, and is let pass once."""

    words: tuple[str, ...] = CANARY
    errors: int = 0

    kinds: ClassVar[frozenset[str]] = frozenset({"canary.weight", "canary.watch", "canary.remove"})

    def document(self, world: World) -> dict[str, Any]:
        document = super().document(world)
        (world.project / "errors").write_text(str(self.errors))
        check = {"name": "errors", "command": ["cat", "errors"], "max": 0, "interval_s": 0.1, "failure_limit": 1}
        config = document["targets"]["fake"]["config"]
        config["canary"] = {"steps": [{"weight": 10}, {"pause_s": 0.2}, {"weight": 50}], "checks": [check]}
        config["steps"] = [{"name": "one"}, {"name": "two", "live": True}]
        return document

    def prepare(self, world: World) -> None:
        super().prepare(world)
        # deploy.json shows the release before, too: that of every round is a canary's.
        self.set_version(world, "1.0.1")
        done = world.run(*CANARY)
        assert done.code == self.code, done.output

    def effects(self, world: World) -> list[str]:
        """With what is left of a canary."""
        left = [path.name for path in (world.root / "fake").glob("canary.*")]
        return [*super().effects(world), *left]


@dataclass(frozen=True)
class Docker(Scenario):
    """A real engine and registry: build, push, replace one container."""

    def require(self, request: pytest.FixtureRequest) -> None:
        request.getfixturevalue("docker_backend")

    def document(self, world: World) -> dict[str, Any]:
        label = f"crash{uuid.uuid4().hex[:10]}"
        port = free_port()
        world.notes.update(label=label, port=str(port))
        run = {"name": label, "ports": [f"127.0.0.1:{port}:8080"], "stable_s": 0}
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

    target: ClassVar[str] = "docker"
    kinds: ClassVar[frozenset[str]] = frozenset({"docker.build", "docker.push", "docker.run", "docker.wait"})

    def effects(self, world: World) -> list[str]:
        """Containers of this project by state and version: one runs, the one before it may be kept stopped, and no other."""
        wanted = f"label=pop-deploy.project={world.notes['label']}"
        listed = docker("ps", "--all", "--filter", wanted, "--format", '{{.State}} {{.Label "pop-deploy.version"}}')
        return listed.stdout.splitlines()

    def live(self, world: World) -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{world.notes['port']}/version", timeout=5) as response:
            return str(response.read().decode().strip())

    def clean(self, world: World) -> None:
        DockerBackend().forget(world.notes["label"])


@dataclass(frozen=True)
class DockerCompose(Docker):
    """The same with a compose project."""

    kinds: ClassVar[frozenset[str]] = frozenset({"docker.build", "docker.push", "docker.compose", "docker.wait"})

    def document(self, world: World) -> dict[str, Any]:
        document = super().document(world)
        label = world.notes["label"]
        service = {"image": f"{label}/web", "ports": [f"127.0.0.1:{world.notes['port']}:8080"]}
        (world.project / "compose.json").write_text(json.dumps({"services": {"web": service}}))
        config = document["targets"]["docker"]["config"]
        del config["run"]
        config["compose"] = {"file": "compose.json", "project": label, "service": "web", "stable_s": 0}
        return document


@dataclass(frozen=True)
class DockerTags(Docker):
    """Push only: what is live is what the tag `latest` names."""

    kinds: ClassVar[frozenset[str]] = frozenset({"docker.build", "docker.push", "docker.restore"})

    def document(self, world: World) -> dict[str, Any]:
        document = super().document(world)
        docker_target = document["targets"]["docker"]
        del docker_target["config"]["run"], docker_target["health_check"]
        docker_target["config"]["tags"] = ["{{version}}", "latest"]
        return document

    def effects(self, world: World) -> list[str]:
        """Nothing runs anywhere."""
        return super().effects(world)

    def live(self, world: World) -> str:
        repository = f"{world.notes['label']}/web"
        latest = DockerBackend().registry_digest(repository, "latest")
        versions = [found.requested.version for found in world.deployments() if found.release is not None]
        return next(version for version in reversed(versions) if DockerBackend().registry_digest(repository, version) == latest)


def both_ends(kind: type[Scenario], name: str) -> tuple[Scenario, ...]:
    """A deployment that succeeds, one that fails and goes back by itself, and a rollback that a person asked for."""
    return (
        kind(f"{name} deploy"),
        kind(f"{name} automatic rollback", version="1.1.{round}broken", code=6),
        kind(f"{name} rollback", words=ROLLBACK),
    )


SCENARIOS: tuple[Scenario, ...] = (
    *both_ends(Fake, "fake"),
    FakeCanary("fake canary"),
    FakeCanary("fake canary that fails", errors=1, code=6),
    *both_ends(Local, "local"),
    *both_ends(Docker, "docker"),
    LocalWithoutService("local without service"),
    DockerCompose("docker compose"),
    DockerTags("docker tags", words=ROLLBACK),
)
