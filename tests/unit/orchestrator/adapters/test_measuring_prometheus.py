"""Instant queries against a stand-in for a Prometheus server.

`prometheus` and `PROMETHEUS` follow "Format overview", "Instant queries" and "Expression query result formats" of its HTTP API,
<https://prometheus.io/docs/prometheus/latest/querying/api/>: numbers are strings in JSON, an envelope has a status, and an error
has a type, a text and one of 400, 422 and 503.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from orchestrator.adapters.measuring import Measurements
from orchestrator.targets.canary import Measured
from tests.unit.orchestrator.adapters.measuring_server import (
    SHORT_S,
    Act,
    Handler,
    Server,
    break_off,
    close,
    drip,
    hang,
    said,
    serving,
)


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as running:
        yield running


@pytest.fixture
def measure(tmp_path: Path) -> Measurements:
    return Measurements(tmp_path)


NOW = 1435781451.781


def vector(*values: str) -> dict[str, Any]:
    return {
        "resultType": "vector",
        "result": [{"metric": {"job": f"job-{number}"}, "value": [NOW, value]} for number, value in enumerate(values)],
    }


def scalar(value: str) -> dict[str, Any]:
    return {"resultType": "scalar", "result": [NOW, value]}


def answer(data: dict[str, Any], **more: Any) -> tuple[int, bytes]:
    return 200, json.dumps({"status": "success", "data": data, **more}).encode()


def refused(status: int, kind: str, text: str) -> tuple[int, bytes]:
    return status, json.dumps({"status": "error", "errorType": kind, "error": text}).encode()


PROMETHEUS: dict[str, tuple[int, bytes]] = {
    "up": answer(vector("1")),
    'sum(rate(x{pod=~"shop-canary-.*"}[45s])) + 1': answer(vector("0.25")),
    "scalar(up)": answer(scalar("0.5")),
    "tiny": answer(vector("1.5e-07")),
    "0/0": answer(vector("NaN")),
    "1/0": answer(scalar("+Inf")),
    "absent": answer(vector()),
    "two": answer(vector("1", "2")),
    "up[5m]": answer({"resultType": "matrix", "result": [{"metric": {}, "values": [[NOW, "1"]]}]}),
    '"text"': answer({"resultType": "string", "result": [NOW, "text"]}),
    "histogram": answer({"resultType": "vector", "result": [{"metric": {}, "histogram": [NOW, {"count": "1"}]}]}),
    "warned": answer(vector("1"), warnings=["a remote read failed"]),
    "rate(": refused(400, "bad_data", "1:6: parse error: unclosed left parenthesis"),
    "many": refused(422, "execution", "query processing would load too many samples into memory"),
    "slow": refused(503, "timeout", "query timed out in expression evaluation"),
    "proxy": (502, b"<html>Bad Gateway</html>"),
    "html": (200, b"<html>Login</html>"),
    "list": (200, b"[]"),
    "empty": (200, b""),
    "hollow": (200, b'{"status": "success"}'),
    "number": (200, b'{"status": "success", "data": {"resultType": "scalar", "result": 5}}'),
}


def prometheus(handler: Handler) -> None:
    asked = urlsplit(handler.path)
    given = parse_qs(asked.query, keep_blank_values=True, strict_parsing=True)
    if asked.path != "/api/v1/query" or set(given) != {"query"} or len(given["query"]) != 1:
        said(404, b"404 page not found")(handler)
        return
    status, body = PROMETHEUS.get(given["query"][0], refused(400, "bad_data", "not asked here"))
    said(status, body)(handler)


def asked(server: Server, measure: Measurements, query: str, prefix: str = "") -> Measured:
    server.act = prometheus
    return measure.prometheus(f"http://{server.place}{prefix}", query, timeout_s=2.0)


@pytest.mark.parametrize(
    ("query", "value"),
    [
        ("up", 1.0),
        ('sum(rate(x{pod=~"shop-canary-.*"}[45s])) + 1', 0.25),
        ("scalar(up)", 0.5),
        ("tiny", 1.5e-07),
        ("1/0", math.inf),
        ("warned", 1.0),
        ("absent", None),
    ],
)
def test_a_query_has_one_value_or_none(server: Server, measure: Measurements, query: str, value: float | None) -> None:
    assert asked(server, measure, query) == Measured(value)


def test_what_is_no_number_is_said_as_it_is(server: Server, measure: Measurements) -> None:
    measured = asked(server, measure, "0/0")

    assert measured.value is not None and math.isnan(measured.value)


AGGREGATE = "make the query aggregate, with sum() for one"


@pytest.mark.parametrize(
    ("query", "error"),
    [
        ("two", f"expected one value, got a vector of 2: {AGGREGATE}"),
        ("up[5m]", f"expected one value, got a matrix of 1: {AGGREGATE}"),
        ('"text"', f"expected one value, got a string of 2: {AGGREGATE}"),
        ("histogram", "no Prometheus answer: KeyError('value')"),
        ("rate(", "PLACE: HTTP 400: 1:6: parse error: unclosed left parenthesis"),
        ("many", "PLACE: HTTP 422: query processing would load too many samples into memory"),
        ("slow", "PLACE: HTTP 503: query timed out in expression evaluation"),
        ("proxy", "PLACE: HTTP 502, and no JSON"),
        ("html", "PLACE: HTTP 200, and no JSON"),
        ("empty", "PLACE: HTTP 200, and no JSON"),
        ("list", "PLACE: HTTP 200"),
        ("hollow", """no Prometheus answer: TypeError("'NoneType' object is not subscriptable")"""),
        ("number", """no Prometheus answer: TypeError("'int' object is not subscriptable")"""),
    ],
)
def test_everything_else_is_no_answer_and_says_why(server: Server, measure: Measurements, query: str, error: str) -> None:
    assert asked(server, measure, query) == Measured(error=error.replace("PLACE", server.place))


@pytest.mark.parametrize("prefix", ["/", "//"])
def test_an_address_may_end_in_a_slash(server: Server, measure: Measurements, prefix: str) -> None:
    assert asked(server, measure, "up", prefix).value == 1.0


def test_an_address_may_have_a_path(server: Server, measure: Measurements) -> None:
    asked(server, measure, "up", "/prometheus")

    assert server.paths == ["/prometheus/api/v1/query?query=up"]


@pytest.mark.parametrize("act", [hang, drip, close, break_off], ids=["hang", "drip", "close", "break_off"])
def test_a_server_that_gives_no_whole_answer_has_given_none(server: Server, measure: Measurements, act: Act) -> None:
    server.act = act
    measured = measure.prometheus(f"http://{server.place}", "up", timeout_s=SHORT_S)

    assert (measured.value, measured.failure) == (None, "")
    assert measured.error.startswith(f"{server.place}: ")
