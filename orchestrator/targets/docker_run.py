"""The update step with ``run``: one container serves the release, the one before it is kept stopped for an instant way back.

Every command below is one effect, and a kill may come between any two. So `RunUpdate.apply` first looks at what is there and does
only what is missing; a container is known by its labels, so it is made once. The order, with what is live after each effect:

    rename  NAME -> NAME-previous-...   the old one still serves
    create  NAME, of the new image      the old one still serves; whatever is wrong with the new one's settings shows here
    stop    the old one                 nothing serves
    start   the new one                 the new one serves: done, but for tidying up
    remove  what is kept for nothing

Where nothing serves, create and start are one command. Going back to a kept container has no create; it gets its name back after
its start, so that "has the name and was started" always means done. When the new one cannot be started, the old one is started
again in the same step, so that a failure here leaves no hole. `RunUpdate.probe` asks exactly what `apply` makes true.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from orchestrator.domain.plan import Step
from orchestrator.targets import docker_cli as cli
from orchestrator.targets.base import Answer, Observation, Outcomes, StepError, StepOutcome, StepRun, Tools
from orchestrator.targets.docker_child import docker, everything
from orchestrator.targets.docker_engine import Container, Engine
from orchestrator.targets.docker_errors import tail
from orchestrator.targets.docker_ports import HostPort, first_taken, missing_from, parse_ports
from orchestrator.targets.docker_slot import DEPLOYMENT, Wanted, is_ours, previous_name, refuse_foreign, release_of, slot_labels
from orchestrator.targets.image_config import from_json, secret_refs


class Scene(NamedTuple):
    """What is there: the wanted container, if it was made already, and the slot's others."""

    wanted: Container | None
    others: tuple[Container, ...]

    @property
    def serving(self) -> tuple[Container, ...]:
        return tuple(container for container in self.others if container.running)

    def holder(self, name: str) -> Container | None:
        """Who has the wanted container's name."""
        return next((container for container in self.others if container.name == name), None)

    def made_by(self, deployment_id: str | None) -> tuple[Container, ...]:
        return tuple(one for one in self.others if deployment_id and owner(one) == deployment_id)


class RunUpdate:
    """Puts one container in the place of another."""

    def __init__(self, tools: Tools, engine: Engine) -> None:
        self._tools = tools
        self._engine = engine

    def probe(self, step: Step, deployment_id: str, outcomes: Outcomes) -> Observation:
        """DONE when the wanted container has its name and was started, and nothing is left to tidy up."""
        wanted = Wanted.of(self._tools.slot, step, deployment_id, outcomes)
        scene, name = self._look(wanted), wanted.detail["run"]["name"]
        if scene.wanted is None:
            return Observation(Answer.NOT_DONE, f"no container of {wanted.deployment_id} exists")
        if scene.wanted.name != name or not scene.wanted.started:
            return Observation(
                Answer.NOT_DONE, f"container {scene.wanted.name} of {wanted.deployment_id} is not in its place yet"
            )
        if scene.serving or _useless(scene, step.inputs["keep"]):
            return Observation(Answer.NOT_DONE, f"container {name} is in its place; an older one is not out of the way yet")
        return Observation(Answer.DONE, f"container {name} was started", _data(wanted))

    def apply(self, step: Step, run: StepRun) -> StepOutcome:
        wanted = Wanted.of(self._tools.slot, step, run.deployment_id, run.outcomes)
        wanted.require_image()
        scene, name = self._look(wanted), wanted.detail["run"]["name"]
        refuse_foreign(scene.others, self._tools.slot, adopt=step.inputs["adopt"])
        self._require_ports(wanted, scene)
        change = Change(self._tools, run, wanted, scene, step)
        change.make_way()
        if scene.wanted is not None or change.create():
            change.switch()
        change.tidy()
        return StepOutcome(f"container {name} runs {wanted.reference}", _data(wanted))

    def _look(self, wanted: Wanted) -> Scene:
        found = self._engine.containers(slot_labels(self._tools.slot), named=wanted.detail["run"]["name"])
        mine = next((container for container in found if wanted.made(container)), None)
        return Scene(mine, tuple(container for container in found if container is not mine))

    def _require_ports(self, wanted: Wanted, scene: Scene) -> None:
        """A port that somebody else holds is found out while the old container still serves."""
        holders = [*scene.serving, *([scene.wanted] if scene.wanted else [])]
        taken = taken_port(self._engine, wanted.detail["run"]["ports"], holders) if scene.serving else None
        if taken is not None:
            raise StepError(f"{taken}. Nothing was changed.", effect=False)


