"""What each kind of step of a `local` target does, and how its effect is recognised afterwards.

For every kind `do_KIND` and `probe_KIND` stand together; `DOERS` and `PROBES` at the end are the index. All they depend on are
the step's inputs, the deployment's ID, and this machine. Start at `Surroundings`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from orchestrator.domain.excludes import Excludes
from orchestrator.domain.plan import Step
from orchestrator.targets import processes
from orchestrator.targets.base import Answer, Observation, StepError, StepOutcome, StepRun, Tools
from orchestrator.targets.local_copy import Copied
from orchestrator.targets.local_place import Place, release_name
from orchestrator.targets.local_plans import ACTIVATE, BUILD, PRUNE, RELEASE, RESTART, STOP, env_from_json
from orchestrator.targets.local_releases import make_release, prune
from orchestrator.targets.local_service import Service, leftovers

NEVER_RELEASED = (".git", "/.claude/popkit")
"""Left out of every release: history, and the usual place of our own data, also where this run keeps it elsewhere."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """The project and the slot that steps work for."""

    tools: Tools
    adopt: bool

    def place(self, path: str) -> Place:
        return Place((self.tools.project_dir / path).resolve(), self.tools.slot, self.adopt)

    def source(self, path: str) -> Path:
        """Raises PathOutside."""
        return self.tools.input_path("source", path)

    def shared(self, source: str, entries: Iterable[str]) -> dict[str, Path]:
        """What the source holds of each shared path, to begin with. Raises PathOutside."""
        return {entry: self.tools.input_path("shared", f"{source.rstrip('/') or '/'}/{entry}") for entry in entries}

    def excludes(self, *, path: str, source: str, exclude: Iterable[str], shared: Iterable[str]) -> Excludes:
        """What of the source is no part of a release: what is named, our own places, and what is linked instead of copied."""
        ours = [self.place(path).root, *([self.tools.data_dir.resolve()] if self.tools.data_dir is not None else [])]
        linked = [self.source(source) / entry for entry in shared]
        return Excludes((*NEVER_RELEASED, *exclude), (*ours, *linked))


def require_apart(source: Path, root: Path) -> None:
    """Raises StepError when the source is, or lies in, the place that it would be copied to."""
    if source.is_relative_to(root):
        raise StepError(f"source {source} lies in path {root}: give one of them another directory.", effect=False)


def wanted_directory(step: Step, deployment_id: str) -> str:
    """The release directory that a step is about: the one named by a rollback, else the deployment's own."""
    return str(step.inputs["directory"] or release_name(step.inputs["version"], deployment_id))


def do_build(around: Surroundings, step: Step, run: StepRun) -> StepOutcome:
    run.command(step.inputs["argv"], cwd=around.tools.project_dir, env=env_from_json(step.inputs["env"]))
    return StepOutcome()


def do_release(around: Surroundings, step: Step, run: StepRun) -> StepOutcome:
    place, source = around.place(step.inputs["path"]), around.source(step.inputs["source"])
    require_apart(source, place.root)
    place.claim()
    name = release_name(step.inputs["version"], run.deployment_id)
    record = place.record(name)
    if record is not None:
        return StepOutcome(f"{name} was complete already", record.outcome())
    excludes = around.excludes(**{key: step.inputs[key] for key in ("path", "source", "exclude", "shared")})
    facts = {key: step.inputs[key] for key in ("version", "commit_sha", "run")} | {"deployment_id": run.deployment_id}
    facts["shared"] = around.shared(step.inputs["source"], step.inputs["shared"])
    record, copied = make_release(place, name, source, excludes, facts, _Ticker(around.tools, run))
    if copied.skipped:
        run.progress(f"left out, neither file nor directory nor link: {', '.join(copied.skipped[:10])}")
    if copied.absolute:
        run.progress(f"links out of the source, copied as links, never what they lead to: {', '.join(copied.absolute[:10])}")
    return StepOutcome(str(copied), record.outcome())


def probe_release(place: Place, step: Step, deployment_id: str) -> Observation:
    record = place.record(release_name(step.inputs["version"], deployment_id))
    if record is None:
        return Observation(Answer.NOT_DONE, "there is no complete release of this deployment")
    return Observation(Answer.DONE, f"{place.directory(record.name)} is complete", record.outcome())


def do_activate(around: Surroundings, step: Step, run: StepRun) -> StepOutcome:
    place, name = _owned(around, step), wanted_directory(step, run.deployment_id)
    if place.record(name) is None:
        raise StepError(
            f"{place.directory(name)} does not exist any more, so {step.inputs['version']} cannot be made live again. "
            "Nothing was changed. Deploy that version anew, or choose another: pop-deploy rollback --list",
            effect=False,
        )
    place.switch(name)
    return StepOutcome(f"current -> releases/{name}", {"current": f"releases/{name}"})


