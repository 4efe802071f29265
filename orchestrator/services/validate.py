"""Validating: a scope's checks are run, recorded on the validation's own stream, and become a report bound to what it is about.

A validation that was killed midway has no `ValidationFinished`, and counts for nothing. Checks change nothing; what ``--fix``
changes is recorded before the checks look again. How they run is in `validate_run.py`, what they look at in
`validate_subject.py`; whether a report allows a deployment is decided in `validation_gate.py`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import orjson

from eventstore import NO_STREAM, Attachment, NewEvent, WrongExpectedVersion
from orchestrator.domain import events as e
from orchestrator.domain import validation_events as v
from orchestrator.domain.errors import UsageProblem
from orchestrator.domain.ids import validation_stream
from orchestrator.domain.plan import Slot
from orchestrator.domain.readiness import CheckResult, Outcome, Scope, ValidationReport, assess
from orchestrator.projections import validations
from orchestrator.services.codec import CODEC
from orchestrator.services.ports import CheckLogs
from orchestrator.services.road import in_words
from orchestrator.services.validate_run import Answer, run_checks
from orchestrator.services.validate_subject import Validated, make_subject
from orchestrator.services.workspace import Workspace
from orchestrator.targets.base import CheckStatus
from orchestrator.validation.base import Check, Subject

UNCHANGED = "unchanged"
"""Name of the check that says whether the project stayed as it was while it was looked at."""


@dataclass(frozen=True, kw_only=True)
class Wish:
    """What is to be validated. *version*: where somebody named it."""

    slot: Slot
    scope: Scope
    version: str | None = None
    fix: bool = False
    strict: bool = False


def validate(workspace: Workspace, wish: Wish, checks: Sequence[Check]) -> ValidationReport:
    """Run *checks*, record what they find, and give the report.

    Raises:
        UsageProblem: There is no version anywhere.
        Interrupted: A signal asked us to stop; there is no report then.
    """
    with workspace.stop.breakable(1):
        seen = Validated.now(workspace, wish.slot, wish.version)
    if seen.facts.version is None:
        raise UsageProblem("no version: name one with --version, or give package.json, pyproject.toml or a git tag one")
    stream = _begin(workspace, wish, seen.facts.version, checks)
    fixed = _fix(workspace, wish, seen, checks, stream) if wish.fix else {}
    if fixed:
        with workspace.stop.breakable(1):
            seen = Validated.now(workspace, wish.slot, wish.version)
    workspace.narrator.phase("Checks")
    results = []
    for answer in _answers(workspace, wish.slot, seen, checks):
        results.append(stream.checked(replace(answer, result=replace(answer.result, fixed=fixed.get(answer.result.name, "")))))
    return _finish(workspace, wish, seen, results, stream)


class _Stream:
    """The validation's own stream, for writing; masks what it writes."""

    def __init__(self, workspace: Workspace, validation_id: str) -> None:
        self._workspace, self.validation_id, self._version = workspace, validation_id, NO_STREAM

    @property
    def name(self) -> str:
        return validation_stream(self.validation_id)

    def record(self, event: e.Event, *attachments: Attachment) -> None:
        workspace = self._workspace
        metadata = {"actor": workspace.actor, "host": workspace.here.host, "pid": workspace.here.pid}
        metadata |= {"tool_version": workspace.tool_version, "correlation_id": self.validation_id}
        new = CODEC.encode(event)
        data = new.data
        if workspace.mask.may_mask_json(data):
            data = orjson.dumps(workspace.mask.mask_json(orjson.loads(data)), option=orjson.OPT_SORT_KEYS)
        masked = NewEvent(new.type, data, orjson.dumps(metadata, option=orjson.OPT_SORT_KEYS), new.schema_version)
        appended = workspace.store.append(self.name, [masked], expected_version=self._version, attachments=attachments)
        self._version = appended.version

    def checked(self, answer: Answer) -> CheckResult:
        """Record one answer and tell whoever watches."""
        found = answer.result
        output = dict(answer.output) if answer.output is not None else None
        recorded = v.ValidationCheckRecorded(
            name=found.name,
            status=found.status,
            message=found.message,
            blocking=found.blocking,
            duration_ms=found.duration_ms,
            fixed=found.fixed,
            output=output,
        )
        self.record(recorded, *([answer.attachment] if answer.attachment is not None else []))
        self._workspace.narrator.check(found.name, CheckStatus(found.status), found.message)
        return found


