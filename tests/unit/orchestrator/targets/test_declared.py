"""Kinds that can be configured only: their fields, and real files that name them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from orchestrator.config import ConfigError, ProjectConfig, parse, resolve
from orchestrator.config.schema import json_schema, schema_text
from orchestrator.targets import registry
from orchestrator.targets.canary_config import CanaryCheck, Pause, Weight

ROOT = Path(__file__).parents[4]
DATA = ROOT / "tests" / "data"
KUBERNETES = {"image_name": "shop", "context": "prod", "namespace": "shop", "deployment": "web", "manifests": "k8s"}
SWARM = {"image_name": "shop", "service": "shop"}
SKILL_KINDS = ("docker", "npm", "pypi", "vercel", "netlify", "github_releases")


def read(document: dict[str, Any], **options: Any) -> ProjectConfig:
    raw = json.dumps(document).encode()
    return parse(raw, "deploy.json", config_types=registry.config_type, kinds=registry.KINDS, **options)


def example(name: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((DATA / name).read_text(encoding="utf-8"))
    return document


def target(kind: str, config: dict[str, Any]) -> dict[str, Any]:
    return {"targets": {kind: {"config": config}}}


@pytest.mark.parametrize("environment", ["staging", "production"])
def test_accepts_the_full_example(tmp_path: Path, environment: str) -> None:
    config = read(example("deploy-full.json"), project_dir=tmp_path)

    kinds = {name: resolve(config, name, environment).kind for name in config.targets}
    assert kinds == {"local": "local", "docker": "docker", "web-swarm": "swarm", "web-k8s": "kubernetes"}
    assert resolve(config, "local", environment).config.path == ("/srv/shop-staging" if environment == "staging" else "/srv/shop")


def test_reads_the_canary_of_the_full_example() -> None:
    canary = resolve(read(example("deploy-full.json")), "web-swarm", "staging").config.canary

    assert canary.steps == (Weight(weight=10.0), Pause(pause_s=60.0), Weight(weight=50.0), Pause(pause_s=None))
    assert isinstance(canary.checks[0], CanaryCheck)
    assert (canary.checks[0].max, canary.checks[0].min, canary.deadline_s) == (0.01, None, 600.0)


def test_accepts_a_file_of_the_deploy_skill(tmp_path: Path) -> None:
    config = read(example("deploy-skill.json"), project_dir=tmp_path)

    assert tuple(config.targets) == SKILL_KINDS
    assert all(resolve(config, name, "default").kind == name for name in SKILL_KINDS)
    assert (config.project_name, config.ci_provider) == ("My Shop", "github_actions")


@pytest.mark.parametrize("kind", SKILL_KINDS)
def test_accepts_each_kind_of_the_deploy_skill_alone(kind: str) -> None:
    document = example("deploy-skill.json")
    document["targets"] = {kind: document["targets"][kind]}
    document["ci"] = {"provider": None, "triggers": {}, "manual_only": True}

    assert read(document).ci_provider is None


@pytest.mark.parametrize("kind", [kind for kind in registry.KINDS if registry.KINDS[kind].factory is None])
def test_accepts_an_empty_config(kind: str) -> None:
    assert resolve(read(target(kind, {})), kind, "default").kind == kind


@pytest.mark.parametrize("kind", ["npm", "pypi", "vercel", "netlify", "github_releases"])
def test_ignores_fields_that_only_the_deploy_skill_knows(kind: str) -> None:
    assert read(target(kind, {"of_a_later_skill": {"a": [1]}})).raw["targets"][kind]["config"] == {"of_a_later_skill": {"a": [1]}}


@pytest.mark.parametrize(
    ("kind", "config", "message"),
    [
        ("npm", {"access": "private"}, 'access: expected one of "public", "restricted", got "private"'),
        ("npm", {"dry_run": "no"}, 'dry_run: expected true or false, got "no"'),
        ("pypi", {"distributions": ["egg"]}, 'distributions[0]: expected one of "wheel", "sdist", got "egg"'),
        ("vercel", {"environment_variables": {"A": 5}},
         'environment_variables.A: expected a string or {"env": "NAME"} or {"file": "path"}, got a number'),
        ("netlify", {"publish_directory": ["dist"]}, "publish_directory: expected a string, got a list"),
        ("github_releases", {"assets": [{"name": "a"}]}, "assets[0].path: expected a string, got nothing"),
        ("github_releases", {"draft": None}, "draft: expected true or false, got null"),
        ("swarm", {**SWARM, "replicas": -1}, "replicas: expected a number from 0 to 10000, got -1"),
        ("swarm", {**SWARM, "replica": 1}, 'replica: unknown key, did you mean "replicas"?'),
        ("swarm", {**SWARM, "update": {"order": "first"}},
         'update.order: expected one of "start-first", "stop-first", got "first"'),
        ("swarm", {**SWARM, "canary": {"steps": [{"weight": 101}]}},
         "canary.steps[0].weight: expected a number from 1 to 99, got 101"),
        ("kubernetes", {**KUBERNETES, "canary": {"checks": [{"name": "a", "max": 1}]}},
         "canary.checks[0]: expected exactly one of prometheus, http and command, got none"),
        ("kubernetes", {**KUBERNETES, "canary": {"checks": [{"name": "a", "command": ["x"]}]}},
         "canary.checks[0]: expected min, max or max_ratio_to_stable, got none of them"),
        ("kubernetes", {**KUBERNETES, "namespce": "x"}, 'namespce: unknown key, did you mean "namespace"?'),
    ],
)  # fmt: skip
def test_names_what_is_wrong_with_a_known_field(kind: str, config: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read(target(kind, config))

    assert str(caught.value) == f"deploy.json: targets.{kind}.config.{message}"


def test_kubernetes_manifests_stay_in_the_project(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"targets\.kubernetes\.config\.manifests: expected a path inside the project"):
        read(target("kubernetes", {**KUBERNETES, "manifests": "../k8s"}), project_dir=tmp_path)


@pytest.mark.parametrize("name", ["deploy-full.json", "deploy-skill.json"])
def test_the_schema_accepts_the_examples(name: str) -> None:
    validator = Draft202012Validator(json_schema(registry.config_types()))

    assert [error.message for error in validator.iter_errors(example(name))] == []


def test_the_published_schema_is_current() -> None:
    published = (ROOT / "docs" / "schemas" / "deploy.json").read_text(encoding="utf-8")

    assert published == schema_text(registry.config_types()), "run: python scripts/write_schema.py"
