"""Whatever the bytes are: a configuration or a `ConfigError`, and never anything else."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.config import ConfigError, ProjectConfig, default_target, parse, resolve, rules
from orchestrator.config.reading import MAX_BYTES
from tests.quick import part
from tests.unit.orchestrator.config.sample_kinds import KINDS, with_box

OUR_KEYS = st.sampled_from(
    ["version", "project_name", "redact", "default_environment", "environments", "allow_paths", "targets", "ci",
     "history", "enabled", "primary", "type", "config", "adopt", "url", "health_check", "auto_rollback", "hooks",
     "timeout_s", "freeze", "from", "to", "image", "tags", "env", "file", "keep", "compose", "steps", "weight",
     "pause_s", "token", "command", "before_deploy", "tcp", "headers", "expect_body", "box", "loose", "free", "web",
     "production", "x-a", ""]
)  # fmt: skip
OUR_VALUES = st.sampled_from(
    [
        "1.0",
        "box",
        "loose",
        "free",
        "web",
        "production",
        "http://a/",
        "http://[",
        "a:1",
        "(",
        "x*",
        "2026-12-24T00:00:00Z",
        "\ud800",
        "\0",
    ]
)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | OUR_VALUES
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(OUR_KEYS | st.text(), inner, max_size=6)
)
COMPLETE: dict[str, Any] = {
    "version": "1.0", "project_name": "shop", "redact": ["a+"], "default_environment": "staging", "allow_paths": ["/srv"],
    "environments": {"staging": {"freeze": [{"from": "2026-12-24T00:00:00Z", "to": "2026-12-25T00:00:00Z"}]}},
    **with_box(
        {"env": {"A": {"env": "B"}}, "compose": {"file": "a"}, "steps": [{"weight": 1}], "keep": 3},
        health_check={"url": "http://a/", "headers": {"A": "b"}}, hooks={"before_deploy": [["a"]]},
        environments={"staging": {"config": {"keep": 4}}},
    ),
}  # fmt: skip


def read_or_refuse(raw: bytes) -> ProjectConfig | None:
    """Anything but a `ConfigError` fails the test; what was read has to be usable."""
    try:
        config = parse(raw, "deploy.json", config_types=KINDS.get, kinds=KINDS)
    except ConfigError as error:
        assert str(error).startswith("deploy.json: ")
        assert all(line.isprintable() for line in str(error).split("\n"))
        return None
    for environment in ("production",) if config.environments is None else config.environments:
        rules(config, environment)
        for target in config.targets:
            assert resolve(config, target, environment).digest.startswith("sha256:")
    default_target(config)
    return config


def paths(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(found for key, item in items for found in paths(item, (*path, key)))]


def replaced(value: Any, path: tuple[Any, ...], by: Any) -> Any:
    if not path:
        return by
    copy = value.copy()
    copy[path[0]] = replaced(value[path[0]], path[1:], by)
    return copy


def test_the_complete_document_is_right_before_it_is_spoiled() -> None:
    assert read_or_refuse(json.dumps(COMPLETE).encode()) is not None


@settings(max_examples=part(100), deadline=None)
@given(st.binary())
def test_any_bytes(raw: bytes) -> None:
    read_or_refuse(raw)


@settings(max_examples=part(100), deadline=None)
@given(st.dictionaries(OUR_KEYS | st.text(), VALUES))
def test_any_object(document: dict[str, Any]) -> None:
    read_or_refuse(json.dumps(document).encode("utf-8", "surrogatepass"))


@settings(max_examples=part(300), deadline=None)
@given(st.sampled_from(paths(COMPLETE)), VALUES)
def test_a_right_document_with_one_value_spoiled(path: tuple[Any, ...], value: Any) -> None:
    read_or_refuse(json.dumps(replaced(COMPLETE, path, value)).encode())


@settings(max_examples=part(100), deadline=None)
@given(st.integers(min_value=0, max_value=len(json.dumps(COMPLETE))))
def test_a_right_document_cut_off(length: int) -> None:
    read_or_refuse(json.dumps(COMPLETE).encode()[:length])


@pytest.mark.parametrize(
    "raw",
    [
        b'{"targets": {"web": {"type": "box", "config": {"tags": [' + b"1," * 1_000_000 + b"1]}}}}",
        b'{"targets": {' + b",".join(b'"t%d": {"typ": 1}' % number for number in range(100_000)) + b"}}",
        b'{"redact": ["' + b"(" * 1000 + b'"]}',
        b'{"x": "' + b"y" * (MAX_BYTES - 10) + b'"}',
    ],
    ids=["two million bytes of wrong items", "a hundred thousand wrong targets", "a thousand brackets", "a very long text"],
)
def test_absurd_sizes_end_soon(raw: bytes) -> None:
    started = time.monotonic()

    read_or_refuse(raw)

    assert time.monotonic() - started < 10
