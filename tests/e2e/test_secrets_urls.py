"""Secrets in a health check's header and in the store's URL are sent where they belong, and shown nowhere."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from tests.e2e.canary import Canary, everything_under
from tests.e2e.project import Project
from tests.e2e.test_secrets_canary import LIVE, SECRET, Leaking

pytestmark = pytest.mark.e2e

# Health checks


@contextmanager
def service(say: str, *, also: str = "") -> Iterator[tuple[str, list[str]]]:
    """Answers 500 with what it was sent as ``X-Token``: in the body, the reason or a redirect, and *also* in the
    body. Yields its URL and what it was sent."""
    seen: list[str] = []

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            token = self.headers["X-Token"]
            seen.append(token)
            self.send_response(302 if say == "redirect" else 500, token if say == "reason" else None)
            if say == "redirect":
                self.send_header("Location", f"http://127.0.0.1:1/?t={token}")
            self.end_headers()
            self.wfile.write(f"<p>no: {token} {also}</p>".encode() if say == "body" else b"")

        def log_message(self, *_: Any) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/health", seen
    finally:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize("say", ["body", "reason", "redirect"])
def test_a_health_checks_header_is_sent_and_never_shown(project: Project, say: str) -> None:
    leaking = Leaking(project, Canary())
    with service(say) as (url, seen):
        check = {"url": url, "headers": {"X-Token": {"env": SECRET}}, "timeout_s": 0.2, "interval_s": 0.1}
        project.configure(local={"health_check": check})

        failed = leaking.run(*LIVE)
        leaking.run("verify", "--json")
        leaking.read()

    assert failed.code == 1, failed.out
    assert set(seen) == {leaking.canary.value}
    assert leaking.sightings() == []


# The store's URL


@pytest.mark.parametrize(
    "url",
    [
        "postgresql+psycopg://shop:{0}@127.0.0.1:1/shop",
        "postgresql+psycopg://shop:{0}@[bad/shop",
        "postgresql+psycopg://shop:a/{0}:b@127.0.0.1:1/shop",
        "postgresql+psycopg://127.0.0.1:1/shop?user=shop&password={0}",
        "postgresql+psycopg://shop:{0}@127.0.0.1:nonsense/shop",
        "mysql://shop:{0}@127.0.0.1/shop",
    ],
)
def test_the_password_of_a_store_that_cannot_be_reached_is_not_shown(project: Project, url: str) -> None:
    canary, shown = Canary(), {}
    store = url.format(canary.value)
    ways = ((*LIVE, "--store", store), ("show", "latest", "--json", f"--store={store}"), ("history",), ("resume", "--json"))
    for words in ways:
        ran = project.run(*words, **({} if len(words) > 2 else {"POP_DEPLOY_STORE": store}))
        shown |= {f"{words[0]} out": ran.out.encode(), f"{words[0]} err": ran.err.encode()}
        assert ran.code in (1, 2) and "Traceback" not in ran.err, ran.err

    assert b"sql" in b"".join(shown.values())
    assert canary.sightings(shown | everything_under(project.root)) == []


def test_the_password_of_a_store_that_works_is_not_shown_either(project: Project, postgres_url: str) -> None:
    password = postgres_url.partition("@")[0].rpartition(":")[2]
    ways = (
        (*LIVE, "--reason", f"why {postgres_url}"),
        ("execute", "--mode", "deploy"),
        ("show", "latest"),
        ("show", "latest", "--json"),
        (),
    )

    done = [project.run(*words, "--store", postgres_url) for words in ways]
    by_variable = [project.run(*words, POP_DEPLOY_STORE=postgres_url) for words in ways]

    assert [ran.code for ran in done] == [0, 3, 0, 0, 0], [ran.err for ran in done]
    assert any("--store 'postgresql" in ran.out for ran in done) and not any("--store" in ran.out for ran in by_variable)
    texts = [text for ran in (*done, *by_variable) for text in (ran.out, ran.err)]
    files = everything_under(project.root)
    assert [text for text in texts if f":{password}@" in text] == []
    assert [place for place, data in files.items() if f":{password}@".encode() in data] == []
