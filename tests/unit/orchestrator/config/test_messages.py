"""A mistake in a deploy.json -> the exact message: file, path of the field, what was expected, what was found."""

from __future__ import annotations

from typing import Any

import pytest

from orchestrator.config import ConfigError
from tests.unit.orchestrator.config.sample_kinds import read, with_box

URL = "http://127.0.0.1:8080/health"


def env(name: str, **rules: Any) -> dict[str, Any]:
    return {"environments": {name: rules}}


def freeze(start: str, end: str) -> dict[str, Any]:
    return env("production", freeze=[{"from": start, "to": end}])


BOX_CONFIG = [
    ({"tags": "latest"}, 'tags: expected a list of strings, got "latest"'),
    ({"tags": {"a": 1}}, "tags: expected a list of strings, got an object"),
    ({"tags": None}, "tags: expected a list of strings, got null"),
    ({"tags": ["a", 5]}, "tags[1]: expected a string, got 5"),
    ({"exclude": ["a", None]}, "exclude[1]: expected a string, got null"),
    ({"build": "npm run build"}, 'build: expected a list of strings, got "npm run build"'),
    ({"build": []}, "build: expected a list of at least one string, got an empty list"),
    ({"command": []}, "command: expected a list of at least one string, got an empty list"),
    ({"command": 5}, "command: expected a string or a list of strings, got 5"),
    ({"image": 5}, "image: expected a string, got 5"),
    ({"image": "a\nb"}, 'image: expected a string on one line, without control characters, got "a\\nb"'),
    ({"image": "\x1b[2J"}, 'image: expected a string on one line, without control characters, got "\\u001b[2J"'),
    ({"image": "SHOP"}, "image: expected lower case, got 'SHOP'"),
    ({"build": ["make"], "compose": {"file": "c.yaml"}}, "build and compose exclude each other: keep one"),
    ({"labels": []}, "labels: expected an object of strings, got an empty list"),
    ({"labels": {"a": 1.5}}, "labels.a: expected a string, got 1.5"),
    ({"labels": {"a b": True}}, 'labels["a b"]: expected a string, got true'),
    ({"keep": "5"}, 'keep: expected a whole number, got "5"'),
    ({"keep": 5.0}, "keep: expected a whole number, got 5.0"),
    ({"keep": True}, "keep: expected a whole number, got true"),
    ({"keep": 0}, "keep: expected a number from 1 to 100, got 0"),
    ({"keep": 101}, "keep: expected a number from 1 to 100, got 101"),
    ({"floor": -1}, "floor: expected a number of at least 0, got -1"),
    ({"ceiling": 1.5}, "ceiling: expected a number of at most 1, got 1.5"),
    ({"ratio": "1"}, 'ratio: expected a number, got "1"'),
    ({"debug": 1}, "debug: expected true or false, got 1"),
    ({"debug": "yes"}, 'debug: expected true or false, got "yes"'),
    ({"order": "middle"}, 'order: expected one of "first", "last", got "middle"'),
    ({"size": "huge"}, 'size: expected one of "small", "large", got "huge"'),
    ({"size": ["small"]}, 'size: expected one of "small", "large", got a list'),
    ({"drain_s": -1}, "drain_s: expected seconds, at least 0 and less than 604800, got -1"),
    ({"drain_s": 604800}, "drain_s: expected seconds, at least 0 and less than 604800, got 604800"),
    ({"compose": "c.yaml"}, 'compose: expected an object, got "c.yaml"'),
    ({"compose": {}}, "compose.file: expected a string, got nothing"),
    ({"compose": {"file": "c", "servce": "x"}}, 'compose.servce: unknown key, did you mean "service"?'),
    ({"steps": [{"weight": 1}, {"wait": 2}]}, "steps[1]: expected an object with weight or with pause_s, got wait"),
    ({"steps": [{}]}, "steps[0]: expected an object with weight or with pause_s, got an empty object"),
    ({"steps": [{"weight": 1, "pause_s": 1}]}, "steps[0]: expected an object with weight or with pause_s, got weight, pause_s"),
    ({"steps": [5]}, "steps[0]: expected an object, got 5"),
    ({"tagz": []}, 'tagz: unknown key, did you mean "tags"?'),
    ({"Tags": []}, 'Tags: unknown key, did you mean "tags"?'),
]

