"""`notify` in deploy.json: what is read, and what is refused in its own words."""

from __future__ import annotations

from typing import Any

import pytest
from jsonschema import Draft202012Validator

from orchestrator.config import ConfigError
from orchestrator.config.schema import json_schema
from orchestrator.domain.receivers import USUAL, Receiver, Slack, Webhook
from orchestrator.domain.settings import SecretRef
from tests.unit.orchestrator.config.sample_kinds import KINDS, read

VALIDATOR = Draft202012Validator(json_schema(KINDS))
HOOK = {"name": "hook", "webhook": {"url": "https://example.org/x"}}


def notify(*receivers: dict[str, Any], **top: Any) -> tuple[Receiver, ...]:
    return read({"notify": list(receivers), **top}).notify


def test_reads_the_three_kinds_with_their_defaults() -> None:
    hook, chat, pager = notify(
        {**HOOK, "webhook": {**HOOK["webhook"], "secret": {"env": "KEY"}, "headers": {"X-A": {"file": "f"}}}},  # type: ignore[dict-item]
        {"name": "chat", "slack": {"url": {"env": "URL"}}, "events": ["failed"], "environments": ["production"]},
        {"name": "pager", "command": ["./page", "now"], "timeout_s": 3},
    )

    assert hook.webhook == Webhook(url="https://example.org/x", secret=SecretRef(env="KEY"), headers={"X-A": SecretRef(file="f")})
    assert (hook.events, hook.environments, hook.timeout_s) == (USUAL, (), 10.0)
    assert (chat.slack, chat.events, chat.kind) == (Slack(url=SecretRef(env="URL")), ("failed",), "slack")
    assert (pager.command, pager.kind, pager.url) == (("./page", "now"), "command", None)


@pytest.mark.parametrize(
    "url",
    ["https://example.org", "https://example.org:8443/a?b=c", "http://127.0.0.1:9/x", "http://localhost/", "http://[::1]:8/x"],
)
def test_takes_https_and_http_to_this_machine(url: str) -> None:
    assert notify({"name": "hook", "webhook": {"url": url}})[0].url == url


def test_takes_http_elsewhere_where_it_is_allowed() -> None:
    assert notify({"name": "hook", "webhook": {"url": "http://hooks/x"}, "allow_http": True})


@pytest.mark.parametrize(
    ("receiver", "words"),
    [
        ({"webhook": {"url": "https://a"}}, "notify[0].name: expected a string, got nothing"),
        ({"name": "-a", "command": ["a"]}, "notify[0].name: expected a name of 1 to 63"),
        ({"name": "a"}, "notify[0]: expected exactly one of webhook, slack and command, got none"),
        ({"name": "a", "command": ["a"], "slack": {"url": "https://a"}}, "notify[0]: expected exactly one of"),
        ({"name": "a", "webhook": {"url": "http://example.org"}}, "notify[0].webhook.url: expected https (http only to this"),
        ({"name": "a", "slack": {"url": "http://localhost.example.org"}}, "notify[0].slack.url: expected https (http only"),
        ({"name": "a", "webhook": {"url": "https://u:p@example.org"}}, "expected an https URL without a user or password"),
        ({"name": "a", "webhook": {"url": "ftp://example.org"}}, "notify[0].webhook.url: expected an https URL"),
        (
            {"name": "a", "webhook": {"url": "https://a", "headers": {"a b": "c"}}},
            "notify[0].webhook.headers: expected names without",
        ),
        ({"name": "a", "webhook": {"url": "https://a", "secret": "plain"}}, "notify[0].webhook.secret: expected"),
        ({"name": "a", "command": []}, "notify[0].command: expected a list of at least one string"),
        ({"name": "a", "command": ["a"], "events": ["exploded"]}, "notify[0].events[0]: expected"),
        ({"name": "a", "command": ["a"], "timeout_s": 0}, "notify[0].timeout_s: expected seconds"),
        ({"name": "a", "command": ["a"], "evnts": []}, 'did you mean "events"?'),
    ],
)
def test_refuses_what_cannot_be_meant(receiver: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError) as refused:
        notify(receiver)

    assert words.lower() in str(refused.value).lower()


def test_refuses_two_receivers_of_one_name() -> None:
    with pytest.raises(ConfigError, match='expected a name of its own, got "hook" again'):
        notify(HOOK, HOOK)


def test_refuses_an_environment_that_there_is_not() -> None:
    with pytest.raises(ConfigError, match='"prod" does not stand in "environments"'):
        notify({**HOOK, "environments": ["prod"]}, environments={"production": {}})


def test_a_url_stands_in_no_message() -> None:
    with pytest.raises(ConfigError) as refused:
        notify({"name": "a", "slack": {"url": "http://hooks.example.org/T0KEN"}})

    assert "T0KEN" not in str(refused.value)


def test_the_schema_takes_one_way_to_a_receiver_and_no_other_number_of_them() -> None:
    assert VALIDATOR.is_valid({"notify": [HOOK]})
    assert not VALIDATOR.is_valid({"notify": [{"name": "a"}]})
    assert not VALIDATOR.is_valid({"notify": [{**HOOK, "command": ["a"]}]})
    assert not VALIDATOR.is_valid({"notify": [{**HOOK, "name": "-a"}]})
