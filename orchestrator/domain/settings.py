"""Settings that every kind of target shares, as plain values. `config.py` reads them from deploy.json."""

from __future__ import annotations

from dataclasses import dataclass, field

from orchestrator.domain.readiness import Scope


@dataclass(frozen=True, slots=True)
class SecretRef:
    """Where a secret value is found at the moment of use; exactly one of *env* and *file* is set.

    The value itself is never part of a configuration, plan or event.
    """

    env: str | None = None
    file: str | None = None

    def __str__(self) -> str:
        return f"{{env: {self.env}}}" if self.env is not None else f"{{file: {self.file}}}"

    def to_json(self) -> dict[str, str]:
        return {"env": self.env} if self.env is not None else {"file": str(self.file)}


Value = str | SecretRef


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthCheck:
    """One of *url*, *tcp* ("host:port") or *command* (argument list) is set.

    Attributes:
        url: Asked with GET, without a proxy; a redirect is not followed.
        tcp: Healthy when a connection is accepted.
        command: Run in the project's directory; healthy when it exits with 0.
        headers: Sent with the request.
        expect_status: HTTP status that means healthy.
        expect_body: Regular expression that must be found in the body.
        initial_delay_s: Wait before the first try.
        interval_s: Wait between tries.
        timeout_s: Deadline of the whole check: unhealthy when no try succeeded by then.
    """

    url: str | None = None
    tcp: str | None = None
    command: tuple[str, ...] | None = None
    headers: dict[str, Value] = field(default_factory=dict)
    expect_status: int = 200
    expect_body: str | None = None
    initial_delay_s: float = 0.0
    interval_s: float = 1.0
    timeout_s: float = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditSettings:
    """Who receives the signed head of the store after each deployment.

    Attributes:
        anchor_command: Argument list of a command that gets the head, one line of JSON, on its standard input.
        anchor_file: File to which that line is added.
        key: File of the private key that signs; made when it is missing. The data directory's own when `null`.
        timeout_s: Deadline of the command.
    """

    anchor_command: tuple[str, ...] | None = None
    anchor_file: str | None = None
    key: str | None = None
    timeout_s: float = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnCheck:
    """A check of the project's own: it passes when its command exits with 0.

    Attributes:
        command: Argument list, run in the project's directory.
        scope: The smallest scope that has it.
        blocking: A failure forbids a live deployment.
        timeout_s: Deadline; what has not ended by then has failed.
    """

    command: tuple[str, ...]
    scope: Scope = Scope.STANDARD
    blocking: bool = True
    timeout_s: float = 600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ValidationSettings:
    """The project's own word on what `validate` checks. No check can be switched off here.

    Attributes:
        checks: Checks of the project's own, by name.
        build: Argument list that builds the project, in place of what is detected.
        tests: Argument list that runs the tests, in place of what is detected.
        integration_tests: Argument list that runs the integration tests.
        security_scan: Argument list of a static security scan, in place of what is detected.
        max_artifact_bytes: What is deployed may be no larger.
        allowed_licences: SPDX names; a dependency under any other one fails the check, without blocking.
    """

    checks: dict[str, OwnCheck] = field(default_factory=dict)
    build: tuple[str, ...] | None = None
    tests: tuple[str, ...] | None = None
    integration_tests: tuple[str, ...] | None = None
    security_scan: tuple[str, ...] | None = None
    max_artifact_bytes: int | None = None
    allowed_licences: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Hooks:
    """The user's own commands around a deployment: lists of argument lists, run in the project's directory.

    Attributes:
        before_deploy: Before the target's own steps.
        after_deploy: After them, before the verification.
        on_failure: When a step or the verification has failed, before the way back.
    """

    before_deploy: tuple[tuple[str, ...], ...] = ()
    after_deploy: tuple[tuple[str, ...], ...] = ()
    on_failure: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Freeze:
    """A period without live deployments; both ends are ISO 8601 times with an offset.

    Attributes:
        start: First moment.
        end: First moment after it.
        reason: Shown to whoever is refused.
    """

    start: str
    end: str
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvironmentRules:
    """Rules of one environment; the defaults are those of an environment that nobody configured.

    Attributes:
        requires_validation: A live deployment needs a validation that passed; true for ``production`` unless it says otherwise.
        validation_max_age_s: How old that validation may be, seconds.
        validation_scope: How thorough it has to be at least: quick, standard or full.
        approvals: How many people have to approve a live deployment.
        auto_rollback: For targets that do not say it themselves.
        freeze: Periods without live deployments.
    """

    requires_validation: bool = False
    validation_max_age_s: int = 3600
    validation_scope: Scope = Scope.QUICK
    approvals: int = 0
    auto_rollback: bool | None = None
    freeze: tuple[Freeze, ...] = ()
