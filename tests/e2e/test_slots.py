"""`pop-deploy slots` and `slots release`, ``--wait`` and ``--all``, with real processes that are stopped, killed and survive."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from orchestrator.adapters.exclusive import try_lock
from orchestrator.domain.lifecycle import State
from tests.e2e.project import Gate, Project, at_gate, ended, heard, wait_until

pytestmark = pytest.mark.e2e

LIVE = ("execute", "--mode", "deploy", "--yes")
FAKE = (*LIVE, "--target", "fake")


@contextmanager
def fake_at_gate(project: Project, *words: str) -> Iterator[tuple[subprocess.Popen[bytes], Gate]]:
    """A deployment of the target ``fake``, held in the command before its first step."""
    gate = Gate(project.root / "gate")
    project.fake(steps=2)
    project.configure(fake={"hooks": {"before_deploy": [gate.hook]}})
    process = project.start(*(words or FAKE))
    try:
        gate.wait()
        yield process, gate
    finally:
        if process.poll() is None:
            process.kill()
            process.communicate()
        gate.close()


def effects(project: Project) -> list[str]:
    """The deployments whose effects the fake has counted, one for each."""
    log = project.root / "fake" / "effects.log"
    return [line.split()[0] for line in log.read_text().splitlines()] if log.exists() else []


def stop(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGSTOP)
    wait_until(lambda: _state(process.pid) == "T", "the process is stopped")


def _state(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


def the_slot(project: Project, target: str = "fake") -> dict[str, object]:
    listed = project.run("slots", "--json").json()["slots"]
    return next(slot for slot in listed if slot["target"] == target)


# Fencing


def test_a_holder_that_slept_through_a_takeover_writes_and_starts_nothing_more(project: Project) -> None:
    with fake_at_gate(project) as (first, gate):
        stop(first)
        old = project.last.id
        gate.open()  # its command ends while it sleeps: all that is left to it is to write that down
        # As when a server drops the session that holds the lock: the lock is free, and its holder lives.
        (lock,) = (project.data / "locks").glob("slot-fake-*.lock")
        lock.unlink()
        released = project.run("slots", "release", old, "--reason", "it hangs", "--actor", "carl", "--json")
        project.configure(fake={"hooks": {}})
        second = project.run(*FAKE, "--actor", "bob", "--json")
        new = second.json("deployment_result")["deployment_id"]
        before = len(effects(project))
        first.send_signal(signal.SIGCONT)
        woken = ended(first)

    assert (released.code, released.json()["killed"], second.code) == (0, False, 0), released.err + second.err
    assert woken.code == 4, woken.out + woken.err
    for said in (f"{old} has lost default/fake", "carl@", "(it hangs)", f"{new} took it at", "(bob@", f"pop-deploy show {old}"):
        assert said in woken.out
    assert effects(project) == [new] * before
    found = {deployment.id: deployment for deployment in project.deployments()}
    assert (found[old].state, found[new].state) == (State.EXECUTING, State.VERIFIED)
    assert found[old].running_step is not None


def test_a_stopped_holder_is_killed_and_its_command_stopped_before_the_claim_ends(project: Project) -> None:
    with fake_at_gate(project) as (first, _gate):
        stop(first)
        old = project.last.id
        held = the_slot(project)
        released = project.run("slots", "release", old, "--reason", "it hangs", "--json")
        first.wait(timeout=10)
        free = the_slot(project)
        left = [entry.name for entry in Path("/proc").iterdir() if _runs(entry, str(project.root / "gate"))]

    assert (held["deployment_id"], held["holder"], held["pid"]) == (old, "stopped", first.pid)
    assert (released.code, released.json()["killed"]) == (0, True), released.err
    assert first.returncode == -signal.SIGKILL
    assert (free["deployment_id"], free["epoch"]) == (None, 1)
    assert left == []


def _runs(process: Path, what: str) -> bool:
    try:
        return process.name.isdigit() and what.encode() in (process / "cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_what_was_released_can_be_resumed(project: Project) -> None:
    project.fake(steps=2)
    killed = project.run(*FAKE, POP_DEPLOY_FAKE_KILL="step-1:after")
    old = project.last.id
    released = project.run("slots", "release", old, "--reason", "ci-7 is gone")
    resumed = project.run("resume", old, "--json")

    assert (killed.code, released.code, resumed.code) == (-9, 0, 0), resumed.err
    assert released.last_line == f"Next: pop-deploy resume {old}, or pop-deploy abort {old}"
    assert effects(project) == [old] * 2


def test_what_was_released_is_not_resumed_over_a_newer_deployment(project: Project) -> None:
    project.fake(steps=2)
    project.run(*FAKE, POP_DEPLOY_FAKE_KILL="step-1:after")
    old = project.last.id
    project.run("slots", "release", old, "--reason", "ci-7 is gone")
    newer = project.run(*FAKE, "--json").json()["deployment_id"]

    resumed = project.run("resume", old)
    aborted = project.run("abort", old)

    assert (resumed.code, aborted.code) == (5, 0), resumed.out + resumed.err + aborted.err
    assert f"{newer} has begun there since" in resumed.out + resumed.err
    assert project.claims() == []


def test_a_release_and_a_takeover_are_shown_with_the_deployment(project: Project) -> None:
    project.fake(steps=2)
    project.run(*FAKE, POP_DEPLOY_FAKE_KILL="step-1:after")
    old = project.last.id
    project.run("resume", old, "--actor", "bob", POP_DEPLOY_FAKE_KILL="step-2:before")
    project.run("slots", "release", old, "--reason", "too slow", "--actor", "carl")
    project.run("resume", old)

    shown = project.run("show", old, "--json").json()["claims"]
    replayed = project.run("replay", old)

    assert [(claim["what"], claim["by"].partition("@")[0]) for claim in shown] == [("taken_over", "bob"), ("released", "carl")]
    assert shown[0]["former_holder"].startswith(f"{old}: ann@")
    assert (shown[1]["former_holder"].partition("@")[0], shown[1]["reason"]) == ("bob", "too slow")
    assert f"in place of {old}: ann@" in replayed.out
    assert "released by carl@" in project.run("show", old).out


@pytest.mark.parametrize(("words", "code"), [((), 2), (("--reason", " "), 2), (("--reason", "x"), 5)])
def test_a_release_needs_a_reason_and_a_claim(live: Project, words: tuple[str, ...], code: int) -> None:
    assert live.run("slots", "release", live.last.id, *words).code == code


def test_a_release_needs_the_whole_id(project: Project) -> None:
    project.fake(steps=1)
    project.run(*FAKE, POP_DEPLOY_FAKE_KILL="step-1:before")

    for word in ("latest", project.last.id[:-1]):
        assert project.run("slots", "release", word, "--reason", "x").code == 2
    assert project.claims() != []


def test_a_held_slot_is_refused_with_its_holder_as_data(project: Project) -> None:
    with fake_at_gate(project) as (first, gate):
        refused = project.run(*FAKE, "--actor", "bob", "--json")
        resumed = project.run("resume", project.deployments()[0].id, "--json")
        gate.open()
        done = ended(first)

    holder = refused.json("deployment_result")["error"]["holder"]
    assert (refused.code, resumed.code, done.code) == (4, 4, 0)
    assert holder["deployment_id"] == project.deployments()[0].id
    assert (holder["actor"].partition("@")[0], holder["pid"], holder["state"]) == ("ann", first.pid, "executing")
    assert holder["step"]
    assert holder["for_s"] >= 0
    assert resumed.json()["error"]["holder"]["pid"] == first.pid


# Waiting


def test_wait_says_whom_it_waits_for_and_deploys_when_the_slot_is_free(project: Project) -> None:
    with fake_at_gate(project) as (first, gate):
        project.configure(fake={"hooks": {}})
        waiting = project.start(*FAKE, "--actor", "bob", "--wait", "60")
        said = heard(waiting, "Waiting up to")
        gate.open()
        one, two = ended(first), ended(waiting)

    assert (one.code, two.code) == (0, 0), two.out + two.err
    line = next(line for line in (said + two.out).splitlines() if "Waiting" in line)
    assert f"default/fake, held by {project.deployments()[0].id} (ann@" in line
    assert [deployment.state for deployment in project.deployments()] == [State.VERIFIED] * 2


def test_wait_ends_at_its_deadline_naming_the_holder(project: Project) -> None:
    with fake_at_gate(project) as (_first, _gate):
        done = project.run(*FAKE, "--actor", "bob", "--wait", "1", "--json")

    error = done.json("deployment_result")["error"]
    assert done.code == 4
    assert "Waited 1s in vain." in error["message"]
    assert error["holder"]["actor"].startswith("ann@")
    assert "Waiting up to 1s for default/fake" in done.err


def test_a_signal_ends_the_wait_with_nothing_begun(project: Project) -> None:
    with fake_at_gate(project) as (_first, _gate):
        waiting = project.start(*FAKE, "--actor", "bob", "--wait", "60")
        heard(waiting, "Waiting up to")
        waiting.send_signal(signal.SIGINT)
        done = ended(waiting)

    assert done.code == 8
    assert "pop-deploy resume" in done.last_line
    assert effects(project) == []


def test_of_several_that_wait_every_one_comes_to_its_turn(project: Project) -> None:
    with fake_at_gate(project) as (first, gate):
        project.configure(fake={"hooks": {}})
        waiting = [project.start(*FAKE, "--wait", "60", "--json") for _ in range(4)]
        gate.open()
        codes = [ended(process).code for process in (first, *waiting)]

    assert codes == [0] * 5
    assert len(effects(project)) == 10


def test_resume_waits_for_the_process_at_work_and_reports_its_end(project: Project) -> None:
    with fake_at_gate(project) as (first, gate):
        waiting = project.start("resume", project.last.id, "--wait", "60", "--json")
        assert waiting.stderr is not None
        assert b"Waiting up to" in waiting.stderr.readline()
        gate.open()
        codes = [ended(first).code, ended(waiting).code]

    assert codes == [0, 0]
    assert len(effects(project)) == 2


# Several targets


def test_all_begins_nothing_while_one_slot_is_held(project: Project) -> None:
    project.fake("aaa", steps=1)
    project.fake("zzz", steps=1)
    with at_gate(project, "--target", "local") as (first, gate):
        refused = project.run(*LIVE, "--all", "--json")
        claims = project.claims()
        free = [try_lock(str(path)) for path in (project.data / "locks").glob("slot-[az]*.lock")]
        gate.open()
        done = ended(first)

    document = refused.json()
    assert (refused.code, done.code, document["success"]) == (4, 0, False)
    assert sorted(one["target"] for one in document["deployments"]) == ["aaa", "local", "zzz"]
    assert {one["result"] for one in document["deployments"]} == {"REFUSED"}
    assert claims == ["slot-shop/default/local"]
    assert None not in free
    assert not (project.root / "aaa").exists()
    assert not (project.root / "zzz").exists()


def test_all_holds_every_slot_from_the_beginning(project: Project) -> None:
    project.fake("zzz", steps=1)
    with at_gate(project, "--all") as (first, gate):
        held = the_slot(project, "zzz")
        refused = project.run(*LIVE, "--target", "zzz", "--json")
        gate.open()
        done = ended(first)

    assert (refused.code, done.code) == (4, 0), done.err
    assert (held["holder"], held["state"]) == ("living", "requested")
    assert refused.json()["error"]["holder"]["deployment_id"] == held["deployment_id"]
    assert project.claims() == []


def test_killed_in_the_first_the_others_block_nobody(project: Project) -> None:
    project.fake("zzz", steps=1)
    with at_gate(project, "--all") as (first, _gate):
        first.kill()
        ended(first)
    project.configure(local={"config": {"path": "../the place", "source": "public"}})

    other = project.run(*LIVE, "--target", "zzz")
    blocked = project.run(*LIVE, "--target", "local")

    assert (other.code, blocked.code) == (0, 8), other.out + other.err
    assert the_slot(project, "local")["holder"] == "dead"


def test_opposite_orders_do_not_wait_for_each_other(project: Project) -> None:
    for name in ("aaa", "bbb"):
        project.fake(name, steps=1)
    ways = (("aaa", "bbb"), ("bbb", "aaa"), ("aaa", "bbb"), ("bbb", "aaa"))

    started = [project.start(*LIVE, "--target", one, "--target", two, "--wait", "60", "--json") for one, two in ways]
    done = [ended(process) for process in started]

    assert [one.code for one in done] == [0] * 4, [one.err for one in done]
    assert all(json.loads(one.out)["success"] for one in done)
    assert project.claims() == []