class Change:
    """The effects of one application, each one recorded command, in the order of the methods."""

    def __init__(self, tools: Tools, run: StepRun, wanted: Wanted, scene: Scene, step: Step) -> None:
        self._project_dir, self._slot = tools.project_dir, tools.slot
        self._run, self._wanted, self._scene = run, wanted, scene
        self._name = wanted.detail["run"]["name"]
        self._keep, self._replaces = set(step.inputs["keep"]), step.inputs["replaces"]
        self._forward = step.inputs["release"]["deployment_id"] is None
        self._retired: set[str] = set()

    def make_way(self) -> None:
        """Free the name. Who does not carry our labels would not be found again under another name, so it is stopped before."""
        holder = self._scene.holder(self._name)
        if holder is None:
            return
        if not is_ours(holder, self._slot):
            self._retire(holder)
        self._command(cli.rename(holder.id, previous_name(self._name, holder)), "rename-old", effect=False)

    def create(self) -> bool:
        """Make the container; True when it still has to be started."""
        serving = bool(self._scene.serving)
        argv, secrets = new_container(self._wanted, ("create",) if serving else ("run", "--detach"), self._project_dir)
        try:
            self._command(argv, "create" if serving else "run", env=secrets, effect=not serving)
        except StepError as error:
            raise (self._with_old_back(error) if serving else error) from error
        return serving

    def switch(self) -> None:
        """Stop the old, start the new; if that fails, the old again."""
        for container in self._scene.others:
            self._retire(container)
        try:
            self._start()
        except StepError as error:
            raise self._with_old_back(error, remove=True) from error
        made_before = self._scene.wanted
        if made_before is not None and made_before.name != self._name:
            self._command(cli.rename(made_before.id, self._name), "rename-new")

    def tidy(self) -> None:
        """Remove what no way back leads to. What cannot be removed is said, and tried again by the next deployment."""
        keep = self._keep | ({owner(one) for one in self._scene.serving} if self._forward else set())
        for container in _useless(self._scene, keep, stopped=self._retired):
            argv = cli.remove(container.id)
            result = self._run.command(argv, name=f"remove-{container.short_id}", cwd=self._project_dir, check=False)
            if not result.ok:
                self._run.progress(f"kept {container.name}, which could not be removed: {tail(everything(result), 1)}")

    def _retire(self, container: Container) -> None:
        """Stop it and see that nothing starts it again: ``always`` also means after a restart of the engine."""
        if container.id in self._retired:
            return
        self._retired.add(container.id)
        if container.running:
            self._run.progress(f"stopping {container.name}")
            self._command(cli.stop(container.id), f"stop-{container.short_id}")
        if container.restart_policy == "always":
            self._command(cli.set_restart(container.id, "no"), f"hold-{container.short_id}")

    def _start(self) -> None:
        made_before, policy = self._scene.wanted, self._wanted.detail["run"]["restart"]
        if made_before is None:
            self._command(cli.start(self._name), "start")
            return
        if policy is not None and made_before.restart_policy != policy:
            self._command(cli.set_restart(made_before.id, policy), "restart-policy")
        if not made_before.running:
            self._command(cli.start(made_before.id), "start")

    def _with_old_back(self, error: StepError, *, remove: bool = False) -> StepError:
        """*error*, after what served before serves again under its name; *remove*: the new one has that name."""
        before = self._scene.serving or self._scene.made_by(self._replaces)
        if not self._forward or not before:
            return error
        try:
            self._bring_back(before[0], remove=remove)
        except StepError as another:
            return _extended(error, f"The container before it could not be brought back either: {another}", effect=True)
        return _extended(error, f"The container before it ({owner(before[0]) or before[0].short_id}) serves on.", effect=False)

    def _bring_back(self, old: Container, *, remove: bool) -> None:
        if remove:
            failed = self._scene.wanted
            self._command(cli.remove(failed.id if failed is not None else self._name), "remove-failed")
        if old.id in self._retired:
            if _usual_policy(old) == "always":
                self._command(cli.set_restart(old.id, "always"), "release-old")
            self._command(cli.start(old.id), "start-old")
        if self._scene.holder(self._name) is old or old.name == previous_name(self._name, old):
            self._command(cli.rename(old.id, self._name), "rename-back")

    def _command(self, argv: cli.Argv, name: str, *, env: Mapping[str, Any] | None = None, effect: bool = True) -> None:
        docker(self._run, argv, name=name, cwd=self._project_dir, env=env, effect=effect)


