"""Where a rollback leads to, where nobody has said it: `choose` asks for the strategy and, after ``specific``, for the version.

Without a terminal nothing is asked that was not answered: the last verified release is taken, as it always was. What was decided
(``decide ID rollback_strategy=specific``) counts there too, and then the version really has to be said.
"""

from __future__ import annotations

from contextlib import suppress

from orchestrator import incidents
from orchestrator.cli import asking, errors
from orchestrator.cli.ui import Ui
from orchestrator.domain.deployment import Deployment
from orchestrator.domain.errors import DecisionOpen
from orchestrator.domain.plan import Release
from orchestrator.domain.questions import ROLLBACK_STRATEGY, ROLLBACK_VERSION, Question, which_version
from orchestrator.projections import deploy_history
from orchestrator.projections.assessment import Assessment
from orchestrator.projections.investigation import Investigation
from orchestrator.rendering import investigation as rendering
from orchestrator.services import rollback
from orchestrator.services.assess import assess_leaving
from orchestrator.services.investigate import investigate
from orchestrator.services.repository import Journal
from orchestrator.services.request import ask
from orchestrator.services.workspace import Workspace


class Investigated(Exception):
    """The strategy ``investigate`` was carried out where nobody can be asked again: the question stands open, *code* says so."""

    def __init__(self, code: int) -> None:
        super().__init__()
        self.code = code


def choose(workspace: Workspace, journal: Journal, ui: Ui, *, ask_strategy: bool, reason: str) -> Release | None:
    """The release to go back to; None where the person at the terminal does not want any of them.

    Args:
        ask_strategy: Ask somebody who is there; otherwise only what was decided before counts.

    Raises:
        NothingToRollBack: There is none to choose; says why.
        DecisionOpen: The version, or the strategy, has to be answered first.
        Investigated: See there; what is known was shown.
    """
    deployment = journal.deployment
    if not rollback.can_be_named(workspace.store, deployment):
        return rollback.choose(workspace, deployment, None)  # says what is missing
    asks = ask_strategy and (ui.interactive or ROLLBACK_STRATEGY.decision_id in ui.ahead.decisions)
    strategy = _decided(deployment, ROLLBACK_STRATEGY.decision_id, ui)
    if strategy is None and asks:
        ui.say(rendering.assessed(_assessment(workspace, deployment)).rstrip("\n"))
        strategy = _ask(workspace, journal, ROLLBACK_STRATEGY, {}, ui, reason)
    while strategy == "investigate":
        _investigate(workspace, journal, ui)
        strategy = _ask(workspace, journal, ROLLBACK_STRATEGY, {}, ui, reason)
    if strategy != "specific":
        return rollback.choose(workspace, deployment, None)
    version = _version(workspace, journal, ui, reason)
    return None if version is None else rollback.choose(workspace, deployment, version)


def known(workspace: Workspace, deployment: Deployment, ui: Ui) -> Investigation:
    """All that is known of *deployment*. Reads only."""
    directory = str(workspace.project_dir)
    return investigate(
        workspace, deployment, lambda good, bad, limit: incidents.commits_between(directory, good, bad, limit), options=ui.options
    )


def _version(workspace: Workspace, journal: Journal, ui: Ui, reason: str) -> str | None:
    deployment = journal.deployment
    version = _decided(deployment, ROLLBACK_VERSION, ui)
    if version is None:
        question = which_version(
            [
                (found.release.version, f"verified {found.verified_at}, deployed by {found.deployment_id}")
                for found in rollback.can_be_named(workspace.store, deployment)
            ]
        )
        about: dict[str, object] = {
            "from": deployment.requested.version,
            **({"also": list(question.also)} if question.also else {}),
        }
        version = _ask(workspace, journal, question, about, ui, reason)
    names = {found.release.version for found in rollback.can_be_named(workspace.store, deployment)}
    return None if version == "abort" and version not in names else version


def _decided(deployment: Deployment, decision_id: str, ui: Ui) -> str | None:
    """What was decided before; what was typed at a prompt counts for that one time, and a person who is there is asked again."""
    made = deployment.answers.get(decision_id)
    return made.answer if made is not None and not (ui.interactive and made.how == "prompt") else None


def _ask(workspace: Workspace, journal: Journal, question: Question, about: dict[str, object], ui: Ui, reason: str) -> str:
    with suppress(DecisionOpen):  # that is what asking says: the question is on record
        ask(journal, question, about)
    return asking.answer(workspace, journal, ui, reason)


def _investigate(workspace: Workspace, journal: Journal, ui: Ui) -> None:
    """Show what is known. Where nobody can be asked again, the question stands open in what is shown."""
    if not ui.interactive:
        with suppress(DecisionOpen):
            ask(journal, ROLLBACK_STRATEGY)
    found = known(workspace, journal.deployment, ui)
    ui.answer(text=rendering.investigated(found), data=found)
    if not ui.interactive:
        raise Investigated(errors.WAITING)


def _assessment(workspace: Workspace, deployment: Deployment) -> Assessment:
    records = deploy_history.records(workspace.store, workspace.config.project_name)
    return assess_leaving(workspace.store, deployment.id, records)
