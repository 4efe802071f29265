"""Which command prints what with ``--json``: `OUTPUTS`, one line a command. A test demands a line of every command.

To add a command: its line here, then ``python -m orchestrator.rendering.schemas --write docs/schemas``. Any command may print
`error` or `decision_required` instead. The drop-in scripts, whose keys are those of the scripts they replace: `script_documents`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from orchestrator.domain.anchor import Anchor
from orchestrator.projections.audit import AuditReport, CheckReport
from orchestrator.projections.command_results import PrepareResult, RollbackResult, VerifyResult
from orchestrator.projections.deployment_result import DeploymentResult
from orchestrator.projections.details import Details
from orchestrator.projections.incident import IncidentResult
from orchestrator.projections.init_result import InitResult
from orchestrator.projections.investigation import Investigation
from orchestrator.projections.notify_results import DeliverResult, NotifyStatus, TestResult
from orchestrator.projections.replaying import Replay
from orchestrator.projections.slot_results import ReleaseResult, SlotList
from orchestrator.projections.standing import Standing
from orchestrator.projections.validation_result import ValidationResult
from orchestrator.rendering import documents as d
from orchestrator.rendering import store_documents as s

OUTPUTS: Mapping[str, Mapping[str, type]] = {
    "": {"standing": Standing},
    "init": {"init_result": InitResult},
    "validate": {"validation_result": ValidationResult},
    "prepare": {"prepare_result": PrepareResult, "prepare_results": d.PrepareResults, "deployment_result": DeploymentResult},
    "execute": {"deployment_result": DeploymentResult, "deployments": d.DeploymentsResult},
    "confirm": {"deployment_result": DeploymentResult},
    "decide": {"deployment_result": DeploymentResult},
    "resume": {"deployment_result": DeploymentResult, "deployments": d.DeploymentsResult},
    "promote": {"deployment_result": DeploymentResult},
    "abort": {"deployment_result": DeploymentResult},
    "verify": {"verify_result": VerifyResult},
    "rollback": {
        "rollback_result": RollbackResult,
        "releases": d.ReleasesDocument,
        "investigation": Investigation,
        "deployment_result": DeploymentResult,
    },
    "incident": {"incident": IncidentResult},
    "history": {"history": d.History},
    "show": {"show": Details},
    "logs": {"logs": d.LogsDocument, "check_logs": d.CheckLogsDocument},
    "replay": {"replay": Replay},
    "metrics": {"metrics": d.MetricsDocument},
    "slots": {"slots": SlotList},
    "slots release": {"slots_release": ReleaseResult},
    "audit verify": {"audit_verify": AuditReport},
    "audit anchor": {"audit_anchor": Anchor},
    "audit key": {"audit_key": s.KeyMade},
    "notify": {"notify": NotifyStatus},
    "notify deliver": {"notify_deliver": DeliverResult},
    "notify test": {"notify_test": TestResult},
    "completion": {"completion": d.CompletionScript},
    "workflow": {"workflow": d.WorkflowDocument},
    "store upgrade": {"store_upgrade": s.StoreUpgraded},
    "store check": {"store_check": CheckReport},
    "store rebuild": {"store_rebuild": s.StoreRebuilt},
    "store backup": {"store_backup": s.StoreBackedUp},
    "store archive": {"store_archive": s.StoreArchived},
    "store copy": {"store_copy": s.StoreCopied},
}
"""The words of a command to its answers, each with the name of its schema. ``""`` is `pop-deploy` alone."""

SPEAKS_ANOTHER_PROTOCOL = frozenset({"mcp"})
"""Commands that refuse ``--json``: their stdout is not theirs."""


def command_of(words: tuple[str, ...] | list[str]) -> str:
    """The longest command of `OUTPUTS` at the beginning of *words*: ``["store", "check", "--json"]`` is ``store check``.

    Raises:
        LookupError: There is none: it needs a line in `OUTPUTS`.
    """
    named = []
    for word in words:
        if word.startswith("-"):
            break
        named.append(word)
    for length in range(min(len(named), 2), -1, -1):
        if (found := " ".join(named[:length])) in OUTPUTS and (length or not named):
            return found
    raise LookupError(f"no output of {' '.join(words)!r} is described: give the command a line in orchestrator.rendering.outputs")


def schemas_of(words: tuple[str, ...] | list[str], printed: Mapping[str, Any]) -> tuple[str, ...]:
    """Names of the schemas that fit what the command *words* has *printed*: valid against one of them is valid."""
    if set(printed) == {"decision_required"}:
        return ("decision_required",)
    if set(printed) == {"success", "error"} and isinstance(printed["error"], Mapping) and "kind" in printed["error"]:
        return ("error",)
    return tuple(OUTPUTS[command_of(words)])
