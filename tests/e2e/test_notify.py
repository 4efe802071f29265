"""Notifications as real processes: an endpoint that fails at first, deliverers that are killed, deployments that do not care."""

from __future__ import annotations

import hashlib
import hmac
import os
import signal
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.project import Project, ended, wait_until
from tests.e2e.receiving import CLOSE, HANG, Endpoint, endpoint

pytestmark = pytest.mark.e2e

SECRET = "key-of-the-hook-8472"


@pytest.fixture
def shop(project: Project) -> Iterator[Project]:
    """Nothing was deployed, nobody is told. What it starts in the background has ended with the test."""
    project.env["HOOK_SECRET"] = SECRET
    yield project
    for pid in deliverers(project):
        os.kill(pid, signal.SIGKILL)


def tell(project: Project, to: Endpoint, **other: Any) -> None:
    receiver = {"name": "audit", "webhook": {"url": to.url, "secret": {"env": "HOOK_SECRET"}}, **other}
    project.configure(top={"notify": [receiver]})


def deliverers(project: Project) -> list[int]:
    """Background processes of this project that live."""
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit() and is_deliverer(project, entry)]


def is_deliverer(project: Project, process: Path) -> bool:
    try:
        words = (process / "cmdline").read_bytes().split(b"\0")
    except OSError:
        return False
    return str(project.path).encode() in words and any(b"orchestrator.notifying" in word for word in words)


def status(project: Project) -> dict[str, Any]:
    found = project.run("notify", "--json")
    assert found.code == 0, found.err
    return found.json()


def leave_undelivered(project: Project, to: Endpoint) -> str:
    """A deployment whose notification has reached the endpoint, and whose deliverer was killed before it could say so. Its ID."""
    project.deploy()
    sent = to.next()
    (deliverer,) = deliverers(project)
    os.kill(deliverer, signal.SIGKILL)
    wait_until(lambda: not deliverers(project), "the end of the deliverer")
    return sent.id


def due(project: Project) -> bool:
    (waiting,) = status(project)["undelivered"]
    return datetime.fromisoformat(waiting["due_at"]) <= datetime.now(UTC)


def test_an_endpoint_that_fails_at_first_gets_it_in_the_end_each_time_the_same(shop: Project) -> None:
    with endpoint(500, HANG, CLOSE) as to:
        tell(shop, to, timeout_s=0.5)
        shop.deploy()
        delivered = shop.run("notify", "deliver", "--timeout", "50", "--json")
        attempts = [to.next() for _ in range(4)]

        assert delivered.code == 0, delivered.out
        assert delivered.json()["pending"] == 0
        assert to.empty()
    assert len({got.id for got in attempts}) == 1
    assert len({got.body for got in attempts}) == 1
    assert attempts[0].json["event"] == "verified"
    assert attempts[0].json["deployment_id"] == shop.last.id
    assert attempts[0].json["id"] == attempts[0].id


def test_the_endpoint_can_check_who_sent_it(shop: Project) -> None:
    with endpoint() as to:
        tell(shop, to)
        shop.deploy()
        got = to.next()

    sent = dict(part.split("=", 1) for part in got.headers["Pop-Deploy-Signature"].split(","))
    made = hmac.new(SECRET.encode(), f"{sent['t']}.".encode() + got.body, hashlib.sha256).hexdigest()
    assert sent["v1"] == made


def test_a_command_ends_while_the_endpoint_still_holds_its_notification(shop: Project) -> None:
    with endpoint(HANG, HANG) as to:
        tell(shop, to, timeout_s=30)
        first = shop.run("execute", "--mode", "deploy", "--yes")
        to.next()
        shop.set_version("1.1.0")
        second = shop.run("execute", "--mode", "deploy", "--yes")

        assert to.holding == 1
        assert (first.code, second.code) == (0, 0)
        assert "notify" not in first.err + second.err
        to.release()
        assert to.next().json["version"] == "1.1.0"