SECRET = 'expected {"env": "NAME"} or {"file": "path"}, got another object'
SECRETS = [
    ({"env": {"A": 12345}}, 'env.A: expected a string or {"env": "NAME"} or {"file": "path"}, got a number'),
    ({"env": {"A": True}}, 'env.A: expected a string or {"env": "NAME"} or {"file": "path"}, got true or false'),
    ({"env": "A=hunter2"}, "env: expected an object of strings or references to secrets, got a string"),
    ({"env": {"A": {}}}, f"env.A: {SECRET}"),
    ({"env": {"A": {"env": "X", "file": "y"}}}, f"env.A: {SECRET}"),
    ({"env": {"A": {"vault": "x"}}}, f"env.A: {SECRET}"),
    ({"env": {"A": {"env": 5}}}, f"env.A: {SECRET}"),
    ({"env": {"A": {"env": "hunter2!"}}}, f"env.A: {SECRET}"),
    ({"env": {"A": {"file": ""}}}, f"env.A: {SECRET}"),
    ({"env": {"A=B": "x"}}, "env: expected names without '=' and blanks, got an object"),
    ({"token": 5}, 'token: expected a string or {"env": "NAME"} or {"file": "path"}, got a number'),
    ({"token": "hun\nter2"}, "token: expected a string on one line, without control characters, got a string"),
]

ENTRY = [
    ({"enabled": "yes"}, 'enabled: expected true or false, got "yes"'),
    ({"primry": True}, 'primry: unknown key, did you mean "primary"?'),
    (
        {"zzz": 1},
        "zzz: unknown key; known here: enabled, primary, type, config, adopt, url, health_check, auto_rollback, "
        "hooks, timeout_s, rollback_timeout_s, allow_paths and 1 more",
    ),
    ({"type": 5}, "type: expected a string, got 5"),
    ({"type": "bax"}, 'type: "bax" is no kind of target, did you mean "box"?'),
    ({"type": "zzz"}, 'type: "zzz" is no kind of target; there are: box, loose, free'),
    ({"url": "shop.example"}, 'url: expected an http or https URL, got "shop.example"'),
    ({"url": "http://[::1"}, 'url: expected an http or https URL, got "http://[::1"'),
    ({"url": "http://x:99999/"}, 'url: expected an http or https URL, got "http://x:99999/"'),
    ({"timeout_s": 0}, "timeout_s: expected seconds, more than 0 and less than 604800, got 0"),
    ({"timeout_s": 604800}, "timeout_s: expected seconds, more than 0 and less than 604800, got 604800"),
    ({"timeout_s": 10**15}, "timeout_s: expected seconds, more than 0 and less than 604800, got 1000000000000000"),
    ({"hooks": {"before_deploy": ["./migrate", "up"]}}, 'hooks.before_deploy[0]: expected a list of strings, got "./migrate"'),
    ({"hooks": {"before_deploy": [[]]}}, "hooks.before_deploy[0]: expected a list of at least one string, got an empty list"),
    ({"hooks": {"before_deploy": [["a", 1]]}}, "hooks.before_deploy[0][1]: expected a string, got 1"),
    ({"hooks": {"befor_deploy": []}}, 'hooks.befor_deploy: unknown key, did you mean "before_deploy"?'),
    ({"allow_paths": "/srv"}, 'allow_paths: expected a list of strings, got "/srv"'),
    (
        {"environments": {"a b": {}}},
        "environments[\"a b\"]: expected a name of 1 to 63 letters, digits, '.', '_' and '-' that "
        'starts with a letter or digit, got "a b"',
    ),
    ({"environments": {"staging": []}}, "environments.staging: expected an object, got an empty list"),
    (
        {"environments": {"staging": {"primary": True}}},
        "environments.staging.primary: is the same in every environment; only the entry itself may have it",
    ),
    (
        {"environments": {"staging": {"config": {"keep": 0}}}},
        "environments.staging.config.keep: expected a number from 1 to 100, got 0",
    ),
    ({"environments": {"staging": {"confg": {}}}}, 'environments.staging.confg: unknown key, did you mean "config"?'),
]

