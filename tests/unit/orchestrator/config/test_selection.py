"""What holds for one deployment: environment, rules, target, digest."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from orchestrator.config import (
    ConfigError,
    UnknownEnvironment,
    UnknownTarget,
    default_target,
    enabled_targets,
    environment_name,
    resolve,
    rules,
)
from orchestrator.domain.errors import UsageProblem
from orchestrator.domain.settings import HealthCheck, SecretRef
from tests.unit.orchestrator.config.sample_kinds import read, with_box

TWO = {"environments": {"staging": {}, "production": {}}}


@pytest.mark.parametrize(
    ("option", "environ", "default", "expected"),
    [
        ("production", {"POP_DEPLOY_ENVIRONMENT": "staging"}, "staging", "production"),
        (None, {"POP_DEPLOY_ENVIRONMENT": "production"}, "staging", "production"),
        (None, {"POP_DEPLOY_ENVIRONMENT": ""}, "staging", "staging"),
        (None, {}, "staging", "staging"),
    ],
)
def test_takes_the_environment_from_the_first_place_that_names_one(
    option: str | None, environ: dict[str, str], default: str, expected: str
) -> None:
    assert environment_name(read({**TWO, "default_environment": default}), option, environ) == expected


@pytest.mark.parametrize("option", [None, "anything"])
def test_any_environment_is_plain_where_none_is_listed(option: str | None) -> None:
    assert environment_name(read({}), option, {}) == (option or "default")


@pytest.mark.parametrize(
    ("option", "environ", "message"),
    [
        ("prodution", {}, 'deploy.json: no environment "prodution", did you mean "production"? It has: staging, production.'),
        (None, {"POP_DEPLOY_ENVIRONMENT": "qa"}, 'deploy.json: no environment "qa". It has: staging, production.'),
        (None, {}, 'deploy.json: no environment "default". It has: staging, production.'),
    ],
)
def test_refuses_an_environment_that_is_not_listed(option: str | None, environ: dict[str, str], message: str) -> None:
    with pytest.raises(UnknownEnvironment) as caught:
        environment_name(read(TWO), option, environ)

    assert str(caught.value) == message
    assert isinstance(caught.value, UsageProblem)


def test_refuses_an_unlisted_name_that_cannot_be_one() -> None:
    with pytest.raises(UsageProblem, match="expected a name of 1 to 63 letters"):
        environment_name(read({}), "../x", {})


@pytest.mark.parametrize(
    ("document", "environment", "expected"),
    [
        ({}, "production", True),
        (TWO, "production", True),
        (TWO, "staging", False),
        ({}, "default", False),
        ({"environments": {"production": {"requires_validation": False}}}, "production", False),
        ({"environments": {"staging": {"requires_validation": True}}}, "staging", True),
    ],
)
def test_only_production_requires_validation_unless_told(document: dict[str, Any], environment: str, expected: bool) -> None:
    assert rules(read(document), environment).requires_validation is expected


def test_has_no_rules_for_an_environment_that_is_not_listed() -> None:
    with pytest.raises(UnknownEnvironment):
        rules(read(TWO), "qa")


@pytest.mark.parametrize(
    ("targets", "expected"),
    [
        ({}, None),
        ({"free": {}}, "free"),
        ({"free": {"enabled": False}}, None),
        ({"free": {}, "loose": {}}, None),
        ({"free": {}, "loose": {"primary": True}}, "loose"),
        ({"free": {}, "loose": {"primary": True, "enabled": False}}, "free"),
        ({"free": {}, "loose": {"enabled": False}}, "free"),
    ],
)
def test_the_default_target_is_the_enabled_primary_else_the_only_enabled_one(
    targets: dict[str, Any], expected: str | None
) -> None:
    assert default_target(read({"targets": targets})) == expected


def test_a_target_can_be_disabled_in_one_environment() -> None:
    config = read({"targets": {"free": {"primary": True, "environments": {"staging": {"enabled": False}}}, "loose": {}}})

    assert enabled_targets(config) == ("free", "loose")
    assert enabled_targets(config, "staging") == ("loose",)
    assert (default_target(config), default_target(config, "staging")) == ("free", "loose")
    assert resolve(config, "free", "staging").enabled is False


def test_suggests_the_nearest_target() -> None:
    with pytest.raises(UnknownTarget) as caught:
        resolve(read({"targets": {"free": {}, "loose": {}}}), "lose", "default")

    assert str(caught.value) == 'deploy.json: no target "lose", did you mean "loose"? It has: free, loose.'
    assert (caught.value.name, caught.value.known) == ("lose", ("free", "loose"))


def test_says_when_there_are_no_targets_at_all() -> None:
    with pytest.raises(UnknownTarget, match=r'no target "docker"\. It has no targets\.$'):
        resolve(read({}), "docker", "default")


def test_refuses_to_resolve_for_an_unlisted_environment() -> None:
    with pytest.raises(UnknownEnvironment):
        resolve(read({**with_box(), **TWO}), "web", "qa")


def test_an_override_merges_objects_and_replaces_everything_else() -> None:
    config = {"tags": ["a", "b"], "env": {"A": "1", "B": "2"}, "keep": 3}
    override = {
        "config": {"tags": ["c"], "env": {"B": "3", "C": "4"}},
        "timeout_s": 5,
        "adopt": True,
        "url": "http://x/{{version}}",
    }

    document = with_box(config, environments={"staging": override})
    staging, default = (resolve(read(document), "web", name) for name in ("staging", "default"))

    assert staging.config.tags == ("c",)
    assert staging.config.env == {"A": "1", "B": "3", "C": "4"}
    assert (staging.config.keep, staging.timeout_s, staging.adopt, staging.url) == (3, 5.0, True, "http://x/{{version}}")
    assert (default.config.tags, default.timeout_s, default.adopt) == (("a", "b"), 600.0, False)


@pytest.mark.parametrize(
    ("below", "above", "expected"),
    [
        ({"env": "A"}, {"file": "b"}, SecretRef(file="b")),
        ({"env": "A"}, {"env": "B"}, SecretRef(env="B")),
        ({"env": "A"}, "plain", "plain"),
        ("plain", {"env": "A"}, SecretRef(env="A")),
    ],
)
def test_an_override_replaces_a_secret_as_a_whole(below: Any, above: Any, expected: Any) -> None:
    document = with_box({"env": {"T": below}}, environments={"staging": {"config": {"env": {"T": above}}}})

    assert resolve(read(document), "web", "staging").config.env == {"T": expected}


def test_an_override_takes_a_health_check_away_with_null() -> None:
    document = with_box(
        health_check={"url": "http://a/", "interval_s": 2},
        environments={"none": {"health_check": None}, "other": {"health_check": {"url": None, "tcp": "a:1"}}},
    )

    config = read(document)

    assert resolve(config, "web", "none").health_check is None
    assert resolve(config, "web", "other").health_check == HealthCheck(tcp="a:1", interval_s=2.0)


def test_overrides_leave_the_file_as_it_is() -> None:
    document = with_box({"env": {"A": "1"}}, environments={"staging": {"config": {"env": {"A": "2"}}}})
    config = read(document)

    resolve(config, "web", "staging")

    assert config.raw == document


@pytest.mark.parametrize(
    ("target", "environment", "expected"),
    [(None, None, False), (None, True, True), (False, True, False), (True, False, True), (True, None, True)],
)
def test_the_targets_word_on_rollback_counts_before_the_environments(
    target: bool | None, environment: bool | None, expected: bool
) -> None:
    document = {**with_box(auto_rollback=target), "environments": {"production": {"auto_rollback": environment}}}

    assert resolve(read(document), "web", "production").auto_rollback is expected


def digest(document: dict[str, Any], environment: str = "default") -> str:
    return resolve(read(document), "web", environment).digest


def test_the_digest_stays_when_nothing_of_the_target_changes() -> None:
    before = digest(with_box({"keep": 3, "tags": ["a"]}))

    assert before.startswith("sha256:")
    assert len(before) == len("sha256:") + 64
    reordered = {"targets": {"web": {"config": {"tags": ["a"], "keep": 3, "image": "shop"}, "type": "box"}}}
    assert digest(reordered) == before
    others = with_box({"keep": 3, "tags": ["a"]}) | {"history": [{"version": "1"}], "x-a": 1}
    assert digest({**others, "targets": {**others["targets"], "free": {}}}) == before


@pytest.mark.parametrize(
    "changed",
    [
        with_box({"keep": 4}),
        with_box({"keep": 3}, timeout_s=5),
        with_box({"keep": 3}, hooks={"before_deploy": [["true"]]}),
        {**with_box({"keep": 3}), "environments": {"default": {"approvals": 1}}},
        with_box({"keep": 3}, environments={"default": {"config": {"keep": 9}}}),
    ],
)
def test_the_digest_covers_the_entry_its_overrides_and_the_rules(changed: dict[str, Any]) -> None:
    assert digest(changed) != digest(with_box({"keep": 3}))


def test_the_digest_ignores_overrides_of_other_environments() -> None:
    assert digest(with_box(environments={"staging": {"timeout_s": 5}})) == digest(with_box())


def test_checks_inputs_again_when_a_deployment_needs_them(tmp_path: Path) -> None:
    project = tmp_path / "project"
    (project / "public").mkdir(parents=True)
    config = read(with_box({"source": "public"}), project_dir=project)
    (project / "public").rmdir()
    (project / "public").symlink_to(tmp_path)

    with pytest.raises(ConfigError, match=r"^deploy\.json: targets\.web\.config\.source: expected a path inside the project"):
        resolve(config, "web", "default")