def test_the_exit_code_of_a_failed_deployment_is_the_same_with_a_receiver_that_cannot_be_reached(shop: Project) -> None:
    shop.configure(local={"hooks": {"before_deploy": [["false"]]}})
    without = shop.run("execute", "--mode", "deploy", "--yes")
    with endpoint() as to:
        pass
    tell(shop, to)

    ran = shop.run("execute", "--mode", "deploy", "--yes")

    assert without.code == ran.code != 0
    wait_until(lambda: [each["attempts"] for each in status(shop)["undelivered"]] == [1], "the first attempt")
    (waiting,) = status(shop)["undelivered"]
    assert (waiting["event"], waiting["state"]) == ("failed", "pending")
    assert "refused" in waiting["error"]


def test_a_deliverer_that_is_killed_between_sending_and_recording_leaves_it_to_be_sent_again(shop: Project) -> None:
    with endpoint(HANG) as to:
        tell(shop, to)
        first = leave_undelivered(shop, to)
        (waiting,) = status(shop)["undelivered"]

        again = shop.run("notify", "deliver")

        assert waiting["error"] == "the process that sent it did not live to say how it ended"
        assert again.code == 0, again.out
        assert to.next().id == first == waiting["id"]
        assert to.empty()
    assert status(shop)["undelivered"] == []


def test_the_next_command_delivers_what_a_killed_one_left(shop: Project) -> None:
    with endpoint() as to:
        tell(shop, to)
        # Killed with its whole job, before it could start a deliverer.
        program = [sys.executable, "-c", "import os, signal\n" + _DIES_AT_THE_END]
        died = shop.run("execute", "--mode", "deploy", "--yes", program=program)
        assert died.code == -signal.SIGKILL
        assert status(shop)["receivers"][0]["pending"] == 1
        assert to.empty()

        shop.run("verify")

        assert to.next().json["event"] == "verified"


_DIES_AT_THE_END = """
from orchestrator import notifying
from orchestrator.cli.main import main
notifying.wake = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
main()
"""


def test_two_deliverers_at_once_send_it_once(shop: Project) -> None:
    with endpoint(HANG, HANG) as to:
        tell(shop, to)
        leave_undelivered(shop, to)
        both = [shop.start("notify", "deliver", "--timeout", "40") for _ in range(2)]
        to.next()
        to.release()
        ends = [ended(each) for each in both]

        assert [each.code for each in ends] == [0, 0], ends
        assert sorted(each.out.split()[0] for each in ends) == ["0", "1"]
        assert to.empty()


def test_commands_that_only_read_deliver_nothing(shop: Project) -> None:
    with endpoint(HANG) as to:
        tell(shop, to)
        leave_undelivered(shop, to)
        wait_until(lambda: due(shop), "the time of the next attempt")

        for words in (
            [],
            ["history"],
            ["show", "latest"],
            ["metrics"],
            ["slots"],
            ["notify"],
            ["audit", "verify"],
            ["logs", "latest"],
        ):
            assert shop.run(*words).code == 0, words
            assert deliverers(shop) == []

        assert to.empty()
        assert due(shop)


def test_a_receiver_that_is_added_later_is_told_nothing_old(shop: Project) -> None:
    shop.deploy("1.0.0")
    with endpoint() as to:
        tell(shop, to)
        shop.deploy("1.1.0")

        assert to.next().json["version"] == "1.1.0"
        assert shop.run("notify", "deliver").code == 0
        assert to.empty()


def test_only_the_events_and_environments_that_are_named_are_sent(shop: Project) -> None:
    with endpoint() as to:
        tell(shop, to, events=["started", "verified"], environments=["staging"])
        shop.configure(local={"environments": {"staging": {"config": {"path": "../staged"}}}})
        shop.deploy("1.0.0")
        shop.deploy("1.1.0", "--environment", "staging")
        shop.run("notify", "deliver")

        assert [(got.json["event"], got.json["version"]) for got in (to.next(), to.next())] == [
            ("started", "1.1.0"),
            ("verified", "1.1.0"),
        ]
        assert to.empty()


def test_somebody_is_called_when_a_question_stands_open(shop: Project) -> None:
    with endpoint() as to:
        tell(shop, to)
        waiting = shop.run("execute", "--mode", "deploy")
        got = to.next().json

    assert waiting.code == 3
    assert got["event"] == "waiting"
    assert "confirm_deploy: " in got["detail"]


