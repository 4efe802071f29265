"""Decisions from elsewhere, with real processes: one asks at a terminal or runs, others answer at other terminals or machines."""

from __future__ import annotations

import json
import os
import signal
from dataclasses import dataclass
from pathlib import Path

import pytest

from orchestrator.domain.lifecycle import State
from tests.e2e.project import Project, at_gate, ended, wait_until
from tests.e2e.terminal import Terminal

pytestmark = pytest.mark.e2e

CONFIRM, AFTER = "Ready to deploy?", "Deployment complete. What next?"
LIVE = ("execute", "--target", "web", "--mode", "deploy")
HELD = ("execute", "--all", "--mode", "deploy")  # has its slots before anybody is asked
STEPS = ["step-1", "step-2"]


@dataclass
class Two:
    """Two people with a store between them, and the place that both deploy to."""

    ann: Project
    bob: Project
    world: Path

    def id(self) -> str:
        listed = self.bob.run("history", "--all-attempts", "--json").json()["deployments"]
        return str(listed[0]["deployment_id"])

    def shown(self) -> dict[str, object]:
        found: dict[str, object] = self.bob.run("show", "latest", "--json").json()
        return found

    def decide(self, answer: str, *more: str) -> str:
        done = self.bob.run("decide", self.id(), answer, "--actor", "bob", *more)
        assert done.code == 0, done.out + done.err
        return done.out

    def effects(self) -> list[str]:
        log = self.world / "effects.log"
        return [line.split()[1] for line in log.read_text().splitlines()] if log.exists() else []


def made(root: Path, name: str, world: Path, **env: str) -> Project:
    directory = root / name
    directory.mkdir()
    project = Project(directory, env=env).make()
    project.configure(local={"enabled": False, "primary": False}, web={"type": "fake", "config": {"dir": str(world), "steps": 2}})
    return project


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def two(request: pytest.FixtureRequest, tmp_path: Path) -> Two:
    """On SQLite they share the project's directory; on PostgreSQL each has a checkout."""
    world = tmp_path / "world"
    if request.param == "sqlite":
        project = made(tmp_path, "project", world)
        return Two(project, project, world)
    url = request.getfixturevalue("postgres_url")
    anns, bobs = (made(tmp_path, name, world, POP_DEPLOY_STORE=url) for name in ("anns", "bobs"))
    return Two(anns, bobs, world)


def confirmed(two: Two) -> tuple[object, object, object]:
    found = two.shown()["result"]["confirmation"]  # type: ignore[index]
    return found["by"].partition("@")[0], found["how"], found["reason"]


# At a prompt


def test_a_prompt_goes_on_with_the_answer_of_somebody_else(two: Two) -> None:
    with Terminal(two.ann, *LIVE) as terminal:
        terminal.expect(CONFIRM)
        terminal.wait_for_prompt()
        said = two.decide("confirm_deploy=proceed", "--reason", "CHG-7")
        terminal.expect("confirm_deploy=proceed, answered by bob@")
        terminal.expect("(decide): CHG-7.")
        terminal.answer(AFTER, "done")
        code = terminal.end()

    assert code == 0, terminal.text
    assert "recorded as decided by bob@" in said
    assert two.effects() == STEPS
    assert confirmed(two) == ("bob", "decide", "CHG-7")


def test_a_prompt_that_holds_the_slot_takes_the_answer_over(two: Two) -> None:
    with Terminal(two.ann, *HELD) as terminal:
        terminal.expect(CONFIRM)
        terminal.wait_for_prompt()
        said = two.decide("confirm_deploy=proceed", "--reason", "CHG-7")
        terminal.expect("confirm_deploy=proceed, answered by bob@")
        code = terminal.end()

    assert code == 0, terminal.text
    assert "taken over from bob@" in said
    assert two.effects() == STEPS
    assert confirmed(two) == ("bob", "decide", "CHG-7")


def test_half_an_answer_that_was_typed_meanwhile_is_not_taken_for_the_next_question(two: Two) -> None:
    with Terminal(two.ann, *LIVE) as terminal:
        terminal.expect(CONFIRM)
        terminal.wait_for_prompt()
        terminal.type("ab")
        two.decide("confirm_deploy=dry_run_first")
        terminal.expect("confirm_deploy=dry_run_first, answered by bob@")
        terminal.answer(CONFIRM, "proceed")
        terminal.answer(AFTER, "done")
        code = terminal.end()

    assert code == 0, terminal.text
    assert "is none of" not in terminal.text
    assert two.effects() == STEPS


