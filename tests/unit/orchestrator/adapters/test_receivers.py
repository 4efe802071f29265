"""One attempt against a real server or a real command: what each answer means, and what is never sent or said."""

from __future__ import annotations

import datetime
import email.utils
import ssl
import sys
import time
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest

from orchestrator.adapters.receivers import Receivers
from orchestrator.adapters.secrets import SecretStore
from orchestrator.domain.masking import Masker
from orchestrator.domain.notifications import Notification
from orchestrator.domain.receivers import Receiver, Slack, Webhook
from orchestrator.domain.settings import SecretRef
from tests.e2e.receiving import CLOSE, HANG, Endpoint, endpoint

WHAT = Notification(
    id="0123-7",
    event="failed",
    time="2026-03-18T14:30:22+00:00",
    project="shop",
    environment="production",
    target="web",
    deployment_id="deploy-20260318-143022-k3f9",
    version="1.2.0",
    commit_sha=None,
    actor="ann@ci-7",
)


@pytest.fixture
def to() -> Iterator[Endpoint]:
    with endpoint() as made:
        yield made


def receivers(root: Path, **environ: str) -> Receivers:
    return Receivers(root, SecretStore(root, Masker(), environ))


def hook(url: Any, **other: Any) -> Receiver:
    more = {key: other.pop(key) for key in ("secret", "headers") if key in other}
    return Receiver(name="hook", webhook=Webhook(url=url, **more), **other)


def test_sends_the_object_with_its_id_and_the_headers_that_are_configured(to: Endpoint, tmp_path: Path) -> None:
    sender = receivers(tmp_path, TOKEN="tok\n", KEY="key")
    webhook = hook(to.url, secret=SecretRef(env="KEY"), headers={"Authorization": SecretRef(env="TOKEN"), "X-Team": "web"})

    sent = sender.send(webhook, WHAT)

    got = to.next()
    assert (sent.delivered, sent.message) == (True, "HTTP 200")
    assert got.body == WHAT.line()
    assert (got.id, got.headers["Authorization"], got.headers["X-Team"]) == ("0123-7", "tok", "web")
    assert got.headers["Pop-Deploy-Signature"].startswith("t=")


@pytest.mark.parametrize(
    ("status", "delivered", "final"),
    [
        (200, True, False),
        (204, True, False),
        (302, False, True),
        (400, False, True),
        (401, False, True),
        (404, False, True),
        (410, False, True),
        (408, False, False),
        (425, False, False),
        (429, False, False),
        (500, False, False),
        (503, False, False),
    ],
)
def test_what_a_status_means(tmp_path: Path, status: int, delivered: bool, final: bool) -> None:
    with endpoint(status) as to:
        sent = receivers(tmp_path).send(hook(to.url), WHAT)

        assert (sent.delivered, sent.final) == (delivered, final)
        assert sent.message.startswith(f"HTTP {status}")


def test_a_redirect_is_not_followed(tmp_path: Path, to: Endpoint) -> None:
    with endpoint(307, headers={"Location": to.url}) as moved:
        sent = receivers(tmp_path).send(hook(moved.url), WHAT)

    assert sent.final
    assert to.empty()


@pytest.mark.parametrize(
    ("value", "seconds"),
    [("120", 120.0), ("soon", None), ("-5", None), ("", None), ("in ten minutes, as a date", 600.0)],
)
def test_the_time_that_an_answer_asks_for_is_read(tmp_path: Path, value: str, seconds: float | None) -> None:
    if value.endswith("date"):
        value = email.utils.formatdate(time.time() + 600, usegmt=True)
    with endpoint(429, headers={"Retry-After": value}) as to:
        sent = receivers(tmp_path).send(hook(to.url), WHAT)

    assert sent.retry_after_s == (pytest.approx(seconds, abs=30) if seconds is not None else None)


