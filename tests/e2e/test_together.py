"""Several processes at once: one wins a slot, the others are told who has it; slots of one store do not disturb each other."""

from __future__ import annotations

import json
import re

import pytest

from orchestrator.domain.lifecycle import State
from tests.e2e.project import ID, Project, at_gate, ended

pytestmark = pytest.mark.e2e

LIVE = ("execute", "--mode", "deploy", "--yes")


def test_of_two_at_once_on_one_slot_one_wins_and_the_other_is_told_who(project: Project) -> None:
    with at_gate(project) as (first, gate):
        second = project.run(*LIVE, "--json", "--actor", "bob")
        question = project.run("execute", "--mode", "deploy", "--json")
        gate.open()
        done = ended(first)

    message = second.json("deployment_result")["error"]["message"]
    assert done.code == 0, done.err
    assert (second.code, question.code) == (4, 4)
    winner = re.search(ID, done.out)
    assert winner is not None
    assert message.startswith(f"default/local is held by {winner[0]} (ann@")
    assert re.search(r'running "Building" for \d+s\)\. Wait \(--wait SECONDS\), or look: pop-deploy show ', message)
    assert [record["status"] for record in project.history] == ["success"]
    states = {deployment.state for deployment in project.deployments()}
    assert states == {State.VERIFIED, State.ABORTED}


def test_other_commands_at_a_slot_that_is_at_work_are_told_too(live: Project) -> None:
    with at_gate(live) as (first, gate):
        codes = {
            words: live.run(*words).code for words in (("verify",), ("rollback", "--yes"), ("resume",), ("resume", "latest"))
        }
        gate.open()
        done = ended(first)

    assert done.code == 0, done.err
    assert codes == {("verify",): 4, ("rollback", "--yes"): 4, ("resume",): 2, ("resume", "latest"): 4}


def test_twenty_at_once_on_slots_of_their_own_are_all_recorded(project: Project) -> None:
    names = [f"t{number:02}" for number in range(10)]
    for name in names:
        project.fake(name, steps=1)
    slots = [(name, environment) for name in names for environment in ("blue", "green")]
    for name in names:
        overrides = {"green": {"config": {"dir": str(project.root / f"{name}-green")}}}
        project.configure(**{name: {"environments": overrides}})

    processes = [project.start(*LIVE, "--json", "--target", name, "--environment", environment) for name, environment in slots]
    finished = [ended(process) for process in processes]

    assert [done.code for done in finished] == [0] * 20, [done.err for done in finished if done.code]
    results = [json.loads(done.out) for done in finished]
    assert len({result["deployment_id"] for result in results}) == 20
    assert {deployment.state for deployment in project.deployments()} == {State.VERIFIED}
    assert sorted((record["target"], record["environment"]) for record in project.history) == sorted(slots)
    assert project.claims() == []
