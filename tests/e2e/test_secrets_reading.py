"""Errors of commands that only read hide what deploy.json says to be secret, although nothing of it was opened."""

from __future__ import annotations

import json

import pytest

from tests.e2e.project import Project

pytestmark = pytest.mark.e2e

VALUE = "Zq7-not-a-known-shape-4711"
COMMANDS = (("show", VALUE), ("logs", VALUE), ("replay", VALUE), ("show", VALUE, "--json"), ("history", "--status", VALUE))


@pytest.fixture
def secretive(live: Project) -> Project:
    """A variable, a file and a pattern are secret."""
    entry = json.loads(live.deploy_json.read_text())["targets"]["local"]
    (live.path / "token").write_text(f"file-{VALUE}\n")
    env = {"TOKEN": {"env": "SHOP_TOKEN"}, "OTHER": {"file": "token"}}
    live.configure(top={"redact": ["internal-[a-z]+"]}, local={"config": {**entry["config"], "env": env}})
    return live


@pytest.mark.parametrize("words", COMMANDS)
def test_what_a_reference_leads_to(secretive: Project, words: tuple[str, ...]) -> None:
    done = secretive.run(*words, SHOP_TOKEN=VALUE)

    assert done.code == 2
    assert VALUE not in done.out + done.err
    assert "***" in done.out + done.err


def test_the_contents_of_a_file_and_what_a_pattern_matches(secretive: Project) -> None:
    assert f"file-{VALUE}" not in secretive.run("show", f"file-{VALUE}").err
    assert "internal-name" not in secretive.run("show", "internal-name").err


def test_also_beside_mistakes_in_the_file_and_from_another_directory(secretive: Project) -> None:
    secretive.configure(web={"type": "locale"})

    here = secretive.run("show", "internal-name")
    elsewhere = secretive.run("show", "internal-name", "--dir", str(secretive.path), cwd=secretive.root)

    assert "internal-name" not in here.err + elsewhere.err
    assert here.code == elsewhere.code == 2


def test_a_file_that_is_no_json_hides_no_error(secretive: Project) -> None:
    secretive.deploy_json.write_text("{ my notes")

    assert "no deployment" in secretive.run("show", "nothing").err
