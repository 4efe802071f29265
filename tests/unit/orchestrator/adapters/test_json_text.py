"""One member changes, every other byte stays."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.adapters.json_text import members, replace_member

RECORD = {"target": "web", "version": "1.0.0"}


def test_keeps_order_and_formatting_around_a_member_in_the_middle() -> None:
    before, after = '{\n    "b" :  [1,2,   3],\n    "history": ', ',\n    "a": {"x":1}\n}\n'

    changed = replace_member(f"{before}[]{after}", "history", [RECORD])

    written = '[\n        {\n            "target": "web",\n            "version": "1.0.0"\n        }\n    ]'
    assert changed == before + written + after


def test_an_empty_list_stands_on_one_line() -> None:
    assert replace_member('{\n  "history": [\n    {}\n  ]\n}', "history", []) == '{\n  "history": []\n}'


def test_uses_tabs_where_the_file_does() -> None:
    assert replace_member('{\n\t"history": []\n}', "history", [1]) == '{\n\t"history": [\n\t\t1\n\t]\n}'


def test_uses_the_line_ends_of_the_file() -> None:
    changed = replace_member('{\r\n  "a": 1,\r\n  "history": []\r\n}\r\n', "history", [1])

    assert changed == '{\r\n  "a": 1,\r\n  "history": [\r\n    1\r\n  ]\r\n}\r\n'


def test_keeps_a_missing_newline_at_the_end_missing() -> None:
    assert replace_member('{"history": []}', "history", [1]) == '{"history": [1]}'


def test_stays_on_one_line_where_the_file_does() -> None:
    assert replace_member('{"a": 1, "history": []}', "history", [RECORD, 2]) == (
        '{"a": 1, "history": [{"target": "web", "version": "1.0.0"}, 2]}'
    )


def test_stays_without_blanks_where_the_file_has_none() -> None:
    assert replace_member('{"a":1,"history":[]}', "history", [RECORD, 2]) == (
        '{"a":1,"history":[{"target":"web","version":"1.0.0"},2]}'
    )


def test_adds_a_missing_member_as_the_last_one() -> None:
    assert replace_member('{\n  "a": 1\n}\n', "history", [1]) == '{\n  "a": 1,\n  "history": [\n    1\n  ]\n}\n'
    assert replace_member('{"a": 1}', "history", [1]) == '{"a": 1, "history": [1]}'
    assert replace_member('{"a":1}', "history", [1]) == '{"a":1,"history":[1]}'


@pytest.mark.parametrize("text", ["{}", "{ }", "{\n}", "{\n  \n}"])
def test_adds_a_member_to_an_empty_object(text: str) -> None:
    assert replace_member(text, "history", [1]) == '{\n  "history": [\n    1\n  ]\n}'


def test_is_not_confused_by_the_name_further_down_or_in_strings() -> None:
    text = '{"a": {"history": [1]}, "b": "\\"history\\": [2]", "history": [3], "c": ["history"]}'

    changed = replace_member(text, "history", [])

    assert changed == text.replace("[3]", "[]")


def test_finds_a_name_that_is_written_with_escapes() -> None:
    assert replace_member('{"h\\u0069story": [3]}', "history", []) == '{"h\\u0069story": []}'


def test_keeps_numbers_and_escapes_of_others_as_written() -> None:
    text = '{"n": [1.0, 1e5, 1E+5, -0.0, 123456789012345678901234567890], "s": "\\u00e9\\/", "history": [1]}'

    assert replace_member(text, "history", []) == text.replace("[1]", "[]")


def test_writes_escapes_only_where_the_file_does() -> None:
    assert replace_member('{"a": "\\u00e9", "history": []}', "history", ["é"]).endswith('["\\u00e9"]}')
    assert replace_member('{"a": "é", "history": []}', "history", ["é"]).endswith('["é"]}')
    assert replace_member('{"a": "e", "history": []}', "history", ["é"]).endswith('["é"]}')


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(
    st.dictionaries(st.text(), json_values, max_size=5),
    json_values,
    st.sampled_from([None, 0, 1, 4, "\t"]),
    st.sampled_from([(",", ":"), (", ", ": "), (" ,", " : ")]),
    st.booleans(),
)
def test_any_other_value_survives_byte_for_byte(
    document: dict[str, Any], value: Any, indent: int | str | None, separators: tuple[str, str], ascii_only: bool
) -> None:
    text = json.dumps(document, indent=indent, separators=separators, ensure_ascii=ascii_only)

    changed = replace_member(text, "history", value)

    assert json.loads(changed) == {**document, "history": value}
    before = {m.name: text[m.start : m.value_end] for m in members(text) if m.name != "history"}
    after = {m.name: changed[m.start : m.value_end] for m in members(changed) if m.name != "history"}
    assert list(after.items()) == list(before.items())
