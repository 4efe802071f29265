"""`scripts/rollback_deployment.py`: assess, investigate, rollback, verify and report, for callers of the deploy skill's script.

stdout is exactly one JSON document. What the old script could not express (a rule that refuses, a slot that is held, an open
question, a configuration that cannot be read) is exit 1 with the reason as JSON on stderr. Being called with ``--action
rollback``, without ``--dry-run``, is that caller's confirmation. What can be gone back to is what the store has verified; the
history in deploy.json, which anybody may have written, only says what was deployed last.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from eventstore.errors import EventStoreError
from orchestrator.bootstrap import NoStore, config_path, load_config, open_reader, open_workspace
from orchestrator.cli import choosing, errors, going_back, incidents
from orchestrator.cli.dropin.rollback_keys import gathered, rolled_back
from orchestrator.cli.dropin.streams import Stop, emit, head, run
from orchestrator.cli.options import given, one_line
from orchestrator.cli.ui import Ui
from orchestrator.config import ConfigError, ProjectConfig, default_target, environment_name, resolve
from orchestrator.domain.deployment import Deployment
from orchestrator.domain.errors import IllegalTransition, NothingLive, PopDeployError, UsageProblem
from orchestrator.domain.outside_history import outside_records
from orchestrator.domain.plan import Slot
from orchestrator.projections import deploy_history, releases
from orchestrator.projections.command_results import RollbackResult, verify_result
from orchestrator.projections.investigation import Investigation
from orchestrator.rendering.json_output import document
from orchestrator.rendering.progress import SilentProgress
from orchestrator.services.assess import assess
from orchestrator.services.deploy_history import publish_history
from orchestrator.services.incident import deployment_in_question
from orchestrator.services.planning import open_target
from orchestrator.services.repository import load
from orchestrator.services.rollback import leaving
from orchestrator.services.verify import verify_again, what_is_live

if TYPE_CHECKING:
    from eventstore.store import EventReader
    from orchestrator.projections.assessment import Assessment

MOST_RECORDS = 1000


@dataclass(frozen=True)
class Call:
    """What the script was called with."""

    directory: str
    config: ProjectConfig
    slot: Slot
    version: str | None
    dry_run: bool
    reason: str

    @property
    def store(self) -> str | None:
        return os.environ.get("POP_DEPLOY_STORE")


@click.command("rollback_deployment", context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--dir", "directory", default=".", show_default=True, help="The project.")
@click.option("--action", type=click.Choice(["assess", "investigate", "rollback", "verify", "report"]), required=True)
@click.option("--target", help="Otherwise the primary, or the only enabled one.")
@click.option("--environment")
@click.option("--version", "--to", "version", type=given, help="Otherwise the last verified release before.")
@click.option("--dry-run", is_flag=True, help="Show the steps, change nothing.")
@click.option("--reason", default="", type=one_line, help="Why; recorded.")
def command(
    directory: str,
    action: str,
    target: str | None,
    environment: str | None,
    version: str | None,
    dry_run: bool,
    reason: str,
) -> int:
    """Assess, investigate, carry out, verify or report a rollback; one JSON document on stdout."""
    if not Path(directory).is_dir():
        raise Stop({"error": f"Directory not found: {directory}"})
    try:
        config = load_config(directory)
        call = Call(directory, config, _slot(config, target, environment), version, dry_run, reason)
    except ConfigError as error:
        raise _failed(f"rollback_{action}", str(error)) from error
    except PopDeployError as error:
        raise _failed(_OPERATIONS[action][0], str(error)) from error
    operation, carry_out = _OPERATIONS[action]
    try:
        return carry_out(call, operation)
    except (PopDeployError, EventStoreError, OSError) as error:
        raise _failed(operation, str(error)) from error


def _slot(config: ProjectConfig, target: str | None, environment: str | None) -> Slot:
    where = environment_name(config, environment, os.environ)
    name = target or default_target(config, where)
    if name is None:
        raise UsageProblem("several targets are enabled and none is primary: name one with --target")
    resolve(config, name, where)
    return Slot(config.project_name, where, name)


def _failed(operation: str, message: str) -> Stop:
    return Stop({"operation": operation, "success": False, "error": message})


@contextmanager
def _reader(call: Call) -> Iterator[EventReader | None]:
    """The store; None while nothing was ever recorded."""
    try:
        reader = open_reader(call.directory, call.store)
    except NoStore:
        yield None
        return
    try:
        yield reader
    finally:
        reader.close()


def _assessed(call: Call, reader: EventReader | None) -> Assessment:
    return assess(reader, call.slot, _records(call, reader))


def _records(call: Call, reader: EventReader | None) -> list[dict[str, Any]]:
    """The history, newest first: the store's, unless others have written something into the file that is not in there yet."""
    in_file = [record for record in call.config.history if isinstance(record, dict)]
    if reader is None:
        return in_file
    ours = deploy_history.records(reader, call.slot.project, limit=MOST_RECORDS)
    taken_in = deploy_history.imported_counts(reader, call.slot.project)
    return in_file if outside_records(in_file, store_id=reader.store_id, ours=ours, taken_in=taken_in) else ours


