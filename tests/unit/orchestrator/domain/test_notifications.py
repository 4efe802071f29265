"""What receivers are told: the body, its signature, which events, and when it is tried again."""

from __future__ import annotations

import json
from typing import Any, get_args

import pytest

from orchestrator.domain.notifications import (
    KINDS,
    LONGEST_DETAIL,
    LONGEST_RETRY_AFTER_S,
    LONGEST_RETRY_S,
    Notification,
    detail_of,
    retry_delay_s,
    shortened,
    signature,
    wanted,
)
from orchestrator.domain.receivers import USUAL, Kind, Receiver, Slack


def notification(**other: Any) -> Notification:
    fields: dict[str, Any] = {
        "id": "0123abcd-7",
        "event": "failed",
        "time": "2026-03-18T14:30:22.000120+00:00",
        "project": "shop",
        "environment": "production",
        "target": "docker",
        "deployment_id": "deploy-20260318-143022-k3f9",
        "version": "1.2.0",
        "commit_sha": None,
        "actor": "ann@ci-7",
        "detail": "push: denied",
    }
    return Notification(**{**fields, **other})


def test_the_body_is_one_line_of_ascii_with_the_events_id_and_a_sentence() -> None:
    line = notification(detail="größer\nals").line()

    assert line.isascii()
    assert b"\n" not in line
    body = json.loads(line)
    assert body["id"] == "0123abcd-7"
    assert body["text"] == "shop 1.2.0 to production/docker: failed (ann@ci-7): größer\nals"


def test_the_same_event_makes_the_same_body_at_every_attempt() -> None:
    assert notification().line() == notification().line()


def test_slack_gets_text_alone_in_which_nothing_is_markup() -> None:
    body = json.loads(notification(detail="<!channel> & <https://example.org|x>").slack())

    assert list(body) == ["text"]
    assert body["text"].endswith("&lt;!channel&gt; &amp; &lt;https://example.org|x&gt;")


def test_the_signature_is_the_hmac_of_the_time_and_the_body() -> None:
    # Made with: printf '1700000000.{"a": 1}' | openssl dgst -sha256 -hmac key
    assert signature("key", 1_700_000_000, b'{"a": 1}') == (
        "t=1700000000,v1=17e36a190ee125a4782d21867ffdf5712238dc71b452ba98254537bfdb4f3a77"
    )


def test_every_kind_a_receiver_can_name_is_made_of_one_event() -> None:
    assert sorted(KINDS.values()) == sorted(get_args(Kind))
    assert set(USUAL) < set(get_args(Kind))


def test_a_receiver_is_told_of_its_events_in_its_environments() -> None:
    chat = Receiver(name="chat", slack=Slack(url="https://example.org"), events=("failed",), environments=("production",))

    assert wanted(chat, "failed", "production")
    assert not wanted(chat, "verified", "production")
    assert not wanted(chat, "failed", "staging")
    assert wanted(Receiver(name="all", command=("x",)), "failed", "staging")


def test_the_wait_doubles_up_to_an_hour_and_chance_takes_at_most_half_of_it_away() -> None:
    assert [retry_delay_s(attempt, 0.0) for attempt in (1, 2, 3, 4)] == [2, 4, 8, 16]
    assert retry_delay_s(3, 1.0) == 4
    assert retry_delay_s(12, 0.0) == retry_delay_s(5000, 0.0) == LONGEST_RETRY_S


def test_the_receiver_may_ask_for_a_longer_wait_but_not_for_ever_nor_for_a_shorter_one() -> None:
    assert retry_delay_s(1, 0.5, 90) == 90
    assert retry_delay_s(1, 0.0, 1) == retry_delay_s(1, 0.0, -5) == 2
    assert retry_delay_s(1, 0.0, 1e12) == LONGEST_RETRY_AFTER_S


@pytest.mark.parametrize(
    ("kind", "data", "said"),
    [
        ("failed", {"step": "push", "message": "denied\nby  the registry"}, "push: denied by the registry"),
        ("interrupted", {"signal": "SIGTERM", "step": None}, "SIGTERM"),
        ("rolled_back", {"release": {"version": "1.1.0"}}, "1.1.0 is live again"),
        ("waiting", {"question": "Deploy?", "decision_id": "d", "options": [{"id": "a"}, {"id": "b"}]}, "Deploy? (d: a / b)"),
        ("aborted", {"by": "ann", "reason": "wrong branch", "effect": False}, "wrong branch"),
        ("verified", {"release": {}, "round": 1}, ""),
    ],
)
def test_the_detail_says_what_the_kind_does_not(kind: str, data: dict[str, Any], said: str) -> None:
    assert detail_of(kind, data) == said


def test_a_detail_is_bounded() -> None:
    assert len(shortened("x" * 10_000)) == LONGEST_DETAIL
    assert shortened("short") == "short"