ONE_OF_THREE = "health_check: expected exactly one of url, tcp and command, got"
HEALTH_CHECK = [
    ({}, f"{ONE_OF_THREE} none (null takes one away)"),
    ({"url": URL, "tcp": "a:1"}, f"{ONE_OF_THREE} url and tcp (null takes one away)"),
    ({"url": "ftp://x/"}, 'health_check.url: expected an http or https URL, got "ftp://x/"'),
    ({"url": "http://"}, 'health_check.url: expected an http or https URL, got "http://"'),
    ({"url": "http://a b/"}, 'health_check.url: expected an http or https URL, got "http://a b/"'),
    ({"url": "ftp://ann:hunter2@x/"}, 'health_check.url: expected an http or https URL, got "ftp://***@x/"'),
    ({"url": "http://ann:hunter2@x/"}, "health_check.url: a URL is shown and recorded, so no password may stand in it; "
     'use "headers" with {"env": "NAME"}'),
    ({"tcp": "localhost"}, 'health_check.tcp: expected "host:port", got "localhost"'),
    ({"tcp": "localhost:0"}, 'health_check.tcp: expected "host:port", got "localhost:0"'),
    ({"tcp": "localhost:65536"}, 'health_check.tcp: expected "host:port", got "localhost:65536"'),
    ({"tcp": "::1:80"}, 'health_check.tcp: expected "host:port", got "::1:80"'),
    ({"command": "curl x"}, 'health_check.command: expected a list of strings, got "curl x"'),
    ({"command": []}, "health_check.command: expected a list of at least one string, got an empty list"),
    ({"url": URL, "expect_status": 99}, "health_check.expect_status: expected an HTTP status from 100 to 599, got 99"),
    ({"url": URL, "expect_status": "200"}, 'health_check.expect_status: expected a whole number, got "200"'),
    ({"url": URL, "expect_body": "("},
     'health_check.expect_body: expected a regular expression, got "(": missing ), unterminated subpattern at position 0'),
    ({"url": URL, "interval_s": 0}, "health_check.interval_s: expected seconds, more than 0 and less than 604800, got 0"),
    ({"url": URL, "timeout": 5}, 'health_check.timeout: unknown key, did you mean "timeout_s"?'),
    ({"url": URL, "headers": {"A:": "b"}}, 'health_check.headers["A:"]: expected the name of an HTTP header'),
    ({"url": URL, "headers": {"A": "b\r\nC: d"}}, "health_check.headers.A: expected a header's value on one line"),
    ({"url": URL, "headers": {"A": 5}}, 'health_check.headers.A: expected a string or {"env": "NAME"} or {"file": "path"}, '
     "got a number"),
]  # fmt: skip

