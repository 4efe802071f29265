"""Kill a real process before, after and in the middle of every append and effect; resume; the end is an undisturbed run's.

A scenario's world is made once. The command is first run undisturbed, to learn its appends and its end; then once for every
point, each time with a new version. After the kill `recover` does what a person would: `resume`, or, where nothing had begun yet,
the same command again. Then the end state, deploy.json, what is live and the number of effects of this round are compared. The
number of points is printed, and a kind of step that no scenario kills fails the suite.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from orchestrator.targets.registry import deployable
from tests.crash import kubernetes_scenarios, scenarios, swarm_scenarios
from tests.crash.scenarios import Scenario
from tests.crash.victim import DURING_S
from tests.crash.world import Ran, World

SCENARIOS = (*scenarios.SCENARIOS, *kubernetes_scenarios.SCENARIOS, *swarm_scenarios.SCENARIOS)

SIDES = ("before", "after", "during")
EFFECT_S = 2 * DURING_S
SQLITE, POSTGRES = "sqlite", "postgres"
# What a target does with an engine does not depend on where the events are: those scenarios run on PostgreSQL when asked for.
_ENGINES = ("docker", "kubernetes", "swarm")
# Between an append that announces no effect and the next one nothing happens: killed after the one is killed before the other.
_CLUSTERS = ("kubernetes", "swarm")
_ON_POSTGRES = SCENARIOS if os.environ.get("CRASH_ALL") else [each for each in SCENARIOS if each.target not in _ENGINES]
ROUNDS = [
    *(pytest.param(scenario, SQLITE, id=scenario.name) for scenario in SCENARIOS),
    *(pytest.param(each, POSTGRES, id=f"{each.name}-{POSTGRES}", marks=pytest.mark.postgres) for each in _ON_POSTGRES),
]


@pytest.mark.crash
@pytest.mark.timeout(1500)
@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize(("scenario", "store"), ROUNDS)
def test_every_kill_converges_to_the_undisturbed_end(
    scenario: Scenario,
    store: str,
    side: str,
    tmp_path: Path,
    request: pytest.FixtureRequest,
    record_property: Callable[[str, object], None],
) -> None:
    scenario.require(request)
    world = World(tmp_path, effect_s=EFFECT_S if side == "during" else 0.0)
    if store == POSTGRES:
        world.env["POP_DEPLOY_STORE"] = request.getfixturevalue("postgres_url")
    world.project.mkdir()
    try:
        scenario.prepare(world)
        appends, expected = undisturbed(scenario, world)
        intents = side == "during" or (side == "after" and scenario.target in _CLUSTERS and not os.environ.get("CRASH_ALL"))
        points = [number for number, line in enumerate(appends, 1) if not intents or "StepStarted" in line]
        for number in points:
            scenario.begin_round(world)
            killed = world.run(*scenario.words, point=f"{side}:{number}")
            if side != "during":
                assert killed.killed, f"{side}:{number} did not kill: {killed.output}"
            recover(world, scenario, killed)

            assert scenario.outcome(world) == expected, f"{scenario.name} {side}:{number} {appends[number - 1]}\n{killed.output}"
            assert world.claims() == []
    finally:
        scenario.clean(world)
        world.close()
    record_property("crash_points", len(points))


@pytest.mark.crash
def test_every_kind_of_step_is_killed_somewhere() -> None:
    """The plan cases of the contract suite hold every kind of step there is; a new one must be in a scenario too."""
    cases = Path(__file__).parents[1] / "contract" / "plans"
    planned = {step["kind"] for case in cases.rglob("*.json") for step in _steps(json.loads(case.read_text()))}
    killed = {kind for scenario in SCENARIOS for kind in scenario.kinds}

    assert planned - killed == set()
    assert {scenario.target for scenario in SCENARIOS} == set(deployable())


def _steps(value: object) -> list[dict[str, str]]:
    """Every object in *value* that looks like a step."""
    if isinstance(value, list):
        return [found for each in value for found in _steps(each)]
    if isinstance(value, dict):
        own = [value] if {"kind", "title", "name"} <= value.keys() else []
        return own + [found for each in value.values() for found in _steps(each)]
    return []


def undisturbed(scenario: Scenario, world: World) -> tuple[list[str], object]:
    """The appends, and the end that every other round must come to."""
    scenario.begin_round(world)
    done = world.run(*scenario.words)
    assert done.code == scenario.code, done.output
    return world.appends(), scenario.outcome(world)


def recover(world: World, scenario: Scenario, killed: Ran) -> None:
    """What a person would do, at most a few times: nothing may be left under way."""
    command = next_command(world, scenario) if killed.killed else None
    while command is not None:
        done = world.run(*command)
        assert done.code in (scenario.code, 0, 6), f"{command}: {done.code}\n{done.output}"
        following = next_command(world, scenario)
        assert following != command, f"{command} leads nowhere: {done.output}"
        command = following


def next_command(world: World, scenario: Scenario) -> tuple[str, ...] | None:
    """`resume` what is under way, go on with what was only requested, or begin again where nothing is on record."""
    begun = world.deployments(scenario.settled(world))
    if not begun:
        return scenario.words
    last = begun[-1]
    if last.under_way:
        return ("resume", last.id)
    if last.state in {"requested", "prepared", "confirmed"}:
        return ("execute", last.id, "--yes")
    if scenario.words[0] == "rollback" and last.state != "rolled_back":
        return scenario.words
    # It has ended; if its process died before it could write deploy.json or free the slot, the next command does.
    return None if world.claims() == [] and world.history_is_current() else ("resume", last.id)
