"""Incident reports from a command: `write` one, `offer` it to a person, and `automatic`, where nobody can be asked.

The question `incident_report` decides for people. After an automatic rollback that nobody watched the report is written unasked:
it costs nothing, is made of the events alone, and whoever comes next looks for it. It is written when everything is on record,
and that it cannot be written changes neither the outcome nor the exit code.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from eventstore.errors import EventStoreError
from orchestrator.cli import asking
from orchestrator.domain.errors import DecisionOpen, PopDeployError
from orchestrator.domain.lifecycle import State
from orchestrator.domain.questions import INCIDENT_REPORT
from orchestrator.services.request import ask

if TYPE_CHECKING:
    from eventstore.store import EventReader
    from orchestrator.cli.ui import Ui
    from orchestrator.projections.deployment_result import DeploymentResult
    from orchestrator.projections.incident import IncidentResult
    from orchestrator.services.repository import Journal
    from orchestrator.services.workspace import Workspace

_ENDED = frozenset({State.ROLLED_BACK, State.ROLLBACK_FAILED})


def write(reader: EventReader, data_dir: str, deployment_id: str) -> IncidentResult:
    """Write the report of this deployment, whole ID; the same events give the same bytes.

    Raises:
        UsageProblem: Nothing has gone wrong in it.
        ReportUnwritable, DirectoryUnusable: See `adapters.incident_files`.
    """
    # Hardly any deployment needs one: what makes it is not loaded with every command.
    from orchestrator import incidents as outside
    from orchestrator.projections.incident import IncidentResult
    from orchestrator.rendering.incident import filename, markdown
    from orchestrator.services.incident import incident_of

    found, name = incident_of(reader, deployment_id), filename(deployment_id)
    path = outside.write_report(data_dir, name, markdown(found))
    return IncidentResult(report_path=path, filename=name, incident=found)


def offer(workspace: Workspace, journal: Journal, ui: Ui) -> None:
    """After a rollback, also a failed one: ask whether a report is wanted, where somebody answers, and write it."""
    asks = ui.interactive or INCIDENT_REPORT.decision_id in ui.ahead.decisions
    if not asks or journal.deployment.state not in _ENDED:
        return
    try:
        with suppress(DecisionOpen):  # that is what asking says: the question is on record
            ask(journal, INCIDENT_REPORT)
        if asking.answer(workspace, journal, ui) == "create_report":
            path = write(workspace.store, _data_dir(workspace), journal.deployment.id).report_path
            ui.written.append(path)
            ui.say(f"Incident report: {path}")
    except DecisionOpen:
        pass  # nobody answered: it stands open, and `incident` writes it at any time
    except (PopDeployError, EventStoreError) as problem:
        ui.warn(workspace.mask.mask(str(problem)))


def automatic(workspace: Workspace, journal: Journal, result: DeploymentResult, ui: Ui) -> DeploymentResult:
    """*result* with the place of the report that was written unasked; see the module."""
    way = journal.deployment.rollback
    asked = ui.interactive or INCIDENT_REPORT.decision_id in ui.ahead.decisions
    if asked or way is None or not way.automatic or journal.deployment.state not in _ENDED:
        return result
    try:
        written = write(workspace.store, _data_dir(workspace), journal.deployment.id)
    except (PopDeployError, EventStoreError) as problem:
        ui.warn(workspace.mask.mask(str(problem)))
        return result
    return replace(result, incident_report=written.report_path)


def _data_dir(workspace: Workspace) -> str:
    """The directory of deploy.json is the data directory."""
    return str(Path(workspace.history_file.path).parent)
