"""`note`: the smallest kind of target that keeps the whole protocol. CONTRIBUTING.md explains how such a file is added.

What is live is one file, whose text the configuration gives. One step writes it, by a rename, so it is there whole or not at all.
Whose it is and which deployment made it stand in the file itself, and so `probe` can always tell. Start at `NoteTarget.apply`.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

from orchestrator.domain.errors import CanaryUnsupported
from orchestrator.domain.excludes import Excludes
from orchestrator.domain.plan import Mode, Plan, Release, Slot, Step
from orchestrator.targets.base import (
    Answer,
    Check,
    CheckStatus,
    ForeignResource,
    Observation,
    Outcomes,
    Request,
    StepError,
    StepOutcome,
    StepRun,
    Tools,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class NoteConfig:
    """Where the note lies, and what it says.

    Attributes:
        path: The file; from the project when relative.
        text: ``{{version}}`` is filled in.
    """

    path: str
    text: str = "{{version}}"


class NoteTarget:
    """See `orchestrator.targets.base.Target`."""

    kind: ClassVar[str] = "note"
    supports_canary: ClassVar[bool] = False
    honours_dockerignore: ClassVar[bool] = False

    def __init__(self, config: NoteConfig, tools: Tools, *, adopt: bool = False) -> None:
        self.config, self.tools, self.adopt = config, tools, adopt

    def input_paths(self) -> tuple[Path, ...]:
        return ()

    def input_excludes(self) -> Excludes:
        return Excludes()

    def plan(self, request: Request) -> Plan:
        if request.mode is Mode.CANARY:
            raise CanaryUnsupported(f"{self.tools.slot}: a note has one text at a time. Next: --mode deploy")
        text = self.config.text.replace("{{version}}", request.version)
        release = Release(
            version=request.version,
            commit_sha=request.commit_sha,
            artifacts={"note": f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"},
            detail={"path": self.config.path, "text": text},
        )
        slot = self.tools.slot
        return Plan(
            target=slot.target,
            kind=self.kind,
            environment=slot.environment,
            version=request.version,
            mode=Mode.DEPLOY,
            steps=(write_step("write", release),),
            release=release,
            inputs=request.inputs,
        )

    def rollback(self, failed: Plan, to: Release) -> Plan:
        step = write_step("rollback_write", to)
        return replace(failed, version=to.version, steps=(step,), release=to, inputs={"leaves": failed.digest})

    def release(self, plan: Plan, deployment_id: str, outcomes: Outcomes) -> Release:
        return made_by(plan.release, deployment_id)

    def observe(self) -> Release | None:
        return live(self._file(self.config.path), self.tools.slot, adopt=self.adopt)

    def probe(self, step: Step, deployment_id: str, outcomes: Outcomes) -> Observation:
        try:
            found = live(self._file(step.inputs["path"]), self.tools.slot, adopt=self.adopt)
        except (ForeignResource, OSError) as error:
            return Observation(Answer.UNKNOWN, str(error))
        if found == made_by(Release.from_json(step.inputs["release"]), deployment_id):
            return Observation(Answer.DONE, f"the note says {found.version}", {"path": step.inputs["path"]})
        return Observation(Answer.NOT_DONE, "the note says something else")

    def apply(self, step: Step, run: StepRun) -> StepOutcome:
        path = self._file(step.inputs["path"])
        try:
            live(path, self.tools.slot, adopt=self.adopt)
        except ForeignResource as error:
            raise StepError(f"{error} Nothing was changed.", effect=False) from error
        release = made_by(Release.from_json(step.inputs["release"]), run.deployment_id)
        draft = path.with_name(f"{path.name}.new")
        draft.write_text(json.dumps({"slot": str(self.tools.slot), "release": release.to_json()}), encoding="utf-8")
        draft.rename(path)
        return StepOutcome(f"{path} says {release.version}", {"path": step.inputs["path"]})

    def drift(self) -> Sequence[str]:
        return ()

    def preflight(self, plan: Plan) -> Iterable[Check]:
        place = self._file(self.config.path).parent
        writable = place.is_dir() and os.access(place, os.W_OK)
        yield Check(
            "place", CheckStatus.PASS if writable else CheckStatus.FAIL, f"{place} can{'' if writable else 'not'} be written"
        )

    def verify(self, plan: Plan, deployment_id: str, outcomes: Outcomes) -> Iterable[Check]:
        good = self.observe() == self.release(plan, deployment_id, outcomes)
        status = CheckStatus.PASS if good else CheckStatus.FAIL
        yield Check("note", status, f"{self.config.path} {'says' if good else 'does not say'} {plan.version}")

    def diagnostics(self) -> Sequence[str]:
        path = self._file(self.config.path)
        return [f"{path}: {'there' if path.exists() else 'not there'}"]

    def url(self, release: Release) -> str:
        return ""

    def _file(self, path: str) -> Path:
        return self.tools.project_dir / path


def write_step(name: str, release: Release) -> Step:
    inputs = {"path": release.detail["path"], "release": release.to_json()}
    return Step(name=name, title="Writing note", kind="note.write", inputs=inputs)


def made_by(release: Release, deployment_id: str) -> Release:
    """A release that a rollback restores belongs to the deployment that made it; any other to the one at work."""
    return release if release.deployment_id else replace(release, deployment_id=deployment_id)


def live(path: Path, slot: Slot, *, adopt: bool) -> Release | None:
    """What the note says. Raises ForeignResource when it is not of *slot*, and *adopt* is not set."""
    try:
        note = json.loads(path.read_bytes())
    except FileNotFoundError:
        return None
    except ValueError:
        note = {}
    if note.get("slot") == str(slot):
        return Release.from_json(note["release"])
    if adopt:
        return None
    raise ForeignResource(f"{path} is not that of {slot}. Give it a path of its own, or set adopt: true.")
