"""The dry run's questions, really asked of the engine, the registry and the project's files. Changes nothing.

What cannot be asked because something before it failed is SKIP, never PASS. `preflight` is the list, in the order of the steps.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from orchestrator.domain.dockerignore import DockerIgnore
from orchestrator.domain.errors import PopDeployError
from orchestrator.domain.plan import Plan, Step
from orchestrator.domain.settings import Value
from orchestrator.targets import docker_cli as cli
from orchestrator.targets.base import Check, CheckStatus, Clock, SecretMissing, Tools
from orchestrator.targets.docker_engine import Engine, Presence
from orchestrator.targets.docker_errors import explain
from orchestrator.targets.docker_run import taken_port
from orchestrator.targets.docker_slot import slot_labels
from orchestrator.targets.image_config import from_json, secret_refs

Answer = tuple[CheckStatus, str]
PASS, WARN, FAIL, SKIP = CheckStatus.PASS, CheckStatus.WARN, CheckStatus.FAIL, CheckStatus.SKIP

_LOW_BYTES = 2 * 1024**3
_FULL_BYTES = 200 * 1024**2


def answered(clock: Clock, name: str, ask: Callable[[], Answer]) -> Check:
    """The check *name* with what *ask* answers, and how long that took. What it raises fails it."""
    began = clock.monotonic()
    try:
        status, message = ask()
    except (PopDeployError, OSError) as error:
        status, message = FAIL, str(error)
    return Check(name, status, message, round((clock.monotonic() - began) * 1000))


class Preflight:
    """Asks about one plan.

    Args:
        observe: The target's own `observe`, which refuses what is not ours.
    """

    def __init__(self, tools: Tools, engine: Engine, observe: Callable[[], object]) -> None:
        self._tools, self._engine, self._observe = tools, engine, observe
        self._server: Mapping[str, Any] | None = None

    def checks(self, plan: Plan) -> Iterator[Check]:
        """One after another, as they are answered."""
        by_kind = {step.kind: step.inputs for step in plan.steps}
        build, push = by_kind.get("docker.build"), by_kind.get("docker.push")
        run, compose = plan.release.detail.get("run"), plan.release.detail.get("compose")
        yield self._check("engine", self._engine_answers, needs_engine=False)
        if build:
            yield self._check("build files", lambda: self._build_files(build), needs_engine=False)
            yield self._check("platforms", lambda: self._platforms(build))
        if secrets := _secrets(plan):
            yield self._check("secrets", lambda: self._secrets(secrets), needs_engine=False)
        yield self._check("disk", self._disk)
        if push:
            yield self._check("registry", lambda: self._registry(push["repository"]))
        yield self._check("ownership", self._ownership)
        if run:
            yield self._check("ports", lambda: self._ports(run))
            if run["network"]:
                yield self._check("network", lambda: self._network(run["network"]))
            if run["volumes"]:
                yield self._check("volumes", lambda: self._volumes(run["volumes"]))
        if compose:
            yield self._check("compose file", lambda: self._compose(compose))

    def _check(self, name: str, ask: Callable[[], Answer], *, needs_engine: bool = True) -> Check:
        if needs_engine and self._server is None:
            return Check(name, SKIP, "not asked: no Docker engine answers")
        return answered(self._tools.clock, name, ask)

    def _engine_answers(self) -> Answer:
        self._server = self._engine.server()
        return PASS, f"Docker {self._server['Version']} answers ({self._platform})"

    @property
    def _platform(self) -> str:
        server = self._server or {}
        return f"{server.get('Os')}/{server.get('Arch')}"

    def _build_files(self, build: Mapping[str, Any]) -> Answer:
        context = self._tools.input_path("build_context", build["context"])
        dockerfile = self._tools.input_path("dockerfile", build["dockerfile"])
        if not context.is_dir():
            return FAIL, f"build_context: there is no directory {build['context']}. Correct it, or make the directory"
        if not dockerfile.is_file():
            inside = Path(build["context"]) / build["dockerfile"]
            meant = f"; {inside} exists, write that" if (self._tools.project_dir / inside).is_file() else ""
            return FAIL, f"dockerfile: there is no file {build['dockerfile']} in the project{meant}"
        try:
            rules = _ignore_rules(context, dockerfile)
        except ValueError as error:
            return FAIL, f".dockerignore: {error}"
        ours = self._our_data_in(context)
        if ours is not None and not all(each.skips(ours) for each in rules):
            return WARN, (
                f"{ours} is part of the build context: a COPY of everything takes our records along and is never cached. "
                f"Add {ours} to .dockerignore"
            )
        return PASS, f"{build['dockerfile']} and the build context {build['context']} are there"

    def _our_data_in(self, context: Path) -> str | None:
        """Our data directory as the context names it, if it lies there."""
        data, top = self._tools.data_dir, context.resolve()
        inside = data is not None and data.resolve().is_relative_to(top)
        return data.resolve().relative_to(top).as_posix() if data is not None and inside else None

    def _platforms(self, build: Mapping[str, Any]) -> Answer:
        foreign = [platform for platform in build["platforms"] if not platform.startswith(self._platform)]
        if foreign:
            return WARN, (
                f"{', '.join(foreign)} on an engine for {self._platform}: works without RUN, or with emulation (binfmt) there"
            )
        return PASS, f"builds for {', '.join(build['platforms']) or self._platform}"

    def _secrets(self, secrets: Sequence[tuple[str, Value]]) -> Answer:
        missing = []
        for name, ref in secrets:
            try:
                self._tools.secrets.reveal(ref)
            except SecretMissing as error:
                missing.append(f"{name}: {error}")
        return (FAIL, "; ".join(missing)) if missing else (PASS, f"{', '.join(name for name, _ in secrets)} can be read")

    def _disk(self) -> Answer:
        if not self._engine.is_local():
            return SKIP, "not asked: the engine runs on another machine"
        root = self._engine.data_root()
        if not root or not Path(root).is_dir():
            return SKIP, f"not asked: {root or 'the data directory of the engine'} cannot be seen from here"
        free = shutil.disk_usage(root).free
        message = f"{free / 1024**3:.1f} GiB free in {root}"
        if free < _FULL_BYTES:
            return FAIL, f"{message}: make room (docker system df shows what takes it)"
        return (WARN if free < _LOW_BYTES else PASS), message

    def _registry(self, repository: str) -> Answer:
        """Reading is asked for real. Whether the login may also write shows only at a push."""
        answer, registry = self._engine.access(repository), repository.partition("/")[0]
        login = has_login(registry)
        if answer.presence is Presence.DENIED and login is not False:
            # So many registries answer for what does not exist, and the first push makes it.
            return WARN, f"{answer.problem}\nIf {repository} does not exist yet, the first push may make it."
        if answer.problem:
            return FAIL, answer.problem
        if login is False and not self._engine.insecure(repository):
            return WARN, f"{registry} answers, but Docker has no login for it; a push may be refused. docker login {registry}"
        return PASS, f"{registry} answers and lets us in"

    def _ownership(self) -> Answer:
        live = self._observe()
        return PASS, "what is there is ours" if live is not None else "nothing is in the way"

    def _ports(self, run: Mapping[str, Any]) -> Answer:
        if not run["ports"]:
            return PASS, "publishes none"
        holders = self._engine.containers(slot_labels(self._tools.slot), named=run["name"])
        taken = taken_port(self._engine, run["ports"], [holder for holder in holders if holder.running])
        if taken is not None:
            return FAIL, taken
        if not self._engine.is_local():
            return SKIP, "not asked: the engine runs on another machine"
        return PASS, f"{', '.join(run['ports'])} can be had"

    def _network(self, name: str) -> Answer:
        if name.startswith("container:"):
            return PASS, f"shares the network of {name.removeprefix('container:')}"
        argv = cli.inspect_network(name)
        result = self._engine.ask(argv)
        return (PASS, f"{name} exists") if result.ok else (FAIL, explain(argv, result.stderr))

    def _volumes(self, volumes: list[str]) -> Answer:
        if not self._engine.is_local():
            return SKIP, "not asked: the engine runs on another machine"
        sources = [volume.partition(":")[0] for volume in volumes if volume.startswith(("/", ".")) and ":" in volume]
        missing = [source for source in sources if not (self._tools.project_dir / source).exists()]
        if missing:
            return WARN, f"Docker will make {', '.join(missing)}, which does not exist, as an empty directory of root's"
        return PASS, f"{', '.join(volumes)} can be mounted"

    def _compose(self, compose: Mapping[str, Any]) -> Answer:
        self._tools.input_path("compose.file", compose["file"])
        argv = cli.compose_services(project=compose["project"], file=compose["file"])
        result = self._engine.ask(argv)
        if not result.ok:
            return FAIL, explain(argv, result.stderr)
        services = result.stdout.split()
        if compose["service"] not in services:
            return FAIL, f"compose.service: {compose['file']} has no service {compose['service']}; it has: {', '.join(services)}"
        return PASS, f"{compose['file']} is valid and has the service {compose['service']}"


def _ignore_rules(context: Path, dockerfile: Path) -> list[DockerIgnore]:
    """Of the context and of the Dockerfile itself, which only one of the two builders obeys; one rule-less set for neither."""
    files = [file for file in (context / ".dockerignore", Path(f"{dockerfile}.dockerignore")) if file.is_file()]
    return [DockerIgnore.parse(file.read_text(encoding="utf-8", errors="replace")) for file in files] or [DockerIgnore()]


def _secrets(plan: Plan) -> list[tuple[str, Value]]:
    """Every secret that the plan's steps will need, with the name of its variable."""
    variables = [pair for step in plan.steps for values in _variables(step) for pair in from_json(values).items()]
    return [(name, value) for name, value in variables if secret_refs((value,))]


def _variables(step: Step) -> Iterator[Mapping[str, object]]:
    yield step.inputs.get("build_args") or {}
    detail = (step.inputs.get("release") or {}).get("detail", {})
    yield (detail.get("run") or detail.get("service") or {}).get("env") or {}


def has_login(registry: str) -> bool | None:
    """Whether the docker client has credentials for *registry*: names are looked at, never values. None: nobody knows."""
    home = os.environ.get("DOCKER_CONFIG")
    path = (Path(home) if home else Path.home() / ".docker") / "config.json"
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return False
    except (OSError, ValueError):
        return None
    if not isinstance(config, dict) or config.get("credsStore"):
        return None
    known = [*(config.get("auths") or {}), *(config.get("credHelpers") or {})]
    hosts = {entry.removeprefix("https://").removeprefix("http://").partition("/")[0] for entry in known}
    return any(host == registry or host.endswith(f".{registry}") for host in hosts)