def new_container(wanted: Wanted, verb: Sequence[str], project_dir: Path) -> tuple[cli.Argv, dict[str, Any]]:
    """The command that makes the wanted container, and the secrets that its environment must have."""
    spec = wanted.detail["run"]
    env = from_json(spec["env"])
    argv = cli.start_new(
        verb,
        name=spec["name"],
        image=wanted.reference,
        pull_missing=not wanted.local,
        labels=wanted.labels,
        ports=spec["ports"],
        env=env,
        volumes=[_absolute(volume, project_dir) for volume in spec["volumes"]],
        network=spec["network"],
        restart=spec["restart"],
        command=spec["command"] or (),
    )
    return argv, {key: value for key, value in env.items() if secret_refs((value,))}


def taken_port(engine: Engine, specs: Iterable[str], holders: Iterable[Container]) -> str | None:
    """Which of the ports *specs* cannot be had even when *holders* give theirs up, as a sentence; None when all can."""
    asked = [port for spec in specs for port in parse_ports(spec)]
    wanted = missing_from(asked, [port for holder in holders for port in holder.ports])
    found = first_taken(wanted) if wanted and engine.is_local() else None
    return (
        f"Port {found[0]} is already taken{_by_whom(engine, found[0], found[1])}. Stop that, or change run.ports"
        if found
        else None
    )


def _by_whom(engine: Engine, port: HostPort, reason: str) -> str:
    names = engine.ask(cli.publishers(port.port)).stdout.split()
    return f" by container {', '.join(names)}" if names else f" ({reason})"


def owner(container: Container) -> str | None:
    """The deployment that made *container*."""
    return container.labels.get(DEPLOYMENT)


def _usual_policy(container: Container) -> str:
    """What its own release says: a container that was retired before has none any more."""
    run = release_of(container).detail.get("run") if owner(container) is not None else None
    return (run or {}).get("restart") or container.restart_policy


def _useless(scene: Scene, keep: Iterable[str | None], *, stopped: Iterable[str] = ()) -> list[Container]:
    """Stopped containers that no way back leads to; what was never ours is not ours to remove."""
    kept, at_rest = set(keep), set(stopped)
    return [
        one
        for one in scene.others
        if (not one.running or one.id in at_rest) and owner(one) is not None and owner(one) not in kept
    ]


def _extended(error: StepError, sentence: str, *, effect: bool) -> StepError:
    return StepError(f"{error}\n{sentence}", exit_code=error.exit_code, output_tail=error.output_tail, effect=effect)


def _data(wanted: Wanted) -> dict[str, Any]:
    return {"container": wanted.detail["run"]["name"], "reference": wanted.reference}


def _absolute(volume: str, project_dir: Path) -> str:
    source, colon, rest = volume.partition(":")
    relative = source == "." or source.startswith(("./", "../"))
    return f"{(project_dir / source).resolve()}{colon}{rest}" if relative else volume
