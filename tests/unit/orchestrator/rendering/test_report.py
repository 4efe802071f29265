"""The report as text: the format of a success to the letter, and what the others add."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from orchestrator.domain import events as e
from orchestrator.domain.questions import CONFIRM_DEPLOY
from orchestrator.projections.command_results import prepare_result, rollback_result, simulated_rollback, verify_result
from orchestrator.projections.deployment_result import deployment_result
from orchestrator.rendering import command_reports, report
from orchestrator.rendering.json_output import all_document, dumps
from tests.unit.orchestrator.stories import BACK, HISTORY, HOOK, ID, OLD, Story, dry_run, plan


def shown(story: Story, **known: object) -> str:
    return report.text(deployment_result(story.deployment, history_path=HISTORY, deploy_url="", **known))  # type: ignore[arg-type]


def test_a_success_reads_like_this_to_the_letter() -> None:
    assert shown(Story().verified()) == (
        "Deployment Execution\n"
        "====================\n"
        "Target: docker (primary)\n"
        "Mode: deploy\n"
        "Version: 1.2.0\n"
        "Environment: production\n"
        "\n"
        "Steps:\n"
        "  [1/5] Building image... done (45s)\n"
        "  [2/5] Pushing to registry... done (12s)\n"
        "  [3/5] Updating deployment... done (3s)\n"
        "  [4/5] Waiting for rollout... done (30s)\n"
        "  [5/5] Health check... passed\n"
        "\n"
        "Result: SUCCESS\n"
        "Duration: 90s\n"
        "Deployment ID: deploy-20260318-143022-k3f9\n"
        "Image: ghcr.io/myorg/myapp:1.2.0\n"
        "\n"
        "History updated in .claude/popkit/deploy.json\n"
        "Next: pop-deploy verify, or pop-deploy rollback\n"
    )


def test_a_dry_run_reads_like_this_to_the_letter() -> None:
    assert shown(dry_run(success=False, primary=False)) == (
        "Deployment Execution\n"
        "====================\n"
        "Target: docker\n"
        "Mode: dry_run\n"
        "Version: 1.2.0\n"
        "Environment: production\n"
        "\n"
        "Steps:\n"
        "  [1/5] Building image... simulated\n"
        "        docker build --tag ghcr.io/myorg/myapp:1.2.0 'my app'\n"
        "  [2/5] Pushing to registry... simulated\n"
        '        docker.push tags=["latest", "1.2.0"]\n'
        "  [3/5] Updating deployment... simulated\n"
        "        docker.run name=myapp\n"
        "  [4/5] Waiting for rollout... simulated\n"
        "        docker.wait\n"
        "  [5/5] Health check... simulated\n"
        "        ask the target itself what runs, then the configured health check\n"
        "\n"
        "Checks:\n"
        "  [pass] docker engine: answers\n"
        "  [fail] registry login: denied: log in with docker login\n"
        "\n"
        "Result: FAILED at preflight\n"
        "Live now: 1.0.0 (unchanged)\n"
        "Duration: 1s\n"
        "Deployment ID: deploy-20260318-143022-k3f9\n"
        f"Plan: {plan().digest}\n"
        "\n"
        "Nothing was changed\n"
        "Next: pop-deploy execute --target docker --environment production --version 1.2.0 --mode dry_run\n"
    )


def test_a_good_dry_run_ends_with_the_command_that_does_it() -> None:
    text = shown(dry_run())

    assert text.endswith(f"\nNothing was changed\nNext: pop-deploy execute --plan {plan().digest}\n")
    assert "Result: SIMULATED\n" in text
    assert "Live now" not in text


def test_a_failure_shows_its_message_the_end_of_the_output_and_what_is_live() -> None:
    output = "\n".join(f"line {number}" for number in range(100)) + "\n\x1b[31mdenied\x1b[0m\n"
    story = Story().executing().done("build", 1).broke("push", 12, "push refused\nby the registry", exit_code=1, stderr=output)

    text = shown(story.failed("push", "push refused\nby the registry"))

    assert "  [2/5] Pushing to registry... failed (12s)\n\nError at push: push refused\n  by the registry\n  | line 81\n" in text
    assert "  | line 99\n  | denied\n\nResult: FAILED at push\nLive now: 1.0.0 (unchanged)\nDuration: 13s\n" in text
    assert "line 80" not in text
    assert f"Next:\n  pop-deploy logs {ID}\n  pop-deploy execute " in text
    assert "[3/5]" not in text


def test_output_that_the_message_already_has_is_not_shown_twice() -> None:
    story = Story().executing().broke("build", 1, "it broke\nno such file", stderr="reading\nno such file\n")

    text = shown(story.failed("build", "it broke\nno such file"))

    assert text.count("no such file") == 1


def test_an_automatic_rollback_is_part_of_the_report() -> None:
    text = shown(Story().unhealthy().rolled_back())

    assert (
        "  [5/5] Health check... failed (30s)\n"
        "\n"
        "Rolling back to 1.0.0:\n"
        "  [1/2] Restoring the previous container... done (2s)\n"
        "  [2/2] Health check... passed\n"
        "\n"
        "Error at health_check: health check: http status 500, expected 200\n"
        "\n"
        "Result: ROLLED BACK to 1.0.0\n"
        "Live now: 1.0.0 (restored and verified)\n"
    ) in text


def test_a_failed_rollback_shows_both_errors_and_what_the_target_says() -> None:
    text = shown(Story().unhealthy().rollback_failed())

    assert (
        "Error at health_check: health check: http status 500, expected 200\n"
        "Error at restore: no such container\n"
        "\n"
        "What the target says:\n"
        "  web: exited (1)\n"
        "\n"
        "Result: ROLLBACK FAILED\n"
        "Live now: unknown: the way back from 1.2.0 to 1.0.0 failed\n"
    ) in text


def test_hooks_after_a_failure_have_a_list_of_their_own() -> None:
    story = Story().executing(on_failure=(HOOK,)).broke("build", 1, "no Dockerfile").done("page", 2, phase="on_failure")

    assert "\nOn failure:\n  [1/1] Paging... done (2s)\n" in shown(story.failed("build", "no Dockerfile"))


def test_a_refusal_says_why() -> None:
    text = shown(Story().prepared().tell(e.DeploymentRefused(rule="stale_plan", message="source has changed")))

    assert "\nError: source has changed\n\nResult: REFUSED\n" in text


def test_an_interruption_says_how_to_go_on() -> None:
    text = shown(Story().executing().done("build", 1).started("push"))

    assert "  [2/5] Pushing to registry... interrupted\n\nResult: INTERRUPTED\n" in text
    assert f"Next: pop-deploy resume {ID}, or pop-deploy abort {ID}\n" in text


def test_a_step_that_is_at_work_is_running_now() -> None:
    assert "  [2/5] Pushing to registry... running now\n" in shown(
        Story().executing().done("build", 1).started("push"), running=True
    )


def test_a_step_that_was_found_done_says_so() -> None:
    assert "  [1/5] Building image... done (found on resume)\n" in shown(Story().executing().done("build", 0, found=True))


def test_a_plan_that_waits_shows_what_it_would_do() -> None:
    text = shown(Story().prepared().asked(CONFIRM_DEPLOY))

    assert "\nPlan:\n  [1/5] Building image\n        docker build " in text
    assert f"Plan: {plan().digest}\n" in text


def test_what_is_not_chosen_yet_is_said() -> None:
    text = shown(Story(target=None, mode=None))

    assert "Target: not chosen yet\nMode: not chosen yet\n" in text
    assert "Steps" not in text


def test_a_simulated_canary_is_called_a_dry_run() -> None:
    assert "Mode: canary (dry run)\n" in shown(Story(mode="canary", simulate=True).simulated())


def test_checks_that_said_neither_yes_nor_no_are_not_lost() -> None:
    story = Story().deployed().checked("running digest", "pass").checked("health check", "skip", "not asked")

    text = shown(story.tell(e.DeploymentVerified(release=OLD.to_json(), round=1)))

    assert "  [5/5] Health check... passed\n\n  [skip] health check: not asked\n\nResult: SUCCESS\n" in text


def test_nothing_from_outside_can_forge_a_line_or_steer_the_terminal() -> None:
    story = Story(version="1.2.0\nResult: SUCCESS\x1b[2J").executing().broke("build", 1, "bad\x1b]0;t\x07 thing\x00")

    text = shown(story.failed("build", "bad"))

    assert "\nResult: SUCCESS" not in text
    assert all(character == "\n" or character.isprintable() for character in text)


def test_after_live_progress_only_the_rest_is_written() -> None:
    result = deployment_result(Story().verified().deployment, history_path=HISTORY, deploy_url="")

    rest = report.text(result, begun=True)

    assert rest.startswith("\nResult: SUCCESS\n")
    assert report.opening(result) + rest == report.text(result)


# --- the other commands -------------------------------------------------------


def test_a_prepared_plan_reads_like_this() -> None:
    text = command_reports.prepared(prepare_result(Story(dirty=True).prepared(auto_rollback=True).deployment))

    assert text.startswith("Deployment Plan\n===============\nTarget: docker (primary)\nMode: deploy\n")
    assert "  [5/5] Health check\n        ask the target" in text
    assert (
        "\nThe working tree has changes that are in no commit.\n"
        "Live now: 1.0.0\n"
        "Goes back to: 1.0.0 (by itself, if it fails)\n"
        f"Deployment ID: {ID}\n"
        f"Plan: {plan().digest}\n"
    ) in text
    assert f"  pop-deploy confirm {ID}\n" in text


def test_a_first_plan_has_nothing_to_go_back_to() -> None:
    text = command_reports.prepared(
        prepare_result(Story().prepared(reference=None, observed=None, auto_rollback=True).deployment)
    )

    assert "Live now: nothing of ours\nGoes back to: nothing: no release was verified here yet\n" in text


@pytest.mark.parametrize(
    ("status", "word"), [("pass", "HEALTHY (1 of 1"), ("fail", "UNHEALTHY (0 of 1"), ("skip", "UNHEALTHY (0 of 1")]
)
def test_a_verification_shows_its_checks(status: str, word: str) -> None:
    story = Story().deployed().checked("health check", status, "http status 200")

    result = verify_result(story.deployment)

    assert command_reports.verified(result).startswith(
        "Deployment Verification\n=======================\nTarget: docker (primary)\n"
    )
    assert (
        f"\nChecks:\n  [{status}] health check: http status 200\n\nResult: {word} checks passed)\n"
        in command_reports.verified(result)
    )
    assert command_reports.verified(result, begun=True).startswith(f"\nResult: {word}")


def test_a_rollback_reads_like_this() -> None:
    result = rollback_result(Story().unhealthy().rolled_back().deployment, history_path=HISTORY)

    assert command_reports.rolled_back(result).startswith(
        "Deployment Rollback\n"
        "===================\n"
        "Target: docker (primary)\n"
        "Version: 1.2.0\n"
        "Environment: production\n"
        "To: 1.0.0\n"
        "\n"
        "Rolling back to 1.0.0:\n"
        "  [1/2] Restoring the previous container... done (2s)\n"
        "  [2/2] Health check... passed\n"
        "\n"
        "Result: ROLLED BACK to 1.0.0\n"
        "Duration: 2s\n"
        f"Deployment ID: {ID}\n"
        "\n"
        f"History updated in {HISTORY}\n"
    )
    assert command_reports.rolled_back(result, begun=True).startswith("\nResult: ROLLED BACK")


def test_a_failed_rollback_says_why_and_that_nobody_knows_what_is_live() -> None:
    text = command_reports.rolled_back(rollback_result(Story().unhealthy().rollback_failed().deployment, history_path=HISTORY))

    assert "\nError at restore: no such container\n\nResult: ROLLBACK FAILED\nLive now: unknown: " in text


def test_a_rollback_that_failed_outside_its_steps_says_why() -> None:
    story = Story().unhealthy().going_back()
    story.tell(e.RollbackFailed(step="restore", message="the engine does not answer"))

    text = command_reports.rolled_back(rollback_result(story.deployment, history_path=HISTORY))

    assert "\nError at restore: the engine does not answer\n" in text


def test_a_simulated_rollback_shows_what_it_would_do() -> None:
    text = command_reports.rolled_back(simulated_rollback(Story().verified().deployment, plan(*BACK, version="1.0.0"), OLD))

    assert "  [1/2] Restoring the previous container... simulated\n        docker.restore\n" in text
    assert f"\nNothing was changed\nNext: pop-deploy rollback {ID} --to 1.0.0\n" in text


def test_a_question_shows_its_options_and_how_to_answer() -> None:
    result = deployment_result(Story().prepared().asked(CONFIRM_DEPLOY, step="push").deployment, history_path="", deploy_url="")
    assert result.decision is not None

    assert command_reports.decision(result.decision) == (
        "Ready to deploy? This will push changes to the target environment.\n"
        "  step: push\n"
        "  proceed        Deploy now: Execute the deployment\n"
        "  dry_run_first  Dry run first: Run a dry run before deploying\n"
        "  abort          Abort: Cancel deployment\n"
        "\n"
        f"Answer with: pop-deploy decide {ID} confirm_deploy=<option> && pop-deploy execute {ID}\n"
    )


# --- JSON ---------------------------------------------------------------------


def test_json_is_one_document_that_every_locale_can_carry() -> None:
    result = deployment_result(Story(version="1.2.0-ü").verified().deployment, history_path=HISTORY, deploy_url="")

    text = dumps(result)

    assert text.isascii() and text.endswith("}\n")
    assert json.loads(text)["version"] == "1.2.0-ü"


def test_all_targets_are_one_document_and_succeed_together() -> None:
    good = deployment_result(Story().verified().deployment, history_path=HISTORY, deploy_url="")
    bad = replace(good, success=False)

    assert [each["deployment_id"] for each in all_document([good, bad])["deployments"]] == [ID, ID]
    assert (all_document([good])["success"], all_document([good, bad])["success"], all_document([])["success"]) == (
        True,
        False,
        False,
    )
