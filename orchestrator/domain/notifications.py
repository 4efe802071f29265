"""What a receiver is told: which events count (`KINDS`), the body, its signature, and when to try again. Pure.

Who is told is in `receivers`; how it gets there in `services/notifying.py`. Start reading at `Notification`.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from orchestrator.domain import events as e
from orchestrator.domain.receivers import Kind, Receiver

KINDS: Mapping[str, Kind] = {
    e.DeploymentRequested.__name__: "requested",
    e.DecisionRequested.__name__: "waiting",
    e.DeploymentRefused.__name__: "refused",
    e.DeploymentSimulated.__name__: "simulated",
    e.ExecutionStarted.__name__: "started",
    e.DeploymentInterrupted.__name__: "interrupted",
    e.DeploymentDeployed.__name__: "deployed",
    e.DeploymentVerified.__name__: "verified",
    e.VerificationFailed.__name__: "verification_failed",
    e.DeploymentFailed.__name__: "failed",
    e.DeploymentAborted.__name__: "aborted",
    e.RollbackStarted.__name__: "rollback_started",
    e.RolledBack.__name__: "rolled_back",
    e.RollbackFailed.__name__: "rollback_failed",
}
"""Type of a recorded event to what receivers call it."""

FIRST_RETRY_S = 2.0
LONGEST_RETRY_S = 3600.0
LONGEST_RETRY_AFTER_S = 24 * 3600.0
GIVE_UP_AFTER_S = 3 * 24 * 3600.0
"""Counted from when it was put into the outbox. It is tried at least once."""
LONGEST_DETAIL = 500

ID_HEADER = "Pop-Deploy-Event-Id"
SIGNATURE_HEADER = "Pop-Deploy-Signature"


@dataclass(frozen=True, slots=True, kw_only=True)
class Notification:
    """One event, as a receiver gets it: the same at every attempt.

    Attributes:
        id: ``STORE-POSITION``: the same event has the same one for ever. Whoever gets it twice drops the second.
        event: One of `receivers.Kind`, or ``test``.
        time: When it happened; ISO 8601 with offset.
        target: None while the question which one is open.
        detail: The message, question or reason; one line, or "".
    """

    id: str
    event: str
    time: str
    project: str
    environment: str
    target: str | None
    deployment_id: str
    version: str
    commit_sha: str | None
    actor: str
    detail: str = ""

    @property
    def text(self) -> str:
        """A line for people: ``shop 1.2.0 to production/docker: failed (ann@ci-7): push: denied``."""
        place = f"{self.environment}/{self.target}" if self.target else self.environment
        said = f"{self.project} {self.version} to {place}: {self.event.replace('_', ' ')} ({self.actor})"
        return f"{said}: {self.detail}" if self.detail else said

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "text": self.text}

    def line(self) -> bytes:
        """One line of JSON, ASCII only, without a line feed."""
        return json.dumps(self.to_json()).encode()

    def slack(self) -> bytes:
        """``{"text": ...}``: nothing in it is taken for a link, a mention or markup of Slack's own."""
        return json.dumps({"text": escaped(self.text)}).encode()


def detail_of(kind: str, data: Mapping[str, Any]) -> str:
    """What the data of a recorded event says besides its kind; on one line, bounded. Mask it before it is shortened again."""
    match kind:
        case "waiting":
            said = f"{data['question']} ({data['decision_id']}: {' / '.join(option['id'] for option in data['options'])})"
        case "refused":
            said = f"{data['rule']}: {data['message']}"
        case "interrupted":
            said = f"{data['signal']}" + (f" in {data['step']}" if data["step"] else "")
        case "simulated":
            said = "all checks passed" if data["success"] else "checks failed"
        case "failed" | "rollback_failed":
            said = f"{data['step']}: {data['message']}"
        case "rolled_back":
            said = f"{data['release']['version']} is live again"
        case "rollback_started":
            said = f"to {data['to']['version']}"
        case _:
            said = data.get("message") or data.get("reason") or ""
    return " ".join(said.split())


def shortened(text: str) -> str:
    return text if len(text) <= LONGEST_DETAIL else text[: LONGEST_DETAIL - 3] + "..."


def escaped(text: str) -> str:
    """*text* with the three characters that Slack's markup is made of written as it wants them."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def signature(secret: str, unix_time: int, body: bytes) -> str:
    """``t=<unix time>,v1=<hex>``: HMAC-SHA256 of ``<unix time>.<body>``, so that a body cannot be sent again as a new one."""
    made = hmac.new(secret.encode(), b"%d." % unix_time + body, hashlib.sha256).hexdigest()
    return f"t={unix_time},v1={made}"


def wanted(receiver: Receiver, kind: str, environment: str) -> bool:
    return kind in receiver.events and (not receiver.environments or environment in receiver.environments)


def retry_delay_s(attempt: int, chance: float, retry_after_s: float | None = None) -> float:
    """How long to wait after the failed attempt number *attempt* (from 1): doubled each time, up to an hour.

    Args:
        chance: From 0 to 1; takes up to half of it away, so that many who failed together do not come back together.
        retry_after_s: What the receiver asked for. It is kept, up to a day, but never makes the wait shorter.
    """
    longest = min(LONGEST_RETRY_S, FIRST_RETRY_S * 2.0 ** min(attempt - 1, 30))
    asked = min(LONGEST_RETRY_AFTER_S, max(0.0, retry_after_s or 0.0))
    return max(longest * (1 - chance / 2), asked)
