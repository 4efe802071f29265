"""Checks of the project's own: each a command of deploy.json's ``validation.checks``, made a `Check` like any other."""

from __future__ import annotations

from orchestrator.domain.errors import UsageProblem
from orchestrator.domain.readiness import Outcome, Scope
from orchestrator.domain.settings import OwnCheck, ValidationSettings
from orchestrator.targets.base import QueryTimeout, ToolMissing
from orchestrator.validation.base import Check, Found, Subject
from orchestrator.validation.registry import CHECKS, for_scope

_SPARE_S = 60.0


def checks_for(settings: ValidationSettings, scope: Scope) -> tuple[Check, ...]:
    """All checks of *scope*, the project's own behind ours.

    Raises:
        UsageProblem: One of the project's own has the name of one of ours, which would replace it.
    """
    ours = {check.name for check in CHECKS}
    for name in settings.checks:
        if name in ours:
            raise UsageProblem(f"deploy.json: validation.checks.{name}: that name is taken by a check of ours")
    return for_scope(scope, (*CHECKS, *(_check(name, own) for name, own in settings.checks.items())))


def _check(name: str, own: OwnCheck) -> Check:
    def look(subject: Subject) -> Found:
        return _look(subject, name, own)

    # The command's deadline is to come first: it says more.
    timeout_s = own.timeout_s + _SPARE_S
    return Check(
        name=name, title=" ".join(own.command)[:60], scope=own.scope, blocking=own.blocking, look=look, timeout_s=timeout_s
    )


def _look(subject: Subject, name: str, own: OwnCheck) -> Found:
    where = f"validation.checks.{name}"
    try:
        result = subject.run(own.command, timeout_s=own.timeout_s)
    except ToolMissing as missing:
        # Nothing can be switched off silently: a command that was renamed has not passed.
        return Found(Outcome.FAIL, f"{missing} ({where})")
    except QueryTimeout:
        return Found(Outcome.FAIL, f"did not end in {own.timeout_s:g} s and was stopped ({where})")
    if result.ok:
        return Found(Outcome.PASS, f"{own.command[0]} ended with 0")
    said = (result.stderr.strip() or result.stdout.strip()).rpartition("\n")[2].strip()[:200]
    return Found(Outcome.FAIL, f"{own.command[0]} ended with {result.exit_code}{': ' + said if said else ''} ({where})")