def test_a_prompt_ends_when_somebody_else_gives_the_deployment_up(two: Two) -> None:
    for words in (LIVE, HELD):
        with Terminal(two.ann, *words) as terminal:
            terminal.expect(CONFIRM)
            terminal.wait_for_prompt()
            done = two.bob.run("abort", two.id(), "--actor", "bob", "--reason", "wrong version", "--json")
            terminal.end()

        assert done.code == 0, done.err
        assert two.shown()["aborted_by"].startswith("bob@")  # type: ignore[attr-defined]
        assert two.effects() == []


def test_an_answer_to_a_process_that_is_killed_before_it_reads_is_taken_by_the_next(two: Two) -> None:
    with Terminal(two.ann, *HELD) as terminal:
        terminal.expect(CONFIRM)
        terminal.wait_for_prompt()
        os.kill(terminal.pid, signal.SIGSTOP)
        left = two.decide("confirm_deploy=proceed", "--reason", "CHG-7")
        unread = two.shown()["given"]
        os.kill(terminal.pid, signal.SIGKILL)
        terminal.end()
    deployment_id = two.id()
    done = two.bob.run("execute", deployment_id, "--actor", "carl")

    assert "left to the process at work" in left
    assert [(each["answer"], each["message"]) for each in unread] == [("proceed", None)]  # type: ignore[attr-defined]
    assert done.code == 0, done.out + done.err
    assert two.effects() == STEPS
    assert confirmed(two) == ("bob", "decide", "CHG-7")
    assert [each["by"].partition("@")[0] for each in two.shown()["decisions"]] == ["bob"]  # type: ignore[attr-defined]


def test_an_answer_after_the_answer_is_refused_and_says_who_was_first(two: Two) -> None:
    with Terminal(two.ann, *LIVE) as terminal:
        terminal.answer(CONFIRM, "proceed")
        terminal.expect(AFTER)
        late = two.bob.run("decide", two.id(), "confirm_deploy=abort")
        terminal.answer("Result", "done")
        terminal.end()

    assert late.code == 2
    assert "open is post_deploy. It was answered before: proceed, by ann@" in late.err


def test_a_second_person_approves_while_the_first_one_waits_at_the_prompt(two: Two) -> None:
    for project in {id(each): each for each in (two.ann, two.bob)}.values():
        project.configure(top={"environments": {"default": {"approvals": 1}}})
    with Terminal(two.ann, *LIVE) as terminal:
        terminal.answer(CONFIRM, "proceed")
        terminal.expect("needs a second person")
        terminal.wait_for_prompt()
        done = two.bob.run("confirm", two.id(), "--actor", "bob", "--reason", "CHG-7")
        terminal.answer(AFTER, "done")
        code = terminal.end()

    assert (code, done.code) == (0, 0), terminal.text + done.err
    assert confirmed(two) == ("bob", "confirm", "CHG-7")


# While it runs


def test_a_running_deployment_is_asked_to_stop_and_finishes_its_step(project: Project) -> None:
    project.fake("web", steps=2)
    project.deploy("1.0.0", "--target", "local")
    with at_gate(project) as (process, gate):
        deployment_id = project.last.id
        asked = project.run("abort", deployment_id, "--actor", "bob", "--reason", "wrong version")
        gate.open()
        done = ended(process)

    assert asked.code == 0, asked.err
    assert "Asked to stop: it finishes the step that is running, and aborts before the next one" in asked.out
    assert done.code == 1, done.out
    deployment = project.last
    assert deployment.state is State.ABORTED and deployment.aborted is not None
    assert deployment.aborted.by.startswith("bob@") and deployment.aborted.reason == "wrong version"
    assert deployment.running_step is None
    assert project.claims() == []


def test_whoever_waits_sees_that_it_has_stopped(project: Project) -> None:
    with at_gate(project) as (process, gate):
        asking = project.start("abort", project.last.id, "--actor", "bob", "--wait", "30", "--json")
        wait_until(lambda: project.run("show", "latest", "--json").json()["given"], "the request stands there")
        gate.open()
        asked, done = ended(asking), ended(process)

    assert (asked.code, done.code) == (0, 1), asked.out + asked.err
    assert asked.json("deployment_result")["state"] == "aborted"


