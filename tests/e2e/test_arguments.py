"""The installed command with `docker` and `git` in front of the real ones that write down how they are called."""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.project import Project

pytestmark = pytest.mark.e2e

DIGEST = "sha256:" + "1" * 64
HOSTILE = ["--help", "-x", "--privileged", "1.0\n--x", "a b", "\x1b[2J"]

# Answers what a dry run and a live run ask: an engine without containers, an image that is built at once.
RECORDER = """
import json, os, sys
with open({log!r}, "a") as log:
    log.write(json.dumps(sys.argv) + "\\n")
words = sys.argv[1:]
if {real!r}:
    os.execv({real!r}, sys.argv)
if words[:1] == ["version"]:
    print(json.dumps({{"Server": {{"Version": "27", "Os": "linux", "Arch": "amd64"}}}}))
elif words[:1] == ["info"]:
    print(json.dumps({{"RegistryConfig": {{}}, "DockerRootDir": "/"}}))
elif words[:1] == ["build"]:
    open(next(word for word in words if word.startswith("--iidfile="))[10:], "w").write({digest!r})
"""


class Recorded(Project):
    """A project with a docker target, whose tools are recorded."""

    @property
    def bin(self) -> Path:
        return self.root / "bin"

    def record(self) -> Recorded:
        self.bin.mkdir()
        for tool, real in (("docker", ""), ("git", shutil.which("git") or "")):
            log = str(self.bin / f"{tool}.log")
            program = self.bin / tool
            text = RECORDER.format(log=log, real=real, digest=DIGEST)
            # A first line cannot name a path with a blank.
            program.write_text(f"#!/bin/sh\n'''exec' \"{sys.executable}\" -SI \"$0\" \"$@\"\n' '''\n{text}")
            program.chmod(0o755)
        self.env["PATH"] = f"{self.bin}:{os.environ['PATH']}"
        (self.path / "Dockerfile").write_text("FROM scratch\n")
        return self

    def calls(self, tool: str) -> list[list[str]]:
        log = self.bin / f"{tool}.log"
        return [json.loads(line)[1:] for line in log.read_text().splitlines()] if log.exists() else []

    def docker_target(self, **config: Any) -> None:
        whole = {"image_name": "shop", "run": {"name": "shop", "stable_s": 0}, **config}
        self.deploy_json.write_text(json.dumps({"version": "1.0", "targets": {"docker": {"primary": True, "config": whole}}}))

    def options(self, tool: str) -> set[str]:
        """Names of all options that *tool* was ever given, as it would see them."""
        found = set()
        for words in self.calls(tool):
            end = words.index("--") if "--" in words else len(words)
            found |= {word.partition("=")[0] for word in words[:end] if word.startswith("-")}
        return found


@pytest.fixture
def recorded(tmp_path: Path) -> Recorded:
    project = Recorded(tmp_path)
    project.make()
    project.git("init", "-q")
    project.commit()
    project.record().docker_target()
    return project


KNOWN_OPTIONS = {
    "docker": {
        "--all", "--build-arg", "--detach", "--file", "--filter", "--format", "--iidfile", "--label", "--name", "--no-trunc",
        "--pull", "--quiet", "--tag", "--env", "--network", "--publish", "--restart", "--volume",
    },
    "git": {
        "--no-pager", "-c", "--porcelain", "--branch", "--no-ahead-behind", "--no-renames", "--untracked-files", "-z",
        "--ignore-submodules", "-1", "--no-show-signature", "--no-color", "--decorate", "--decorate-refs", "--format", "--tags",
        "--match", "--get-regexp",
    },
}  # fmt: skip


def test_odd_but_lawful_names_stay_values(recorded: Recorded) -> None:
    env = {"MODE": "--privileged", "WORDS": "a --b"}
    recorded.docker_target(
        build_args={"ARG": "--help"}, run={"name": "shop", "stable_s": 0, "env": env, "command": ["--serve", "-p", "80"]}
    )

    recorded.run("execute", "--mode", "deploy", "--yes", "--version", "1.0.0+build.5", "--reason", "because; $(id) --yes")

    for tool, known in KNOWN_OPTIONS.items():
        assert recorded.calls(tool), f"{tool} was not called"
        assert recorded.options(tool) <= known
    ran = next(words for words in recorded.calls("docker") if words[0] in ("run", "create"))
    assert ran[ran.index("--") + 1 :] == [DIGEST, "--serve", "-p", "80"]
    assert "--env=MODE=--privileged" in ran


