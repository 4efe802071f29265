"""Several deployments of one command: `one_after_another` (``--all``, several ``--target``), `all_of_them` (the answer ``all``).

Before the first deployment begins each target is known to be able to do what is wanted, and all slots are taken, or none is; then
one deployment runs after the other.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace

from orchestrator.cli import driving, errors
from orchestrator.cli.driving import Ended
from orchestrator.cli.ui import Ui
from orchestrator.domain.errors import PopDeployError
from orchestrator.domain.lifecycle import BEFORE_EXECUTION, UNDER_WAY
from orchestrator.services.execute import Consent
from orchestrator.services.planning import require_supported
from orchestrator.services.repository import Journal
from orchestrator.services.request import Wish
from orchestrator.services.slot import reserve
from orchestrator.services.workspace import Workspace


def one_after_another(workspace: Workspace, wishes: Sequence[Wish], consent: Consent, ui: Ui) -> int:
    """Begin them all and deploy them in this order; after the first that does not succeed the rest is given up."""
    journals: list[Journal] = []
    for wish in wishes:
        cause = journals[0].deployment.id if journals else None  # so that `resume` knows what belongs together
        journals.append(driving.begin(workspace, replace(wish, caused_by=cause)))
    return _deploy(workspace, journals, [], consent, ui)


def all_of_them(workspace: Workspace, journals: Sequence[Journal], consent: Consent, ui: Ui) -> int:
    """The same for deployments that have been begun."""
    return _deploy(workspace, journals, [], consent, ui)


def the_rest(workspace: Workspace, first: Ended, more: Sequence[Journal], consent: Consent, ui: Ui) -> int:
    """The other targets, after the *first* has succeeded: where nobody is here to confirm them, they could not begin with it."""
    if not ui.as_json:
        ui.report(first)
    return _deploy(workspace, more, [first], consent, ui)


def _deploy(workspace: Workspace, journals: Sequence[Journal], ends: list[Ended], consent: Consent, ui: Ui) -> int:
    if ui.interactive or ui.ahead.decisions:
        for journal in journals:
            driving.settle(workspace, journal, consent, ui)
    with ExitStack() as held:
        try:
            for journal in journals:
                if journal.deployment.target is not None:
                    require_supported(workspace, journal.deployment)
            held.enter_context(reserve(workspace, [journal for journal in journals if _will_run(journal, consent, ui)]))
        except PopDeployError as refusal:
            refused = [driving.refused(workspace, journal, consent, ui, refusal) for journal in journals]
            return _reported([*ends, *refused], refused, ui)
        for number, journal in enumerate(journals, 1):
            done = driving.drive(workspace, journal, consent, ui)
            ends.append(done)
            if done.code:  # before the report, whose last line is the command that comes next
                give_up(workspace, journals[number:], done, ui)
            _reported([], [done], ui)
            if done.code:
                break
    return ui.report_all(ends)


def _reported(ends: Sequence[Ended], new: Sequence[Ended], ui: Ui) -> int:
    """For people each report as it comes; for programs all at the end."""
    if not ui.as_json:
        for done in new:
            ui.report(done)
    return ui.report_all(ends) if ends else 0


def _will_run(journal: Journal, consent: Consent, ui: Ui) -> bool:
    """Whether it may change something: a dry run needs no slot, and what nobody can confirm here does not begin."""
    deployment = journal.deployment
    live = deployment.mode is not None and not deployment.dry_run
    return (
        live and deployment.target is not None and (consent.yes or ui.interactive or ui.ahead.says("confirm_deploy", "proceed"))
    )


def give_up(workspace: Workspace, journals: Sequence[Journal], failed: Ended, ui: Ui) -> None:
    """What was to come after the one that did not succeed is not left behind as waiting, unless that one may still succeed."""
    if not journals:
        return
    names = ", ".join(str(one.deployment.target) for one in journals)
    if failed.result.state in UNDER_WAY or failed.code == errors.WAITING:
        ui.warn(f"not begun yet: {names}. What goes on with {failed.result.deployment_id} goes on with them")
        return
    ui.warn(f"not begun, because {failed.result.target} did not succeed: {names}")
    for journal in journals:
        if journal.deployment.state in BEFORE_EXECUTION:
            reason = f"not begun: {failed.result.deployment_id} did not succeed"
            journal.record(journal.deployment.abort(by=workspace.actor, reason=reason))
