"""What comes from outside never commands the terminal, whatever way it takes there. A file or pipe gets it as it is."""

from __future__ import annotations

import json
import sys

import pytest

from tests.backends.docker import docker
from tests.e2e.project import Gate, Project
from tests.e2e.terminal import Terminal
from tests.e2e.test_docker_road import Shop, shop  # noqa: F401 - a fixture
from tests.e2e.test_secrets_urls import service

pytestmark = pytest.mark.e2e

LIVE = ("execute", "--mode", "deploy", "--yes")
CLIPBOARD = "\x1b]52;c;ZXZpbA==\x07"
EVIL = {
    "clipboard": CLIPBOARD.encode(),
    "clipboard, ended by ST": b"\x1b]52;c;ZXZpbA==\x1b\\",
    "title": b"\x1b]0;owned\x07",
    "clears the screen": b"\x1b[2J",
    "other screen": b"\x1b[?1049h",
    "asks where the cursor is": b"\x1b[6n",
    "device control": b"\x1bP1$r0m\x1b\\",
    "reset": b"\x1bc",
    "C1 control sequence": "\x9b2J".encode(),
    "C1 operating system command": "\x9d52;c;ZXZpbA==\x9c".encode(),
    "C1 as a byte of its own": b"\x9b2J",
    "carriage return": b"all is well\rRESULT FAKED",
    "back space": b"well\x08\x08\x08\x08evil",
    "direction": "\u202egnp.exe".encode(),
}
FORBIDDEN = (
    *(b"\x1b]", b"\x1bP", b"\x1bc", b"\x07", b"\x08", b"\x1b[2J", b"\x1b[?1049h", b"\x1b[6n", b"\rRESULT"),
    *(b"\x9b2J", b"\xc2\x9b", b"\xc2\x9d", b"\xc2\x9c", "\u202e".encode()),
)
TEXT = "a" + b"b".join(EVIL[name] for name in EVIL if name != "C1 as a byte of its own").decode() + "z"
"""For places that take only text."""


def obeyed(shown: bytes) -> list[bytes]:
    """What a terminal would do something about; colours and cursor movements of our own are not among it."""
    return [code for code in FORBIDDEN if code in shown]


def on_a_terminal(project: Project, *words: str) -> tuple[int, bytes]:
    with Terminal(project, *words) as terminal:
        return terminal.end(), terminal.raw


def printing(project: Project, then: str) -> None:
    """A build that prints every evil code, on stdout and on stderr."""
    (project.path / "evil").write_bytes(b"\n".join(b"said " + code + b" so" for code in EVIL.values()) + b"\n")
    program = f"import os, sys; data = open('evil', 'rb').read(); os.write(1, data); os.write(2, data); {then}"
    project.configure(
        local={"config": {"path": "../the place", "source": "public", "build": [sys.executable, "-S", "-c", program]}}
    )


def test_the_codes_would_be_seen() -> None:
    assert all(obeyed(code) for code in EVIL.values())
    assert set(obeyed(b"".join(EVIL.values()))) == set(FORBIDDEN)
    assert obeyed(b"\x1b[1;31mred\x1b[0m\r\n\x1b[2K\x1b[1A") == []


def test_what_a_failing_step_prints_is_harmless_live_and_in_every_report(project: Project) -> None:
    printing(project, "sys.exit(4)")
    with Terminal(project, *LIVE) as terminal:
        terminal.answer("Deployment failed. What next?", "abort")
        code, shown = terminal.end(), terminal.raw

    seen = {"execute": shown}
    for words in (("logs", "latest"), ("show", "latest"), ("replay", "latest"), ("history", "--all-attempts"), (), ("resume",)):
        seen[" ".join(words)] = on_a_terminal(project, *words)[1]

    assert code == 1
    assert b"so" in shown and b"exit code 4" in shown
    assert seen["logs latest"].count(b"said ") >= 2 * len(EVIL)
    assert {name: found for name, raw in seen.items() if (found := obeyed(raw))} == {}


def test_live_output_and_who_follows_it_are_harmless(project: Project) -> None:
    gate = Gate(project.root / "gate")
    printing(project, f"import subprocess; print('now', flush=True); subprocess.run({gate.hook!r}, check=True)")
    with Terminal(project, *LIVE) as terminal:
        gate.wait()
        with Terminal(project, "logs", "latest", "--follow") as follower:
            follower.expect("now")
            gate.open()
            # A terminal that nobody reads fills up: the one that shows the deployment first.
            terminal.answer("Deployment complete. What next?", "done")
            terminal.end()
            followed = follower.end()
    gate.close()

    assert followed == 0
    assert follower.text.count("said ") >= 2 * len(EVIL)
    assert (obeyed(terminal.raw), obeyed(follower.raw)) == ([], [])


