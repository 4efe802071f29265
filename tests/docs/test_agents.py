"""The agent's session in the documentation is run, with a real kill in its middle, and the skill's commands in their order."""

from __future__ import annotations

import re
import shlex
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from orchestrator.cli.main import COMMANDS
from tests.docs.helped import every_command, parse
from tests.docs.pages import ROOT, Block, blocks, commands, read
from tests.docs.test_readme import pattern, plain
from tests.e2e.project import DEADLINE_S, ID, Gate, Project, Ran

SESSION = blocks(read(ROOT / "docs" / "agents.md"), "console")
SKILL = read(ROOT / "examples" / "skill" / "SKILL.md")
KILLED = "Killed\n"


def typed(block: Block) -> Iterator[tuple[str, str]]:
    """Each command of a block with the output that is shown below it."""
    for part in ("\n" + block.text).split("\n$ ")[1:]:
        command, _, shown = part.partition("\n")
        yield command, shown if shown.endswith("\n") or not shown else f"{shown}\n"


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """Its hook does what stands in ``hold``, once that is there."""
    made = Project(tmp_path).make()
    hold = shlex.quote(str(tmp_path / "hold"))
    made.configure(local={"hooks": {"before_deploy": [["sh", "-c", f"test ! -e {hold} || . {hold}"]]}})
    return made


@pytest.mark.e2e
def test_the_session_is_what_happens(project: Project) -> None:
    last, named = Ran(0, "", ""), ""

    for command, shown in (each for block in SESSION for each in typed(block)):
        if command == "echo $?":
            assert last.code % 256 == int(shown), last
            continue
        words = shlex.split(re.sub(ID, named or "no ID is known yet", command))[1:]
        last = killed(project, *words) if shown == KILLED else project.run(*words)
        named = named or re.findall(ID, last.out)[0]
        if shown != KILLED:
            assert re.fullmatch(pattern(shown), plain(last.out), re.DOTALL), f"{command}\n{plain(last.out)}\n--- shown:\n{shown}"
    assert project.live == "hello"
    assert len(project.deployments()) == 1


def test_the_session_shows_every_thing_that_an_agent_has_to_know() -> None:
    commands_shown = [command for block in SESSION for command, _ in typed(block)]

    assert [word for word in ("execute", "decide", "resume") if any(f"pop-deploy {word}" in each for each in commands_shown)] == [
        "execute",
        "decide",
        "resume",
    ]
    assert {shown.strip() for block in SESSION for command, shown in typed(block) if command == "echo $?"} >= {"0", "3"}


def killed(project: Project, *words: str) -> Ran:
    """*words* run and killed while a step waits at its gate, as a shell reports it; the step goes through afterwards."""
    gate = Gate(project.root / "gate")
    script = project.root / "hold"
    script.write_text(shlex.join(gate.hook))
    try:
        process = project.start(*words)
        gate.wait()
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=DEADLINE_S)
        gate.open()
    finally:
        gate.close()
    return Ran(128 + signal.SIGKILL, "", "")


# --- the skill --------------------------------------------------------------------------


def test_the_skill_says_what_it_is_and_when_to_use_it() -> None:
    front = dict(line.split(": ", 1) for line in SKILL.split("---\n")[1].splitlines())

    assert set(front) == {"name", "description"}
    assert front["name"] == "pop-deploy"
    assert len(front["description"]) <= 1024


def test_every_command_of_the_skill_is_one_that_pop_deploy_takes() -> None:
    found = list(commands(SKILL))

    assert len(found) >= 12
    for words in found:
        parse(words)


def test_the_skill_asks_for_json_wherever_it_runs_something() -> None:
    run = [words for block in blocks(SKILL, "sh") for words in commands(f"```sh\n{block.text}```\n")]

    assert [words for words in run if "--json" not in words] == []


def test_the_skill_knows_every_exit_code() -> None:
    assert re.findall(r"^\| (\d) \|", SKILL, re.MULTILINE) == [str(code) for code in range(9)]


def test_the_skill_names_commands_that_exist() -> None:
    named = {words[0] for words in commands(SKILL) if words and not words[0].startswith("-")}

    assert named <= set(COMMANDS)
    assert every_command()


@pytest.mark.e2e
def test_the_skills_commands_lead_from_a_bare_project_to_a_live_release(tmp_path: Path) -> None:
    project = Project(tmp_path, env={"XDG_DATA_HOME": str(tmp_path / "data")})
    (project.path / "public").mkdir(parents=True)
    project.write_source("hello")
    project.set_version("1.0.0")
    codes: list[tuple[str, int]] = []
    documents: list[dict[str, Any]] = []
    deployment_id = ""

    for words in (words for block in blocks(SKILL, "sh") for words in commands(f"```sh\n{block.text}```\n")):
        done = project.run(*[deployment_id if word == "ID" else word for word in words])
        document = done.json()
        asked = document.get("decision_required", {})
        deployment_id = asked.get("deployment_id") or document.get("deployment_id") or deployment_id
        codes.append((words[0], done.code))
        assert done.code in {0, 3} or words[0] == "validate", done.out + done.err
        documents.append(document)

    assert codes[:7] == [
        ("--json", 0),
        ("init", 0),
        ("execute", 0),
        ("execute", 3),
        ("decide", 0),
        ("execute", 0),
        ("workflow", 0),
    ]
    asked = documents[3]["decision_required"]
    assert asked["decision_id"] == "confirm_deploy"
    assert asked["answer_with"].endswith(f"&& pop-deploy execute {asked['deployment_id']}")
    assert (documents[5]["result"], documents[5]["deployment_id"]) == ("SUCCESS", asked["deployment_id"])
    assert {code for word, code in codes if word != "validate"} == {0, 3}
