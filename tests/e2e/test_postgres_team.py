"""A team's store: two runners on two machines, one of which dies or loses the server. A machine is a set of namespaces."""

from __future__ import annotations

import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from eventstore.postgres_reading import open_postgres_read_only
from orchestrator.domain.side_events import SlotTaken
from orchestrator.services.codec import CODEC
from tests.backends.postgres import PASSWORD, PostgresBackend
from tests.e2e.project import COMMAND, ID, Gate, Project, Ran, ended, heard, wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.postgres]

LIVE = ("execute", "--target", "web", "--mode", "deploy", "--yes")
STEPS = ["step-1", "step-2", "step-3"]


class Team:
    """Two checkouts of one project, one store, one place that both deploy to."""

    def __init__(self, root: Path, url: str) -> None:
        self.url, self.world = url, root / "world"
        self.anns, self.bobs = (self._runner(root / name, url) for name in ("runner-a", "runner-b"))

    def _runner(self, root: Path, url: str) -> Project:
        root.mkdir()
        project = Project(root, env={"POP_DEPLOY_STORE": url, "POP_DEPLOY_ACTOR": root.name[-1]}).make()
        project.configure(web={"type": "fake", "config": {"dir": str(self.world), "steps": 3}})
        return project

    def step(self, **config: object) -> None:
        for project in (self.anns, self.bobs):
            project.configure(web={"config": {"dir": str(self.world), **config}})

    def effects(self) -> list[str]:
        log = self.world / "effects.log"
        return [line.split()[1] for line in log.read_text().splitlines()] if log.exists() else []

    def takers(self) -> list[SlotTaken]:
        store = open_postgres_read_only(self.url)
        taken = [CODEC.decode(event) for event in store.read_all(types={"SlotTaken"})]
        store.close()
        return [event for event in taken if isinstance(event, SlotTaken)]


def named_in(ran: Ran) -> str:
    """The deployment that can be resumed."""
    found = re.search(f"pop-deploy resume ({ID})", ran.out + ran.err)
    assert found is not None, ran.out + ran.err
    return found[1]


def on(machine: str) -> tuple[str, ...]:
    """The command on a machine called *machine*, with processes of its own."""
    namespaces = ("unshare", "--uts", "--pid", "--fork", "--mount-proc", "--kill-child")
    # Not exec: the first process of a namespace cannot be killed from inside it.
    return (*namespaces, "sh", "-c", f'hostname {machine} && "$@"; exit $?', "sh", COMMAND)


@pytest.fixture
def team(tmp_path: Path, postgres_url: str) -> Team:
    allowed = shutil.which("unshare") and subprocess.run([*on("x")[:6], "true"], capture_output=True, check=False).returncode == 0
    if not allowed:
        pytest.skip("namespaces cannot be made here")
    return Team(tmp_path, postgres_url)


# Each waits half a minute, after which the other machine has ended what it had begun.
@pytest.mark.parametrize("place", ["before", "mid", "after"])
@pytest.mark.parametrize("child", [False, True], ids=["in the process", "child"])
def test_what_one_machine_left_in_the_middle_another_one_finishes(team: Team, place: str, child: bool) -> None:
    team.step(steps=3, child=child)
    died = team.anns.run(*LIVE, program=on("runner-a"), POP_DEPLOY_FAKE_KILL=f"step-2:{place}")

    blocked = team.bobs.run(*LIVE, program=on("runner-b"))
    deployment = named_in(blocked)
    resumed = team.bobs.run("resume", deployment, program=on("runner-b"))

    assert died.code == 137
    assert blocked.code == 8
    assert resumed.code == 0, resumed.out + resumed.err
    assert team.effects() == STEPS
    first, second = team.takers()
    assert (first.host, second.host) == ("runner-a", "runner-b")
    assert second.taken_over_from is not None
    assert "on runner-a" in second.taken_over_from


@pytest.fixture
def gate(team: Team, tmp_path: Path) -> Iterator[Gate]:
    """Where Ann's deployments stand before their first step."""
    gate = Gate(tmp_path / "gate")
    team.anns.configure(web={"config": {"dir": str(team.world), "steps": 3}, "hooks": {"before_deploy": [gate.hook]}})
    yield gate
    gate.close()


def test_who_comes_second_is_told_who_works_on_which_machine(team: Team, gate: Gate) -> None:
    first = team.anns.start(*LIVE, program=on("runner-a"))
    gate.wait()

    second = team.bobs.run(*LIVE, program=on("runner-b"))
    gate.open()
    done = ended(first)

    assert second.code == 4
    assert "default/web is held by deploy-" in second.out + second.err
    assert "a@runner-a" in second.out + second.err
    assert done.code == 0, done.out + done.err


def test_who_waits_gets_the_slot_when_it_is_free(team: Team, gate: Gate) -> None:
    first = team.anns.start(*LIVE, program=on("runner-a"))
    gate.wait()

    second = team.bobs.start(*LIVE, "--wait", "60", program=on("runner-b"))
    said = heard(second, "Waiting up to")
    gate.open()

    assert ended(first).code == 0
    done = ended(second)
    assert done.code == 0, said + done.out + done.err
    assert "a@runner-a" in said + done.out


def test_a_holder_whose_session_is_cut_stops_its_child_and_says_so(team: Team, postgres_backend: PostgresBackend) -> None:
    team.step(steps=[{"name": "quick"}, {"name": "long", "child": True, "delay_s": 12.0}])
    holder = team.anns.start(*LIVE, program=on("runner-a"))
    wait_until(lambda: "quick" in team.effects(), "the first step's effect")
    began = time.monotonic()
    with postgres_backend.connect(team.url.rpartition("/")[2]) as session:
        session.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND database = "
            "(SELECT oid FROM pg_database WHERE datname = current_database())"
        )

    done = ended(holder)

    assert time.monotonic() - began < 11
    assert done.code == 8, done.out + done.err
    assert "the session that holds the lock was dropped" in done.out + done.err
    assert f"pop-deploy resume {named_in(done)}" in done.last_line
    assert team.bobs.run("resume", named_in(done), program=on("runner-b")).code == 0
    assert team.effects() == ["quick", "long"]


def test_no_password_is_shown_or_kept(team: Team) -> None:
    shown = [team.anns.run(*words) for words in (LIVE, ("history",), ("show", "latest"), ("store", "upgrade"), (), ("slots",))]
    wrong = team.anns.run("history", POP_DEPLOY_STORE=team.url.replace(PASSWORD, "wr0ng-pa55"))

    assert [ran.code for ran in shown] == [0] * len(shown)
    assert wrong.code != 0
    files = [path for path in team.anns.root.rglob("*") if path.is_file()]
    text = "".join([*(ran.out + ran.err for ran in (*shown, wrong)), *(path.read_text(errors="replace") for path in files)])
    assert PASSWORD not in text
    assert "wr0ng-pa55" not in text
    assert not list(team.anns.data.glob("events.db*"))


def test_says_what_to_install_when_the_driver_is_missing(team: Team, tmp_path: Path) -> None:
    (tmp_path / "psycopg.py").write_text("raise ModuleNotFoundError(\"No module named 'psycopg'\", name='psycopg')\n")

    done = team.anns.run("history", PYTHONPATH=str(tmp_path))

    assert done.code != 0
    assert "pip install 'pop-deploy[postgres]'" in done.err
    assert "Traceback" not in done.err
