"""Deployments that belong together, killed or interrupted in the middle: `resume` goes on with what is left of them."""

from __future__ import annotations

import signal

import pytest

from orchestrator.domain.lifecycle import State
from tests.e2e.faked import EFFECT, LIVE
from tests.e2e.holding import held_at
from tests.e2e.project import Project, Ran, ended

pytestmark = pytest.mark.e2e

IN_LOCAL = "orchestrator.targets.local_releases:make_release"


@pytest.fixture
def several(project: Project) -> Project:
    """``local`` and two fakes, none primary."""
    project.configure(local={"primary": False})
    for name in ("web", "zzz"):
        project.fake(name, steps=1)
    return project


def answered_all(project: Project, *words: str) -> str:
    """A deployment of all targets, as somebody has decided; its ID."""
    asked = project.run("execute", "--mode", "deploy", *words, "--json")
    deployment_id: str = asked.json()["decision_required"]["deployment_id"]
    assert project.run("decide", deployment_id, "deploy_target=all").code == 0
    return deployment_id


def proceeds(project: Project) -> tuple[str, str]:
    """``--answers FILE`` that confirms."""
    file = project.root / "proceed.json"
    file.write_text('{"confirm_deploy": "proceed"}')
    return "--answers", str(file)


def ends(done: Ran) -> list[tuple[str, str]]:
    return [(each["target"], each["state"]) for each in done.json()["deployments"]]


@pytest.mark.parametrize("named", [True, False])
def test_killed_in_the_first_resume_begins_the_others(several: Project, named: bool) -> None:
    first = answered_all(several)
    with held_at(several, IN_LOCAL, "execute", first, "--yes") as (process, _):
        process.kill()
        ended(process)

    done = several.run("resume", *([first] if named else []), *proceeds(several), "--json")

    assert done.code == 0, done.out + done.err
    assert ends(done) == [("local", "verified"), ("web", "verified"), ("zzz", "verified")]
    assert {each.requested.caused_by for each in several.deployments()[1:]} == {first}
    assert (len(several.deployments()), several.claims()) == (3, [])


def test_killed_between_two_resume_goes_on_with_the_next(several: Project) -> None:
    first = answered_all(several)
    with held_at(several, EFFECT, "execute", first, "--yes") as (process, _):  # in web, with local done
        process.kill()
        ended(process)
    several.run("abort", several.deployments()[1].id)

    done = several.run("resume", *proceeds(several), "--json")

    assert done.code == 0, done.out + done.err
    assert [each.state for each in several.deployments()] == [State.VERIFIED, State.ABORTED, State.VERIFIED]
    assert several.claims() == []


def test_the_others_are_asked_for_where_nobody_has_confirmed_them(several: Project) -> None:
    first = answered_all(several)
    several.run("execute", first)
    several.run("decide", first, "confirm_deploy=proceed")
    with held_at(several, IN_LOCAL, "resume", first) as (process, _):
        process.kill()
        ended(process)

    asked = several.run("resume", first, "--json")
    web = several.deployments()[1]
    several.run("decide", web.id, "confirm_deploy=proceed")
    done = several.run("resume", web.id, *proceeds(several), "--json")

    assert (asked.code, ends(asked)) == (3, [("local", "verified"), ("web", "prepared")])
    assert asked.json()["deployments"][1]["decision"]["deployment_id"] == web.id
    assert (done.code, ends(done)) == (0, [("web", "verified"), ("zzz", "verified")]), done.out + done.err
    assert len(several.deployments()) == 3


def test_of_a_command_with_all_the_rest_follows_too(several: Project) -> None:
    with held_at(several, IN_LOCAL, *LIVE, "--all") as (process, _):
        process.kill()
        ended(process)

    done = several.run("resume", *proceeds(several), "--json")

    assert (done.code, ends(done)) == (0, [("local", "verified"), ("web", "verified"), ("zzz", "verified")]), done.err
    assert (len(several.deployments()), several.claims()) == (3, [])


def test_after_a_signal_the_rest_waits_for_resume(several: Project) -> None:
    with held_at(several, IN_LOCAL, *LIVE, "--all", "--json") as (process, gate):
        process.send_signal(signal.SIGTERM)
        gate.open()
        interrupted = ended(process)
    waiting = [each.state for each in several.deployments()]

    done = several.run("resume", *proceeds(several), "--json")

    assert (interrupted.code, waiting) == (8, [State.EXECUTING, State.REQUESTED, State.REQUESTED])
    assert f"not begun yet: web, zzz. What goes on with {several.deployments()[0].id} goes on with them" in interrupted.err
    assert (done.code, len(ends(done))) == (0, 3), done.err


def test_what_fails_when_it_is_resumed_gives_the_rest_up(several: Project) -> None:
    with held_at(several, IN_LOCAL, *LIVE, "--all") as (process, _):
        process.kill()
        ended(process)
    (several.path / "public" / "index.html").unlink()
    (several.path / "public").rmdir()

    done = several.run("resume", "--json")

    assert (done.code, done.json()["state"]) == (1, "failed"), done.out
    assert [each.state for each in several.deployments()] == [State.FAILED, State.ABORTED, State.ABORTED]
    assert "not begun, because local did not succeed: web, zzz" in done.err


def test_where_another_has_begun_since_the_rest_is_left_as_it_is(several: Project) -> None:
    first = answered_all(several)
    with held_at(several, IN_LOCAL, "execute", first, "--yes") as (process, _):
        process.kill()
        ended(process)
    newer = several.run(*LIVE, "--target", "web", "--version", "2.0.0", "--json").json()["deployment_id"]

    done = several.run("resume", *proceeds(several), "--json")

    assert (done.code, ends(done)) == (0, [("local", "verified"), ("zzz", "verified")]), done.err
    assert f"web is left as it is: {newer} has begun there since {first} was asked for" in done.err
