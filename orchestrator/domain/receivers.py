"""Who is told what happens: the key `notify` of deploy.json, as plain values. What they are told is in `notifications`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from orchestrator.domain.settings import SecretRef, Value

Kind = Literal[
    "requested",
    "waiting",
    "refused",
    "simulated",
    "started",
    "interrupted",
    "deployed",
    "verified",
    "verification_failed",
    "failed",
    "aborted",
    "rollback_started",
    "rolled_back",
    "rollback_failed",
]
USUAL: tuple[Kind, ...] = (
    "waiting",
    "interrupted",
    "verified",
    "verification_failed",
    "failed",
    "aborted",
    "rolled_back",
    "rollback_failed",
)
RECEIVER_KINDS = ("webhook", "slack", "command")


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """Gets each notification with POST, as a JSON object.

    Attributes:
        url: Asked without a proxy; a redirect is not followed. A reference where the URL itself is a secret.
        secret: Key of the signature (`Pop-Deploy-Signature`); unsigned when `null`.
        headers: Sent with each request.
    """

    url: Value
    secret: SecretRef | None = None
    headers: dict[str, Value] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Slack:
    """Gets each notification as `{"text": ...}`, which Slack, Mattermost and others show.

    Attributes:
        url: Of the incoming webhook. Whoever knows it can post: refer to it.
    """

    url: Value


@dataclass(frozen=True, slots=True, kw_only=True)
class Receiver:
    """Somebody who is told what happens; exactly one of `webhook`, `slack` and `command` is given.

    Attributes:
        name: Names it in the record; under a new name it gets nothing of what happened before.
        webhook: An HTTP endpoint of your own.
        slack: A chat that takes Slack's payload.
        command: Argument list of a command that gets the JSON object, one line, on its standard input; run in the project's
            directory; exit code 0 means delivered.
        events: What it is told about.
        environments: Only deployments to these; to all when empty.
        timeout_s: Deadline of each attempt.
        allow_http: Take an `http` URL that leads to another machine: what is sent can be read and changed on its way.
    """

    name: str
    webhook: Webhook | None = None
    slack: Slack | None = None
    command: tuple[str, ...] | None = None
    events: tuple[Kind, ...] = USUAL
    environments: tuple[str, ...] = ()
    timeout_s: float = 10.0
    allow_http: bool = False

    @property
    def kind(self) -> str:
        """One of `RECEIVER_KINDS`."""
        return next(kind for kind in RECEIVER_KINDS if getattr(self, kind) is not None)

    @property
    def url(self) -> Value | None:
        """Where it is reached over HTTP; None for a command."""
        over_http = self.webhook or self.slack
        return over_http.url if over_http is not None else None