def test_nobody_waits_longer_than_was_said(project: Project) -> None:
    with at_gate(project) as (process, gate):
        asked = project.run("abort", project.last.id, "--wait", "1")
        gate.open()
        done = ended(process)

    assert asked.code == 4
    assert "It was asked to stop, and has not for 1s; that stands." in asked.err
    assert (done.code, project.last.state) == (1, State.ABORTED)


# Rules on the other roads


FREEZE = {"from": "2020-01-01T00:00:00Z", "to": "2120-01-01T00:00:00Z", "reason": "holidays"}


def test_an_override_of_a_freeze_needs_a_reason_and_is_shown(project: Project) -> None:
    project.configure(top={"environments": {"default": {"freeze": [FREEZE]}}})
    live = ("execute", "--mode", "deploy", "--yes")

    refused = project.run(*live)
    unsaid = project.run(*live, "--override-freeze")
    done = project.run(*live, "--override-freeze", "--reason", "CHG-7", "--json")

    assert (refused.code, unsaid.code, done.code) == (5, 2, 0), done.out + done.err
    assert "--override-freeze needs a --reason" in unsaid.err
    assert len(project.deployments()) == 2  # nothing was begun without a reason
    assert done.json()["freeze_override"] == "CHG-7"
    assert project.history[0]["freeze_override"] == "CHG-7"
    assert "freeze overridden: CHG-7" in project.run("history").out
    assert "Freeze overridden: until 2120-01-01T00:00:00Z by ann@" in project.run("show", "latest").out


def test_resume_goes_on_with_a_confirmed_one_in_spite_of_a_freeze(project: Project) -> None:
    planned = project.run("prepare", "--json").json()["deployment_id"]
    project.run("confirm", planned)
    project.configure(top={"environments": {"default": {"freeze": [FREEZE]}}})

    refused = project.run("resume", planned)
    stale = project.run("resume", planned, "--override-freeze", "--reason", "CHG-7")

    assert refused.code == 5 and "is frozen until" in refused.err + refused.out
    assert stale.code == 5 and "the plan no longer holds" in stale.out + stale.err  # the rules are part of the plan
    assert project.last.freeze_overrides[0].reason == "CHG-7"


def test_answers_ahead_are_checked_before_anything_begins(project: Project) -> None:
    file = project.path / "answers.json"
    file.write_text(json.dumps({"confirm_deploy": "yes"}))

    refused = project.run("execute", "--mode", "deploy", "--answers", "answers.json")
    file.write_text(json.dumps({"deploy_mode": "deploy", "confirm_deploy": {"answer": "proceed", "reason": "CHG-7"}}))
    done = project.run("execute", "--answers", "answers.json", "--json")

    assert refused.code == 2
    assert "expected one of proceed, dry_run_first, abort" in refused.err
    assert done.code == 0, done.out + done.err
    assert len(project.deployments()) == 1
    confirmation = done.json("deployment_result")["confirmation"]
    assert (confirmation["how"], confirmation["reason"]) == ("answers", "CHG-7")
    assert confirmation["plan_digest"] == done.json()["plan_digest"]


def test_the_first_deployment_of_a_slot_is_a_dry_run_on_every_road(project: Project) -> None:
    done = project.run("execute", "--json")
    document = done.json("deployment_result")

    assert (done.code, document["dry_run"], document["result"]) == (0, True, "SIMULATED")
    assert (project.live, project.history) == (None, [])


def test_one_who_asked_cannot_say_yes_where_a_second_person_is_wanted(project: Project) -> None:
    project.configure(top={"environments": {"default": {"approvals": 1}}})

    asked = project.run("execute", "--mode", "deploy", "--yes", "--json")
    deployment_id = project.last.id
    decision = asked.json("decision_required")["decision_required"]
    own = project.run("decide", deployment_id, "confirm_deploy=proceed")
    other = project.run("decide", deployment_id, "confirm_deploy=proceed", "--actor", "bob", "--json")
    done = project.run("execute", deployment_id, "--actor", "carl")

    assert (asked.code, own.code, other.code, done.code) == (3, 5, 0, 0), own.err + other.err + done.err
    assert decision["detail"]["needs"] == "a second person, not ann"
    assert [each["by"].partition("@")[0] for each in other.json()["approvals"]] == ["bob"]
    assert "Confirmed: " in project.run("show", "latest").out
