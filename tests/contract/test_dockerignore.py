"""A real engine receives exactly the files that our reading of .dockerignore says it does."""

import subprocess
import tarfile
from pathlib import Path

import pytest

from orchestrator.domain.dockerignore import DockerIgnore
from tests.backends.docker import docker

FILES = [
    "a.log",
    "README.md",
    "OTHER.md",
    "docs/x.md",
    "docs/keep/y.md",
    "docs/deep/keep/z.md",
    "logs/b.log",
    "logs/c.txt",
    "src/main.c",
    "src/main.tmp",
    "src/été/x",
    "with blank/f",
    "a*b",
    "axb",
]

RULES = [
    "*.log",
    "**/*.log",
    "**.md",
    "docs\n!docs/keep",
    "docs/**\n!docs/keep/*.md",
    "docs\n!**/keep",
    "*\n!src\nsrc/*.tmp",
    "*/*\n!src/m*.c",
    "**\n!*.md\nOTHER.md",
    "with blank\nsrc/été\n# src",
    "a\\*b",
    "[^a-r]*\n!**/main.?",
    "/src/\n./logs",
]


@pytest.mark.docker
def test_a_real_engine_receives_what_the_rules_say(tmp_path: Path, docker_label: str) -> None:
    for number, rules in enumerate(RULES):
        context = tmp_path / str(number)
        write(context, rules)

        received = receive(context, f"{docker_label}:{number}")

        matcher = DockerIgnore.parse(rules)
        assert received == sorted(name for name in FILES if not matcher.skips(name)), rules


def write(context: Path, rules: str) -> None:
    for name in FILES:
        (context / name).parent.mkdir(parents=True, exist_ok=True)
        (context / name).write_text(name)
    (context / ".dockerignore").write_text(rules)


def receive(context: Path, image: str) -> list[str]:
    """The names that a build of *context* can copy."""
    recipe = context.with_suffix(".dockerfile")
    recipe.write_text('FROM scratch\nCOPY . /context/\nCMD ["none"]\n')
    built = docker("build", "--tag", image, "--file", str(recipe), str(context))
    assert built.returncode == 0, built.stderr
    container = docker("create", "--name", image.replace(":", "-"), image).stdout.strip()
    exported = context.with_suffix(".tar")
    with exported.open("wb") as file:
        subprocess.run(["docker", "export", container], stdout=file, check=True, timeout=60)
    with tarfile.open(exported) as tar:
        names = [entry.name.removeprefix("context/") for entry in tar if entry.isfile() and entry.name.startswith("context/")]
    return sorted(name for name in names if name != ".dockerignore")
