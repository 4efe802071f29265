"""Whole files: what is accepted, what is kept, what stays inside the project."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from orchestrator.config import ConfigError, ConfigMissing, load, parse, resolve
from orchestrator.domain.settings import EnvironmentRules, Freeze, HealthCheck, SecretRef
from tests.unit.orchestrator.config.sample_kinds import KINDS, BoxConfig, Compose, Pause, Size, Weight, read, with_box


def test_reads_every_field_of_a_config_as_its_type() -> None:
    config = {
        "tags": ["latest"], "exclude": ["*.log"], "build": ["make"],
        "env": {"A": "b", "T": {"env": "TOKEN"}, "F": {"file": "/run/t"}},
        "labels": {"a b": "c\nd"}, "keep": 7, "ratio": 1, "debug": True, "order": "last", "size": "large", "token": {"env": "T"},
        "drain_s": 0, "steps": [{"weight": 10}, {"pause_s": 60}, {"pause_s": None}], "command": "make all",
    }  # fmt: skip

    target = resolve(read(with_box(config)), "web", "default")

    assert target.config == BoxConfig(
        image="shop", tags=("latest",), exclude=["*.log"], build=("make",),
        env={"A": "b", "T": SecretRef(env="TOKEN"), "F": SecretRef(file="/run/t")},
        labels={"a b": "c\nd"}, keep=7, ratio=1.0, debug=True, order="last", size=Size.LARGE, token=SecretRef(env="T"),
        drain_s=0.0, steps=(Weight(weight=10.0), Pause(pause_s=60.0), Pause(pause_s=None)), command="make all",
    )  # fmt: skip
    assert isinstance(target.config.ratio, float)


def test_gives_every_field_its_default() -> None:
    target = resolve(read(with_box()), "web", "default")

    assert target.config == BoxConfig(image="shop")
    assert (target.health_check, target.auto_rollback, target.timeout_s, target.adopt, target.url) == (
        None,
        False,
        600.0,
        False,
        "",
    )
    assert (target.enabled, target.primary, target.kind) == (True, False, "box")


def test_reads_the_rules_of_an_environment() -> None:
    freeze = {"from": "2026-12-24T00:00:00Z", "to": "2026-12-27T00:00:00+01:00", "reason": "holidays"}
    document = {"environments": {"production": {"approvals": 2, "auto_rollback": True, "freeze": [freeze], "x-owner": "ops"}}}

    config = read(document)

    expected = Freeze(start="2026-12-24T00:00:00Z", end="2026-12-27T00:00:00+01:00", reason="holidays")
    assert config.environments == {"production": EnvironmentRules(approvals=2, auto_rollback=True, freeze=(expected,))}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"url": "https://shop.example/h?x=1", "headers": {"Authorization": {"env": "T"}}},
         HealthCheck(url="https://shop.example/h?x=1", headers={"Authorization": SecretRef(env="T")})),
        ({"tcp": "localhost:5432", "url": None}, HealthCheck(tcp="localhost:5432")),
        ({"tcp": "[::1]:80"}, HealthCheck(tcp="[::1]:80")),
        ({"command": ["curl", "-f", "x"], "interval_s": 0.5}, HealthCheck(command=("curl", "-f", "x"), interval_s=0.5)),
    ],
)  # fmt: skip
def test_reads_a_health_check(given: dict[str, Any], expected: HealthCheck) -> None:
    assert resolve(read(with_box(health_check=given)), "web", "default").health_check == expected


def test_keeps_unknown_keys_at_the_top_and_own_keys_everywhere() -> None:
    document = with_box({"x-note": [1]}, **{"x-team": {"a": None}}) | {"cicd": {"any": 1}, "x-a": 1}

    config = read(document)

    assert config.extra == {"cicd": {"any": 1}, "x-a": 1}
    assert config.raw == document


def test_keeps_unknown_keys_where_the_kind_allows_them() -> None:
    config = read({"targets": {"loose": {"config": {"level": 1, "unheard-of": True}}, "free": {"config": {"any": [1]}}}})

    assert resolve(config, "loose", "default").config.level == 1
    assert resolve(config, "free", "default").config == {"any": [1]}


def test_checks_the_type_of_a_known_key_where_others_are_allowed() -> None:
    with pytest.raises(ConfigError, match=r'targets\.loose\.config\.level: expected a whole number, got "1"'):
        read({"targets": {"loose": {"config": {"level": "1"}}}})


def test_checks_disabled_targets_as_well() -> None:
    with pytest.raises(ConfigError, match=r"targets\.web\.config\.keep"):
        read(with_box({"keep": 0}, enabled=False))


def test_an_empty_object_is_a_project_without_targets() -> None:
    config = read({})

    assert (config.targets, config.environments, config.history, config.project_name) == ({}, None, (), "project")


@pytest.mark.parametrize("name", ["shop", "My Shop", "@scope/shop", "läden", "shop.example", "x" * 200])
def test_accepts_the_names_that_projects_have(name: str) -> None:
    assert read({"project_name": name}).project_name == name


def test_names_a_project_after_its_directory_when_the_file_does_not(tmp_path: Path) -> None:
    (tmp_path / "my shop").mkdir()

    assert read({}, project_dir=tmp_path / "my shop").project_name == "my shop"


@pytest.mark.parametrize("version", ["1", "1.0", "1.12.3"])
def test_reads_every_version_of_its_own_format(version: str) -> None:
    assert read({"version": version}).top.version == version


@pytest.mark.parametrize(
    ("ci", "provider"),
    [({"provider": "github_actions"}, "github_actions"), ({"provider": None}, None), (None, None), ("x", None)],
)
def test_passes_the_ci_provider_on(ci: object, provider: str | None) -> None:
    assert read({"ci": ci}).ci_provider == provider


def test_does_not_look_into_the_history() -> None:
    assert read({"history": [1, {"version": None}, "x"]}).history == (1, {"version": None}, "x")


def test_loads_a_file(tmp_path: Path) -> None:
    path = tmp_path / "deploy.json"
    path.write_text(json.dumps(with_box()))

    config = load(path, config_types=KINDS.get)

    assert (config.file, list(config.targets)) == ("deploy.json", ["web"])


def test_says_which_file_is_missing(tmp_path: Path) -> None:
    with pytest.raises(ConfigMissing) as caught:
        load(tmp_path / "deploy.json", config_types=KINDS.get)

    assert str(caught.value) == f"{tmp_path}/deploy.json: not found. To write one: pop-deploy init"
    assert isinstance(caught.value, ConfigError)


def test_asks_only_for_the_kinds_that_the_file_names() -> None:
    asked: list[str] = []

    def config_type(kind: str) -> type | None:
        asked.append(kind)
        return KINDS.get(kind)

    parse(json.dumps({"targets": {"loose": {}}}).encode(), "deploy.json", config_types=config_type)

    assert set(asked) == {"loose"}


@pytest.mark.parametrize(
    ("config", "where"),
    [
        ({"source": "../other"}, "source"),
        ({"source": "/"}, "source"),
        ({"shared": ["uploads", "link/x"]}, "shared[1]"),
        ({"compose": {"file": "../compose.yaml"}}, "compose.file"),
        ({"source": ""}, "source"),
    ],
)
def test_refuses_inputs_from_outside_the_project(tmp_path: Path, config: dict[str, Any], where: str) -> None:
    project = tmp_path / "project"
    project.mkdir()
    (project / "link").symlink_to(tmp_path)

    with pytest.raises(ConfigError) as caught:
        read(with_box(config), project_dir=project)

    assert caught.value.path == f"targets.web.config.{where}"
    assert "expected a path inside the project, but " in str(caught.value)


@pytest.mark.parametrize("document", [{"allow_paths": ["../other"]}, {}], ids=["at the top", "in the entry"])
def test_accepts_inputs_from_allowed_paths(tmp_path: Path, document: dict[str, Any]) -> None:
    entry = {} if document else {"allow_paths": [str(tmp_path / "other")]}
    (tmp_path / "project").mkdir()

    config = read(with_box({"source": "../other/public"}, **entry) | document, project_dir=tmp_path / "project")

    assert resolve(config, "web", "default").config.source == "../other/public"


def test_checks_the_inputs_of_overrides(tmp_path: Path) -> None:
    document = with_box(environments={"staging": {"config": {"compose": {"file": "/etc/passwd"}}}})

    with pytest.raises(ConfigError) as caught:
        read(document, project_dir=tmp_path)

    assert caught.value.path == "targets.web.environments.staging.config.compose.file"


def test_completes_an_optional_object_by_an_override() -> None:
    document = with_box({"compose": {"file": "a.yaml"}}, environments={"staging": {"config": {"compose": {"service": "web"}}}})

    assert resolve(read(document), "web", "staging").config.compose == Compose(file="a.yaml", service="web")


def test_importing_and_reading_needs_nothing_beyond_the_standard_library() -> None:
    code = (
        "import sys, json; before = set(sys.modules); import orchestrator.config as c;"
        "c.resolve(c.parse(b'{\"targets\": {\"f\": {}}}', 'deploy.json', config_types={'f': dict}.get), 'f', 'default');"
        "new = {n.partition('.')[0] for n in set(sys.modules) - before};"
        "print(json.dumps(sorted(new - sys.stdlib_module_names)))"
    )

    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env={**os.environ})

    assert json.loads(result.stdout) == ["orchestrator"]
