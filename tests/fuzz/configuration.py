"""The bytes of a deploy.json -> a configuration, a target and its plan; or a `ConfigError` that can be printed."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

from hypothesis import strategies as st

from orchestrator.config import ConfigError, ProjectConfig, default_target, parse, resolve, rules
from orchestrator.domain.errors import PopDeployError
from orchestrator.domain.plan import Mode, Slot
from orchestrator.targets import registry
from orchestrator.targets.base import Request
from tests.contract.harness import plain_tools
from tests.fuzz.running import Fuzzer, room
from tests.fuzz.values import as_bytes, flipped, spoiled

DATA = Path(__file__).parents[1] / "data"
DOCUMENTS = [json.loads((DATA / name).read_text(encoding="utf-8")) for name in ("deploy-full.json", "deploy-skill.json")]
TEXTS = [(DATA / name).read_bytes() for name in ("deploy-full.json", "deploy-skill.json")]


@cache
def project() -> Path:
    """A project with links that lead everywhere; it is only read."""
    root = room() / "project"
    (root / "public").mkdir(parents=True)
    (root / "out").symlink_to("/etc")
    (root / "loop").symlink_to("loop")
    return root


def check(raw: bytes) -> None:
    """Everything that a command does with a configuration before it asks a target."""
    try:
        config = parse(raw, "deploy.json", config_types=registry.config_type, kinds=registry.KINDS, project_dir=project())
    except ConfigError as error:
        assert str(error).startswith("deploy.json: ")
        assert all(line.isprintable() for line in str(error).split("\n")), "a message that a terminal might obey"
        raise
    for environment in (*(config.environments or ("production", "staging")), "default"):
        _use(config, environment)


def _use(config: ProjectConfig, environment: str) -> None:
    try:
        rules(config, environment)
        default_target(config, environment)
    except PopDeployError:
        return
    for name in config.targets:
        settings = resolve(config, name, environment)
        try:
            tools = plain_tools(project(), Slot(config.project_name, environment, name), None, settings.allow_paths)
            target = registry.create(settings.kind, settings.config, settings, tools)
            assert target.plan(_request()).digest.startswith("sha256:")
            target.input_paths()
        except PopDeployError:
            continue


def _request() -> Request:
    return Request(
        version="1.0.0+a", mode=Mode.DEPLOY, commit_sha=None, source_digest=None, observed=None, reference=None, inputs={}
    )


FUZZERS = (
    Fuzzer("deploy.json, values spoiled", 18, spoiled(DOCUMENTS).map(as_bytes), check),
    Fuzzer("deploy.json, bytes spoiled", 8, flipped(TEXTS) | st.binary(max_size=64), check),
)
