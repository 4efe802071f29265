"""Validating: checks beside each other, whatever becomes of them, and the report that is recorded and read back."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from orchestrator.adapters import check_commands
from orchestrator.adapters.check_commands import CheckLogs
from orchestrator.domain.errors import Interrupted, ValidationRequired
from orchestrator.domain.lifecycle import State
from orchestrator.domain.masking import Masker
from orchestrator.domain.plan import Mode
from orchestrator.domain.readiness import Outcome, Recommendation, Scope, ValidationReport
from orchestrator.projections import validations
from orchestrator.services.confirm import confirm
from orchestrator.services.execute import Consent, advance
from orchestrator.services.slot import give_back, take
from orchestrator.services.slot_waiting import Patience
from orchestrator.services.validate import Wish, validate
from orchestrator.services.validation_gate import Evidence
from orchestrator.services.workspace import Workspace
from orchestrator.targets.base import ToolMissing
from orchestrator.validation.base import Check, Found, Subject
from tests.unit.orchestrator.services.ports import SECRET
from tests.unit.orchestrator.services.workspace import SLOT, YES, World

LONG_S = 30.0


def check(name: str, look: Callable[[Subject], Found], *, blocking: bool = True, timeout_s: float = LONG_S) -> Check:
    return Check(name=name, title=name, scope=Scope.QUICK, look=look, blocking=blocking, timeout_s=timeout_s)


def says(name: str, status: Outcome, message: str = "as the test says", *, blocking: bool = True) -> Check:
    return check(name, lambda _: Found(status, message), blocking=blocking)


def opened(world: World) -> Workspace:
    workspace = world.process()
    workspace.check_logs = CheckLogs(world.root, Masker(()))
    return workspace


def validated(world: World, *checks: Check, workspace: Workspace | None = None, fix: bool = False) -> ValidationReport:
    wish = Wish(slot=SLOT, scope=Scope.QUICK, fix=fix)
    return validate(workspace or opened(world), wish, checks)


def statuses(report: ValidationReport) -> dict[str, str]:
    return {each.name: str(each.status) for each in report.checks}


def test_checks_run_beside_each_other_and_are_reported_in_their_order(world: World) -> None:
    both = threading.Barrier(2, timeout=LONG_S)
    second_ended = threading.Event()

    def first(_: Subject) -> Found:
        both.wait()
        second_ended.wait(LONG_S)
        return Found(Outcome.PASS, "first")

    def second(_: Subject) -> Found:
        both.wait()
        second_ended.set()
        return Found(Outcome.PASS, "second")

    report = validated(world, check("first", first), check("second", second))

    assert [each.name for each in report.checks] == ["first", "second"]
    assert report.readiness.score == 100


def test_one_that_raises_is_a_skip_with_its_reason_and_ends_no_other(world: World) -> None:
    def missing(_: Subject) -> Found:
        raise ToolMissing("hadolint is not on PATH")

    def mistaken(_: Subject) -> Found:
        raise ZeroDivisionError("in a check")

    report = validated(world, check("missing", missing), check("mistaken", mistaken), says("fine", Outcome.PASS))

    assert statuses(report) == {"missing": "skip", "mistaken": "skip", "fine": "pass"}
    assert [each.message for each in report.checks][:2] == [
        "could not run: hadolint is not on PATH",
        "could not run: ZeroDivisionError: in a check",
    ]


def test_one_that_hangs_fails_at_its_deadline_and_holds_up_nothing(world: World) -> None:
    for_ever = threading.Event()

    def hangs(_: Subject) -> Found:
        for_ever.wait(LONG_S)
        return Found(Outcome.PASS, "too late")

    began = time.monotonic()
    report = validated(world, check("hangs", hangs, timeout_s=0.2), says("fine", Outcome.PASS))
    took_s = time.monotonic() - began
    for_ever.set()

    assert statuses(report) == {"hangs": "fail", "fine": "pass"}
    assert report.readiness.recommendation is Recommendation.NO_GO
    assert took_s < 5


def test_a_command_that_does_not_end_is_stopped_whatever_it_ignores(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check_commands, "_GRACE_S", 0.1)
    ignored = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(60)"

    def look(subject: Subject) -> Found:
        subject.run((sys.executable, "-c", ignored), timeout_s=0.5)
        return Found(Outcome.PASS, "ended")

    report = validated(world, check("slow", look))

    assert (statuses(report)["slow"], "did not end in 0.5 s" in report.checks[0].message) == ("fail", True)


def test_a_signal_ends_running_commands_and_leaves_no_report(world: World) -> None:
    workspace = opened(world)
    begun = threading.Event()

    def look(subject: Subject) -> Found:
        begun.set()
        subject.run((sys.executable, "-c", "import time; time.sleep(60)"))
        return Found(Outcome.PASS, "ended")

    def interrupt() -> None:
        begun.wait(LONG_S)
        workspace.stop.signal = 15  # type: ignore[misc]

    threading.Thread(target=interrupt, daemon=True).start()
    began = time.monotonic()
    with pytest.raises(Interrupted):
        validated(world, check("slow", look), workspace=workspace)

    assert time.monotonic() - began < 20
    assert validations.newest(world.store, SLOT) is None


def test_the_report_is_bound_to_what_was_looked_at_and_reads_back(world: World) -> None:
    world.files.commit, world.files.source = "c7", "sha256:7"

    report = validated(world, says("fine", Outcome.PASS))

    assert (report.commit_sha, report.version, report.environment, report.target) == ("c7", "1.0.0", "default", "web")
    assert report.created_at is not None and report.config_digest is not None and report.bound
    assert validations.newest(world.store, SLOT) == report
    found = validations.current(world.store, SLOT, commit_sha="c7", config_digest=report.config_digest, version="1.0.0")
    assert found == report
    assert validations.current(world.store, SLOT, commit_sha="c8", config_digest=report.config_digest, version="1.0.0") is None


def test_a_smaller_look_does_not_make_up_for_a_failure_of_a_larger_one(world: World) -> None:
    found = validated(world, says("version", Outcome.PASS), says("tests", Outcome.FAIL, "2 failed"))
    again = validated(world, says("version", Outcome.PASS))
    now = validations.current(world.store, SLOT, commit_sha="c1", config_digest=again.config_digest or "", version="1.0.0")
    mended = validated(world, says("tests", Outcome.PASS))
    then = validations.current(world.store, SLOT, commit_sha="c1", config_digest=again.config_digest or "", version="1.0.0")

    assert again.readiness.recommendation is Recommendation.GO
    assert now is not None and now.readiness.recommendation is Recommendation.NO_GO
    assert [each.message for each in now.blocking] == [f"2 failed (in {found.validation_id}; not looked at since)"]
    assert then == mended


def test_what_changed_while_it_was_looked_at_is_said(world: World) -> None:
    def look(_: Subject) -> Found:
        world.files.commit = "c2"
        return Found(Outcome.PASS, "fine")

    report = validated(world, check("build", look))

    assert [each.name for each in report.blocking] == ["unchanged"]


def test_logs_are_kept_masked(world: World) -> None:
    def look(subject: Subject) -> Found:
        result = subject.run((sys.executable, "-c", f"print('token {SECRET}')"))
        return Found(Outcome.FAIL, f"said {result.stdout.strip()}")

    workspace = opened(world)
    masker = Masker(())
    masker.add(SECRET)
    workspace.mask, workspace.check_logs = masker, CheckLogs(world.root, masker)
    report = validated(world, check("tests", look), workspace=workspace)

    stored = b"".join(event.data for event in world.store.read_all())
    assert report.checks[0].log == "check/tests"
    assert SECRET.encode() not in stored
    assert SECRET not in report.checks[0].message


def test_a_fix_is_recorded_and_looked_at_again(world: World, tmp_path: Path) -> None:
    lock = tmp_path / "lock"

    def look(_: Subject) -> Found:
        return Found(Outcome.PASS, "there") if lock.exists() else Found(Outcome.FAIL, "no lock file")

    def fix(_: Subject) -> str:
        lock.write_text("1")
        return "wrote it"

    fixable = Check(name="lock", title="lock", scope=Scope.QUICK, look=look, fix=fix)
    unfixed = validated(world, fixable)
    fixed = validated(world, fixable, fix=True)

    assert (statuses(unfixed), statuses(fixed)) == ({"lock": "fail"}, {"lock": "pass"})
    assert fixed.checks[0].fixed == "wrote it"
    assert "ValidationFixed" in {event.type for event in world.store.read_all()}


# the gate, on the road of a deployment


@pytest.fixture
def strict(world: World) -> World:
    world.document["environments"] = {"default": {"requires_validation": True, "validation_max_age_s": 3600}}
    world.clock.set(datetime.now(UTC))  # the store's own
    return world


def test_a_live_deployment_waits_for_its_report_and_says_which_allowed_it(strict: World) -> None:
    with pytest.raises(ValidationRequired, match="pop-deploy validate --environment default --target web"):
        advance(strict.process(), strict.begin(), YES)
    report = validated(strict, says("fine", Outcome.PASS))
    allowed = strict.begin()
    advance(strict.process(), allowed, YES)

    applied = [event.data for event in strict.store.read_all() if event.type == "ValidationApplied"]
    assert allowed.deployment.state is State.VERIFIED
    assert len(applied) == 1 and (report.validation_id or "").encode() in applied[0]


def test_a_dry_run_needs_no_report(strict: World) -> None:
    journal = strict.begin(mode=Mode.DRY_RUN)
    advance(strict.process(), journal, Consent())

    assert journal.deployment.state is State.SIMULATED


@pytest.mark.parametrize("changed", ["commit", "configuration", "validation"])
def test_whatever_changes_after_the_report_makes_it_stale(strict: World, changed: str) -> None:
    validated(strict, says("fine", Outcome.PASS))
    if changed == "commit":
        strict.files.commit = "c2"
    elif changed == "configuration":
        strict.configure(timeout_s=5.0)
    else:
        strict.document["validation"] = {"checks": {"own": {"command": ["true"]}}}

    with pytest.raises(ValidationRequired):
        advance(strict.process(), strict.begin(), YES)


def test_a_no_go_refuses_also_where_none_is_required(world: World) -> None:
    validated(world, says("tests", Outcome.FAIL, "2 failed"))
    helped = Consent(yes=True, evidence=Evidence(accept_warnings=True, reason="in a hurry"))

    with pytest.raises(ValidationRequired, match=r"NO-GO.*tests: 2 failed"):
        advance(world.process(), world.begin(), helped)

    assert world.effects == []


def test_accepted_warnings_are_on_record_and_hold_until_the_deployment_ends(strict: World) -> None:
    validated(strict, *[says(f"c{number}", Outcome.PASS) for number in range(4)], says("licences", Outcome.WARN, blocking=False))
    with pytest.raises(ValidationRequired, match="--accept-warnings"):
        advance(strict.process(), strict.begin(), YES)
    journal = strict.begin()
    advance(strict.process(), journal, Consent(yes=True, evidence=Evidence(accept_warnings=True, reason="known")))

    (made,) = journal.deployment.accepted.values()
    assert journal.deployment.state is State.VERIFIED
    assert (made.checks, made.by, made.reason) == (["licences"], "ann@ci-7", "known")


def test_a_report_that_expires_after_the_confirmation_stops_the_execution(strict: World) -> None:
    validated(strict, says("fine", Outcome.PASS))
    journal = strict.prepared()
    confirm(strict.process(), journal, how="confirm")
    strict.clock.sleep(3601)

    with pytest.raises(ValidationRequired, match="s old"):
        advance(strict.process(), journal, Consent())

    assert (journal.deployment.state, strict.effects) == (State.CONFIRMED, [])


def test_a_report_that_expires_while_the_slot_is_waited_for_stops_the_execution(strict: World) -> None:
    validated(strict, says("fine", Outcome.PASS))
    journal = strict.prepared()
    confirm(strict.process(), journal, how="confirm")
    workspace = _waiting_too_long(strict)

    with pytest.raises(ValidationRequired, match="s old"):
        advance(workspace, journal, Consent())

    assert (journal.deployment.state, strict.effects) == (State.CONFIRMED, [])
    assert [refusal.rule for refusal in journal.deployment.refusals] == ["validation"]
    assert (strict.slot_events()[-1], strict.locks.held) == ("SlotReleased", set())


def test_a_report_that_expires_while_a_new_deployment_waits_stops_it_before_it_is_confirmed(strict: World) -> None:
    validated(strict, says("fine", Outcome.PASS))
    workspace = _waiting_too_long(strict)
    journal = strict.begin(workspace)

    with pytest.raises(ValidationRequired, match="s old"):
        advance(workspace, journal, YES)

    assert (journal.deployment.state, strict.effects) == (State.PREPARED, [])
    assert (strict.slot_events()[-1], strict.locks.held) == ("SlotReleased", set())


def _waiting_too_long(world: World) -> Workspace:
    """A process that has to wait for a slot until the report is too old."""
    holder = world.process(pid=300)
    first = world.begin(holder)
    take(holder, first)
    sleep = world.clock.sleep

    def until_it_is_too_old(_seconds: float) -> None:
        sleep(3601)
        give_back(holder, first)

    world.clock.sleep = until_it_is_too_old  # type: ignore[method-assign]
    workspace = world.process()
    workspace.patience = Patience.of(2 * 3600)
    return workspace
