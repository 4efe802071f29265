"""`pop-deploy validate` and the gate in front of production, as processes, on a real project with the local target."""

from __future__ import annotations

import json
import signal
import sys
from pathlib import Path

import pytest

from tests.e2e.project import Project, Ran, at_gate, ended, wait_until
from tests.e2e.validated import PRODUCTION, own

pytestmark = pytest.mark.e2e

SCRIPTS = Path(__file__).parents[2] / "scripts"
DEPLOY = ("execute", *PRODUCTION, "--mode", "deploy", "--yes", "--json")
QUICK = ("validate", "--scope", "quick", *PRODUCTION, "--json")
CHECKS = ("config", "target-config", "version", "git-clean", "tools", "target")


def script(project: Project, name: str, *words: str) -> Ran:
    return project.run(*words, program=(sys.executable, str(SCRIPTS / f"{name}_deployment.py")))


def refusal(done: Ran) -> str:
    """What a refused deployment was told: exit 5, and nothing was begun."""
    document = done.json()
    assert (done.code, document["success"]) == (5, False)
    return str(document["error"]["message"])


def test_production_takes_what_was_validated_and_nothing_else(shop: Project) -> None:
    before = shop.run(*DEPLOY)
    validated = shop.run(*QUICK)
    after = shop.run(*DEPLOY)

    assert "Next: pop-deploy validate --environment production --target local" in refusal(before)
    assert validated.code == 0, validated.out
    assert (after.code, after.json()["state"]) == (0, "verified")
    shown = shop.run("show", after.json()["deployment_id"])
    assert f"applied: {validated.json()['validation_id']}, GO, score 100" in shown.out
    assert shop.run("audit", "verify").code == 0


def test_what_a_check_printed_can_be_read_afterwards(shop: Project) -> None:
    own(shop, smoke={"command": ["sh", "-c", "echo seen; exit 3"]}, silent={"command": ["true"]})
    validation_id = shop.run(*QUICK).json()["validation_id"]

    everything, one = shop.run("logs", validation_id), shop.run("logs", validation_id, "smoke", "--json")
    unknown = shop.run("logs", validation_id, "smokes")

    assert "==> smoke" in everything.out and "seen" in everything.out
    assert [(log["name"], log["status"], "seen" in log["output"]) for log in one.json()["logs"]] == [("smoke", "fail", True)]
    assert (unknown.code, "there are: config, " in unknown.err) == (2, True)
    assert shop.run("logs", "validate-20260318-143022-k3f9").code == 2


def test_the_report_has_every_check_the_verdict_and_what_it_holds_for(shop: Project) -> None:
    own(shop, smoke={"command": ["sh", "-c", "echo seen"]})

    done = shop.run(*QUICK)

    document = done.json()
    assert [check["name"] for check in document["checks"]] == [*CHECKS, "smoke"]
    assert {check["status"] for check in document["checks"]} == {"pass"}
    assert document["readiness"]["score"] == 100
    assert document["readiness"]["recommendation"] == "GO"
    assert len(document["commit_sha"]) == 40
    assert document["config_digest"].startswith("sha256:") and document["source_digest"].startswith("sha256:")
    assert [question["decision_id"] for question in document["questions"]] == ["scope_level", "proceed_action"]
    assert (document["deployment_id"], document["deploy_url"]) == (None, "")


@pytest.mark.parametrize("what", ["configuration", "commit", "files"])
def test_what_changed_after_the_report_needs_a_new_one(shop: Project, what: str) -> None:
    shop.run(*QUICK)
    if what == "configuration":
        shop.configure(local={"timeout_s": 77})
    else:
        shop.write_source("changed")
    if what == "commit":
        shop.commit()

    said = refusal(shop.run(*DEPLOY))

    assert "takes only validated commits" in said
    assert {"configuration": "configuration sha256:", "commit": "commit ", "files": "in no commit"}[what] in said


def test_a_report_grows_too_old(shop: Project) -> None:
    shop.configure(top={"environments": {"staging": {}, "production": {"validation_max_age_s": 0}}})
    shop.run(*QUICK)

    assert "s old, and production takes none of 0 s or more" in refusal(shop.run(*DEPLOY))


def test_an_environment_may_want_a_thorough_report(shop: Project) -> None:
    shop.configure(top={"environments": {"staging": {}, "production": {"validation_scope": "standard"}}})
    shop.run(*QUICK)
    refused = refusal(shop.run(*DEPLOY))
    standing = shop.run("--json", POP_DEPLOY_ENVIRONMENT="production").json()
    default = shop.run("validate", *PRODUCTION, "--json").json()

    assert "is of scope quick, and production needs standard. Next: pop-deploy validate --scope standard --env" in refused
    assert standing["validations"][0]["stale_because"] == "quick, where standard is needed"
    assert default["scope"] == "standard"


