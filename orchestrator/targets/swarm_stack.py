"""The update step with ``stack``: one service of a stack's file runs the release, pinned by digest.

The project's own file stays as it is; an override made for the one ``docker stack deploy`` gives the service our image and our
labels, and every service of the file a label that says which deployment brought it. The command changes one service after
another, compares what is there with what is wanted and does only what is missing: it can be interrupted and repeated. The way
back is another one with the earlier digest and the stack's file as it is then. Start at `StackUpdate.apply`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from orchestrator.domain.plan import Step
from orchestrator.targets import swarm_cli as cli
from orchestrator.targets.base import Answer, Observation, Outcomes, StepError, StepOutcome, StepRun, Tools, Unreachable
from orchestrator.targets.docker_child import everything, failure
from orchestrator.targets.docker_errors import tail
from orchestrator.targets.swarm_engine import Swarm
from orchestrator.targets.swarm_slot import DEPLOYMENT, STACK, Wanted, refuse_foreign

_NO_DETACH = re.compile(r"unknown flag: --detach")
_NO_CONFIG = re.compile(r"is not a docker command|unknown (?:docker )?command|Usage:\s+docker stack ")
_VERSION = re.compile(r"^version:\s*[\"']?([0-9.]+)", re.MULTILINE)
_SERVICE = re.compile(r"  [\"']?([A-Za-z0-9_.-]+)[\"']?:\s*(?:\{\})?")


class StackUpdate:
    """Brings a stack up with the release's image in one service."""

    def __init__(self, tools: Tools, swarm: Swarm) -> None:
        self._tools = tools
        self._swarm = swarm

    def probe(self, step: Step, deployment_id: str, outcomes: Outcomes) -> Observation:
        """DONE when our service is the wanted one and every service of the file was brought by this deployment."""
        wanted = Wanted.of(self._tools.slot, step, deployment_id, outcomes)
        stack = wanted.detail["stack"]
        found = {service.name: service for service in self._swarm.stack(stack["name"])}
        if wanted.name not in found or not wanted.made(found[wanted.name]):
            return Observation(Answer.NOT_DONE, f"service {wanted.name} was not written by {wanted.deployment_id}")
        names = [f"{stack['name']}_{name}" for name in self.services(stack["file"])]
        behind = [name for name in names if name not in found or found[name].labels.get(STACK) != wanted.deployment_id]
        if behind:
            return Observation(Answer.NOT_DONE, f"{', '.join(behind)}: not brought by {wanted.deployment_id}")
        return Observation(Answer.DONE, f"stack {stack['name']} was brought by {wanted.deployment_id}", _data(wanted))

    def apply(self, step: Step, run: StepRun) -> StepOutcome:
        wanted = Wanted.of(self._tools.slot, step, run.deployment_id, run.outcomes)
        wanted.require_image()
        stack = wanted.detail["stack"]
        live = self._swarm.service(wanted.name)
        if live is not None:
            refuse_foreign(live, self._tools.slot, adopt=step.inputs["adopt"])
        try:
            text = self.read(stack["file"])
        except Unreachable as error:
            raise StepError(str(error), effect=False) from error
        override = _write_override(wanted, text, run.attempt_dir)
        self._deploy(stack, override, run)
        return StepOutcome(f"service {wanted.name} gets {wanted.reference}", _data(wanted))

    def services(self, file: str) -> list[str]:
        """The services of the stack's file. Raises `Unreachable`: the client cannot read it."""
        return services_of(self.read(file))

    def read(self, file: str) -> str:
        """The stack's file as the client reads it, without the values of variables. Raises `Unreachable`."""
        self._tools.input_path("stack.file", file)
        argv = cli.stack_config(file)
        result = self._swarm.ask(argv)
        if result.ok:
            return result.stdout
        if _NO_CONFIG.search(result.stderr) and "unknown flag" not in result.stderr:
            raise Unreachable("This docker client cannot read a stack's file (docker stack config). Install one from 23.0 on.")
        raise Unreachable(f"The stack's file {file} cannot be read. Correct it, then try again.\n{tail(result.stderr)}")

    def _deploy(self, stack: Mapping[str, Any], override: Path, run: StepRun) -> None:
        for name, detach in (("stack", True), ("stack-old-client", False)):
            argv = cli.stack_deploy(stack["name"], stack["file"], str(override), detach=detach)
            result = run.command(argv, name=name, cwd=self._tools.project_dir, check=False)
            if result.ok:
                return
            # Nothing was done yet: it is the client that does not know the word.
            if not (detach and _NO_DETACH.search(everything(result))):
                raise failure(result, effect=True)


def services_of(text: str) -> list[str]:
    """Names of the services in what ``docker stack config`` prints, which is always written in the same way."""
    found: list[str] = []
    inside = False
    for line in text.splitlines():
        if line and not line.startswith((" ", "#")):
            inside = line.rstrip() == "services:"
        elif inside and (match := _SERVICE.fullmatch(line)) is not None:
            found.append(match[1])
    return found


def _write_override(wanted: Wanted, text: str, directory: Path) -> Path:
    """A file (JSON is YAML) that pins the image; a dollar sign would begin a variable there."""
    stack = wanted.detail["stack"]
    services: dict[str, dict[str, Any]] = {
        name: {"deploy": {"labels": {STACK: wanted.deployment_id}}} for name in services_of(text)
    }
    if stack["service"] not in services:
        raise StepError(
            f"stack.service: {stack['file']} has no service {stack['service']}; it has: {', '.join(services)}", effect=False
        )
    labels = {STACK: wanted.deployment_id, **{key: value.replace("$", "$$") for key, value in wanted.labels.items()}}
    services[stack["service"]] = {
        "image": wanted.reference,
        "labels": {DEPLOYMENT: wanted.deployment_id},
        "deploy": {"labels": labels, "update_config": {"failure_action": "pause"}},
    }
    # Old clients want the same version in every file.
    version = _VERSION.search(text)
    path = directory / "stack.override.json"
    path.write_text(json.dumps({**({"version": version[1]} if version else {}), "services": services}), encoding="utf-8")
    return path


def _data(wanted: Wanted) -> dict[str, Any]:
    return {"service": wanted.name, "reference": wanted.reference}