def _begin(workspace: Workspace, wish: Wish, version: str, checks: Sequence[Check]) -> _Stream:
    while True:
        validation_id = "validate-" + workspace.new_id().removeprefix("deploy-")
        stream = _Stream(workspace, validation_id)
        started = v.ValidationStarted(
            validation_id=validation_id,
            project=wish.slot.project,
            environment=wish.slot.environment,
            target=wish.slot.target,
            version=version,
            scope=wish.scope,
            checks=[*(check.name for check in checks), UNCHANGED],
            by=workspace.actor,
            fix=wish.fix,
            strict=wish.strict,
            ci=workspace.ci,
        )
        try:
            stream.record(started)
        except WrongExpectedVersion:
            continue  # another process drew the same ID
        return stream


def _answers(workspace: Workspace, slot: Slot, seen: Validated, checks: Sequence[Check]) -> Iterator[Answer]:
    subject = _subject(workspace, slot, seen)
    return run_checks(checks, subject, _logs(workspace), workspace.stop, workspace.mask.mask)


def _subject(workspace: Workspace, slot: Slot, seen: Validated) -> Subject:
    run = _logs(workspace).open(lambda: False).run  # each check is given its own
    return make_subject(workspace, slot, seen, seen.facts.version or "", run)


def _logs(workspace: Workspace) -> CheckLogs:
    if workspace.check_logs is None:
        raise UsageProblem("nothing can be validated here: no check can run a command")
    return workspace.check_logs


def _finish(workspace: Workspace, wish: Wish, seen: Validated, results: list[CheckResult], stream: _Stream) -> ValidationReport:
    """What was validated is what is there at the end; where that is not what was there at the beginning, it is said."""
    with workspace.stop.breakable(1):
        now = Validated.now(workspace, wish.slot, wish.version)
    changed = _changed(seen, now)
    if changed is not None:
        results.append(stream.checked(Answer(changed)))
    stream.record(
        v.ValidationFinished(
            readiness=assess(results).to_json(),
            commit_sha=now.facts.commit_sha,
            config_digest=now.settings.digest,
            source_digest=now.source_digest,
            dirty=now.facts.dirty,
        )
    )
    report = validations.get(workspace.store, stream.name)
    assert report is not None  # noqa: S101 - it has just ended
    return report


def _changed(before: Validated, now: Validated) -> CheckResult | None:
    """A commit or a version that came meanwhile was not looked at; files may be what a build has left."""
    if (before.facts.commit_sha, before.facts.version) != (now.facts.commit_sha, now.facts.version):
        message = "the project went on to another commit or version while it was checked: validate again"
        return CheckResult(name=UNCHANGED, status=Outcome.FAIL, message=message, blocking=True)
    if (before.source_digest, before.facts.dirty) != (now.source_digest, now.facts.dirty):
        message = "files of the project changed while it was checked, by a build or by somebody: validate again"
        return CheckResult(name=UNCHANGED, status=Outcome.WARN, message=message, blocking=True)
    return None


def _fix(workspace: Workspace, wish: Wish, seen: Validated, checks: Sequence[Check], stream: _Stream) -> dict[str, str]:
    """Look at what can be fixed, and fix what is wrong, one after another. Gives what was changed, by check."""
    fixable = {check.name: check for check in checks if check.fix is not None}
    if not fixable:
        return {}
    workspace.narrator.phase("Fixes")
    wrong = []
    for answer in _answers(workspace, wish.slot, seen, tuple(fixable.values())):
        found = stream.checked(answer)
        wrong += [found.name] if found.status in (Outcome.FAIL, Outcome.WARN) else []
    fixed = {}
    for name in (name for name in fixable if name in wrong):
        workspace.stop.check()
        done = _fixed(workspace, _subject(workspace, wish.slot, seen), fixable[name])
        if done:
            fixed[name] = done
            stream.record(v.ValidationFixed(name=name, message=done))
            workspace.narrator.line(f"fixed: {name}: {done}")
    return fixed


def _fixed(workspace: Workspace, subject: Subject, check: Check) -> str:
    log = _logs(workspace).open(lambda: workspace.stop.signal is not None)
    assert check.fix is not None  # noqa: S101 - only those are asked for
    try:
        return workspace.mask.mask(check.fix(replace(subject, run=log.run)))
    except Exception as problem:  # noqa: BLE001 - what could not be fixed is looked at again, and found
        workspace.stop.check()
        workspace.narrator.line(workspace.mask.mask(f"not fixed: {check.name}: {in_words(problem)}"))
        return ""
