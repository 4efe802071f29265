"""What the README shows is what happens: its transcript and its quick start are run, in projects of their own."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from examples import demo
from orchestrator import __version__
from orchestrator.cli import errors
from tests.docs.pages import ROOT, Block, blocks, read
from tests.published import check_printed

README = read(ROOT / "README.md")
TRANSCRIPT, QUICK_START = blocks(README, "console")[:2]
LEFT_OUT = "[...]"

_VARIES = (
    (re.compile(r"deploy-\d{8}-\d{6}-[a-z0-9]{4}"), "deploy-ID"),
    (re.compile(r"sha256:[0-9a-f]{12,64}"), "sha256:DIGEST"),
    (re.compile(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d(:\d\d(\.\d+)?)?"), "TIME"),
    (re.compile(r"after \d+ (try|tries)"), "after N tries"),
    (re.compile(r"\b\d+(\.\d+)?( ?ms| ?s|m \d+s)\b"), "DURATION"),
)


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Path]:
    """The demo's project, with 1.0.0 live."""
    project, place = tmp_path / "my shop", tmp_path / "srv"
    demo.write_project(project, place, demo.free_port())
    assert pop_deploy(project, "execute", "--mode", "deploy", "--yes").returncode == errors.DONE
    yield project
    demo.stop_service(place)


@pytest.mark.e2e
def test_the_transcript_is_what_happens(shop: Path) -> None:
    command, _, shown = TRANSCRIPT.text.removeprefix("$ ").partition("\n")
    demo.write_version(shop, "1.1.0")

    done = pop_deploy(shop, *shlex.split(command)[1:])

    assert re.fullmatch(pattern(shown), plain(done.stdout), re.DOTALL), f"{plain(done.stdout)}\n--- shown:\n{plain(shown)}"
    assert done.returncode == errors.ROLLED_BACK


def test_the_transcript_is_short_and_at_the_top() -> None:
    lines = [line for line in TRANSCRIPT.text.splitlines() if line.strip()]

    assert 15 <= len(lines) <= 22
    assert README.index("```console") < README.index("\n## ")


def test_a_transcript_that_is_not_what_happens_is_found() -> None:
    said = plain("Steps:\n  [1/2] Copying release... done (5ms)\n\nResult: SUCCESS\n")

    assert re.fullmatch(pattern("Steps:\n  [1/2] Copying release... done (31ms)\n[...]\nResult: SUCCESS\n"), said, re.DOTALL)
    assert not re.fullmatch(pattern("Steps:\n  [1/2] Copying release... done (5ms)\n\nResult: FAILED\n"), said, re.DOTALL)
    assert not re.fullmatch(pattern("Steps:\nResult: SUCCESS\n"), said, re.DOTALL)


@pytest.mark.e2e
def test_the_quick_start_works_in_a_project_that_knows_nothing_of_us(tmp_path: Path) -> None:
    project = tmp_path / "site"
    (project / "public").mkdir(parents=True)
    (project / "public" / "index.html").write_text("hello\n")
    (project / "package.json").write_text('{"name": "site", "version": "1.0.0", "private": true}\n')

    for words in typed(QUICK_START):
        done = pop_deploy(project, *words[1:], HOME=str(tmp_path), XDG_DATA_HOME=str(tmp_path / "data"))
        assert done.returncode == errors.DONE, f"{words}\n{done.stdout}\n{done.stderr}"

    assert "Result: SUCCESS" in pop_deploy(project, "show", "latest").stdout


def test_the_wheel_is_called_what_it_is_called() -> None:
    assert re.findall(r"pop_deploy-[^-]+-py3-none-any\.whl", README) == [f"pop_deploy-{__version__}-py3-none-any.whl"]


def test_the_table_of_exit_codes_is_complete() -> None:
    _, _, section = README.partition("\n## Exit codes\n")
    rows = re.findall(r"^\| (\d) \| (.+) \|$", section.partition("\n## ")[0], re.MULTILINE)

    in_code = re.findall(r"^\| (\d) \| (.+) \|$", errors.__doc__ or "", re.MULTILINE)
    assert [code for code, _ in rows] == [code for code, _ in in_code] == [str(code) for code in range(9)]


def typed(block: Block) -> list[list[str]]:
    return [shlex.split(line.removeprefix("$ "), comments=True) for line in block.text.splitlines() if line.startswith("$ ")]


def plain(text: str) -> str:
    """*text* without what is different each time."""
    for varies, name in _VARIES:
        text = varies.sub(name, text)
    return text


def pattern(shown: str) -> str:
    """A regular expression for output like *shown*; ``[...]`` stands for any lines, and what follows the end may be left out."""
    lines = [".*" if line == LEFT_OUT else re.escape(line) for line in plain(shown).splitlines()]
    return "\n".join(lines) + "\n.*"


def pop_deploy(project: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    program = Path(sys.executable).with_name("pop-deploy")
    done = subprocess.run(
        [str(program), *words],
        cwd=project,
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    check_printed(words, done.stdout)
    return done