def probe_activate(place: Place, step: Step, deployment_id: str) -> Observation:
    name, found = wanted_directory(step, deployment_id), place.current_name()
    if found != name:
        return Observation(Answer.NOT_DONE, f"current is {found or 'not there'}")
    return Observation(Answer.DONE, f"current is {name}", {"current": f"releases/{name}"})


def do_restart(around: Surroundings, step: Step, run: StepRun) -> StepOutcome:
    place, name = _owned(around, step), wanted_directory(step, run.deployment_id)
    env = {key: around.tools.secrets.reveal(value) for key, value in env_from_json(step.inputs["env"]).items()}
    if place.record(name) is None:
        raise StepError(
            f"{place.directory(name)} does not exist any more: there is nothing to run. Nothing was changed.", effect=False
        )
    state = Service(place).restart(
        name,
        started_by=(run.deployment_id, step.name),
        argv=step.inputs["argv"],
        env=env,
        drain_s=min(step.inputs["drain_s"], run.remaining_s()),
        say=run.progress,
    )
    return StepOutcome(f"pid {state.process.pid}", state.outcome())


def probe_restart(place: Place, step: Step, deployment_id: str) -> Observation:
    """A service that was started and has ended since was started: whether it still runs is for `verify` to say."""
    state = Service(place).state()
    if state is None or state.directory != wanted_directory(step, deployment_id):
        return Observation(Answer.NOT_DONE, "no service of this release was started")
    runs = processes.alive(state.process)
    if not runs and (state.deployment_id, state.step) != (deployment_id, step.name):
        return Observation(Answer.NOT_DONE, "the service of this release has ended")
    return Observation(Answer.DONE, f"pid {state.process.pid} was started{'' if runs else ' and has ended'}", state.outcome())


def do_stop(around: Surroundings, step: Step, run: StepRun) -> StepOutcome:
    Service(_owned(around, step)).stop(min(step.inputs["drain_s"], run.remaining_s()), run.progress)
    return StepOutcome("no service runs")


def probe_stop(place: Place, step: Step, deployment_id: str) -> Observation:
    state = Service(place).state()
    if state is not None and (processes.alive(state.process) or leftovers(state)):
        return Observation(Answer.NOT_DONE, f"pid {state.process.pid} runs")
    return Observation(Answer.DONE, "no service runs")


def do_prune(around: Surroundings, step: Step, run: StepRun) -> StepOutcome:
    """What cannot be removed is said and left: a full bin is no reason to take back a release that works."""
    place, service = _owned(around, step), Service(_owned(around, step)).state()
    live = [name for name in (place.current_name(), service.directory if service else None) if name is not None]
    removed, problems = prune(place, step.inputs["keep"], (*live, *step.inputs["protect"]))
    for problem in problems:
        run.progress(problem)
    return StepOutcome("; ".join((f"{len(removed)} removed", *problems)), {"removed": removed})


class _Ticker:
    """Called for every block that is copied: tells how far it is once a second, and ends the copy when it has to end."""

    def __init__(self, tools: Tools, run: StepRun) -> None:
        self._tools, self._run = tools, run
        self._said_at = tools.clock.monotonic()

    def __call__(self, copied: Copied) -> None:
        self._tools.clock.sleep(0)  # raises when a signal asks us to stop
        now = self._tools.clock.monotonic()
        if now - self._said_at >= 1:
            self._said_at = now
            self._run.progress(str(copied))
            if self._run.remaining_s() <= 0.1:
                raise StepError(f"the copy was not complete after its timeout_s ({copied})", effect=False)


def _owned(around: Surroundings, step: Step) -> Place:
    place = around.place(step.inputs["path"])
    if not place.is_ours():
        raise StepError(f"{place.root} has no marker of {place.slot} any more. Was it moved? Nothing was changed.", effect=False)
    return place


DOERS: Mapping[str, Callable[[Surroundings, Step, StepRun], StepOutcome]] = {
    BUILD: do_build,
    RELEASE: do_release,
    ACTIVATE: do_activate,
    RESTART: do_restart,
    STOP: do_stop,
    PRUNE: do_prune,
}

PROBES: Mapping[str, Callable[[Place, Step, str], Observation]] = {
    RELEASE: probe_release,
    ACTIVATE: probe_activate,
    RESTART: probe_restart,
    STOP: probe_stop,
}