NAME = "expected a name of 1 to 63 letters, digits, '.', '_' and '-' that starts with a letter or digit"
TIME = 'expected a time with an offset such as "2026-12-24T00:00:00Z", got'
NAME_OF_PROJECT = "project_name: expected one line of 1 to 200 characters that does not start with '-' or a blank, got"
TOP = [
    ({"version": "2.0"}, 'version: expected "1.0" (the format this program reads), got "2.0". A newer pop-deploy may read it'),
    ({"version": "1.0\n"}, 'version: expected a string on one line, without control characters, got "1.0\\n"'),
    ({"version": 1.0}, "version: expected a string, got 1.0"),
    ({"project_name": "-rf"}, f'{NAME_OF_PROJECT} "-rf"'),
    ({"project_name": ""}, f'{NAME_OF_PROJECT} ""'),
    ({"project_name": " shop"}, f'{NAME_OF_PROJECT} " shop"'),
    ({"project_name": "x" * 201}, f'{NAME_OF_PROJECT} "{"x" * 57}..."'),
    ({"project_name": ["shop"]}, "project_name: expected a string, got a list"),
    ({"redact": "secret"}, 'redact: expected a list of strings, got "secret"'),
    ({"redact": ["ok", "[a"]}, 'redact[1]: expected a regular expression, got "[a": unterminated character set at position 0'),
    ({"redact": ["x*"]}, 'redact[0]: expected a pattern that needs at least one character to match, got "x*"'),
    ({"redact": ["a" * 1001]}, "redact[0]: expected a regular expression of at most 1000 characters, got 1001"),
    ({"targets": []}, "targets: expected an object of objects, got an empty list"),
    ({"targets": {"web": True}}, "targets.web: expected an object, got true"),
    ({"targets": {"box": {"config": {"image": "a"}, "primary": True}, "free": {"primary": True}}},
     "targets: expected at most one primary target, got box, free"),
    ({"targets": {"bx": {}}}, 'targets.bx.type: "bx" is no kind of target; add "type", did you mean "box"?'),
    ({"history": {}}, "history: expected a list of values, got an object"),
    ({"environments": []}, "environments: expected an object, got an empty list"),
    (env("production", freez=[]), 'environments.production.freez: unknown key, did you mean "freeze"?'),
    (env("production", approvals=-1), "environments.production.approvals: expected a whole number from 0 to 100, got -1"),
    (env("production", validation_max_age_s=-1),
     "environments.production.validation_max_age_s: expected seconds, at least 0 and less than 31622400, got -1"),
    (env("-x"), f'environments.-x: {NAME}, got "-x"'),
    (freeze("2026-12-24", "2026-12-27T00:00:00Z"), f'environments.production.freeze[0].from: {TIME} "2026-12-24"'),
    (freeze("2026-12-24T00:00:00Z", "soon"), f'environments.production.freeze[0].to: {TIME} "soon"'),
    (freeze("2026-12-24T00:00:00Z", "2026-12-24T00:00:00+00:00"),
     'environments.production.freeze[0].to: expected a time after "2026-12-24T00:00:00Z", got "2026-12-24T00:00:00+00:00"'),
    ({**env("staging"), "default_environment": "stagin"},
     'default_environment: "stagin" does not stand in "environments", did you mean "staging"?'),
    ({"environments": {}, "default_environment": "x"},
     'default_environment: "x" does not stand in "environments"; "environments" has: none'),
    ({"default_environment": "a/b"}, f'default_environment: {NAME}, got "a/b"'),
    ({**env("staging"), **with_box(environments={"stagng": {}})},
     'targets.web.environments.stagng: "stagng" does not stand in "environments", did you mean "staging"?'),
]  # fmt: skip


def messages(document: dict[str, Any]) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        read(document)
    return str(caught.value).splitlines()


@pytest.mark.parametrize(("config", "message"), BOX_CONFIG + SECRETS)
def test_names_the_mistake_in_a_targets_config(config: dict[str, Any], message: str) -> None:
    where = "deploy.json: targets.web.config"

    assert messages(with_box(config))[0] in (f"{where}.{message}", f"{where}: {message}")


@pytest.mark.parametrize(("entry", "message"), ENTRY)
def test_names_the_mistake_in_a_targets_entry(entry: dict[str, Any], message: str) -> None:
    assert message_after("deploy.json: targets.web", with_box(**entry)) in (f".{message}", message)


