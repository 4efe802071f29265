"""The commands that only record: `confirm`, `decide`, `abort`. What follows from an answer is done by `execute` or `resume`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from orchestrator.bootstrap import open_workspace
from orchestrator.cli import errors
from orchestrator.cli.driving import result_of
from orchestrator.cli.ui import Ui, make_ui
from orchestrator.domain.errors import UsageProblem
from orchestrator.services import abort as aborting
from orchestrator.services import confirm as confirming
from orchestrator.services import decide as deciding
from orchestrator.services.deploy_history import publish_history
from orchestrator.services.repository import Journal, load
from orchestrator.services.slot import awaited
from orchestrator.services.slot_waiting import Patience
from orchestrator.services.workspace import Workspace


@contextmanager
def opened(
    directory: str, store: str | None, actor: str | None, deployment_id: str, *, as_json: bool
) -> Iterator[tuple[Workspace, Journal, Ui]]:
    """The workspace and the deployment, for writing."""
    ui = make_ui(directory, store, as_json=as_json)
    with open_workspace(directory, store, actor=actor, narrator=ui.progress) as workspace:
        yield workspace, load(workspace, deployment_id), ui


def confirm(workspace: Workspace, journal: Journal, ui: Ui, plan_digest: str | None, reason: str) -> int:
    confirming.confirm(workspace, journal, how="confirm", reason=reason, digest=plan_digest)
    return _said(workspace, journal, ui, f"Confirmed by {workspace.actor}.")


def decide(workspace: Workspace, journal: Journal, ui: Ui, answer: str, reason: str) -> int:
    decision_id, equals, value = answer.partition("=")
    if not equals:
        raise UsageProblem(f"{answer}: expected QUESTION=ANSWER, for example confirm_deploy=proceed")
    chosen = deciding.decide(workspace, journal, decision_id, value, how="decide", reason=reason)
    return _said(workspace, journal, ui, f"{decision_id}={chosen}, recorded as decided by {workspace.actor}.")


def abort(workspace: Workspace, journal: Journal, ui: Ui, reason: str, wait_s: float) -> int:
    workspace.patience = Patience.of(wait_s)
    journal = awaited(workspace, journal)
    aborting.abort(workspace, journal, reason=reason)
    return _said(workspace, journal, ui, f"Aborted by {workspace.actor}.")


def _said(workspace: Workspace, journal: Journal, ui: Ui, sentence: str) -> int:
    ui.warn(publish_history(workspace))
    result = result_of(workspace, journal, ui)
    lines = [f"{journal.deployment.id}: {sentence}"]
    if result.live_now:
        lines.append(f"Live now: {result.live_now}")
    if result.next:
        lines.append(f"Next: {result.next[0]}")
    ui.answer(text="\n".join(lines) + "\n", data=result)
    return errors.DONE