def test_no_secret_is_in_an_argument_the_store_or_what_is_printed(shop: Project) -> None:
    with endpoint(HANG, 400) as to:
        token = "T0KEN-of-the-chat-11"
        shop.env["CHAT_URL"] = f"{to.url}/{token}"
        shop.configure(top={"notify": [{"name": "chat", "slack": {"url": {"env": "CHAT_URL"}}}]})
        deployed = shop.deploy("1.0.0", "--reason", f"as {shop.env['CHAT_URL']} said")
        to.next()
        (deliverer,) = deliverers(shop)
        arguments = Path(f"/proc/{deliverer}/cmdline").read_bytes()
        to.release()
        tested = shop.run("notify", "test", "chat")
        shown = shop.run("notify", "--json")
        wait_until(lambda: not deliverers(shop), "the end of the deliverer")

    assert tested.code == 1
    kept = b"".join(path.read_bytes() for path in shop.data.rglob("*") if path.is_file())
    for text in (arguments, kept, *(part.encode() for ran in (deployed, tested, shown) for part in (ran.out, ran.err))):
        assert token.encode() not in text


def test_a_chat_gets_text_and_a_command_gets_the_object_on_its_input(shop: Project) -> None:
    with endpoint() as to:
        got = shop.root / "got"
        receivers = [
            {"name": "chat", "slack": {"url": to.url}},
            {
                "name": "pager",
                "command": [sys.executable, "-S", "-c", f"import sys; open({str(got)!r}, 'w').write(sys.stdin.read())"],
            },
        ]
        shop.configure(top={"notify": receivers})
        shop.deploy()
        delivered = shop.run("notify", "deliver")

        assert delivered.code == 0, delivered.out
        assert to.next().json == {"text": f"shop 1.0.0 to default/local: verified (ann@{os.uname().nodename})"}
    assert got.read_text().endswith("\n")
    assert '"event": "verified"' in got.read_text()


def test_what_is_refused_for_good_is_shown_and_not_tried_again(shop: Project) -> None:
    with endpoint(404) as to:
        tell(shop, to)
        shop.deploy()
        to.next()
        wait_until(lambda: status(shop)["receivers"][0]["failed"] == 1, "the outcome")

        assert shop.run("notify", "deliver").code == 0
        assert to.empty()
    (failed,) = status(shop)["undelivered"]
    assert (failed["state"], failed["due_at"], failed["error"]) == ("failed", None, "HTTP 404")
    assert "not tried again" in shop.run("notify").out


@pytest.mark.postgres
def test_a_team_s_store_is_delivered_by_one_process_at_a_time(shop: Project, postgres_url: str) -> None:
    shop.env["POP_DEPLOY_STORE"] = postgres_url
    with endpoint(HANG, HANG) as to:
        tell(shop, to)
        first = leave_undelivered(shop, to)
        both = [shop.start("notify", "deliver", "--timeout", "40") for _ in range(2)]
        again = to.next()
        to.release()
        ends = [ended(each) for each in both]

        assert [each.code for each in ends] == [0, 0], ends
        assert again.id == first
        assert to.empty()


def test_the_example_in_the_documentation_checks_a_signature(shop: Project) -> None:
    page = (Path(__file__).parents[2] / "docs" / "notifications.md").read_text()
    known: dict[str, Any] = {}
    exec(page.split("```python\n")[1].split("```")[0], known)  # noqa: S102 - ours
    with endpoint() as to:
        tell(shop, to)
        sent = shop.run("notify", "test", "audit")
        got = to.next()

    assert sent.code == 0, sent.out
    header = got.headers["Pop-Deploy-Signature"]
    assert known["is_from_pop_deploy"](SECRET, header, got.body)
    assert not known["is_from_pop_deploy"]("another", header, got.body)
    assert not known["is_from_pop_deploy"](SECRET, header, got.body + b" ")
    assert not known["is_from_pop_deploy"](SECRET, header.replace("t=1", "t=2", 1), got.body)