@pytest.mark.parametrize(("check", "message"), HEALTH_CHECK)
def test_names_the_mistake_in_a_health_check(check: dict[str, Any], message: str) -> None:
    assert messages(with_box(health_check=check)) == [f"deploy.json: targets.web.{message}"]


@pytest.mark.parametrize(("document", "message"), TOP)
def test_names_the_mistake_at_the_top(document: dict[str, Any], message: str) -> None:
    assert messages(document) == [f"deploy.json: {message}"]


@pytest.mark.parametrize("name", ["", "-web", "a b", "a/b", "ä", "x" * 64, "web\n"])
def test_refuses_a_target_that_cannot_be_named_on_a_command_line(name: str) -> None:
    said = messages({"targets": {name: {"type": "free"}}})

    assert len(said) == 1
    assert "expected a name of 1 to 63 letters" in said[0]


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"config": []}, "config: expected an object, got an empty list"),
        ({"config": None}, "config: expected an object, got null"),
        ({"config": {}}, "config.image: expected a string, got nothing"),
        ({}, "config.image: expected a string, got nothing"),
    ],
)
def test_names_what_is_wrong_with_config_as_a_whole(entry: dict[str, Any], message: str) -> None:
    assert messages({"targets": {"box": entry}}) == [f"deploy.json: targets.box.{message}"]


def test_names_the_keys_of_a_freeze_as_the_file_has_them() -> None:
    where = "deploy.json: environments.production.freeze[0]"

    assert messages(env("production", freeze=[{"start": "x"}])) == [
        f"{where}.start: unknown key; known here: from, to, reason",
        f"{where}.from: expected a string, got nothing",
        f"{where}.to: expected a string, got nothing",
    ]


def test_reports_every_mistake_of_a_file_at_once() -> None:
    document = with_box({"tags": "latest", "keep": 0}, enabled=1, health_check={"url": "x", "tcp": "y"}) | {"version": "9"}

    assert messages(document) == [
        'deploy.json: version: expected "1.0" (the format this program reads), got "9". A newer pop-deploy may read it',
        "deploy.json: targets.web.enabled: expected true or false, got 1",
        f"deploy.json: targets.web.{ONE_OF_THREE} url and tcp (null takes one away)",
        'deploy.json: targets.web.health_check.url: expected an http or https URL, got "x"',
        'deploy.json: targets.web.health_check.tcp: expected "host:port", got "y"',
        'deploy.json: targets.web.config.tags: expected a list of strings, got "latest"',
        "deploy.json: targets.web.config.keep: expected a number from 1 to 100, got 0",
    ]


def test_counts_what_would_fill_the_screen() -> None:
    said = messages(with_box({f"unknown{number}": 1 for number in range(500)}))

    assert len(said) == 21
    assert said[-1] == "deploy.json: and 480 more problems"


def test_stops_counting_when_the_file_is_something_else_altogether() -> None:
    said = messages({"targets": {f"t{number}": {} for number in range(100_000)}})

    assert len(said) == 21
    assert said[-1] == "deploy.json: and at least 980 more problems"


def test_gives_the_parts_of_the_first_mistake_as_fields() -> None:
    with pytest.raises(ConfigError) as caught:
        read(with_box({"tags": "latest"}))

    assert caught.value.file == "deploy.json"
    assert caught.value.path == "targets.web.config.tags"
    assert caught.value.expected == "a list of strings"
    assert caught.value.found == '"latest"'


@pytest.mark.parametrize("config", [config for config, _ in SECRETS])
def test_never_shows_what_may_be_a_secret(config: dict[str, Any]) -> None:
    assert not any(secret in line for line in messages(with_box(config)) for secret in ("hunter2", "12345", "ter2"))


def test_shows_no_control_characters_of_a_key() -> None:
    assert "\x1b" not in messages(with_box({"\x1b[2J": 1}))[0]


def message_after(prefix: str, document: dict[str, Any]) -> str:
    first = messages(document)[0]
    assert first.startswith(prefix)
    return first.removeprefix(prefix)