def test_the_logs_of_a_validation_where_nothing_was_recorded_say_what_to_do(project: Project) -> None:
    done = project.run("logs", "validate-20260318-143022-k3f9")

    assert (done.code, done.err) == (2, "pop-deploy: nothing was validated yet. Next: pop-deploy validate\n")


def test_a_no_go_stops_staging_too_and_no_flag_helps(shop: Project) -> None:
    own(shop, smoke={"command": ["false"]})

    validated = shop.run("validate", "--scope", "quick", "--json")
    said = refusal(shop.run("execute", "--mode", "deploy", "--yes", "--accept-warnings", "--reason", "now", "--json"))

    document = validated.json()
    assert (validated.code, document["readiness"]["recommendation"], document["success"]) == (1, "NO-GO", False)
    assert "smoke: false ended with 1" in said and "No flag overrides that" in said


def test_warnings_need_somebody_who_accepts_them_and_says_why(shop: Project) -> None:
    own(shop, style={"command": ["false"], "blocking": False})

    validated = shop.run(*QUICK)
    refused = refusal(shop.run(*DEPLOY))
    unexplained = shop.run(*DEPLOY, "--accept-warnings")
    accepted = shop.run(*DEPLOY, "--accept-warnings", "--reason", "style does not matter today")

    assert (validated.code, validated.json()["readiness"]["recommendation"]) == (0, "CONDITIONAL")
    assert "style: false ended with 1" in refused and "--accept-warnings --reason" in refused
    assert (unexplained.code, "needs a --reason" in unexplained.err) == (2, True)
    assert accepted.code == 0
    shown = shop.run("show", accepted.json()["deployment_id"]).out
    assert "style does not matter today" in shown and "warnings: style" in shown


def test_strict_counts_a_warning_as_a_failure(shop: Project) -> None:
    own(shop, style={"command": ["false"], "blocking": False})

    assert shop.run(*QUICK, "--strict").code == 1


def test_an_own_check_that_cannot_run_has_not_passed(shop: Project) -> None:
    own(shop, gone={"command": ["no-such-program"]})

    assert shop.run(*QUICK).json()["readiness"]["recommendation"] == "NO-GO"


def test_a_report_from_elsewhere_is_a_warning_more_and_is_recorded(shop: Project, tmp_path: Path) -> None:
    file = tmp_path / "report.json"
    passed = [{"name": f"c{number}", "status": "pass", "message": "fine", "blocking": True} for number in range(9)]
    file.write_text(json.dumps({"checks": passed, "readiness": {"score": 100, "recommendation": "GO"}}))
    handed = ("--validation-report", str(file))

    refused = refusal(shop.run(*DEPLOY, *handed))
    accepted = shop.run(*DEPLOY, *handed, "--accept-warnings", "--reason", "made by the pipeline")
    file.write_text(
        json.dumps({"checks": [{**passed[0], "status": "fail"}], "readiness": {"score": 0, "recommendation": "NO-GO"}})
    )
    blocked = refusal(shop.run("execute", "--mode", "deploy", "--yes", "--json", *handed))

    assert "binding: the report does not say what it was made for" in refused
    assert accepted.code == 0
    assert "taken in by" in shop.run("show", accepted.json()["deployment_id"]).out
    assert "says NO-GO" in blocked


def test_our_own_report_can_be_handed_in_elsewhere(shop: Project, tmp_path: Path) -> None:
    file = tmp_path / "report.json"
    file.write_text(shop.run(*QUICK).out)
    for store in shop.data.glob("events.db*"):  # as on another machine
        store.unlink()

    alone = refusal(shop.run(*DEPLOY))
    handed_in = shop.run(*DEPLOY, "--validation-report", str(file))

    assert "there is no report about it" in alone
    assert handed_in.code == 0, handed_in.out


def test_a_prepared_deployment_is_asked_again_before_it_runs(shop: Project) -> None:
    prepared = shop.run("prepare", *PRODUCTION, "--json").json()["deployment_id"]
    shop.run("confirm", prepared)

    refused = shop.run("execute", prepared, "--json")
    shop.run(*QUICK)
    allowed = shop.run("execute", prepared, "--json")

    assert "takes only validated commits" in refusal(refused)
    assert allowed.json()["state"] == "verified"


