"""Who deploys, and where."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from orchestrator.adapters import git, identity
from orchestrator.domain.errors import UsageProblem

HOST = os.uname().nodename


def configured(directory: Path, name: str) -> Path:
    subprocess.run(["git", "init", "-q"], cwd=directory, check=True)
    subprocess.run(["git", "config", "user.name", name], cwd=directory, check=True)
    return directory


def test_the_first_that_says_a_name_counts(tmp_path: Path) -> None:
    configured(tmp_path, "Git User")
    environ = {"POP_DEPLOY_ACTOR": "bob", "GITHUB_ACTOR": "cyd", "GITLAB_USER_LOGIN": "dan"}

    assert identity.actor("ann", environ, tmp_path) == f"ann@{HOST}"
    for name, variable in (("bob", "POP_DEPLOY_ACTOR"), ("cyd", "GITHUB_ACTOR"), ("dan", "GITLAB_USER_LOGIN")):
        assert identity.actor(None, environ, tmp_path) == f"{name}@{HOST}"
        del environ[variable]
    assert identity.actor(None, environ, tmp_path) == f"Git User@{HOST}"


def test_what_is_empty_is_not_said(tmp_path: Path) -> None:
    environ = {"POP_DEPLOY_ACTOR": "", "GITHUB_ACTOR": " \n", "GITLAB_USER_LOGIN": "dan"}

    assert identity.actor("  ", environ, tmp_path) == f"dan@{HOST}"


def test_the_login_is_the_last_resort(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    login = subprocess.run(["/usr/bin/id", "-un"], capture_output=True, text=True, check=True).stdout.strip()

    assert identity.actor(None, {}, tmp_path) == f"{login}@{HOST}"


def test_a_user_without_a_name_is_a_number(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setattr(os, "getuid", lambda: 12345678)

    assert identity.actor(None, {}, tmp_path) == f"uid-12345678@{HOST}"
    assert identity.actor(None, {"USER": "eve"}, tmp_path) == f"eve@{HOST}"


@pytest.mark.parametrize("name", ["a\nb", "a\x1b[31m", "a\u202eb", "\ud800", "x" * 201])
def test_refuses_a_chosen_name_that_could_deceive(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageProblem, match=r"^--actor: expected a name on one line"):
        identity.actor(name, {}, tmp_path)
    with pytest.raises(UsageProblem, match=r"^POP_DEPLOY_ACTOR: "):
        identity.actor(None, {"POP_DEPLOY_ACTOR": name}, tmp_path)


def test_cleans_a_name_that_others_chose(tmp_path: Path) -> None:
    configured(tmp_path, "Ann\x1b[31m \u202eÜnal\n" + "x" * 300)

    found = identity.actor(None, {}, tmp_path)

    assert found.startswith("Ann[31m Ünalxxx")
    assert len(found) == 200 + 1 + len(HOST)


def test_git_is_only_asked_when_nobody_else_knows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(git, "user", lambda project: pytest.fail("asked"))

    identity.actor(None, {"GITHUB_ACTOR": "cyd"}, tmp_path)


@pytest.mark.parametrize(
    ("environ", "system"),
    [
        ({}, ""),
        ({"CI": "true"}, "ci"),
        ({"CI": "false"}, ""),
        ({"CI": "true", "GITHUB_ACTIONS": "true"}, "github_actions"),
        ({"GITLAB_CI": "true"}, "gitlab_ci"),
        ({"JENKINS_URL": "http://ci.example/"}, "jenkins"),
        ({"GITHUB_ACTIONS": "false"}, ""),
    ],
)
def test_knows_the_ci_system(environ: dict[str, str], system: str) -> None:
    assert identity.ci(environ) == system


def test_here_is_this_process() -> None:
    facts = identity.here()

    assert (facts.host, facts.pid) == (HOST, os.getpid())
    assert facts.boot_id == Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    assert facts.pid_namespace.startswith("pid:[")
    assert facts == identity.here()


def test_a_later_process_started_later() -> None:
    code = "from orchestrator.adapters import identity; print(identity.here().start_ticks)"
    root = Path(__file__).parents[4]

    child = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=root)

    assert 0 < identity.here().start_ticks <= int(child.stdout)
    assert int(child.stdout) <= float(Path("/proc/uptime").read_text().split()[0]) * os.sysconf("SC_CLK_TCK") + 1


def test_a_system_without_proc_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(identity, "Path", lambda path: Path("/nowhere") / path.lstrip("/"))

    facts = identity.here()

    assert (facts.boot_id, facts.pid_namespace, facts.start_ticks) == ("", "", 0)
