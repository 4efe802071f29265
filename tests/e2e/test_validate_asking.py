"""What a validation asks, and what follows from the answers: at a terminal, and answered ahead with ``--answers FILE``."""

from __future__ import annotations

import pytest

from tests.e2e.project import Project
from tests.e2e.terminal import Terminal
from tests.e2e.validated import PRODUCTION, own

pytestmark = pytest.mark.e2e


def test_answers_given_ahead_lead_from_the_scope_to_the_deployment(shop: Project) -> None:
    answers = shop.root / "answers.json"
    answers.write_text('{"scope_level": "quick", "proceed_action": "deploy", "confirm_deploy": "proceed"}')
    refused = shop.root / "refused.json"
    refused.write_text('{"scope_level": "quick", "proceed_action": "override"}')

    done = shop.run("validate", *PRODUCTION, "--answers", str(answers))
    not_offered = shop.run("validate", *PRODUCTION, "--answers", str(refused))

    assert done.code == 0, done.out + done.err
    assert "Scope: quick" in done.out and "Result: SUCCESS" in done.out
    assert (not_offered.code, "proceed_action=override: expected one of" in not_offered.err) == (2, True)
    assert len(shop.history) == 1


def test_answers_ahead_are_carried_out_in_the_one_json_object_too(shop: Project) -> None:
    answers = shop.root / "answers.json"
    answers.write_text(
        '{"scope_level": "quick", "proceed_action": "deploy", "confirm_deploy": "proceed", "post_deploy": "verify"}'
    )
    unconfirmed = shop.root / "unconfirmed.json"
    unconfirmed.write_text('{"scope_level": "quick", "proceed_action": "deploy"}')

    waits = shop.run("validate", *PRODUCTION, "--json", "--answers", str(unconfirmed))
    done = shop.run("validate", *PRODUCTION, "--json", "--answers", str(answers))

    waiting = waits.json()["deployment"]
    assert (waits.code, waiting["state"], waiting["decision"]["decision_id"]) == (3, "prepared", "confirm_deploy")
    deployed = done.json()
    assert (done.code, deployed["readiness"]["recommendation"]) == (0, "GO"), done.err
    assert (deployed["deployment"]["state"], deployed["deployment"]["success"]) == ("verified", True)
    assert shop.last.next_round() == 3  # verified again, as was answered to post_deploy


@pytest.mark.parametrize("form", [(), ("--json",)])
def test_an_answer_ahead_that_leads_nowhere_is_not_taken(shop: Project, form: tuple[str, ...]) -> None:
    answers = shop.root / "answers.json"
    answers.write_text('{"proceed_action": "deploy", "confirm_deploy": "proceed"}')
    own(shop, smoke={"command": ["false"]})
    bad = shop.run("validate", "--scope", "quick", *PRODUCTION, "--answers", str(answers), *form)
    own(shop, smoke={"command": ["false"], "blocking": False})
    answers.write_text('{"proceed_action": "override", "confirm_deploy": "proceed"}')
    unexplained = shop.run("validate", "--scope", "quick", *PRODUCTION, "--answers", str(answers), *form)
    explained = shop.run("validate", "--scope", "quick", *PRODUCTION, "--answers", str(answers), "--reason", "known", *form)

    assert (bad.code, unexplained.code, explained.code) == (1, 2, 0), explained.out + explained.err
    assert "the answer ahead was not taken: proceed_action=deploy: expected one of fix, abort" in bad.err
    assert "proceed_action=override: it needs a reason" in unexplained.err
    if form:
        assert [each.json()["validation_id"] is not None for each in (bad, unexplained, explained)] == [True] * 3
        assert (bad.json()["deployment"], explained.json()["deployment"]["state"]) == (None, "verified")
    assert len(shop.history) == 1


# at a terminal


def test_a_person_is_asked_how_thoroughly_and_how_to_go_on(shop: Project) -> None:
    with Terminal(shop, "validate", *PRODUCTION) as terminal:
        terminal.answer("How thoroughly should I validate?", "1")
        shown = terminal.answer("How should I proceed?", "deploy")
        terminal.answer("Ready to deploy?", "proceed")
        terminal.expect("Result: SUCCESS")

    assert "Override" not in shown


def test_a_person_who_deploys_what_is_not_validated_is_offered_that_and_led_on(shop: Project) -> None:
    with Terminal(shop, "execute", *PRODUCTION, "--mode", "deploy") as terminal:
        terminal.expect("Validate now?")
        terminal.type("y\n")
        terminal.answer("How thoroughly should I validate?", "1")
        terminal.answer("How should I proceed?", "deploy")
        terminal.answer("Ready to deploy?", "proceed")
        terminal.expect("Result: SUCCESS")


def test_who_does_not_want_to_validate_is_refused_as_before(shop: Project) -> None:
    with Terminal(shop, "execute", *PRODUCTION, "--mode", "deploy") as terminal:
        terminal.expect("Validate now?")
        terminal.type("n\n")
        code = terminal.end()

    assert (code, shop.live) == (5, None)


def test_a_person_may_override_warnings_with_a_reason(shop: Project) -> None:
    own(shop, style={"command": ["false"], "blocking": False})

    with Terminal(shop, "validate", "--scope", "quick", *PRODUCTION) as terminal:
        terminal.answer("How should I proceed?", "override")
        terminal.expect("Why are the warnings acceptable?")
        terminal.type("known\n")
        terminal.answer("Ready to deploy?", "abort")
        terminal.end()

    (accepted,) = shop.last.accepted.values()
    assert (accepted.checks, accepted.reason) == (["style"], "known")
