"""What an incident report says, from the events alone: what failed, how long it was broken, who did what, what remains."""

from __future__ import annotations

from dataclasses import replace

import pytest

from orchestrator.domain import events as e
from orchestrator.domain.errors import UsageProblem
from orchestrator.domain.questions import INCIDENT_REPORT
from orchestrator.projections.incident import Incident, incident
from orchestrator.projections.timeline import timeline
from tests.unit.orchestrator.stories import COMMIT, ID, OLD, Story


def of(story: Story, tails: dict[str, tuple[str, bool]] | None = None) -> Incident:
    return incident(story.told, tails or {})


def test_a_failure_that_was_rolled_back_by_itself() -> None:
    story = Story(reason="CHG-7").unhealthy(auto_rollback=True)
    story.going_back().done("restore", 90, phase="rollback")
    story.checked("running digest", "pass", "as before", phase="rollback_verify", number=2)
    story.tell(e.RolledBack(release=OLD.to_json(), round=2))

    found = of(story)

    assert found.summary == (
        "Version 1.2.0 of shop in production/docker failed at health_check; rolled back by itself to 1.0.0, which is verified."
    )
    assert (found.severity, found.severity_rule) == ("high", "production, restored after an outage of less than 15 minutes")
    assert found.outage is not None and found.outage.seconds == 90.0
    assert found.live_now == "1.0.0 (restored and verified)"
    assert [(failure.what, failure.step) for failure in found.failures] == [("deployment", "health_check")]
    assert (found.requested_by, found.reason) == ("ann@ci-7", "CHG-7")
    assert found.rollback is not None and (found.rollback.automatic, found.rollback.success) == (True, True)
    assert (found.commits.good, found.commits.bad) == (OLD.commit_sha, COMMIT)
    assert found.commits.command == f"git log --oneline {OLD.commit_sha}..{COMMIT}"


def test_a_failed_rollback_keeps_what_a_person_needs() -> None:
    found = of(Story().unhealthy().rollback_failed())

    assert found.severity == "critical"
    assert found.live_now.startswith("unknown:")
    assert found.outage_words.startswith("unknown: it began at 2026-03-18T14:31:52")
    assert [(failure.what, failure.message) for failure in found.failures][-1] == ("rollback", "no such container")
    assert found.failures[-1].diagnostics == ("web: exited (1)",)
    assert f"pop-deploy rollback {ID}" in found.next
    assert found.checklist[0] == f"Find out what is live: pop-deploy rollback {ID} --investigate"


def test_what_changed_nothing_is_no_outage() -> None:
    found = of(Story().executing().broke("build", 3, "compiler says no").failed("build", "compiler says no"))

    assert (found.severity, found.outage) == ("low", None)
    assert found.outage_words == "none: no step that changes what is live had started"


def test_a_step_that_failed_midway_leaves_the_outage_unknown() -> None:
    story = Story().executing().done("build", 1).done("push", 1).broke("update", 3, "no answer").failed("update", "no answer")

    found = of(story)

    assert found.severity == "critical"
    assert found.outage_words == "unknown: no failed health check is on record"


def test_a_release_that_failed_a_later_verification() -> None:
    story = Story().verified()
    story.checked("health check", "fail", "http status 502", number=2)
    story.tell(e.VerificationFailed(message="health check: http status 502", round=2))

    found = of(story)

    assert found.summary.endswith("was live and failed a later verification.")
    assert [(failure.what, failure.message) for failure in found.failures] == [("verification", "health check: http status 502")]


@pytest.mark.parametrize("story", [Story().verified(), Story(mode="dry_run").simulated(success=False), Story().prepared()])
def test_where_nothing_went_wrong_there_is_no_report(story: Story) -> None:
    with pytest.raises(UsageProblem, match="neither failed nor been rolled back"):
        of(story)


def test_without_commits_on_record_no_command_is_made_up() -> None:
    bare = replace(OLD, commit_sha=None)
    story = Story(commit_sha=None).unhealthy(reference=bare)
    story.going_back(bare)

    found = of(story)

    assert (found.commits.good, found.commits.bad, found.commits.command) == (None, None, None)


def test_the_end_of_a_failed_steps_log_is_quoted_and_that_of_others_is_not() -> None:
    story = Story().executing().done("build", 1, output={"attachment": "deploy/build/1", "commands": [{"bytes": 3}]})
    story.broke("push", 1, "denied", output={"attachment": "deploy/push/1", "commands": [{"bytes": 9}]})
    story.failed("push", "denied")

    found = of(story, {"deploy/build/1": ("fine", False), "deploy/push/1": ("denied: no login", True)})

    assert [(log.name, log.text, log.cut) for log in found.logs] == [("deploy/push/1", "denied: no login", True)]
    assert found.logs[0].command == f"pop-deploy logs {ID} deploy/push/1"


def test_the_question_about_the_report_is_not_in_the_report() -> None:
    found = of(Story().unhealthy().rolled_back().asked(INCIDENT_REPORT))

    assert found.next
    assert not any("incident" in command for command in found.next)


def test_every_moment_has_the_time_of_its_event() -> None:
    story = Story().unhealthy().rolled_back()

    told = timeline(story.told)

    assert {moment.at for moment in told} <= {time for _, time in story.told}
    assert [moment.at for moment in told] == sorted(moment.at for moment in told)
    assert told[0].what == "deployment of 1.2.0 requested" and told[0].by == "ann@ci-7"
    assert told[-1].what == "1.0.0 restored and verified"
    assert any(moment.what == "automatic rollback to 1.0.0 started: health_check failed" for moment in told)