def _assess(call: Call, operation: str) -> int:
    """What could be done. Reads only."""
    with _reader(call) as reader:
        found = _assessed(call, reader)
    emit({**head(operation, call.directory), "success": True, **document(found)})
    return errors.DONE


def _investigate(call: Call, operation: str) -> int:
    """What is known. Reads only."""
    with _reader(call) as reader:
        assessed = _assessed(call, reader)
    diagnostics = [{"source": "deployment_history", "data": document(assessed.last_failed)}] if assessed.last_failed else []
    if assessed.leaves is not None:
        ui = _ui(call, operation)
        with open_workspace(call.directory, call.store, actor=None, narrator=ui.progress) as workspace:
            diagnostics += gathered(choosing.known(workspace, load(workspace, assessed.leaves).deployment, ui))
    emit(
        {
            **head(operation, call.directory),
            "success": True,
            "target": call.slot.target,
            "environment": call.slot.environment,
            "diagnostics": diagnostics,
            "diagnostic_count": len(diagnostics),
        }
    )
    return errors.DONE


def _rollback(call: Call, operation: str) -> int:
    ui = _ui(call, operation)
    way = going_back.Way(
        version=call.version, yes=True, dry_run=call.dry_run, how="script", reason=call.reason or "called with --action rollback"
    )
    with open_workspace(call.directory, call.store, actor=None, narrator=ui.progress) as workspace:
        publish_history(workspace)
        journal = leaving(workspace, call.slot)
        going_back.go_back(workspace, journal, way, ui)
    (result,) = ui.kept
    emit({**head(operation, call.directory), **rolled_back(result)})
    return errors.DONE if result.success else errors.FAILED


def _verify(call: Call, operation: str) -> int:
    """Checks of what is live. A rollback is verified when one has put there what is live, and its checks passed."""
    with open_workspace(call.directory, call.store, actor=None, narrator=SilentProgress()) as workspace:
        try:
            journal = what_is_live(workspace, call.slot)
            settings, target = open_target(workspace, journal.deployment)
            verify_again(workspace, journal, settings, target)
        except (NothingLive, IllegalTransition) as refused:
            status = "fail" if releases.live_slots(workspace.store, call.slot) else "skip"
            checks = [{"name": "release", "status": status, "message": str(refused)}]
            return _verdict(call, operation, checks, restored=False)
        publish_history(workspace)
        result = verify_result(journal.deployment)
        return _verdict(
            call, operation, document(result)["checks"], restored=_restored(call.slot, workspace.store, journal.deployment)
        )


def _restored(slot: Slot, reader: EventReader, deployment: Deployment) -> bool:
    """A rollback, and not its own deployment, has made this release live."""
    found = next(iter(releases.live_slots(reader, slot)))
    return found.put_there_by != deployment.id


def _verdict(call: Call, operation: str, checks: list[dict[str, Any]], *, restored: bool) -> int:
    counts = {status: sum(check["status"] == status for check in checks) for status in ("pass", "fail")}
    healthy = counts["pass"] > 0 and not counts["fail"]
    good = healthy and restored
    why = "the restored release is healthy" if good else "what is live is healthy, and no rollback has put it there"
    emit(
        {
            **head(operation, call.directory),
            "target": call.slot.target,
            "environment": call.slot.environment,
            "checks": checks,
            "passed": counts["pass"],
            "failed": counts["fail"],
            "healthy": healthy,
            "rollback_verified": good,
            "message": why if healthy else "what is live is not proven to be healthy",
        }
    )
    return errors.DONE if good else errors.FAILED


def _write_report(call: Call, operation: str) -> int:
    """Of the newest deployment there that failed or was rolled back."""
    with _reader(call) as reader:
        if reader is None:
            raise UsageProblem(f"{call.slot}: no deployment history, so there is no incident to report")
        data_dir = str(Path(config_path(call.directory)).parent)
        written = incidents.write(reader, data_dir, deployment_in_question(reader, call.slot))
    emit({**head(operation, call.directory), "success": True, "target": call.slot.target, **document(written)})
    return errors.DONE


@dataclass(frozen=True)
class _Quiet(Ui):
    """Keeps the report for the one document; a question that stands open ends the script."""

    operation: str = ""
    kept: list[RollbackResult] = field(default_factory=list)

    def rolled_back(self, result: RollbackResult) -> None:
        self.kept.append(result)

    def waiting(self, deployment: Deployment) -> int:
        asked = deployment.open_decision
        raise _failed(
            self.operation, f"{deployment.id} waits for a decision: {asked.decision_id if asked else '?'}. Name a --version"
        )

    def answer(self, *, text: str, data: Any) -> None:
        decided = "is to investigate first: --action investigate, or" if isinstance(data, Investigation) else "is to leave it:"
        raise _failed(self.operation, f"the strategy that was decided {decided} name a --version")


def _ui(call: Call, operation: str) -> _Quiet:
    return _Quiet(as_json=True, interactive=False, progress=SilentProgress(), options=(), operation=operation)


_OPERATIONS: dict[str, tuple[str, Callable[[Call, str], int]]] = {
    "assess": ("assess_rollback", _assess),
    "investigate": ("investigate_failure", _investigate),
    "rollback": ("execute_rollback", _rollback),
    "verify": ("verify_rollback", _verify),
    "report": ("generate_incident_report", _write_report),
}


def main() -> None:
    run(command)
