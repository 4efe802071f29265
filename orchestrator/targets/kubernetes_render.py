"""The step that reads the manifests: files, a kustomization or a chart become objects, which are recorded.

What is recorded is what is applied, now and by any later rollback: a base that a kustomization fetches from elsewhere, or a
chart's random value, cannot change in between. kubectl itself reads the YAML, without a cluster. Start at `Manifests.render`.
"""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from orchestrator.domain.plan import Step
from orchestrator.targets import kubernetes_cli as cli
from orchestrator.targets.base import StepError, StepOutcome, StepRun, ToolMissing, Tools
from orchestrator.targets.kubernetes_cluster import CUT_BYTES
from orchestrator.targets.kubernetes_errors import explain
from orchestrator.targets.kubernetes_objects import Manifest, accepted, accepted_jobs, name_of
from orchestrator.targets.kubernetes_slot import rendered_digest

_AT_ONCE_BYTES = 20_000
"""Of YAML: its JSON is no more than twice as long, and an answer must not be cut off."""
_SUFFIXES = (".yaml", ".yml", ".json")
_SHOWN = 8


class Manifests:
    """Reads what a plan's render step names."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools

    def render(self, step: Step, run: StepRun) -> StepOutcome:
        """The outcome holds all objects as they will be applied, but for the image and our marks."""
        objects, migrations = self.read(step.inputs)
        names = [str(name_of(one)) for one in (*migrations, *objects)]
        more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
        return StepOutcome(f"{', '.join(names[:_SHOWN])}{more}", rendered(objects, migrations))

    def read(self, inputs: Mapping[str, Any]) -> tuple[list[Manifest], list[Manifest]]:
        """Objects and migrations of the render step's *inputs*.

        Raises:
            StepError: They cannot be read, or not be applied as they are.
            PathOutside: A path leads out of the project.
        """
        with tempfile.TemporaryDirectory(prefix="pop-deploy-") as directory:
            objects = accepted(self._objects(inputs, Path(directory)), inputs["namespace"])
        migrations = [file for path in inputs["migrations"] for file in self._own_files("migrations", path)]
        return objects, accepted_jobs(self._read(migrations), inputs["namespace"])

    def _objects(self, inputs: Mapping[str, Any], scratch: Path) -> list[Manifest]:
        if inputs["kustomize"] is not None:
            directory = self._tools.input_path("kustomize", inputs["kustomize"])
            return self._rendered(cli.kustomize(str(directory), scratch), scratch)
        if inputs["chart"] is not None:
            return self._chart(inputs["chart"], inputs["namespace"], scratch)
        files = self._own_files("manifests", inputs["manifests"])
        if not files:
            raise StepError(f"There are no manifests at {inputs['manifests']}. Correct manifests.", effect=False)
        return self._read(files)

    def _own_files(self, field: str, value: str) -> list[Path]:
        """The manifests at a path of the project; none of them may be a link that leads out of it."""
        path = self._tools.input_path(field, value)
        return [self._tools.input_path(field, str(file)) for file in _files(path)] if path.exists() else []

    def _chart(self, chart: Mapping[str, Any], namespace: str, scratch: Path) -> list[Manifest]:
        path = self._tools.input_path("chart.path", chart["path"])
        values = [str(self._tools.input_path("chart.values", file)) for file in chart["values"]]
        release = re.sub(r"[^a-z0-9-]+", "-", self._tools.slot.target.lower()).strip("-")[:50] or "release"
        try:
            return self._rendered(cli.helm_template(release, str(path), values, namespace, scratch), scratch)
        except ToolMissing as error:
            raise StepError(
                f"chart: {error}. Install helm, or render the chart into files and name them as manifests.", effect=False
            ) from error

    def _rendered(self, argv: cli.Argv, scratch: Path) -> list[Manifest]:
        self._run(argv)
        return self._read(list(_files(scratch)))

    def _read(self, files: Sequence[Path]) -> list[Manifest]:
        found: list[Manifest] = []
        for batch in _batches(files):
            output = self._run(cli.read_files(str(file) for file in batch))
            if len(output) >= CUT_BYTES:
                raise StepError(f"{batch[0].name} is too large to be read at once. Split it into several files.", effect=False)
            found += [json.loads(line) for line in output.splitlines() if line.strip()]
        return found

    def _run(self, argv: cli.Argv) -> str:
        result = self._tools.query(argv, timeout_s=60, cwd=self._tools.project_dir)
        if not result.ok:
            raise StepError(explain(argv, result.stderr), exit_code=result.exit_code, effect=False)
        return result.stdout


def rendered(objects: Sequence[Manifest], migrations: Sequence[Manifest]) -> dict[str, Any]:
    """The outcome of the step. Its digest shows whether the records have hidden anything of it."""
    return {"objects": list(objects), "migrations": list(migrations), "rendered": rendered_digest(objects, migrations)}


def _files(path: Path) -> Iterator[Path]:
    """The manifests at *path*, in the order of their names."""
    if not path.is_dir():
        yield path
        return
    yield from sorted(file for file in path.rglob("*") if file.suffix in _SUFFIXES and file.is_file())


def _batches(files: Sequence[Path]) -> Iterator[list[Path]]:
    batch: list[Path] = []
    size = 0
    for file in files:
        here = file.stat().st_size if file.exists() else 0
        if batch and size + here > _AT_ONCE_BYTES:
            yield batch
            batch, size = [], 0
        batch.append(file)
        size += here
    if batch:
        yield batch
