"""The update step with ``compose``: one service of a compose project runs the release, pinned by digest.

The project's own file stays as it is; an override made for the one ``docker compose up`` gives the service our image and our
labels. ``up`` compares what is there with what is wanted and does only what is missing, so it can be interrupted and repeated;
the labels say afterwards which deployment made the service's containers. The way back is another ``up`` with the earlier digest
and the compose file as it is then. Start at `ComposeUpdate.apply`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from orchestrator.domain.plan import Step
from orchestrator.targets import docker_cli as cli
from orchestrator.targets.base import Answer, Observation, Outcomes, StepError, StepOutcome, StepRun, Tools
from orchestrator.targets.docker_child import docker
from orchestrator.targets.docker_engine import Container, Engine
from orchestrator.targets.docker_slot import Wanted, refuse_foreign, slot_labels

_PROJECT, _SERVICE = "com.docker.compose.project", "com.docker.compose.service"


class ComposeUpdate:
    """Brings a compose project up with the release's image in one service."""

    def __init__(self, tools: Tools, engine: Engine) -> None:
        self._tools = tools
        self._engine = engine

    def probe(self, step: Step, deployment_id: str, outcomes: Outcomes) -> Observation:
        """DONE when every container of the service is the wanted one and was started."""
        wanted = Wanted.of(self._tools.slot, step, deployment_id, outcomes)
        compose = wanted.detail["compose"]
        found = service_containers(self._engine, compose)
        done = [container for container in found if wanted.made(container) and container.started]
        service = f"service {compose['service']} of {compose['project']}"
        if not found or len(done) < len(found):
            return Observation(
                Answer.NOT_DONE, f"{service}: {len(done)} of {len(found)} containers are of {wanted.deployment_id}"
            )
        if self._in_the_way(found):
            return Observation(Answer.NOT_DONE, f"{service} is up; a container that it replaces still runs")
        return Observation(Answer.DONE, f"{service} is up", _data(wanted))

    def apply(self, step: Step, run: StepRun) -> StepOutcome:
        wanted = Wanted.of(self._tools.slot, step, run.deployment_id, run.outcomes)
        wanted.require_image()
        compose = wanted.detail["compose"]
        self._tools.input_path("compose.file", compose["file"])
        found = service_containers(self._engine, compose)
        refuse_foreign(found, self._tools.slot, adopt=step.inputs["adopt"])
        self._require_image(wanted, run)
        for container in self._in_the_way(found):
            run.progress(f"stopping {container.name}")
            self._docker(run, cli.stop(container.id), f"stop-{container.short_id}")
        override = _write_override(wanted, run.attempt_dir)
        self._docker(run, cli.compose_up(project=compose["project"], file=compose["file"], override=str(override)), "up")
        return StepOutcome(f"service {compose['service']} of {compose['project']} runs {wanted.reference}", _data(wanted))

    def _in_the_way(self, service: list[Container]) -> list[Container]:
        """Running containers of this slot that are not the service's: from before it was a compose project, for example."""
        ids = {container.id for container in service}
        return [one for one in self._engine.containers(slot_labels(self._tools.slot)) if one.running and one.id not in ids]

    def _require_image(self, wanted: Wanted, run: StepRun) -> None:
        """In the engine before ``up`` is asked: compose would rather build a service that has a build section than pull it."""
        if self._engine.images([wanted.reference]):
            return
        if wanted.local:
            raise StepError(f"The image {wanted.reference} is no longer in this engine, and was never pushed.", effect=False)
        self._docker(run, cli.pull(wanted.reference), "pull", effect=False)

    def _docker(self, run: StepRun, argv: cli.Argv, name: str, *, effect: bool = True) -> None:
        docker(run, argv, name=name, cwd=self._tools.project_dir, effect=effect)


def service_containers(engine: Engine, compose: Mapping[str, Any]) -> list[Container]:
    """All containers of the service, whoever made them."""
    return engine.containers({_PROJECT: compose["project"], _SERVICE: compose["service"]})


def _write_override(wanted: Wanted, directory: Path) -> Path:
    """A compose file (JSON is YAML) that pins the image; a dollar sign would begin a variable there."""
    labels = {key: value.replace("$", "$$") for key, value in wanted.labels.items()}
    service = {"image": wanted.reference, "pull_policy": "never" if wanted.local else "missing", "labels": labels}
    path = directory / "compose.override.json"
    path.write_text(json.dumps({"services": {wanted.detail["compose"]["service"]: service}}), encoding="utf-8")
    return path


def _data(wanted: Wanted) -> dict[str, Any]:
    compose = wanted.detail["compose"]
    return {"project": compose["project"], "service": compose["service"], "reference": wanted.reference}
