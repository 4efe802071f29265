"""Which records of a history somebody else wrote, and which of them are new."""

from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.domain.outside_history import outside_records, record_identity

STORE = "store-1"
OURS = {
    "timestamp": "2026-03-18T14:30:22+01:00",
    "target": "web",
    "version": "1.2.0",
    "status": "success",
    "deployment_id": "deploy-1",
    "store_id": STORE,
}
THEIRS = {
    "timestamp": "2026-03-18T14:30:22.000123",
    "target": "docker",
    "version": "1.0.0",
    "status": "success",
    "commit_sha": None,
}


def outside(*existing: dict[str, Any], ours: Any = (OURS,), taken_in: Any = None) -> list[dict[str, Any]]:
    found = outside_records(existing, store_id=STORE, ours=ours, taken_in=taken_in or {})
    return [record.record for record in found]


def without(record: dict[str, Any], *keys: str) -> dict[str, Any]:
    return {key: value for key, value in record.items() if key not in keys}


def test_takes_in_what_other_tools_wrote_oldest_first() -> None:
    newer = {**THEIRS, "version": "1.1.0"}

    assert outside(newer, OURS, THEIRS) == [THEIRS, newer]


def test_our_own_records_are_not_from_outside() -> None:
    assert outside(OURS, {**OURS, "error": "added by hand"}) == []


def test_records_of_another_store_are() -> None:
    foreign = {**OURS, "store_id": "store-2"}

    assert outside(foreign, OURS) == [foreign]


def test_ours_without_our_keys_is_still_ours() -> None:
    assert outside(without(OURS, "deployment_id", "store_id", "error")) == []


@pytest.mark.parametrize("timestamp", ["2026-03-18T13:30:22Z", "2026-03-18T13:30:22.000+00:00"])
def test_ours_is_ours_however_its_time_is_written(timestamp: str) -> None:
    assert outside({**without(OURS, "deployment_id", "store_id"), "timestamp": timestamp}) == []


@pytest.mark.parametrize(
    "change", [{"target": "api"}, {"version": "1.2.1"}, {"status": "failed"}, {"timestamp": "2026-03-18T14:30:23+01:00"}]
)
def test_a_record_that_differs_from_ours_is_from_outside(change: dict[str, str]) -> None:
    changed = {**without(OURS, "deployment_id", "store_id"), **change}

    assert outside(changed) == [changed]


def test_what_was_taken_in_is_not_taken_in_again() -> None:
    assert outside(THEIRS, taken_in={record_identity(THEIRS): 1}) == []


def test_of_equal_records_only_the_surplus_is_taken_in() -> None:
    assert outside(THEIRS, THEIRS, THEIRS, taken_in={record_identity(THEIRS): 1}) == [THEIRS, THEIRS]


def test_a_record_that_was_in_the_file_before_may_leave_and_come_back() -> None:
    taken_in = Counter(record.identity for record in outside_records([THEIRS], store_id=STORE, ours=[], taken_in={}))

    assert outside(taken_in=taken_in) == []
    assert outside(THEIRS, taken_in=taken_in) == []


def test_identity_knows_neither_order_nor_layout_of_keys() -> None:
    assert record_identity(dict(reversed(THEIRS.items()))) == record_identity(THEIRS)
    assert record_identity({**THEIRS, "version": "1.0.1"}) != record_identity(THEIRS)
    assert record_identity({"a": True}) != record_identity({"a": 1})


@pytest.mark.parametrize("record", [{}, {"timestamp": 5}, {"timestamp": "yesterday"}, {"timestamp": {"a": [1]}}, {"s": "\ud800"}])
def test_odd_records_are_taken_in_as_they_stand(record: dict[str, Any]) -> None:
    assert outside(record) == [record]


records = st.fixed_dictionaries(
    {"timestamp": st.sampled_from(["2026-03-18T14:30:22+01:00", "x", ""]), "target": st.sampled_from(["web", "api"])},
    optional={"store_id": st.sampled_from([STORE, "store-2"]), "version": st.sampled_from(["1", None, 1])},
)


@given(st.lists(records, max_size=8), st.lists(records, max_size=8))
def test_taking_in_twice_takes_in_nothing_more(first: list[dict[str, Any]], more: list[dict[str, Any]]) -> None:
    taken_in: Counter[str] = Counter()
    for history in (first, more + first):
        taken_in.update(record.identity for record in outside_records(history, store_id=STORE, ours=[OURS], taken_in=taken_in))

    assert outside_records(more + first, store_id=STORE, ours=[OURS], taken_in=taken_in) == []
