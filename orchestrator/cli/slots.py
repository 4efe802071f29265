"""`pop-deploy slots release`: from parsed options to the exit code. Listing them only reads, see `commands/slots.py`."""

from __future__ import annotations

from orchestrator import bootstrap
from orchestrator.cli import errors
from orchestrator.cli.ui import make_ui
from orchestrator.projections.slot_results import ReleaseResult, next_after_release
from orchestrator.rendering import slots as rendering
from orchestrator.services.deploy_history import publish_history
from orchestrator.services.slot_release import release


def end_claim(deployment_id: str, reason: str, actor: str | None, directory: str, store: str | None, *, as_json: bool) -> int:
    """Release the claim of the deployment with exactly this ID."""
    ui = make_ui(directory, store, as_json=as_json)
    with bootstrap.open_workspace(directory, store, actor=actor, narrator=ui.progress) as workspace:
        done = release(workspace, deployment_id, reason=reason, kill=bootstrap.kill_holder)
        ui.warn(publish_history(workspace))
        result = ReleaseResult(
            slot=str(done.slot),
            deployment_id=done.deployment_id,
            state=done.state,
            former_holder=done.former_holder.process,
            killed=done.killed,
            by=done.by,
            reason=done.reason,
            warning=workspace.mask.mask(done.left) or None,
            next=next_after_release(done.deployment_id, ui.options) if done.under_way else (),
        )
    ui.answer(text=rendering.released(result), data=result)
    return errors.DONE
