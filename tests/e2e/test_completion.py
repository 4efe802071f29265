"""Shells complete what can be typed: a real bash with the printed script; zsh and fish by what their scripts ask the program."""

from __future__ import annotations

import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from orchestrator.cli.main import COMMANDS
from tests.e2e.project import BIN, Project

pytestmark = pytest.mark.e2e


def in_bash(project: Project, *words: str) -> list[str]:
    """What bash offers for the last of *words* after ``pop-deploy``; nothing may be said beside it."""
    # The array holds what was typed, quotes and all.
    typed = " ".join(shlex.quote(word and shlex.quote(word)) for word in ("pop-deploy", *words))
    script = (
        "source <(pop-deploy completion bash)\n"
        f"COMP_WORDS=({typed}) COMP_CWORD={len(words)}\n"
        "_pop_deploy_completion pop-deploy\n"
        'printf "%s\\n" "${COMPREPLY[@]}"\n'
    )
    done = subprocess.run(
        ["bash", "--norc", "-c", script],
        cwd=project.path,
        env=project.environ(PATH=f"{BIN}:{project.environ()['PATH']}"),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stderr == ""
    return done.stdout.split()


def test_bash_completes_commands(project: Project) -> None:
    assert in_bash(project, "ver") == ["verify"]
    assert in_bash(project, "") == list(COMMANDS)
    assert in_bash(project, "store", "ch") == ["check"]


def test_bash_completes_options_and_their_choices(project: Project) -> None:
    assert {"--target", "--mode", "--json"} <= set(in_bash(project, "execute", "--"))
    assert in_bash(project, "execute", "--mode", "") == ["dry_run", "deploy", "canary"]


def test_bash_completes_targets_and_environments(project: Project) -> None:
    project.fake("lab", steps=1)
    project.configure(top={"environments": {"staging": {}, "production": {}}})

    assert in_bash(project, "execute", "--target", "") == ["local", "lab"]
    assert in_bash(project, "verify", "-t", "la") == ["lab"]
    assert in_bash(project, "history", "--environment", "st") == ["staging"]


def test_bash_completes_the_targets_of_another_directory(project: Project, tmp_path: Path) -> None:
    other = Project(tmp_path / "elsewhere").make()
    other.fake("lab", steps=1)

    assert in_bash(project, "execute", "--dir", str(other.path), "--target", "l") == ["local", "lab"]


def test_bash_completes_deployment_ids(live: Project) -> None:
    live.deploy("1.1.0")
    newest = live.last.id

    assert in_bash(live, "show", "")[:2] == ["latest", newest]
    assert in_bash(live, "decide", newest[:-1]) == [newest]


def test_completing_makes_no_store_and_no_directory(project: Project) -> None:
    before = sorted(project.root.rglob("*"))

    assert in_bash(project, "show", "") == []
    assert [path for path in sorted(project.root.rglob("*")) if path not in before and path.name != "home"] == []


@pytest.mark.parametrize("content", ["{ not json", "[]", '{"targets": 7}'])
def test_a_broken_file_is_no_reason_to_speak(project: Project, content: str) -> None:
    project.deploy_json.write_text(content)

    assert in_bash(project, "execute", "--target", "") == []


def test_a_store_on_a_server_is_not_asked_while_somebody_types(project: Project) -> None:
    assert in_bash(project, "show", "--store", "postgresql+psycopg://nobody@127.0.0.1:1/none", "") == []


@pytest.mark.parametrize(
    ("shell", "word", "answer"),
    [("zsh", "1", ["plain", "verify", COMMANDS["verify"]]), ("fish", "ver", [f"plain,verify\t{COMMANDS['verify']}"])],
)
def test_other_shells_get_command_and_help(project: Project, shell: str, word: str, answer: list[str]) -> None:
    script = project.run("completion", shell)

    offered = project.run(_POP_DEPLOY_COMPLETE=f"{shell}_complete", COMP_WORDS="pop-deploy ver", COMP_CWORD=word)

    assert f"_POP_DEPLOY_COMPLETE={shell}_complete" in script.out
    assert offered.out.splitlines() == answer


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_shell_itself_can_read_the_script(project: Project, shell: str) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed here")
    done = subprocess.run([shell, "-n"], input=project.run("completion", shell).out, capture_output=True, text=True, check=False)

    assert (done.returncode, done.stderr) == (0, "")


def test_programs_get_the_script_as_data(project: Project) -> None:
    done = project.run("completion", "bash", "--json").json("completion")

    assert done["shell"] == "bash"
    assert "complete -o nosort -F _pop_deploy_completion pop-deploy" in done["script"]


def test_a_shell_that_is_unknown_is_refused_with_those_that_are_known(project: Project) -> None:
    done = project.run("completion", "tcsh")

    assert done.code == 2
    assert "'bash', 'zsh', 'fish'" in done.err