def test_a_file_gets_the_output_as_it_was_and_json_only_ascii(project: Project) -> None:
    printing(project, "sys.exit(4)")
    project.run(*LIVE)

    raw = project.start("logs", "latest").communicate()[0]
    document = project.run("logs", "latest", "--json")

    assert (project.path / "evil").read_bytes() in raw
    assert document.out.isascii()
    assert CLIPBOARD in document.json()["logs"][0]["output"]


def test_what_a_health_check_answers_is_harmless(project: Project) -> None:
    with service("body", also=TEXT) as (url, _):
        check = {"url": url, "timeout_s": 0.2, "interval_s": 0.1, "headers": {"X-Token": "x"}}
        project.configure(local={"health_check": check})
        with Terminal(project, *LIVE) as terminal:
            terminal.answer("Deployment failed. What next?", "abort")
            terminal.end()
    shown = on_a_terminal(project, "show", "latest")[1]

    assert b"RESULT FAKED" in terminal.raw
    assert (obeyed(terminal.raw), obeyed(shown)) == ([], [])


def test_what_people_and_files_say_is_harmless(project: Project) -> None:
    seen = [
        on_a_terminal(project, "prepare", "--reason", TEXT)[1],
        on_a_terminal(project, "prepare", "--reason", TEXT, "--json")[1],
        on_a_terminal(project, "prepare", "--actor", TEXT)[1],
        on_a_terminal(project, "prepare", "--version", TEXT)[1],
        on_a_terminal(project, "prepare", "--target", TEXT)[1],
        on_a_terminal(project, "prepare", "--environment", TEXT)[1],
        on_a_terminal(project, "show", TEXT)[1],
        on_a_terminal(project, "show", TEXT, "--json")[1],
        on_a_terminal(project, "logs", "latest", TEXT)[1],
        on_a_terminal(project, "--" + TEXT)[1],
        on_a_terminal(project, "history", "--dir", TEXT)[1],
        on_a_terminal(project, "history", "--store", "sqlite:///" + TEXT.replace("/", ""))[1],
        on_a_terminal(project, "history", "--store", TEXT)[1],
        on_a_terminal(project, "show", "latest")[1],
    ]
    project.configure(local={"config": {"path": "../the place", "source": "public", "build": ["echo", TEXT]}})
    seen += [on_a_terminal(project, "prepare")[1], on_a_terminal(project, "show", "latest")[1]]
    project.configure(local={"config": {"path": TEXT, "source": TEXT}}, **{TEXT: {"type": TEXT}})
    seen += [on_a_terminal(project, "prepare")[1], on_a_terminal(project)[1], on_a_terminal(project, "--json")[1]]
    project.deploy_json.write_text('{"a": ' + TEXT)
    seen += [on_a_terminal(project, "prepare")[1], on_a_terminal(project)[1]]

    assert [obeyed(raw) for raw in seen] == [[]] * len(seen)


def test_names_of_files_and_of_gits_user_are_harmless(project: Project) -> None:
    name = TEXT.replace("/", "")
    (project.path / "public" / name).write_text("x")
    (project.path / "public" / "link").symlink_to(f"/nowhere/{name}")
    project.git("init", "-q")
    project.git("config", "user.name", TEXT)
    project.commit(TEXT)
    project.env["POP_DEPLOY_ACTOR"] = ""

    seen = [on_a_terminal(project, *words)[1] for words in (("prepare",), ("execute", "--dry-run", "--mode", "deploy", "--yes"))]
    project.run(*LIVE)
    seen += [on_a_terminal(project, *words)[1] for words in (("show", "latest"), ("logs", "latest"), ("replay", "latest"))]

    assert [obeyed(raw) for raw in seen] == [[]] * len(seen)


@pytest.mark.docker
def test_names_and_answers_from_docker_are_harmless(shop: Shop) -> None:  # noqa: F811
    shop.write("1.0.0")
    docker("build", "--tag", f"{shop.label}/foreign", str(shop.project.path / "image"))
    docker("run", "--detach", "--name", shop.label, "--label", f"owner={TEXT}", "--env", f"EVIL={TEXT}", f"{shop.label}/foreign")
    refused = on_a_terminal(shop.project, "execute", "--mode", "deploy", "--yes")[1]
    docker("rm", "--force", shop.label)
    dockerfile = shop.project.path / "image" / "Dockerfile"
    dockerfile.write_text(dockerfile.read_text() + f"RUN {json.dumps(['/bin/busybox', 'printf', '%s', TEXT])}\n")
    dockerfile.write_text(dockerfile.read_text() + f"RUN {json.dumps(['/bin/busybox', 'sh', '-c', 'exit 3'])}\n")

    with Terminal(shop.project, *LIVE) as terminal:
        terminal.answer("Deployment failed. What next?", "abort")
        terminal.end()

    assert b"adopt" in refused
    assert b"RESULT FAKED" in on_a_terminal(shop.project, "logs", "latest")[1]
    assert (obeyed(refused), obeyed(terminal.raw), obeyed(on_a_terminal(shop.project, "logs", "latest")[1])) == ([], [], [])