# Blanks belong into a reason and a name.
ASKED = [
    (option, value)
    for option in ("--version", "--environment", "--target", "--actor", "--reason", "--plan")
    for value in HOSTILE
    if (option, value) not in (("--actor", "a b"), ("--reason", "a b"))
]


@pytest.mark.parametrize(("option", "value"), ASKED)
def test_the_command_line_refuses_hostile_values(recorded: Recorded, option: str, value: str) -> None:
    done = recorded.run("execute", "--mode", "deploy", "--yes", option, value)

    assert done.code == 2
    assert "Traceback" not in done.err
    assert "\x1b" not in done.out + done.err
    assert recorded.calls("docker") == []


@pytest.mark.parametrize("value", [value for value in HOSTILE if value != "a b"])
@pytest.mark.parametrize("variable", ["POP_DEPLOY_ENVIRONMENT", "POP_DEPLOY_ACTOR", "POP_DEPLOY_STORE"])
def test_the_environment_is_no_way_around(recorded: Recorded, variable: str, value: str) -> None:
    done = recorded.run("execute", "--mode", "deploy", "--yes", **{variable: value})

    assert done.code == 2
    assert "Traceback" not in done.err
    assert recorded.calls("docker") == []


@pytest.mark.parametrize("value", [*HOSTILE, "$(id)", "1.0/../x", ""])
@pytest.mark.parametrize("file", ["package.json", "pyproject.toml"])
def test_no_file_of_the_project_makes_a_version_of_it(recorded: Recorded, file: str, value: str) -> None:
    (recorded.path / "package.json").unlink()
    shown = json.dumps(value)
    text = (
        json.dumps({"name": "shop", "version": value})
        if file == "package.json"
        else f'[project]\nname = "x"\nversion = {shown}\n'
    )
    (recorded.path / file).write_text(text)

    done = recorded.run("execute", "--mode", "deploy", "--yes")

    assert done.code == 2
    assert "version" in done.err
    assert "Traceback" not in done.err
    assert recorded.calls("docker") == []


@pytest.mark.parametrize(
    "config",
    [
        {"image_name": "--privileged"},
        {"registry": "-x"},
        {"tags": ["--all-tags"]},
        {"build_context": "--file=/etc/passwd"},
        {"dockerfile": "-"},
        {"platforms": ["--push"]},
        {"run": {"name": "--privileged"}},
        {"run": {"name": "shop", "network": "--privileged"}},
        {"run": {"name": "shop", "volumes": ["--privileged"]}},
        {"run": {"name": "shop", "ports": ["--privileged"]}},
        {"run": {"name": "shop", "restart": "--privileged"}},
        {"run": None, "compose": {"project": "-x", "service": "web"}},
        {"run": None, "compose": {"project": "shop", "service": "-x"}},
        {"run": None, "compose": {"project": "shop", "service": "web", "file": "-"}},
        {"build_args": {"--privileged": "x"}},
    ],
)
def test_the_configuration_refuses_hostile_values(recorded: Recorded, config: dict[str, Any]) -> None:
    recorded.docker_target(**config)

    done = recorded.run("execute", "--mode", "deploy", "--yes")

    assert done.code == 2
    assert "targets.docker.config" in done.out + done.err
    assert not [words for words in recorded.calls("docker") if words[0] not in ("version", "info", "container")]


def test_a_hostile_repository_runs_nothing(recorded: Recorded) -> None:
    bait, mark = recorded.root / "bait", recorded.root / "mark"
    bait.write_text(f"#!/bin/sh\necho \"$0 $@\" >> '{mark}'\n")
    bait.chmod(0o755)
    (recorded.path / ".gitattributes").write_text("* filter=evil\n")
    for name in ("filter.evil.clean", "core.fsmonitor", "core.pager", "gpg.program"):
        recorded.git("config", name, str(bait))
    recorded.git("config", "alias.status", f"!{bait}")
    os.utime(recorded.path / "package.json", (1, 1))
    mark.unlink(missing_ok=True)

    done = recorded.run("prepare")

    assert "Traceback" not in done.err
    assert recorded.calls("git")
    assert not mark.exists()