def test_a_no_go_that_comes_while_the_slot_is_waited_for_counts(project: Project, tmp_path: Path) -> None:
    bad = tmp_path / "bad"
    own(project, smoke={"command": ["test", "!", "-e", str(bad)]})
    with at_gate(project) as (first, gate):
        prepared = project.run("prepare", "--json").json()["deployment_id"]
        project.run("confirm", prepared)
        waiting = project.start("execute", prepared, "--wait", "60", "--json")
        assert waiting.stderr is not None
        assert any(b"Waiting up to" in line for line in iter(waiting.stderr.readline, b""))
        bad.touch()
        validated = project.run("validate", "--scope", "quick")
        project.run("abort", project.deployments()[0].id)  # so that what is waited for changes nothing
        gate.open()
        ended(first)
        said = refusal(ended(waiting))

    assert validated.code == 1
    assert "says NO-GO" in said
    assert (project.live, project.claims()) == (None, [])


def test_a_plan_does_not_open_the_gate(shop: Project) -> None:
    digest = shop.run("prepare", *PRODUCTION, "--json").json()["plan_digest"]

    assert "takes only validated commits" in refusal(shop.run("execute", "--plan", digest, "--yes", "--json"))


def test_a_dry_run_needs_no_report(shop: Project) -> None:
    assert shop.run("execute", *PRODUCTION, "--mode", "dry_run", "--json").code == 0


def test_a_dirty_tree_is_a_no_go_where_validation_is_required_and_a_warning_elsewhere(shop: Project) -> None:
    shop.write_source("changed")

    production = shop.run(*QUICK).json()
    staging = shop.run("validate", "--scope", "quick", "--json").json()

    assert production["readiness"]["recommendation"] == "NO-GO"
    assert staging["readiness"]["recommendation"] == "CONDITIONAL"


def test_a_version_is_made_of_one_commit_only(shop: Project) -> None:
    shop.run("execute", "--mode", "deploy", "--yes")
    shop.write_source("changed")
    shop.commit()

    failed = {check["name"]: check for check in shop.run(*QUICK).json()["checks"] if check["status"] == "fail"}

    assert "was deployed of another commit: local/staging" in failed["version"]["message"]


def test_a_configuration_that_is_wrong_is_a_failed_check(shop: Project) -> None:
    shop.deploy_json.write_text('{"version": "1.0", "targets": {"local": {"config": {"sauce": 1}}}}')

    done = shop.run(*QUICK)

    document = done.json()
    assert (done.code, document["validation_id"], document["readiness"]["recommendation"]) == (1, None, "NO-GO")
    assert [check["name"] for check in document["checks"]] == list(CHECKS)
    assert "sauce: unknown key" in document["checks"][0]["message"]
    assert {check["status"] for check in document["checks"][1:]} == {"skip"}


def test_one_that_is_killed_midway_counts_for_nothing(shop: Project, tmp_path: Path) -> None:
    begun = tmp_path / "begun"
    own(shop, slow={"command": ["sh", "-c", f"touch '{begun}'; exec sleep 60"]})
    with shop.start(*QUICK) as running:
        wait_until(begun.exists, "the check begins")
        running.send_signal(signal.SIGKILL)
        running.wait(timeout=30)
    own(shop, slow={"command": ["true"]})

    assert "there is no report about it" in refusal(shop.run(*DEPLOY))
    assert shop.run("audit", "verify").code == 0


# the drop-in


def test_the_script_says_the_same_on_stdout(shop: Project) -> None:
    good = script(shop, "validate", "--scope", "quick", *PRODUCTION)
    deployed = script(shop, "execute", "--action", "execute", "--mode", "deploy", *PRODUCTION)
    own(shop, smoke={"command": ["false"]})
    bad = script(shop, "validate", "--scope", "quick", *PRODUCTION)

    assert (good.code, good.json()["operation"], good.json()["readiness"]["recommendation"]) == (0, "validate_deployment", "GO")
    assert deployed.code == 0, deployed.err
    assert (bad.code, bad.json()["readiness"]["recommendation"], bad.err) == (1, "NO-GO", "")


def test_the_execute_script_is_refused_without_a_report(shop: Project) -> None:
    done = script(shop, "execute", "--action", "execute", "--mode", "deploy", *PRODUCTION)

    assert (done.code, done.out) == (1, "")
    assert "takes only validated commits" in json.loads(done.err)["error"]


def test_the_script_loads_the_configuration(shop: Project) -> None:
    loaded = script(shop, "validate", "--action", "load-config", "--target", "local")
    shop.deploy_json.write_text("{")
    broken = script(shop, "validate", "--action", "load-config")
    validated = script(shop, "validate", "--scope", "quick")

    assert (loaded.json()["project_name"], "history" in loaded.json()["config"]) == ("shop", False)
    assert (broken.code, broken.out, json.loads(broken.err)["success"]) == (1, "", False)
    assert (validated.code, validated.json()["checks"][0]["status"]) == (1, "fail")


def test_a_bad_flag_of_the_script_is_wrong_usage(shop: Project) -> None:
    assert script(shop, "validate", "--scope", "all").code == 2
