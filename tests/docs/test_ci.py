"""The examples for CI systems: they are YAML, their shell is shell, and every pop-deploy command in them is one."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from tests.docs.helped import parse
from tests.docs.pages import ROOT, commands, read

EXAMPLES = sorted((ROOT / "examples" / "ci").glob("*.yml"))
EACH = pytest.mark.parametrize("example", EXAMPLES, ids=[path.name for path in EXAMPLES])


def scripts(document: Any) -> Iterator[str]:
    """Every shell script of a pipeline: ``run`` of a step, the lines of ``script`` and its kin."""
    if isinstance(document, dict):
        for key, value in document.items():
            if key == "run":
                yield value
            elif key in {"script", "after_script", "before_script"}:
                yield "\n".join(value)
            else:
                yield from scripts(value)
    elif isinstance(document, list):
        for each in document:
            yield from scripts(each)


def run_of(path: Path) -> list[list[str]]:
    """The words of each pop-deploy command, redirections left out."""
    text = "\n".join(re.sub(r"\$\{\{[^}]*\}\}", "value", script) for script in scripts(yaml.safe_load(read(path))))
    plain = re.sub(r"\$\((.*)\)", r"; \1", text).replace("$plan", "sha256:3f2a91c0")
    found = commands(f"```sh\n{plain}\n```\n")
    return [[word for word in words if word != "then"] for words in found]


@EACH
def test_every_command_is_one_that_pop_deploy_takes(example: Path) -> None:
    found = run_of(example)

    assert {"validate", "execute", "show"} <= {words[0] for words in found}
    for words in found:
        parse(words)


@EACH
def test_the_shell_is_shell(example: Path) -> None:
    for script in scripts(yaml.safe_load(read(example))):
        plain = re.sub(r"\$\{\{[^}]*\}\}", "value", script)

        assert subprocess.run(["bash", "-n"], input=plain.encode(), capture_output=True, check=False).stderr == b""


@EACH
def test_a_live_deployment_is_confirmed_and_no_job_is_cancelled_for_a_newer_one(example: Path) -> None:
    live = [words for words in run_of(example) if words[0] == "execute" and "dry_run" not in words]

    assert live
    assert all({"--yes", "--wait", "--reason", "--json"} <= set(words) for words in live)
    assert "cancel-in-progress: false" in read(example) or "interruptible: false" in read(example)


def test_a_command_that_does_not_exist_is_found(tmp_path: Path) -> None:
    wrong = tmp_path / "ci.yml"
    wrong.write_text("jobs:\n  x:\n    steps:\n      - run: pop-deploy execute --confirm > result.json\n")

    with pytest.raises(click.UsageError, match="--confirm"):
        parse(run_of(wrong)[0])