def test_no_answer_in_time_is_worth_another_attempt(tmp_path: Path) -> None:
    with endpoint(HANG) as to:
        sent = receivers(tmp_path).send(hook(to.url, timeout_s=0.2), WHAT)

    assert (sent.delivered, sent.final) == (False, False)
    assert sent.message == "no answer within 0.2 s"


def test_an_answer_that_breaks_off_or_a_port_that_is_closed_is_worth_another_attempt(tmp_path: Path) -> None:
    with endpoint(CLOSE) as to:
        broken = receivers(tmp_path).send(hook(to.url), WHAT)
    closed = receivers(tmp_path).send(hook(to.url), WHAT)

    assert [(each.delivered, each.final) for each in (broken, closed)] == [(False, False)] * 2
    assert "refused" in closed.message


def test_a_proxy_of_the_environment_is_not_used(to: Endpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")

    assert receivers(tmp_path).send(hook(to.url), WHAT).delivered


@pytest.mark.parametrize("url", ["http://example.org/T0KEN", "ftp://127.0.0.1/T0KEN", "https://u:T0KEN@example.org", "T0KEN"])
def test_a_url_from_a_reference_is_checked_and_not_said(tmp_path: Path, url: str) -> None:
    sent = receivers(tmp_path, URL=url).send(hook(SecretRef(env="URL")), WHAT)

    assert not sent.delivered
    assert "notify.hook: url: expected" in sent.message
    assert "T0KEN" not in sent.message


def test_a_secret_that_is_missing_is_worth_another_attempt(tmp_path: Path, to: Endpoint) -> None:
    sent = receivers(tmp_path).send(hook(to.url, secret=SecretRef(env="KEY")), WHAT)

    assert (sent.delivered, sent.final) == (False, False)
    assert "KEY is not set" in sent.message
    assert to.empty()


def test_a_header_of_several_lines_is_not_sent(tmp_path: Path, to: Endpoint) -> None:
    sent = receivers(tmp_path, TOKEN="a\r\nX-Evil: 1").send(hook(to.url, headers={"X": SecretRef(env="TOKEN")}), WHAT)

    assert not sent.delivered
    assert to.empty()


def test_slack_gets_text_and_no_signature(tmp_path: Path, to: Endpoint) -> None:
    receivers(tmp_path).send(Receiver(name="chat", slack=Slack(url=to.url)), WHAT)

    got = to.next()
    assert list(got.json) == ["text"]
    assert "Pop-Deploy-Signature" not in got.headers


def test_a_command_gets_one_line_and_its_exit_code_says_whether_it_took_it(tmp_path: Path) -> None:
    takes = (sys.executable, "-S", "-c", "import sys; open('got', 'w').write(sys.stdin.read())")
    refuses = (sys.executable, "-S", "-c", "import sys; sys.exit('pager is \\x1b[31moff')")

    took = receivers(tmp_path).send(Receiver(name="pager", command=takes), WHAT)
    refused = receivers(tmp_path).send(Receiver(name="pager", command=refuses), WHAT)

    assert took.delivered
    assert (tmp_path / "got").read_bytes() == WHAT.line() + b"\n"
    assert (refused.delivered, refused.final) == (False, False)
    assert refused.message.endswith("exit code 1: pager is off")


def test_a_certificate_that_nobody_vouches_for_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    certificate, key = self_signed(tmp_path)
    with endpoint() as to:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        to.speak_tls(context)
        refused = receivers(tmp_path).send(hook(to.url), WHAT)
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        taken = receivers(tmp_path).send(hook(to.url), WHAT)

    assert not refused.delivered
    assert "certificate" in refused.message
    assert taken.delivered, taken.message


def self_signed(directory: Path) -> tuple[Path, Path]:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=True)
        .sign(key, hashes.SHA256())
    )
    files = directory / "certificate.pem", directory / "key.pem"
    files[0].write_bytes(made.public_bytes(serialization.Encoding.PEM))
    plain = serialization.NoEncryption()
    files[1].write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain))
    return files
