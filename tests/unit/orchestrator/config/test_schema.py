"""The JSON schema says what the reader says."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from orchestrator.config import ConfigError
from orchestrator.config.schema import json_schema, schema_text, write_schema
from tests.quick import part
from tests.unit.orchestrator.config.sample_kinds import KINDS, read, with_box
from tests.unit.orchestrator.config.test_any_input import COMPLETE, VALUES, paths, read_or_refuse, replaced

VALIDATOR = Draft202012Validator(json_schema(KINDS))

ACCEPTED: list[dict[str, Any]] = [
    {},
    {"anything": 1, "targets": {}},
    with_box(),
    {"targets": {"box": {"config": {"image": "a"}}, "loose": {}, "free": {"config": {"a": [1]}}}},
    {"targets": {"box": {"type": None, "config": {"image": "a"}}}},
    {"targets": {"box": {"type": "free", "config": {"not-an-image": 1}}}},
    {"targets": {"loose": {"config": {"level": 1, "other": 2}}}},
    with_box({"env": {"A": "b", "T": {"env": "T"}, "F": {"file": "f"}}, "token": None}),
    with_box({"steps": [{"weight": 1}, {"pause_s": None}]}),
    with_box({"x-note": 1}, **{"x-note": {"a": 1}}),
    with_box({"size": "large", "order": "last", "keep": 100, "ratio": None, "build": None, "command": ["a"]}),
    with_box(health_check={"url": "http://a/", "tcp": None}, hooks={"before_deploy": [["a"]], "after_deploy": []}),
    with_box(environments={"staging": {"config": {"keep": 3}, "x-y": 1}}),
    with_box(environments={"staging": {"health_check": {"interval_s": 3}}}, health_check={"tcp": "a:1"}),
    {"environments": {"production": {"freeze": [{"from": "2026-12-24T00:00:00Z", "to": "2026-12-25T00:00:00Z"}]}}},
    {"environments": None, "default_environment": None, "ci": None, "history": [1]},
]  # fmt: skip

REFUSED: list[dict[str, Any]] = [
    {"version": "2.0"},
    {"version": 1},
    {"targets": []},
    {"history": {}},
    {"redact": "x"},
    {"targets": {"-x": {"type": "free"}}},
    {"targets": {"web": {}}},
    {"targets": {"web": {"type": None}}},
    {"targets": {"web": {"type": "unheard-of"}}},
    {"targets": {"box": {}}},
    {"targets": {"box": {"type": "box", "config": {}}}},
    with_box({"tagz": []}),
    with_box({"tags": "latest"}),
    with_box({"keep": 0}),
    with_box({"keep": True}),
    with_box({"build": []}),
    with_box({"drain_s": -1}),
    with_box({"order": "middle"}),
    with_box({"size": "huge"}),
    with_box({"compose": {}}),
    with_box({"compose": {"file": "a", "other": 1}}),
    with_box({"env": {"A": {"env": "X", "file": "y"}}}),
    with_box({"env": {"A": {"env": "1x"}}}),
    with_box({"steps": [{}]}),
    with_box({"steps": [{"weight": 1, "pause_s": 1}]}),
    with_box(primry=True),
    with_box(timeout_s=0),
    with_box(timeout_s=604800),
    with_box(health_check={}),
    with_box(health_check={"url": "http://a/", "tcp": "a:1"}),
    with_box(health_check={"command": []}),
    with_box(hooks={"before_deploy": [[]]}),
    with_box(hooks={"before_deploy": ["a"]}),
    with_box(environments={"a b": {}}),
    with_box(environments={"staging": {"primary": True}}),
    with_box(environments={"staging": {"config": {"tagz": []}}}),
    with_box(environments={"staging": {"config": {"keep": "3"}}}),
    {"targets": {"box": {"config": {"image": "a"}, "environments": {"staging": {"config": {"keep": 0}}}}}},
    {"environments": {"production": {"freez": []}}},
    {"environments": {"production": {"freeze": [{"from": "2026-12-24T00:00:00Z"}]}}},
    {"environments": {"a b": {}}},
]


def test_is_a_valid_schema() -> None:
    Draft202012Validator.check_schema(json_schema(KINDS))


@pytest.mark.parametrize("document", ACCEPTED, ids=json.dumps)
def test_accepts_what_the_reader_accepts(document: dict[str, Any]) -> None:
    read(document)

    assert [error.message for error in VALIDATOR.iter_errors(document)] == []


@pytest.mark.parametrize("document", REFUSED, ids=json.dumps)
def test_refuses_what_the_reader_refuses(document: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        read(document)

    assert list(VALIDATOR.iter_errors(document)) != []


@settings(max_examples=part(300), deadline=None)
@given(st.sampled_from(paths(COMPLETE)), VALUES)
def test_accepts_every_document_that_the_reader_accepts(path: tuple[Any, ...], value: Any) -> None:
    document = replaced(COMPLETE, path, value)

    if read_or_refuse(json.dumps(document).encode()) is not None:
        assert VALIDATOR.is_valid(json.loads(json.dumps(document)))


def test_describes_fields_in_the_words_of_the_code() -> None:
    box = json_schema(KINDS)["$defs"]["BoxConfig"]

    assert box["description"] == "A kind with every type of field."
    assert box["properties"]["tags"]["description"] == "Names of the box."
    assert box["properties"]["keep"] == {
        "description": "How many stay.", "type": "integer", "minimum": 1, "maximum": 100, "default": 5
    }  # fmt: skip


def test_is_the_same_text_every_time(tmp_path: Any) -> None:
    write_schema(tmp_path / "docs" / "deploy.json", KINDS)

    assert (tmp_path / "docs" / "deploy.json").read_text(encoding="utf-8") == schema_text(KINDS)
    assert schema_text(KINDS).endswith("}\n")
