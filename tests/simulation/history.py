"""One history from one seed: some actors run commands while things go wrong, then everything is finished and looked over.

`played` is the whole of it. Its outcome depends on the seed and the program alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from orchestrator.domain.deployment import Deployment
from tests.simulation import commands
from tests.simulation.commands import Command, invoke
from tests.simulation.faults import NONE
from tests.simulation.system import Violation
from tests.simulation.world import World

SEED = "POP_DEPLOY_SIMULATION_SEED"
ACTORS = ("ann@ci-7", "bob@ci-8", "cy@laptop")
VERSIONS = ("1.0.0", "1.1.0", "1.2.0")


class HistoryFailed(AssertionError):
    """Says what does not hold, how to play the history again, and who did what in it."""


@dataclass(frozen=True)
class Played:
    """What a history amounted to."""

    events: int
    effects: int
    deaths: int
    trace: str


def played(seed: int, durable: Path | None = None) -> Played:
    """Play the history of *seed*; see `World` about *durable*.

    Raises:
        HistoryFailed: Something that must hold did not.
    """
    world = World(seed, durable)
    try:
        with commands.on_stage():
            _play(world)
            world.calm()
            commands.finish(world)
            world.invariants.at_rest(world.store)
        head = world.store.head()
    except (Exception, Violation) as failure:
        raise HistoryFailed(f"seed {seed}: {failure}\n{_told(world)}\nAgain: {SEED}={seed} pytest tests/simulation") from failure
    finally:
        world.store.close()
    counted = [what for _, _, what, _ in world.trace]
    return Played(head.position, counted.count("effect"), counted.count("is dead"), _told(world))


def _play(world: World) -> None:
    names = ACTORS[: world.random.choice([1, 2, 2, 3])]
    each = world.random.randint(2, 5)
    _begin_well(world)
    actors = [Actor(world, name) for name in names]
    if len(actors) > 1 and world.random.random() < 0.2:
        _begin_canary(world, actors, each)
    else:
        world.stage.play([partial(actor.play, each) for actor in actors])


def _begin_canary(world: World, actors: list[Actor], each: int) -> None:
    """One has a canary up, and the others find it there."""
    first, *others = actors
    target = world.random.choice(world.slots).target
    command = f"execute {target} as a canary", commands.execute(target, mode="canary", yes=True)
    world.stage.play([partial(first.play, each, command), *(partial(other.find_canary, each) for other in others)])


def _begin_well(world: World) -> None:
    """Mostly something has been deployed already, so that there is something to go back to."""
    faults, world.faults = world.faults, NONE
    for slot in world.slots:
        for version in VERSIONS[: world.random.choice([0, 1, 1, 2])]:
            invoke(world, "zoe@desk", f"execute {slot.target}", commands.execute(slot.target, mode="deploy", yes=True), version)
    world.faults = faults


class Actor:
    """One person or CI job. It knows what was deployed before it, as anybody who looks at the history does."""

    def __init__(self, world: World, name: str) -> None:
        self._world, self._random, self._name = world, world.random, name

    def find_canary(self, times: int) -> None:
        for _ in range(500):
            if self._watched():
                break
            self._world.stage.turn(1.0)
        self.play(times)

    def play(self, times: int, first: tuple[str, Command] | None = None) -> None:
        for _ in range(times):
            what, command = first or self._chosen()
            first = None
            alone = self._random.random() < 0.7
            invoke(self._world, self._name, what, command, self._random.choice(VERSIONS), interactive=not alone)
            self._world.stage.turn()

    def _chosen(self) -> tuple[str, Command]:
        known = self._world.invariants.begun
        watched = self._watched()
        if watched and self._random.random() < 0.5:
            return self._canary(self._random.choice(watched))
        if not known or self._random.random() < 0.45:
            return self._new()
        begun = [one for one in known if self._world.invariants.deployment(one).under_way]
        deployment_id = self._random.choice(begun if begun and self._random.random() < 0.6 else known[-4:])
        return self._about(deployment_id, self._world.invariants.deployment(deployment_id))

    def _new(self) -> tuple[str, Command]:
        random, target = self._random, self._random.choice(self._world.slots).target
        given: dict[str, Any] = {"mode": random.choice(["deploy"] * 5 + ["canary"] * 5 + ["dry_run", None])}
        if random.random() < 0.15:
            return f"prepare {target} {given}", commands.prepare(target, **given)
        if len(self._world.slots) > 1 and random.random() < 0.15:
            return f"execute --all {given}", commands.execute(all_targets=True, yes=True, **given)
        if random.random() < 0.2:
            given["wait_s"] = random.choice([0.5, 3.0])
        given |= {"yes": random.random() < 0.9, "dry_run": random.random() < 0.05, "supersede": random.random() < 0.2}
        return f"execute {target} {given}", commands.execute(target, **given)

    def _watched(self) -> list[str]:
        """Deployments whose canary waits for time or for a person."""
        invariants = self._world.invariants
        return [one for one in invariants.begun if invariants.deployment(one).canary_watched is not None]

    def _canary(self, deployment_id: str) -> tuple[str, Command]:
        """What people do while a canary is watched."""
        deployment = self._world.invariants.deployment(deployment_id)
        if self._random.random() < 0.7:
            return self._random.choice([self._promote, self._promote, self._abort])(deployment_id, deployment)
        given: dict[str, Any] = {"mode": self._random.choice(["deploy", "canary"]), "yes": True, "supersede": True}
        return f"execute {deployment.target} {given}", commands.execute(str(deployment.target), **given)

    def _about(self, deployment_id: str, deployment: Deployment) -> tuple[str, Command]:
        """Something that makes sense, mostly; the others are refused, and must be."""
        random = self._random
        options = [self._resume, self._rollback, self._verify, self._abort, self._go_on, self._confirm, self._decide]
        if random.random() < 0.7:
            if deployment.under_way:
                options = [self._resume] * 4 + [self._decide, self._abort, self._release]
            elif deployment.open_decision is not None or deployment.confirmation is None:
                options = [self._decide, self._confirm, self._go_on]
            elif deployment.finished_at is not None:
                options = [self._rollback, self._rollback, self._verify]
        return random.choice(options)(deployment_id, deployment)

    def _resume(self, deployment_id: str, deployment: Deployment) -> tuple[str, Command]:
        named = deployment_id if self._random.random() < 0.7 else None
        return f"resume {named or ''}", commands.resume(named)

    def _release(self, deployment_id: str, deployment: Deployment) -> tuple[str, Command]:
        return f"slots release {deployment_id}", commands.release(deployment_id)

    def _go_on(self, deployment_id: str, deployment: Deployment) -> tuple[str, Command]:
        return f"execute {deployment_id}", commands.go_on(deployment_id, yes=self._random.random() < 0.8)

    def _promote(self, deployment_id: str, deployment: Deployment) -> tuple[str, Command]:
        full = self._random.random() < 0.3
        return f"promote {deployment_id}{' in full' if full else ''}", commands.promote(deployment_id, full=full)

    def _abort(self, deployment_id: str, deployment: Deployment) -> tuple[str, Command]:
        return f"abort {deployment_id}", commands.abort(deployment_id)

    def _confirm(self, deployment_id: str, deployment: Deployment) -> tuple[str, Command]:
        return f"confirm {deployment_id}", commands.confirm(deployment_id)

    def _decide(self, deployment_id: str, deployment: Deployment) -> tuple[str, Command]:
        answer = self._answer(deployment_id, deployment)
        return f"decide {deployment_id} {answer}", commands.decide(deployment_id, answer)

    def _answer(self, deployment_id: str, deployment: Deployment) -> str:
        seen = commands.look(self._world, deployment_id)
        if seen is not None:
            return f"step_outcome={'abort' if self._random.random() < 0.2 else seen}"
        asked = deployment.open_decision
        if asked is None or not asked.options:
            return "confirm_deploy=proceed"
        return f"{asked.decision_id}={self._random.choice(asked.options)['id']}"

    def _verify(self, deployment_id: str, deployment: Deployment) -> tuple[str, Command]:
        named, target = self._where(deployment_id, deployment)
        return f"verify {named or target}", commands.verify(named, target)

    def _rollback(self, deployment_id: str, deployment: Deployment) -> tuple[str, Command]:
        named, target = self._where(deployment_id, deployment)
        way: dict[str, Any] = {"yes": self._random.random() < 0.9, "dry_run": self._random.random() < 0.1}
        if self._random.random() < 0.2:
            way["version"] = self._random.choice(VERSIONS)
        return f"rollback {named or target} {way}", commands.rollback(named, target, **way)

    def _where(self, deployment_id: str, deployment: Deployment) -> tuple[str | None, str | None]:
        """The deployment by its ID, or by its target."""
        if self._random.random() < 0.5 or deployment.target is None:
            return deployment_id, None
        return None, deployment.target


def _told(world: World) -> str:
    return "\n".join(f"{actor:<9} {pid or '':>4} {what:<12} {detail}".rstrip() for actor, pid, what, detail in world.trace)


def in_a_file(seed: int) -> bool:
    """Whether the history of *seed* is one of the few that keep their events in a file, as real ones do."""
    return seed % 50 == 7
